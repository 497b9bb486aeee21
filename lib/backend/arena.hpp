#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "codec/checksum.hpp"

namespace kv {

using Granule = std::uint32_t;

/// Memory of fixed size, cut into equal granules numbered from 0 that lie one behind the other. Any number of threads
/// may copy at once as long as no granule is written by one and touched by another.
class Arena {
 public:
  virtual ~Arena() = default;
  /// Copies to, or from, granule `first` and as many behind it as the span covers.
  virtual Result<void> write(Granule first, std::span<const std::byte> from) = 0;
  virtual Result<void> read(Granule first, std::span<std::byte> into) = 0;
};

/// Page-aligned host memory, in huge pages where the system can, and all of it backed by pages before this returns: a
/// first touch costs far more than the copy, and would be counted as the time of a store. Takes about as long as
/// zeroing the memory does. Fails (unavailable) where the system does not have it.
Result<std::unique_ptr<Arena>> make_host_arena(Granule granules, std::size_t granule_bytes);
/// One tensor on the device of the LibTorch module.
Result<std::unique_ptr<Arena>> make_device_arena(Granule granules, std::size_t granule_bytes);

/// Copies between a buffer and the granules that hold it in order; neighbours are copied in one go.
Result<void> write_granules(Arena& arena, std::size_t granule_bytes, std::span<const Granule> granules,
                            std::span<const std::byte> from);
Result<void> read_granules(Arena& arena, std::size_t granule_bytes, std::span<const Granule> granules,
                           std::span<std::byte> into);
/// The same in pieces that are added to `checksum` as they come. For host memory: a device is better read in one go.
Result<void> read_granules(Arena& arena, std::size_t granule_bytes, std::span<const Granule> granules,
                           std::span<std::byte> into, RunningChecksum& checksum);

/// Which granules are free. Not thread-safe; 4 bytes a granule that was ever given back.
class GranuleHeap {
 public:
  explicit GranuleHeap(Granule granules) : granules_(granules) {}

  std::uint64_t used() const { return fresh_ - free_.size(); }
  /// Appends `count` granules to `out`, in rising order where it can; false, and nothing, if there are not as many.
  bool take(std::size_t count, std::vector<Granule>& out);
  void give_back(std::span<const Granule> granules);

 private:
  Granule granules_, fresh_ = 0;  // those from fresh_ on were never taken, and their memory never touched
  std::vector<Granule> free_;     // used as a stack, so that warm memory is reused first
};

}  // namespace kv
