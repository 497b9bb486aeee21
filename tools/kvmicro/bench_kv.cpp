// K and V of [1, 32, 128, 64] as fp32, cached in Redis as kvbench caches them: header, checksum, codec, session. What
// ../shared/peers/python_redis_cache.py does with torch.save and redis-py. Rates count payload bytes.
#include <fmt/format.h>

#include <array>

#include "backend/registry.hpp"
#include "codec/codec.hpp"
#include "codec/value.hpp"
#include "replay/payload.hpp"
#include "server.hpp"

namespace {

using kvmicro::Wire;

constexpr kv::PayloadShape kShape{kv::Dtype::fp32, 1, 2, 128, std::uint64_t{32} * 64};
constexpr std::size_t kBlocks = 8;  // under way at once

/// Payloads and bodies of a batch, and the way to the server.
class Cache {
 public:
  static kv::Result<std::unique_ptr<Cache>> open(Wire wire, const std::string& codec);

  kv::Result<void> store();
  kv::Result<void> fetch();
  static constexpr std::size_t bytes() { return kBlocks * kPayload; }

 private:
  static constexpr std::size_t kPayload = kShape.elements() * 4;
  Cache() : payloads_(kBlocks * kPayload) {}
  std::span<std::byte> payload(std::size_t i) { return payloads_.bytes().subspan(i * kPayload, kPayload); }
  /// Where the body is: the payload itself if the codec leaves it as it is.
  std::span<std::byte> body(std::size_t i) {
    return codec_->identity(kShape) ? payload(i) : std::span(bodies_).subspan(i * bound_, bound_);
  }
  kv::Result<void> move(kv::Done::Outcome wanted);

