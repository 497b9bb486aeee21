#include "backend/memory_backend.hpp"
#include "backend/rows.hpp"
#include "metrics/machine.hpp"

namespace kv {
namespace {

Result<MemoryRoom> host_room() {
  return MemoryRoom{.preset = machine_memory() / 4, .available = available_memory(), .device = {}};
}

Result<std::unique_ptr<Backend>> make_local(const BackendSpec& spec) {
  return MemoryBackend::make(
      {.scheme = "local", .device_memory = false, .room = host_room, .make_arena = make_host_arena}, spec);
}

}  // namespace

const BackendRow kLocalRow{
    .scheme = "local",
    .example = "local:?capacity=8GiB&policy=lru",
    .summary = "this process's own memory",
    .options = memory_options("a quarter of the machine's memory, less what the replay itself takes"),
    .make = make_local,
};

}  // namespace kv
