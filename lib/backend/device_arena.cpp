#include "backend/arena.hpp"
#include "torch/loader.hpp"

namespace kv {
namespace {

class DeviceArena final : public Arena {
 public:
  DeviceArena(const KvTorchModule& torch, KvTorchArena* arena) : torch_(torch), arena_(arena) {}
  ~DeviceArena() override { torch_.arena_destroy(arena_); }
  DeviceArena(const DeviceArena&) = delete;
  DeviceArena& operator=(const DeviceArena&) = delete;

  Result<void> write(Granule first, std::span<const std::byte> from) override {
    TorchMessage why;
    if (torch_.arena_write(arena_, first, 0, from.data(), from.size(), why.data(), why.size()) == 0) return {};
    return error(Code::io, why.text());
  }
  Result<void> read(Granule first, std::span<std::byte> into) override {
    TorchMessage why;
    if (torch_.arena_read(arena_, first, 0, into.data(), into.size(), why.data(), why.size()) == 0) return {};
    return error(Code::io, why.text());
  }

 private:
  const KvTorchModule& torch_;
  KvTorchArena* arena_;
};

}  // namespace

Result<std::unique_ptr<Arena>> make_device_arena(Granule granules, std::size_t granule_bytes) {
  const auto module = torch_module();
  if (!module) return error(module);
  KvTorchArena* arena = nullptr;
  TorchMessage why;
  if ((*module)->arena_create(granules, granule_bytes, &arena, why.data(), why.size()) != 0) {
    return error(Code::unavailable, why.text(), "give a smaller capacity=");
  }
  return std::make_unique<DeviceArena>(**module, arena);
}

}  // namespace kv
