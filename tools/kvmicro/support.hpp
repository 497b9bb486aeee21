#pragma once
#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

namespace kvmicro {

/// Registers what is driven by a registry, whose rows are there only once main has begun.
void add_codecs();
void add_policies();

/// Made before the loop; afterwards sets bytes_per_second and `efficiency`: the share of the memory copy limit, of one
/// thread and between buffers beyond every cache, measured right before and right after, since other tenants' use of a
/// machine's memory comes and goes. Their mean counts.
class ByteRate {
 public:
  ByteRate();
  void set(benchmark::State& state, std::uint64_t bytes_per_iteration) const;
  /// The same for work whose reads and writes are counted: a copy does two bytes of both for each byte copied.
  void set_read_and_written(benchmark::State& state, std::uint64_t bytes_per_iteration) const;

 private:
  double limit_before_ = 0, start_s_ = 0;  // CPU time of this thread
};

/// A request trace of about `bytes` in the format and proportions of Mooncake's conversation trace (24 ids of 512
/// tokens a request, a third of them seen before, one system prompt). The same text every time.
std::string make_trace(std::size_t bytes);

/// Memory as the suite's own windows and arenas have it: in huge pages where the system can, and written to, so that no
/// benchmark pays for its first touch.
class Memory {
 public:
  explicit Memory(std::size_t bytes);
  ~Memory();
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  Memory(Memory&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  Memory& operator=(Memory&&) = delete;
  std::span<std::byte> bytes() const { return bytes_; }

 private:
  std::span<std::byte> bytes_;
};

/// A file in memory that can be opened by name, so that reading is measured with the system calls and without a disk.
class MemoryFile {
 public:
  explicit MemoryFile(const std::string& content);
  ~MemoryFile();
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  std::string path() const;

 private:
  int descriptor_;
};

}  // namespace kvmicro
