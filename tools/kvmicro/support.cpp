#include "support.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <new>
#include <stdexcept>
#include <vector>

#include "base/random.hpp"

namespace kvmicro {

namespace {
double thread_cpu_s() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

/// The best of five passes over 64 MiB, by CPU time as all else here.
double memory_copy_bytes_per_s() {
  constexpr std::size_t kBytes = std::size_t{64} << 20;
  static const Memory from(kBytes), to(kBytes);
  double best = 0;
  for (int pass = 0; pass < 5; ++pass) {
    const double begin = thread_cpu_s();
    std::memcpy(to.bytes().data(), from.bytes().data(), kBytes);
    benchmark::ClobberMemory();
    best = std::max(best, static_cast<double>(kBytes) / (thread_cpu_s() - begin));
  }
  return best;
}
}  // namespace

ByteRate::ByteRate() : limit_before_(memory_copy_bytes_per_s()), start_s_(thread_cpu_s()) {}

void ByteRate::set(benchmark::State& state, std::uint64_t bytes_per_iteration) const {
  const double elapsed_s = thread_cpu_s() - start_s_;
  const auto bytes = static_cast<double>(bytes_per_iteration) * static_cast<double>(state.iterations());
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
  const double limit = (limit_before_ + memory_copy_bytes_per_s()) / 2;
  if (limit > 0 && elapsed_s > 0) state.counters["efficiency"] = bytes / elapsed_s / limit;
}

void ByteRate::set_read_and_written(benchmark::State& state, std::uint64_t bytes_per_iteration) const {
  set(state, bytes_per_iteration);
  state.counters["efficiency"] = state.counters["efficiency"] / 2;
}

std::string make_trace(std::size_t bytes) {
  constexpr std::uint64_t kBlock = 512, kConversations = 20000;
  kv::Random random(1);
  std::vector<std::vector<std::uint64_t>> conversations(kConversations, {0});  // block 0: the system prompt
  std::uint64_t next_id = 1, timestamp = 0;
  std::string text;
  text.reserve(bytes + 4096);
  while (text.size() < bytes) {
    auto& ids = conversations[random.below(kConversations)];
    if (ids.size() > 60) ids.assign(1, 0);
    for (std::uint64_t fresh = 1 + random.below(31); fresh > 0; --fresh) ids.push_back(next_id++);
    timestamp += random.below(600);
    const std::uint64_t input = ids.size() * kBlock - random.below(kBlock);
    fmt::format_to(std::back_inserter(text),
                   "{{\"timestamp\": {}, \"input_length\": {}, \"output_length\": {}, \"hash_ids\": [{}]}}\n",
                   timestamp, input, 1 + random.below(700), fmt::join(ids, ", "));
    // The partial block at the end is not shared with the next turn.
    ids.pop_back();
  }
  return text;
}

Memory::Memory(std::size_t bytes) {
  void* const at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) throw std::bad_alloc();
  ::madvise(at, bytes, MADV_HUGEPAGE);
  bytes_ = {static_cast<std::byte*>(at), bytes};
  std::memset(at, 1, bytes);
}

Memory::~Memory() {
  if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
}

MemoryFile::MemoryFile(const std::string& content) : descriptor_(::memfd_create("kvmicro", MFD_CLOEXEC)) {
  for (std::size_t done = 0; done < content.size();) {
    const ssize_t wrote = ::write(descriptor_, content.data() + done, content.size() - done);
    if (wrote <= 0) throw std::runtime_error("cannot fill a file in memory");
    done += static_cast<std::size_t>(wrote);
  }
}

MemoryFile::~MemoryFile() { ::close(descriptor_); }

std::string MemoryFile::path() const { return fmt::format("/proc/self/fd/{}", descriptor_); }

}  // namespace kvmicro
