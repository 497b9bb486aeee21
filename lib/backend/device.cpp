#include <array>

#include "backend/memory_backend.hpp"
#include "backend/rows.hpp"
#include "metrics/machine.hpp"
#include "torch/loader.hpp"

namespace kv {
namespace {

Result<MemoryRoom> device_room() {
  const auto module = torch_module();
  if (!module) return error(module);
  std::array<char, 256> name{};
  int is_cuda = 0;
  std::uint64_t memory = 0;
  TorchMessage why;
  if ((*module)->device(name.data(), name.size(), &is_cuda, &memory, why.data(), why.size()) != 0) {
    return error(Code::unavailable, why.text());
  }
  if (is_cuda != 0 && memory != 0) {
    // What an engine gives itself, were there no weights beside the cache; nothing is known of any here.
    return MemoryRoom{.preset = Bytes(memory / 10 * 9), .available = Bytes(memory), .device = name.data()};
  }
  return MemoryRoom{.preset = machine_memory() / 4, .available = available_memory(), .device = name.data()};
}

Result<std::unique_ptr<Backend>> make_device(const BackendSpec& spec) {
  return MemoryBackend::make(
      {.scheme = "device", .device_memory = true, .room = device_room, .make_arena = make_device_arena}, spec);
}

}  // namespace

const BackendRow kDeviceRow{
    .scheme = "device",
    .example = "device:?capacity=8GiB",
    .summary =
        "tensors on the first CUDA device, or on the CPU where there is none (then labelled cpu); needs LibTorch",
    .options = memory_options("0.9 of the GPU's memory, a quarter of the machine's on a CPU"),
    .make = make_device,
};

}  // namespace kv
