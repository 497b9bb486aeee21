#include "workload/block_size.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <vector>

namespace kv {
namespace {

tl::unexpected<Error> ambiguous(const std::string& sizes, Tokens example) {
  return error(Code::bad_input,
               fmt::format("cannot tell the block size: {} all fit, and they hold no power of 2 or several", sizes),
               fmt::format("name it, as in --block-size {}", example.count()));
}

std::optional<Tokens> some_power_of_two(const BlockSizes& sizes) {
  if (sizes.lo > std::uint64_t{1} << 63) return std::nullopt;
  const std::uint64_t power = std::bit_ceil(sizes.lo);
  return power <= sizes.hi ? std::optional(Tokens(power)) : std::nullopt;
}

}  // namespace

std::optional<Tokens> BlockSizes::choice() const {
  if (lo == hi) return Tokens(lo);
  const auto power = some_power_of_two(*this);
  return power && power->count() <= hi / 2 ? std::nullopt : power;
}

BlockSizes sizes_that_fit(Tokens input, std::size_t blocks) {
  if (blocks == 0) return {1, 0};
  return {ceil_div(input.count(), blocks), blocks == 1 ? BlockSizes::kUnlimited : (input.count() - 1) / (blocks - 1)};
}

std::string to_string(const BlockSizes& sizes) {
  if (sizes.empty()) return "none";
  if (sizes.lo == sizes.hi) return fmt::format("{}", sizes.lo);
  if (sizes.hi == BlockSizes::kUnlimited) return fmt::format("{} or more", sizes.lo);
  return fmt::format("{} to {}", sizes.lo, sizes.hi);
}

Result<void> BlockSizeFit::check(Tokens input, std::size_t blocks) const {
  const BlockSizes fit = sizes_that_fit(input, blocks);
  const bool agrees = given_ ? fit.contains(*given_) : std::max(fit.lo, sizes_.lo) <= std::min(fit.hi, sizes_.hi);
  if (agrees && !fit.empty()) return {};

  const std::string has =
      fmt::format("hash_ids has {} {}, but input_length {}", blocks, blocks == 1 ? "entry" : "entries", input.count());
  const auto size = given_ ? given_ : sizes_.choice();
  if (fit.empty() && !given_) {
    return error(Code::bad_input, has + " can be cut into that many blocks by no block size",
                 "every block of the prompt has one id, the partial one at the end too");
  }
  std::string message =
      size ? fmt::format("{} needs {} at block size {}", has, ceil_div(input.count(), size->count()), size->count())
           : fmt::format("{} needs a block size of {}", has, to_string(fit));
  if (given_) {
    return error(Code::bad_input, message,
                 fit.empty() ? "no block size fits this line"
                             : fmt::format("was the trace made with another block size? this line fits {}; without "
                                           "--block-size it is inferred",
                                           to_string(fit)));
  }
  return error(
      Code::bad_input, message,
      fmt::format("this line fits block size {}, those before it fit {} (see line {}); is one of them damaged? "
                  "--lenient skips what does not fit",
                  to_string(fit), to_string(sizes_), fit.lo > sizes_.hi ? hi_line_ : lo_line_));
}

void BlockSizeFit::take(std::uint64_t line, Tokens input, std::size_t blocks) {
  const BlockSizes fit = sizes_that_fit(input, blocks);
  if (fit.lo > sizes_.lo) lo_line_ = line;
  if (fit.hi < sizes_.hi) hi_line_ = line;
  sizes_ = {std::max(sizes_.lo, fit.lo), std::min(sizes_.hi, fit.hi)};
}

Result<Tokens> BlockSizeFit::choice() const {
  if (given_) return *given_;
  if (const auto size = sizes_.choice()) return *size;
  return ambiguous(to_string(sizes_), some_power_of_two(sizes_).value_or(Tokens(sizes_.lo)));
}

// A sweep over the ends of all intervals: the requests that fit change only there.
Result<Tokens> majority_block_size(std::span<const BlockSizes> requests) {
  struct End {
    std::uint64_t at;
    int change;
  };
  std::vector<End> ends;
  for (const BlockSizes& sizes : requests) {
    if (sizes.empty()) continue;
    ends.push_back({sizes.lo, 1});
    if (sizes.hi != BlockSizes::kUnlimited) ends.push_back({sizes.hi + 1, -1});
  }
  std::sort(ends.begin(), ends.end(), [](const End& a, const End& b) { return a.at < b.at; });

  std::int64_t votes = 0, most = 0;
  std::vector<BlockSizes> best;
  for (std::size_t i = 0; i < ends.size();) {
    const std::uint64_t from = ends[i].at;
    for (; i < ends.size() && ends[i].at == from; ++i) votes += ends[i].change;
    if (votes < most || votes == 0) continue;
    if (votes > most) best.clear();
    most = votes;
    best.push_back({from, i < ends.size() ? ends[i].at - 1 : BlockSizes::kUnlimited});
  }
  std::optional<Tokens> found, example;
  bool unique = true;
  std::string list;
  for (const BlockSizes& sizes : best) {
    if (list.size() < 100) list += (list.empty() ? "" : ", ") + to_string(sizes);
    const auto choice = best.size() == 1 ? sizes.choice() : some_power_of_two(sizes);
    unique = unique && !(choice && found) && (!choice || sizes.choice());
    if (choice) found = choice;
    if (!example) example = some_power_of_two(sizes);
  }
  if (found && unique) return *found;
  return ambiguous(list, example.value_or(Tokens(best.empty() ? 1 : best.front().lo)));
}

}  // namespace kv
