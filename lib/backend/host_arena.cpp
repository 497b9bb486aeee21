#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "backend/arena.hpp"
#include "base/parse.hpp"

namespace kv {
namespace {

// Below this a huge page could cost more memory than it saves page-table walks.
constexpr std::size_t kHugeFromBytes = std::size_t{32} << 20;

/// MADV_POPULATE_WRITE, Linux 5.14: fails where touching would kill the process.
constexpr int kPopulateWrite = 23;

/// Gives every page of [base, base + bytes) its memory; errno where there is none.
int populate(std::byte* base, std::size_t bytes) {
  int reason = 0;
  do reason = madvise(base, bytes, kPopulateWrite) == 0 ? 0 : errno;
  while (reason == EINTR);
  if (reason != EINVAL && reason != EAGAIN) return reason;
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  for (std::size_t at = 0; at < bytes; at += page) *static_cast<volatile std::byte*>(base + at) = std::byte{0};
  return 0;
}

class HostArena final : public Arena {
 public:
  HostArena(std::byte* base, std::size_t bytes, std::size_t granule_bytes)
      : base_(base), bytes_(bytes), granule_bytes_(granule_bytes) {}
  ~HostArena() override { munmap(base_, bytes_); }
  HostArena(const HostArena&) = delete;
  HostArena& operator=(const HostArena&) = delete;

  Result<void> write(Granule first, std::span<const std::byte> from) override {
    std::memcpy(base_ + first * granule_bytes_, from.data(), from.size());
    return {};
  }
  Result<void> read(Granule first, std::span<std::byte> into) override {
    std::memcpy(into.data(), base_ + first * granule_bytes_, into.size());
    return {};
  }

 private:
  std::byte* base_;
  std::size_t bytes_, granule_bytes_;
};

}  // namespace

Result<std::unique_ptr<Arena>> make_host_arena(Granule granules, std::size_t granule_bytes) {
  const std::size_t bytes = granules * granule_bytes;
  void* mapped = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  const auto failed = [bytes](int reason) {
    return error(Code::unavailable,
                 fmt::format("{} of memory cannot be had: {}", format_bytes(Bytes(bytes)),
                             std::system_category().message(reason)),
                 "give a smaller capacity=");
  };
  if (mapped == MAP_FAILED) return failed(errno);
  auto arena = std::make_unique<HostArena>(static_cast<std::byte*>(mapped), bytes, granule_bytes);
  if (bytes >= kHugeFromBytes) madvise(mapped, bytes, MADV_HUGEPAGE);  // advice only: refused where there are none
  if (const int reason = populate(static_cast<std::byte*>(mapped), bytes); reason != 0) return failed(reason);
  return arena;
}

}  // namespace kv
