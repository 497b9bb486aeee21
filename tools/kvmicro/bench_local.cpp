// local: against plain copies of the same blocks from and to as much memory, by one thread and by two.
#include <array>
#include <atomic>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include "backend/arena.hpp"
#include "backend/registry.hpp"
#include "codec/value.hpp"
#include "support.hpp"

namespace {

constexpr std::size_t kBlockBytes = 1 << 20, kBatch = 16, kSets = 16, kBlocks = kBatch * kSets;  // 256 MiB a thread

constexpr std::size_t kRoom = kBlocks * kBlockBytes;

void shape(benchmark::internal::Benchmark* benchmark) {
  benchmark->UseRealTime()->Threads(1)->Threads(2)->Unit(benchmark::kMillisecond);
}

/// The memory copy limit is one thread's: two have a rate and no efficiency, and are judged by how both scale.
std::optional<kvmicro::ByteRate> one_threads_rate(const benchmark::State& state) {
  if (state.threads() > 1) return std::nullopt;
  return std::optional<kvmicro::ByteRate>(std::in_place);
}

void set_rate(benchmark::State& state, const std::optional<kvmicro::ByteRate>& one_thread) {
  constexpr std::size_t kBytes = kBatch * kBlockBytes;
  if (one_thread) return one_thread->set(state, kBytes);
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kBytes));
}

/// One batch of blocks an iteration, round and round through 256 MiB.
void block_copy(benchmark::State& state) {
  const kvmicro::Memory from(kRoom), to(kRoom);
  std::size_t set = 0;
  const auto rate = one_threads_rate(state);
  for (auto _ : state) {
    for (std::size_t i = 0; i < kBatch; ++i) {
      const std::size_t at = (set * kBatch + i) * kBlockBytes;
      std::memcpy(to.bytes().data() + at, from.bytes().data() + at, kBlockBytes);
    }
    benchmark::ClobberMemory();
    set = (set + 1) % kSets;
  }
  set_rate(state, rate);
}
BENCHMARK(block_copy)->Apply(shape);

/// A benchmark is called several times: its blocks must be new each time.
std::uint64_t next_space() {
  static std::atomic<std::uint64_t> spaces = 0;
  return ++spaces;
}

/// A session and the memory of its caller.
class Worker {
 public:
  explicit Worker(kv::Backend& backend) : space_(next_space()), memory_(kRoom), headers_(kBlocks) {
    auto session = backend.open();
    if (session) session_ = *std::move(session);
  }

  /// Stores blocks [first, first + kBatch), from the memory of set `set`; false if one was refused.
  bool put(std::uint64_t first, std::size_t set) {
    acquire(first, kBatch);
    session_->admit(lease_, accepted_);
    const bool stored = move(kv::Op::Kind::put, 0, set, kv::Done::Outcome::stored);
    session_->finish(lease_);
    return stored;
  }
  void acquire(std::uint64_t first, std::size_t count) {
    refs_.clear();
    for (std::uint64_t i = 0; i < count; ++i) refs_.push_back({{space_, first + i}, kBlockBytes});
    (void)session_->acquire(refs_, lease_);
  }
  /// Fetches a set of the blocks that are held.
  bool get(std::size_t set) { return move(kv::Op::Kind::get, set * kBatch, set, kv::Done::Outcome::hit); }
  void finish() { session_->finish(lease_); }

 private:
  bool move(kv::Op::Kind kind, std::size_t block, std::size_t set, kv::Done::Outcome wanted) {
    ops_.clear();
    for (std::size_t i = 0; i < kBatch; ++i) {
      const std::size_t at = set * kBatch + i;
      ops_.push_back({kind, static_cast<std::uint32_t>(block + i), 0, headers_[at],
                      memory_.bytes().subspan(at * kBlockBytes, kBlockBytes), false});  // hashing: see arena_read
    }
    done_.clear();
    session_->submit(lease_, ops_, kv::TimePoint::max());
    session_->poll(done_, kv::TimePoint::max());
    for (const kv::Done& done : done_) {
      if (done.outcome != wanted) return false;
    }
    return done_.size() == kBatch;
  }

