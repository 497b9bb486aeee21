#include "import/objects.hpp"

#include <fmt/format.h>

#include "import/ids.hpp"

namespace kv {

Result<Regrouper> Regrouper::make(Tokens from, Tokens to) {
  const std::uint64_t b = from.count(), n = to.count();
  if (n > 0 && (n % b == 0 || b % n == 0)) return Regrouper(from, to);
  const std::uint64_t lower = n / b * b, upper = lower + b;
  return error(Code::bad_input, fmt::format("objects of {} tokens cannot be made of blocks of {}", n, b),
               lower == 0 ? fmt::format("a multiple or a divisor of {}, as {} or {}", b, upper, b % 2 == 0 ? b / 2 : 1)
                          : fmt::format("a multiple of {}, as {} or {}", b, lower, upper));
}

Result<std::span<const BlockId>> Regrouper::apply(std::span<const BlockId> blocks, Tokens input) {
  if (from_ == to_) return blocks;
  const std::uint64_t objects = ceil_div(input.count(), to_.count());
  if (objects > kMaxObjects) {
    return error(
        Code::bad_input,
        fmt::format("a prompt of {} tokens has {} objects of {}: more than the {} that a line of a trace holds",
                    input.count(), objects, to_.count(), kMaxObjects),
        "choose a larger --object-tokens");
  }
  out_.clear();
  if (to_ > from_) {
    const std::uint64_t group = to_ / from_;
    for (std::size_t last = group - 1; last < blocks.size(); last += group) out_.push_back(blocks[last]);
    if (blocks.size() % group != 0) out_.push_back(blocks.back());
    return std::span<const BlockId>(out_);
  }
  const std::uint64_t pieces = from_ / to_;
  for (std::uint64_t i = 0; i < objects; ++i) out_.push_back(chained_id(blocks[i / pieces], i % pieces, to_));
  return std::span<const BlockId>(out_);
}

}  // namespace kv
