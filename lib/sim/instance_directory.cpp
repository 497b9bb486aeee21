#include "sim/instance_directory.hpp"

namespace kv {

void InstanceDirectory::add(std::uint32_t instance, std::span<const BlockId> blocks) {
  for (const BlockId id : blocks) {
    Handle row = index_.find({0, id});
    if (row == kNoHandle) {
      if (free_.empty()) {
        row = static_cast<Handle>(counts_.size());
        counts_.push_back(0);
        rows_.resize(rows_.size() + words_, 0);
      } else {
        row = free_.back();
        free_.pop_back();
      }
      index_.insert({0, id}, row);
    }
    std::uint64_t& word = rows_[row * words_ + instance / 64];
    const std::uint64_t bit = std::uint64_t{1} << (instance % 64);
    counts_[row] += (word & bit) == 0;
    word |= bit;
  }
}

void InstanceDirectory::remove(std::uint32_t instance, std::span<const BlockId> blocks) {
  for (const BlockId id : blocks) {
    const Handle row = index_.find({0, id});
    if (row == kNoHandle) continue;
    std::uint64_t& word = rows_[row * words_ + instance / 64];
    const std::uint64_t bit = std::uint64_t{1} << (instance % 64);
    if ((word & bit) == 0) continue;
    word &= ~bit;
    if (--counts_[row] > 0) continue;
    index_.erase({0, id});
    free_.push_back(row);
  }
}

void InstanceDirectory::look_up(std::span<const BlockId> blocks) {
  depths_.clear();
  for (const BlockId id : blocks) {
    const Handle row = index_.find({0, id});
    if (row == kNoHandle) return;
    const std::size_t here = depths_.size();
    std::uint64_t any = 0;
    for (std::size_t w = 0; w < words_; ++w) {
      const std::uint64_t before = here == 0 ? ~std::uint64_t{0} : depths_[here - words_ + w];
      depths_.push_back(rows_[row * words_ + w] & before);
      any |= depths_.back();
    }
    if (any != 0) continue;
    depths_.resize(here);
    return;
  }
}

}  // namespace kv
