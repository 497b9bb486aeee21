#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace kv {

/// Text -> tokens of a SentencePiece model, for counting and naming blocks. Not thread-safe.
class Tokenizer {
 public:
  /// Fails (bad_input) if the file is not there, larger than 64 MiB or no model.
  static Result<Tokenizer> load(const std::string& path);
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  /// Appends the ids of the tokens. Fails (bad_input) where the model refuses the text.
  Result<void> encode(std::string_view text, std::vector<int>& out) const;

 private:
  struct State;
  explicit Tokenizer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace kv
