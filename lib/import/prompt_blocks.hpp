#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "import/tokenizer.hpp"
#include "workload/workload.hpp"

namespace kv {

/// A prompt that grows message by message, cut into blocks whose ids are chained XXH3-64 of their tokens: equal
/// prefixes have equal ids wherever they occur, and only they.
///
/// Tokens are those of a SentencePiece model, each message encoded by itself, or else 4 bytes each. A message begins
/// with one token for its role. The last block may be partial and has an id of its own. Not thread-safe.
class PromptBlocks {
 public:
  /// `tokenizer`, if any, must outlive it.
  PromptBlocks(Tokens block_size, const Tokenizer* tokenizer) : block_size_(block_size), tokenizer_(tokenizer) {}

  /// Begins a prompt of that model: those of different models share nothing.
  void clear(std::string_view model = {});
  /// Errors are those of Tokenizer::encode.
  Result<void> append(std::string_view role, std::string_view text);
  /// Of a text alone, without a role.
  Result<Tokens> count(std::string_view text);

  Tokens tokens() const;
  /// Of all blocks; lives until the next call.
  const std::vector<BlockId>& ids();

 private:
  static constexpr std::size_t kTokenBytes = 4;
  void put(std::string_view bytes);

  Tokens block_size_;
  const Tokenizer* tokenizer_;
  std::vector<BlockId> ids_;  // of full blocks, and perhaps of the partial one
  std::size_t full_ = 0;
  BlockId root_ = 0;     // what the first block is chained to
  std::string pending_;  // behind the full blocks: less than a block
  std::vector<int> encoded_;
};

}  // namespace kv
