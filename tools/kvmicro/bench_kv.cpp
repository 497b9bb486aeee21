// K and V of [1, 32, 128, 64] as fp32, cached in Redis as kvbench caches them: header, checksum, codec, session. What
// ../shared/peers/python_redis_cache.py does with torch.save and redis-py. Rates count payload bytes. A block of 32
// such layers, 64 MiB, shows what a large block costs.
#include <array>
#include <vector>

#include "backend/registry.hpp"
#include "codec/codec.hpp"
#include "codec/value.hpp"
#include "replay/payload.hpp"
#include "server.hpp"

namespace {

using kvmicro::Wire;

constexpr kv::Duration kPatience = std::chrono::seconds(20);

struct Load {
  Wire wire;
  const char* codec;
  std::uint32_t layers = 1;
  std::size_t blocks = 8;  // under way at once
  std::uint64_t tokens = 128, channels = std::uint64_t{32} * 64;

  kv::PayloadShape shape() const { return {kv::Dtype::fp32, layers, 2, tokens, channels}; }
  std::size_t payload_bytes() const { return shape().bytes().count(); }
  std::size_t bytes() const { return blocks * payload_bytes(); }
};
/// 64 MiB in one block, and in 64 blocks of one chunk each: what cutting costs.
constexpr Load large_block(Wire wire) { return {wire, "raw", 32, 1}; }
constexpr Load small_blocks(Wire wire) { return {wire, "raw", 1, 64, 64, 2040}; }
static_assert(std::size_t{2} * 64 * 2040 * 4 == kvmicro::kMiBClass);

/// Payloads and bodies of a batch, and the way to the server.
class Cache {
 public:
  static kv::Result<std::unique_ptr<Cache>> open(const Load& load);
  ~Cache() {
    session_.reset();
    if (backend_) (void)backend_->clear();
  }
  Cache(const Cache&) = delete;
  Cache& operator=(const Cache&) = delete;

  kv::Result<void> store();
  kv::Result<void> fetch();

 private:
  explicit Cache(const Load& load)
      : load_(load), shape_(load.shape()), payloads_(load.bytes()), headers_(load.blocks) {}
  std::span<std::byte> payload(std::size_t i) {
    return payloads_.bytes().subspan(i * load_.payload_bytes(), load_.payload_bytes());
  }
  /// Where the body is: the payload itself if the codec leaves it as it is.
  std::span<std::byte> body(std::size_t i) {
    return codec_->identity(shape_) ? payload(i) : std::span(bodies_).subspan(i * bound_, bound_);
  }
  kv::Result<void> take(const kv::Done& done);

