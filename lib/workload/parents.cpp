#include "workload/parents.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

namespace kv {
namespace {

constexpr const char* kOneParent = "an id names a block and all blocks before it, so the same id has the same parent";
constexpr const char* kOneSize = "an id names the tokens of its block, so the same id has the same size everywhere";

/// Multiplicative (Knuth, TAOCP 6.4): the top bits spread ids evenly, at one multiplication an id.
std::uint64_t sampling_hash(BlockId id) { return id * 0x9e3779b97f4a7c15ULL; }

std::optional<BlockId> parent_of(std::span<const BlockId> ids, std::size_t index) {
  return index == 0 ? std::nullopt : std::optional(ids[index - 1]);
}

std::string place(std::optional<BlockId> parent, const char* follows, const char* begins) {
  return parent ? fmt::format("{} {}", follows, *parent) : begins;
}

}  // namespace

std::optional<BlockId> first_duplicate(std::span<const BlockId> ids, std::vector<BlockId>& scratch) {
  if (std::adjacent_find(ids.begin(), ids.end(), std::greater_equal<>()) == ids.end()) return std::nullopt;
  scratch.assign(ids.begin(), ids.end());
  std::sort(scratch.begin(), scratch.end());
  const auto twice = std::adjacent_find(scratch.begin(), scratch.end());
  return twice == scratch.end() ? std::nullopt : std::optional(*twice);
}

tl::unexpected<Error> duplicate_id(BlockId id) {
  return error(Code::bad_input, fmt::format("hash_ids holds id {} twice", id), kOneParent);
}

tl::unexpected<Error> parent_conflict(std::span<const BlockId> ids, std::size_t index, std::optional<BlockId> before) {
  const auto earlier = ids.first(index);
  if (std::find(earlier.begin(), earlier.end(), ids[index]) != earlier.end()) return duplicate_id(ids[index]);
  return error(Code::bad_input,
               fmt::format("id {} {} here, but {} earlier", ids[index],
                           place(parent_of(ids, index), "follows", "begins the prompt"),
                           place(before, "followed", "began the prompt")),
               kOneParent);
}

tl::unexpected<Error> length_conflict(BlockId id, Tokens input, Tokens before) {
  return error(Code::bad_input,
               fmt::format("id {} ends a prompt of {} tokens here, but ended one of {} earlier", id, input.count(),
                           before.count()),
               kOneSize);
}

tl::unexpected<Error> size_conflict(const FullBlock& block) {
  return error(
      Code::bad_input,
      fmt::format("id {} is partly filled by a prompt of {} tokens that ends in it, while another prompt goes on "
                  "behind it",
                  block.id, block.input.count()),
      kOneSize);
}

Result<void> FullBlocks::check(const FullBlock& block) const {
  const bool full = block_size_ ? block.input == *block_size_ * block.blocks : block.input.count() % block.blocks == 0;
  if (full) return {};
  return size_conflict(block);
}

void FullBlocks::take(const FullBlock& block) {
  if (!block_size_) asked_.try_emplace(block.input.count() / block.blocks, block);
}

std::optional<FullBlock> FullBlocks::first_wrong(Tokens block_size) const {
  std::optional<FullBlock> first;
  for (const auto& [size, block] : asked_) {
    if (size != block_size.count() && (!first || block.line < first->line)) first = block;
  }
  return first;
}

Result<void> ParentSample::check(const Seen& seen, std::span<const BlockId> ids, std::size_t index, Tokens input,
                                 std::uint64_t line) {
  if (seen.parent != parent_of(ids, index)) return parent_conflict(ids, index, seen.parent);
  const bool last = index + 1 == ids.size();
  const bool ended = seen.ended != Tokens(0);
  if (last && ended && seen.ended != input) return length_conflict(ids[index], input, seen.ended);
  if (last ? !seen.inside : !ended) return {};
  full_here_.push_back({ids[index], index + 1, last ? input : seen.ended, line});
  return full_.check(full_here_.back());
}

Result<void> ParentSample::add(std::span<const BlockId> ids, Tokens input, std::uint64_t line) {
  sampled_.clear();
  full_here_.clear();
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (sampling_hash(ids[i]) > threshold_) continue;
    const auto known = seen_.find(ids[i]);
    const bool last = i + 1 == ids.size();
    const bool news = known == seen_.end() || (last ? known->second.ended == Tokens(0) : !known->second.inside);
    if (news) sampled_.push_back(i);
    if (known == seen_.end()) continue;
    if (auto checked = check(known->second, ids, i, input, line); !checked) return checked;
  }
  if (const auto twice = first_duplicate(ids, scratch_)) return duplicate_id(*twice);
  for (const FullBlock& block : full_here_) full_.take(block);
  for (const std::size_t i : sampled_) {
    while (seen_.size() >= max_ids_) {
      threshold_ /= 2;
      std::erase_if(seen_, [&](const auto& entry) { return sampling_hash(entry.first) > threshold_; });
    }
    if (sampling_hash(ids[i]) > threshold_) continue;
    Seen& seen = seen_.try_emplace(ids[i], Seen{parent_of(ids, i), Tokens(0), false}).first->second;
    if (i + 1 == ids.size()) {
      seen.ended = input;
    } else {
      seen.inside = true;
    }
  }
  return {};
}

}  // namespace kv
