#include <fmt/format.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "backend/arena.hpp"
#include "base/parse.hpp"

namespace kv {
namespace {

// Below this a huge page could cost more memory than it saves page-table walks.
constexpr std::size_t kHugeFromBytes = std::size_t{32} << 20;

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
  void* base = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) {
    return error(Code::unavailable,
                 fmt::format("{} of memory cannot be mapped: {}", format_bytes(Bytes(bytes)),
                             std::system_category().message(errno)),
                 "give a smaller capacity=");
  }
  if (bytes >= kHugeFromBytes) madvise(base, bytes, MADV_HUGEPAGE);  // advice only: refused where there are none
  return std::make_unique<HostArena>(static_cast<std::byte*>(base), bytes, granule_bytes);
}

}  // namespace kv