  Load load_;
  kv::PayloadShape shape_;
  kv::CodecSpec spec_;
  std::unique_ptr<kv::Backend> backend_;
  std::unique_ptr<kv::Session> session_;
  std::unique_ptr<kv::Codec> codec_;
  std::size_t bound_ = 0;
  kvmicro::Memory payloads_;
  std::vector<std::byte> bodies_;
  std::vector<std::array<std::byte, kv::ValueHeader::kBytes>> headers_;
  std::vector<kv::BlockRef> refs_;
  kv::Lease lease_;
  std::vector<kv::Op> ops_;
  std::vector<kv::Done> done_;
};

kv::Result<std::unique_ptr<Cache>> Cache::open(const Load& load) {
  std::unique_ptr<Cache> cache(new Cache(load));
  auto spec = kv::parse_codec(load.codec);
  if (!spec) return kv::error(spec);
  cache->spec_ = *spec;
  auto made = spec->make();
  if (!made) return kv::error(made);
  cache->codec_ = *std::move(made);
  cache->bound_ = cache->codec_->bound(cache->shape_);
  cache->bodies_.resize(load.blocks * cache->bound_);
  auto backend = kv::parse_backend(kvmicro::server_spec(load.wire)).and_then(kv::make_backend);
  if (!backend) return kv::error(backend);
  cache->backend_ = *std::move(backend);
  kv::Needs needs;
  needs.name_space = "kvmicro";
  needs.max_body_bytes = needs.max_block_bytes = cache->bound_;
  if (auto started = cache->backend_->start(needs); !started) return kv::error(started);
  auto session = cache->backend_->open();
  if (!session) return kv::error(session);
  cache->session_ = *std::move(session);
  const kv::PayloadSource source(std::array{cache->shape_});
  for (std::size_t i = 0; i < load.blocks; ++i) {
    cache->refs_.push_back({{1, i}, cache->bound_});
    source.fill(cache->refs_.back().key, 0, cache->shape_, cache->payload(i));
  }
  return cache;
}

kv::Result<void> did_not_arrive(const kv::Done& done) {
  return kv::error(kv::Code::io, "a value did not arrive: " + done.error);
}

kv::Result<void> Cache::store() {
  if (auto ok = session_->acquire(refs_, lease_); !ok) return ok;
  ops_.clear();
  for (std::size_t i = 0; i < load_.blocks; ++i) {
    std::size_t size = load_.payload_bytes();
    if (!codec_->identity(shape_)) {
      const auto encoded = codec_->encode(shape_, payload(i), body(i));
      if (!encoded) return kv::error(encoded);
      size = *encoded;
    }
    const std::span<std::byte> stored = body(i).first(size);
    kv::write_header({spec_.id(), static_cast<std::uint8_t>(shape_.dtype), 0, 1, i, size, load_.payload_bytes(),
                      kv::body_checksum(stored)},
                     headers_[i]);
    ops_.push_back({kv::Op::Kind::put, static_cast<std::uint32_t>(i), 0, headers_[i], stored});
  }
  done_.clear();
  const kv::TimePoint until = kv::TimePoint(std::chrono::steady_clock::now()) + kPatience;
  session_->submit(lease_, ops_, until);
  while (done_.size() < ops_.size()) session_->poll(done_, until);
  session_->finish(lease_);
  for (const kv::Done& done : done_) {
    if (done.outcome != kv::Done::Outcome::stored) return did_not_arrive(done);
  }
  return {};
}

kv::Result<void> Cache::take(const kv::Done& done) {
  if (done.outcome != kv::Done::Outcome::hit) return did_not_arrive(done);
  const std::span<const std::byte> got = body(done.op).first(done.body_bytes);
  const auto header = kv::read_header(headers_[done.op]);
  if (!header) return kv::error(header);
  if (header->body_xxh3 != (done.body_xxh3 ? *done.body_xxh3 : kv::body_checksum(got))) {
    return kv::error(kv::Code::corrupt, "a value's bytes do not match their checksum");
  }
  return codec_->identity(shape_) ? kv::Result<void>() : codec_->decode(shape_, got, payload(done.op));
}

kv::Result<void> Cache::fetch() {
  if (auto ok = session_->acquire(refs_, lease_); !ok) return ok;
  ops_.clear();
  for (std::size_t i = 0; i < load_.blocks; ++i) {
    ops_.push_back({kv::Op::Kind::get, static_cast<std::uint32_t>(i), 0, headers_[i], body(i)});
  }
  // What has come is checked and decoded while the server sends on.
  constexpr kv::Duration kLook = std::chrono::microseconds(20);
  done_.clear();
  const kv::TimePoint until = kv::TimePoint(std::chrono::steady_clock::now()) + kPatience;
  session_->submit(lease_, ops_, until);
  for (std::size_t taken = 0; taken < ops_.size();) {
    session_->poll(done_, std::chrono::steady_clock::now() + kLook);
    for (; taken < done_.size(); ++taken) {
      if (auto ok = take(done_[taken]); !ok) return ok;
    }
  }
  session_->finish(lease_);
  return {};
}

void run(benchmark::State& state, const Load& load, kv::Result<void> (Cache::*work)()) {
  auto cache = Cache::open(load);
  if (!cache) return state.SkipWithError(cache.error().message.c_str());
  if (const auto ok = (*cache)->store(); !ok) return state.SkipWithError(ok.error().message.c_str());
  const kvmicro::WireRate rate({load.wire, work == &Cache::store, load.payload_bytes(), 1, load.blocks});
  for (auto _ : state) {
    if (const auto ok = (cache->get()->*work)(); !ok) return state.SkipWithError(ok.error().message.c_str());
  }
  rate.set(state, load.bytes());
}
void kv_store(benchmark::State& state, const Load& load) { run(state, load, &Cache::store); }
void kv_fetch(benchmark::State& state, const Load& load) { run(state, load, &Cache::fetch); }

const bool registered = [] {
  const auto add = [](const std::string& name, const Load& load) {
    benchmark::RegisterBenchmark(("kv_store/" + name).c_str(), kv_store, load)->UseRealTime();
    benchmark::RegisterBenchmark(("kv_fetch/" + name).c_str(), kv_fetch, load)->UseRealTime();
  };
  for (const Wire wire : {Wire::tcp, Wire::unix_socket}) {
    const std::string on = kvmicro::wire_name(wire);
    for (const char* codec : {"raw", "fp16", "pickle"}) add(codec + ("/" + on), {wire, codec});
    add("large_block/" + on, large_block(wire));
    add("small_blocks/" + on, small_blocks(wire));
  }
  return true;
}();

}  // namespace
