#include "workload/parents.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

namespace kv {
namespace {

constexpr const char* kOneParent = "an id names a block and all blocks before it, so the same id has the same parent";

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

Result<void> ParentSample::add(std::span<const BlockId> ids) {
  sampled_.clear();
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (sampling_hash(ids[i]) > threshold_) continue;
    const auto known = parents_.find(ids[i]);
    if (known == parents_.end()) {
      sampled_.push_back(i);
    } else if (known->second != parent_of(ids, i)) {
      return parent_conflict(ids, i, known->second);
    }
  }
  if (const auto twice = first_duplicate(ids, scratch_)) return duplicate_id(*twice);
  for (const std::size_t i : sampled_) {
    while (parents_.size() >= max_ids_) {
      threshold_ /= 2;
      std::erase_if(parents_, [&](const auto& entry) { return sampling_hash(entry.first) > threshold_; });
    }
    if (sampling_hash(ids[i]) <= threshold_) parents_.emplace(ids[i], parent_of(ids, i));
  }
  return {};
}

}  // namespace kv
