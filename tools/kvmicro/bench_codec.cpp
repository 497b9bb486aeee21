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

/// Bytes on a page of their own, as in the windows of a replay.
class Pages {
 public:
  explicit Pages(std::size_t bytes)
      : bytes_(static_cast<std::byte*>(std::aligned_alloc(kPage, (bytes + kPage - 1) / kPage * kPage))), size_(bytes) {}
  std::span<std::byte> all() const { return {bytes_.get(), size_}; }
  std::span<std::byte> first(std::size_t bytes) const { return all().first(bytes); }

 private:
  static constexpr std::size_t kPage = 4096;
  struct Free {
    void operator()(std::byte* bytes) const { std::free(bytes); }
  };
  std::unique_ptr<std::byte[], Free> bytes_;
  std::size_t size_;
};

struct Subject {
  kv::PayloadShape shape;
  std::unique_ptr<kv::Codec> codec;
  Pages payload, body;
  std::size_t stored = 0;
};

kv::Result<Subject> subject(const std::string& name, kv::Dtype dtype) {
  const auto spec = kv::parse_codec(name);
  if (!spec) return kv::error(spec);
  auto codec = spec->make();
  if (!codec) return kv::error(codec);
  const kv::PayloadShape shape = shape_of(dtype);
  const std::size_t bound = (*codec)->bound(shape);
  Subject out{shape, *std::move(codec), Pages(shape.bytes().count()), Pages(bound)};
  const kv::PayloadSource source(std::array{out.shape});
  source.fill({1, 2}, 0, out.shape, out.payload.all());
  const auto written = out.codec->encode(out.shape, out.payload.all(), out.body.all());
  if (!written) return kv::error(written);
  out.stored = *written;
  return out;
}

void encode(benchmark::State& state, const std::string& name, kv::Dtype dtype) {
  auto s = subject(name, dtype);
  if (!s) return state.SkipWithError(s.error().message.c_str());
  const kvmicro::ByteRate rate;
  for (auto _ : state) benchmark::DoNotOptimize(s->codec->encode(s->shape, s->payload.all(), s->body.all()));
  rate.set_read_and_written(state, s->payload.all().size() + s->stored);
  state.counters["ratio"] = static_cast<double>(s->payload.all().size()) / static_cast<double>(s->stored);
}

void decode(benchmark::State& state, const std::string& name, kv::Dtype dtype) {
  auto s = subject(name, dtype);
  if (!s) return state.SkipWithError(s.error().message.c_str());
  const kvmicro::ByteRate rate;
  for (auto _ : state) benchmark::DoNotOptimize(s->codec->decode(s->shape, s->body.first(s->stored), s->payload.all()));
  rate.set_read_and_written(state, s->payload.all().size() + s->stored);
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