  std::uint64_t space_;
  kvmicro::Memory memory_;
  std::vector<std::array<std::byte, kv::ValueHeader::kBytes>> headers_;
  std::unique_ptr<kv::Session> session_;
  std::vector<kv::BlockRef> refs_;
  kv::Lease lease_;
  std::vector<bool> accepted_;
  std::vector<kv::Op> ops_;
  std::vector<kv::Done> done_;
};

/// One for all threads of the process, with room for what two workers hold.
kv::Backend* local_backend() {
  static const std::unique_ptr<kv::Backend> backend = [] {
    auto made = kv::parse_backend("local:?capacity=768MiB").and_then(kv::make_backend);
    kv::Needs needs;
    needs.name_space = "kvmicro";
    needs.max_body_bytes = needs.max_block_bytes = kBlockBytes;
    needs.sessions = 2;
    if (!made || !(*made)->start(needs)) return std::unique_ptr<kv::Backend>();
    return *std::move(made);
  }();
  return backend.get();
}

void local_put(benchmark::State& state) {
  kv::Backend* const backend = local_backend();
  if (backend == nullptr) return state.SkipWithError("no memory for local:");
  Worker worker(*backend);
  std::uint64_t batch = 0;
  const auto rate = one_threads_rate(state);
  for (auto _ : state) {
    if (!worker.put(batch * kBatch, batch % kSets)) return state.SkipWithError("a block was refused");
    ++batch;
  }
  set_rate(state, rate);
}
BENCHMARK(local_put)->Apply(shape);

void local_get(benchmark::State& state) {
  kv::Backend* const backend = local_backend();
  if (backend == nullptr) return state.SkipWithError("no memory for local:");
  Worker worker(*backend);
  for (std::size_t set = 0; set < kSets; ++set) worker.put(set * kBatch, set);
  worker.acquire(0, kBlocks);
  std::size_t set = 0;
  const auto rate = one_threads_rate(state);
  for (auto _ : state) {
    if (!worker.get(set)) return state.SkipWithError("a block was not there");
    set = (set + 1) % kSets;
  }
  worker.finish();
  set_rate(state, rate);
}
BENCHMARK(local_get)->Apply(shape);

/// What hashing adds to the reading of a block: with and without, from the same granules.
void arena_read(benchmark::State& state, bool hashed) {
  constexpr std::size_t kGranule = 64 << 10, kPerBlock = kBlockBytes / kGranule;
  auto arena = kv::make_host_arena(kBlocks * kPerBlock, kGranule);
  if (!arena) return state.SkipWithError(arena.error().message.c_str());
  const kvmicro::Memory to(kRoom);
  (void)(*arena)->write(0, to.bytes());
  std::vector<kv::Granule> granules(kPerBlock);
  kv::RunningChecksum checksum;
  std::size_t block = 0;
  const kvmicro::ByteRate rate;
  for (auto _ : state) {
    for (std::size_t i = 0; i < kPerBlock; ++i) granules[i] = static_cast<kv::Granule>(block * kPerBlock + i);
    const auto into = to.bytes().subspan(block * kBlockBytes, kBlockBytes);
    checksum.reset();
    if (hashed) {
      (void)kv::read_granules(**arena, kGranule, granules, into, checksum);
      benchmark::DoNotOptimize(checksum.value());
    } else {
      (void)kv::read_granules(**arena, kGranule, granules, into);
    }
    block = (block + 1) % kBlocks;
  }
  rate.set(state, kBlockBytes);
}
BENCHMARK_CAPTURE(arena_read, plain, false)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(arena_read, hashed, true)->Unit(benchmark::kMicrosecond);

}  // namespace
