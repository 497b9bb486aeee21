#include "profile/prompt.hpp"

#include <numeric>

namespace kv {

void Prompt::add_blocks(BlockId first, std::uint64_t count) {
  if (count == 0) return;
  if (!runs_.empty() && runs_.back().first + runs_.back().count == first) {
    runs_.back().count += count;
  } else {
    runs_.push_back({first, count});
  }
}

void Prompt::add_own(std::uint64_t tokens, std::uint64_t block_size, IdCounter& ids) {
  const std::uint64_t filled = (tokens_ + tokens) / block_size - tokens_ / block_size;
  tokens_ += tokens;
  if (filled > 0) add_blocks(ids.take(filled), filled);
}

void Prompt::add_shared(std::uint64_t tokens, std::uint64_t block_size, BlockId& first, IdCounter& ids) {
  const std::uint64_t filled = (tokens_ + tokens) / block_size - tokens_ / block_size;
  tokens_ += tokens;
  if (filled == 0) return;
  if (first == kUnnamed) first = ids.take(filled);
  add_blocks(first, filled);
}

void Prompt::write_ids(std::uint64_t block_size, IdCounter& ids, std::vector<BlockId>& out) const {
  out.resize(ceil_div(tokens_, block_size));
  auto at = out.begin();
  for (const Run& run : runs_) {
    const auto end = at + static_cast<std::ptrdiff_t>(run.count);
    std::iota(at, end, run.first);
    at = end;
  }
  if (at != out.end()) *at = ids.take(1);
}

void Prompt::clear() {
  constexpr std::size_t kKept = 16;
  tokens_ = 0;
  if (runs_.capacity() > kKept) {
    runs_ = {};
  } else {
    runs_.clear();
  }
}

}  // namespace kv
