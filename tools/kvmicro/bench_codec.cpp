// Codecs out of the cache, on a payload that looks like KV: bytes of payload and body per second, both ways. A copy
// reads and writes, too, so `efficiency` is (bytes read + written) / (2 x the memory copy limit).
#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <memory>

#include "codec/checksum.hpp"
#include "codec/codec.hpp"
#include "replay/payload.hpp"
#include "support.hpp"

namespace {

/// 64 MiB as fp32, half of it as bf16: 8 layers of K and V, 1024 channels.
kv::PayloadShape shape_of(kv::Dtype dtype) { return {dtype, 8, 2, 1024, 1024}; }

struct Subject {
  kv::PayloadShape shape;
  std::unique_ptr<kv::Codec> codec;
  kvmicro::Memory payload, body;
  std::size_t stored = 0;
};

kv::Result<Subject> subject(const std::string& name, kv::Dtype dtype) {
  const auto spec = kv::parse_codec(name);
  if (!spec) return kv::error(spec);
  auto codec = spec->make();
  if (!codec) return kv::error(codec);
  const kv::PayloadShape shape = shape_of(dtype);
  const std::size_t bound = (*codec)->bound(shape);
  Subject out{shape, *std::move(codec), kvmicro::Memory(shape.bytes().count()), kvmicro::Memory(bound)};
  const kv::PayloadSource source(std::array{out.shape});
  source.fill({1, 2}, 0, out.shape, out.payload.bytes());
  const auto written = out.codec->encode(out.shape, out.payload.bytes(), out.body.bytes());
  if (!written) return kv::error(written);
  out.stored = *written;
  return out;
}

void encode(benchmark::State& state, const std::string& name, kv::Dtype dtype) {
  auto s = subject(name, dtype);
  if (!s) return state.SkipWithError(s.error().message.c_str());
  const kvmicro::ByteRate rate;
  for (auto _ : state) benchmark::DoNotOptimize(s->codec->encode(s->shape, s->payload.bytes(), s->body.bytes()));
  rate.set_read_and_written(state, s->payload.bytes().size() + s->stored);
  state.counters["ratio"] = static_cast<double>(s->payload.bytes().size()) / static_cast<double>(s->stored);
}

void decode(benchmark::State& state, const std::string& name, kv::Dtype dtype) {
  auto s = subject(name, dtype);
  if (!s) return state.SkipWithError(s.error().message.c_str());
  const kvmicro::ByteRate rate;
  for (auto _ : state)
    benchmark::DoNotOptimize(s->codec->decode(s->shape, s->body.bytes().first(s->stored), s->payload.bytes()));
  rate.set_read_and_written(state, s->payload.bytes().size() + s->stored);
}

void checksum(benchmark::State& state) {
  const std::vector<std::byte> body(static_cast<std::size_t>(state.range(0)), std::byte{7});
  const kvmicro::ByteRate rate;
  for (auto _ : state) benchmark::DoNotOptimize(kv::body_checksum(body));
  rate.set(state, body.size());
}
BENCHMARK(checksum)->Arg(64 << 10)->Arg(64 << 20);

}  // namespace

void kvmicro::add_codecs() {
  std::vector<std::string> names(kv::codec_compositions().begin(), kv::codec_compositions().end());
  for (const kv::CodecRow& row : kv::codecs()) names.push_back(row.name);
  for (const kv::Dtype dtype : {kv::Dtype::fp32, kv::Dtype::bf16}) {
    for (const std::string& name : names) {
      const std::string suffix = fmt::format("/{}/{}", name, kv::dtype_name(dtype));
      benchmark::RegisterBenchmark(("encode" + suffix).c_str(), encode, name, dtype)->Unit(benchmark::kMillisecond);
      benchmark::RegisterBenchmark(("decode" + suffix).c_str(), decode, name, dtype)->Unit(benchmark::kMillisecond);
    }
  }
}