  kv::CodecSpec spec_;
  std::unique_ptr<kv::Backend> backend_;
  std::unique_ptr<kv::Session> session_;
  std::unique_ptr<kv::Codec> codec_;
  std::size_t bound_ = 0;
  kvmicro::Memory payloads_;
  std::vector<std::byte> bodies_;
  std::array<std::array<std::byte, kv::ValueHeader::kBytes>, kBlocks> headers_{};
  std::vector<kv::BlockRef> refs_;
  kv::Lease lease_;
  std::vector<kv::Op> ops_;
  std::vector<kv::Done> done_;
};

kv::Result<std::unique_ptr<Cache>> Cache::open(Wire wire, const std::string& codec) {
  std::unique_ptr<Cache> cache(new Cache);
  auto spec = kv::parse_codec(codec);
  if (!spec) return kv::error(spec);
  cache->spec_ = *spec;
  auto made = spec->make();
  if (!made) return kv::error(made);
  cache->codec_ = *std::move(made);
  cache->bound_ = cache->codec_->bound(kShape);
  cache->bodies_.resize(kBlocks * cache->bound_);
  auto backend = kv::parse_backend(fmt::format("spawn+redis:?maxmemory=1GiB&transport={}", kvmicro::wire_name(wire)))
                     .and_then(kv::make_backend);
  if (!backend) return kv::error(backend);
  cache->backend_ = *std::move(backend);
  kv::Needs needs;
  needs.name_space = "kvmicro";
  needs.max_body_bytes = needs.max_block_bytes = cache->bound_;
  if (auto started = cache->backend_->start(needs); !started) return kv::error(started);
  auto session = cache->backend_->open();
  if (!session) return kv::error(session);
  cache->session_ = *std::move(session);
  const kv::PayloadSource source(std::array{kShape});
  for (std::size_t i = 0; i < kBlocks; ++i) {
    cache->refs_.push_back({{1, i}, cache->bound_});
    source.fill(cache->refs_.back().key, 0, kShape, cache->payload(i));
  }
  return cache;
}

kv::Result<void> Cache::move(kv::Done::Outcome wanted) {
  done_.clear();
  const kv::TimePoint until =
      std::chrono::time_point_cast<kv::Duration>(std::chrono::steady_clock::now()) + std::chrono::seconds(20);
  session_->submit(lease_, ops_, until);
  while (done_.size() < ops_.size()) session_->poll(done_, until);
  for (const kv::Done& done : done_) {
    if (done.outcome != wanted) return kv::error(kv::Code::io, "a value did not arrive: " + done.error);
  }
  return {};
}

kv::Result<void> Cache::store() {
  if (auto ok = session_->acquire(refs_, lease_); !ok) return ok;
  ops_.clear();
  for (std::size_t i = 0; i < kBlocks; ++i) {
    std::size_t size = kPayload;
    if (!codec_->identity(kShape)) {
      const auto encoded = codec_->encode(kShape, payload(i), body(i));
      if (!encoded) return kv::error(encoded);
      size = *encoded;
    }
    const std::span<std::byte> stored = body(i).first(size);
    kv::write_header({spec_.id(), static_cast<std::uint8_t>(kShape.dtype), 0, 1, i, size, kPayload,
                      kv::body_checksum(stored)},
                     headers_[i]);
    ops_.push_back({kv::Op::Kind::put, static_cast<std::uint32_t>(i), 0, headers_[i], stored});
  }
  auto moved = move(kv::Done::Outcome::stored);
  session_->finish(lease_);
  return moved;
}

kv::Result<void> Cache::fetch() {
  if (auto ok = session_->acquire(refs_, lease_); !ok) return ok;
  ops_.clear();
  for (std::size_t i = 0; i < kBlocks; ++i) {
    ops_.push_back({kv::Op::Kind::get, static_cast<std::uint32_t>(i), 0, headers_[i], body(i)});
  }
  if (auto moved = move(kv::Done::Outcome::hit); !moved) return moved;
  for (const kv::Done& done : done_) {
    const std::span<const std::byte> got = body(done.op).first(done.body_bytes);
    const auto header = kv::read_header(headers_[done.op]);
    if (!header) return kv::error(header);
    if (header->body_xxh3 != (done.body_xxh3 ? *done.body_xxh3 : kv::body_checksum(got))) {
      return kv::error(kv::Code::corrupt, "a value's bytes do not match their checksum");
    }
    if (codec_->identity(kShape)) continue;
    if (auto decoded = codec_->decode(kShape, got, payload(done.op)); !decoded) return decoded;
  }
  session_->finish(lease_);
  return {};
}

void kv_store(benchmark::State& state, Wire wire, const std::string& codec) {
  auto cache = Cache::open(wire, codec);
  if (!cache) return state.SkipWithError(cache.error().message.c_str());
  const kvmicro::WireRate rate(wire);
  for (auto _ : state) {
    if (const auto ok = (*cache)->store(); !ok) return state.SkipWithError(ok.error().message.c_str());
  }
  rate.set(state, Cache::bytes());
}

void kv_fetch(benchmark::State& state, Wire wire, const std::string& codec) {
  auto cache = Cache::open(wire, codec);
  if (!cache) return state.SkipWithError(cache.error().message.c_str());
  if (const auto ok = (*cache)->store(); !ok) return state.SkipWithError(ok.error().message.c_str());
  const kvmicro::WireRate rate(wire);
  for (auto _ : state) {
    if (const auto ok = (*cache)->fetch(); !ok) return state.SkipWithError(ok.error().message.c_str());
  }
  rate.set(state, Cache::bytes());
}

void real_time(benchmark::internal::Benchmark* benchmark) {
  benchmark->UseRealTime()->Unit(benchmark::kMillisecond);
}
BENCHMARK_CAPTURE(kv_store, raw/tcp, Wire::tcp, "raw")->Apply(real_time);
BENCHMARK_CAPTURE(kv_store, raw/unix, Wire::unix_socket, "raw")->Apply(real_time);
BENCHMARK_CAPTURE(kv_store, fp16/tcp, Wire::tcp, "fp16")->Apply(real_time);
BENCHMARK_CAPTURE(kv_store, fp16/unix, Wire::unix_socket, "fp16")->Apply(real_time);
BENCHMARK_CAPTURE(kv_store, pickle/unix, Wire::unix_socket, "pickle")->Apply(real_time);
BENCHMARK_CAPTURE(kv_fetch, raw/tcp, Wire::tcp, "raw")->Apply(real_time);
BENCHMARK_CAPTURE(kv_fetch, raw/unix, Wire::unix_socket, "raw")->Apply(real_time);
BENCHMARK_CAPTURE(kv_fetch, fp16/tcp, Wire::tcp, "fp16")->Apply(real_time);
BENCHMARK_CAPTURE(kv_fetch, fp16/unix, Wire::unix_socket, "fp16")->Apply(real_time);
BENCHMARK_CAPTURE(kv_fetch, pickle/unix, Wire::unix_socket, "pickle")->Apply(real_time);

}  // namespace
