#pragma once
#include <optional>

#include "import/registry.hpp"
#include "import/sharing.hpp"

namespace kv {

/// For formats that tell lengths and nothing of what prompts share: blocks are all new, or shared as the user assumes.
class LengthsOnly {
 public:
  /// Options that such formats have: sharing, seed and block-size.
  static std::vector<OptionRow> options(const std::string& block_size);
  static Result<LengthsOnly> make(const OptionValues& options);

  Tokens block_size() const { return block_size_; }
  /// Gives the request its blocks and, where they are assumed, the type that says so. They live until the next call.
  /// Fails (bad_input, without a place) where they would be more than a line of a trace holds.
  Result<void> fill(TraceLine& request);
  /// Says what was taken for granted.
  void note(ImportNotes& notes) const;

 private:
  LengthsOnly(Tokens block_size, std::optional<SharingProfile> profile, std::uint64_t seed)
      : block_size_(block_size), profile_(profile), seed_(seed), blocks_(block_size, profile, seed) {}

  Tokens block_size_;
  std::optional<SharingProfile> profile_;
  std::uint64_t seed_;
  AssumedBlocks blocks_;
};

}  // namespace kv
