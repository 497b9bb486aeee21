#pragma once
#include <cstddef>
#include <functional>
#include <vector>

#include "workload/read.hpp"

namespace kv {

/// Brings requests into the order of their arrival, in bounded memory: what is beyond `memory_bytes` waits, sorted, in
/// unnamed files of $TMPDIR (else /tmp), and is merged at the end. Equal times keep their order. Not thread-safe.
class ArrivalSorter {
 public:
  explicit ArrivalSorter(std::size_t memory_bytes = std::size_t{128} << 20) : memory_bytes_(memory_bytes) {}
  ~ArrivalSorter();
  ArrivalSorter(const ArrivalSorter&) = delete;
  ArrivalSorter& operator=(const ArrivalSorter&) = delete;

  /// Copies. Fails (io) if a file cannot be written.
  Result<void> add(const TraceLine& line);
  /// Hands out all of them, once; what they view lives during the call. Fails (io), or as `sink` does.
  Result<void> drain(const std::function<Result<void>(const TraceLine&)>& sink);

  std::uint64_t size() const { return size_; }
  /// Those that came after a later one, the first of them, and by how much the worst was late.
  std::uint64_t late() const { return late_; }
  std::uint64_t first_late_line() const { return first_late_line_; }
  Duration worst() const { return worst_; }

 private:
  struct Entry {
    Duration at;
    std::size_t offset;
  };
  void sort();
  Result<void> spill();

  std::size_t memory_bytes_;
  std::vector<char> bytes_;  // packed requests
  std::vector<Entry> entries_;
  std::vector<int> runs_;  // descriptors of sorted files
  std::uint64_t size_ = 0, late_ = 0, first_late_line_ = 0;
  Duration last_{Duration::min()}, worst_{};
};

}  // namespace kv
