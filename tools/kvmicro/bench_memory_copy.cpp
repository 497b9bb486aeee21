// The limit that every other figure is set against.
#include <cstring>

#include "support.hpp"

namespace {

void memory_copy(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  const kvmicro::Memory from(size), to(size);
  const kvmicro::ByteRate rate;
  for (auto _ : state) {
    std::memcpy(to.bytes().data(), from.bytes().data(), size);
    benchmark::ClobberMemory();
  }
  rate.set(state, size);
}
BENCHMARK(memory_copy)->Arg(64 << 10)->Arg(4 << 20)->Arg(64 << 20)->Arg(128 << 20)->Arg(256 << 20);

}  // namespace
