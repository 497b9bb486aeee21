#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

struct XXH3_state_s;

namespace kv {

/// XXH3-64 of a stored body, with the vector instructions that this CPU has: libxxhash's own entry point is built for
/// the least of them and hashes 4.7 GB/s where its dispatching one does 20 out of memory and 90 out of the cache.
std::uint64_t body_checksum(std::span<const std::byte> body);

/// The same over pieces that follow each other. One a worker: 576 bytes of state; not thread-safe.
class RunningChecksum {
 public:
  /// Of a copy, hash this much while it is still in the second-level cache.
  static constexpr std::size_t kPieceBytes = std::size_t{128} << 10;

  RunningChecksum();
  void reset();
  void add(std::span<const std::byte> piece);
  std::uint64_t value() const;

 private:
  struct Free {
    void operator()(XXH3_state_s* state) const;
  };
  std::unique_ptr<XXH3_state_s, Free> state_;
};

}  // namespace kv
