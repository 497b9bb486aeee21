#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "backend/memory_backend.hpp"
#include "backend/rows.hpp"
#include "base/random.hpp"
#include "torch/loader.hpp"

using namespace kv;

namespace {

using Ids = std::vector<std::uint64_t>;
using Options = std::vector<std::pair<std::string, std::string>>;
constexpr TimePoint kLater = TimePoint::max();

Result<std::unique_ptr<Backend>> make(const BackendRow& row, const Options& given) {
  BackendSpec spec;
  spec.scheme = row.scheme;
  auto options = OptionValues::check(row.scheme, row.options, given);
  if (!options) return error(options);
  spec.options = *options;
  return row.make(spec);
}

/// A backend of `capacity_blocks` blocks of two small parts, and what a test does to it.
struct Memory {
  static constexpr std::uint32_t kParts = 2;
  static constexpr std::size_t kPartBytes = 4096;  // one granule
  static constexpr Needs kNeeds() {
    return {.name_space = "test",
            .parts = kParts,
            .max_body_bytes = kPartBytes,
            .max_block_bytes = kParts * kPartBytes,
            .unique_blocks = 1000};
  }
  std::unique_ptr<Backend> backend;

  explicit Memory(const Options& options, const BackendRow& row = kLocalRow) : backend(*make(row, options)) {
    REQUIRE(backend->start(kNeeds()).has_value());
  }
  std::unique_ptr<Session> open() const { return *backend->open(); }
  BackendStats stats() const { return *backend->stats(); }
};
Memory blocks(std::uint64_t capacity, const std::string& policy = "lru") {
  return Memory(Options{{"capacity_blocks", std::to_string(capacity)}, {"policy", policy}});
}

std::vector<BlockRef> refs(const Ids& ids) {
  std::vector<BlockRef> out;
  for (const std::uint64_t id : ids) out.push_back({{1, id}, Memory::kParts * Memory::kPartBytes});
  return out;
}

/// Header and body of one part, made from its name so that any mix-up shows.
struct Value {
  std::array<std::byte, ValueHeader::kBytes> header{};
  std::vector<std::byte> body;
  bool operator==(const Value&) const = default;
};
Value value(std::uint64_t id, std::uint32_t part) {
  Random random(mix64(id, part));
  Value out{.header = {}, .body = std::vector<std::byte>(1 + id % Memory::kPartBytes)};
  for (std::byte& b : out.header) b = static_cast<std::byte>(random.next() & 0xff);
  for (std::byte& b : out.body) b = static_cast<std::byte>(random.next() & 0xff);
  return out;
}

Done only(Session& session, const Lease& lease, const Op& op) {
  session.submit(lease, std::span(&op, 1), kLater);
  std::vector<Done> done;
  session.poll(done, kLater);
  REQUIRE(done.size() == 1);
  return done[0];
}
Done put(Session& session, const Lease& lease, std::uint32_t block, std::uint32_t part) {
  Value v = value(lease.blocks[block].key.block, part);
  return only(session, lease, {Op::Kind::put, block, part, v.header, v.body});
}
/// Puts all parts of the accepted blocks; how many blocks those were.
std::size_t put_all(Session& session, const Lease& lease, const std::vector<bool>& accepted) {
  std::size_t count = 0;
  for (std::uint32_t i = 0; i < accepted.size(); ++i) {
    if (!accepted[i]) continue;
    ++count;
    for (std::uint32_t part = 0; part < Memory::kParts; ++part) {
      CHECK(put(session, lease, i, part).outcome == Done::Outcome::stored);
    }
  }
  return count;
}
bool holds_right_bytes(Session& session, const Lease& lease, std::uint32_t block) {
  for (std::uint32_t part = 0; part < Memory::kParts; ++part) {
    Value got{.header = {}, .body = std::vector<std::byte>(Memory::kPartBytes)};
    const Done done = only(session, lease, {Op::Kind::get, block, part, got.header, got.body});
    got.body.resize(done.body_bytes);
    if (done.outcome != Done::Outcome::hit || got != value(lease.blocks[block].key.block, part)) return false;
  }
  return true;
}

struct Served {
  std::size_t hits = 0, stored = 0;
};
/// One whole request.
Served run(Session& session, const Ids& ids) {
  Lease lease;
  std::vector<bool> accepted;
  Served served;
  REQUIRE(session.acquire(refs(ids), lease).has_value());
  served.hits = lease.leading;
  for (std::uint32_t i = 0; i < ids.size(); ++i) CHECK(holds_right_bytes(session, lease, i) == lease.present[i]);
  session.admit(lease, accepted);
  served.stored = put_all(session, lease, accepted);
  session.finish(lease);
  return served;
}

}  // namespace

TEST_SUITE("local") {
  TEST_CASE("blocks are touched tail to head, so that the tail leaves first") {
    const Memory memory = blocks(3);
    const auto session = memory.open();
    CHECK(run(*session, {1, 2, 3}).stored == 3);
    CHECK(run(*session, {9}).stored == 1);  // evicts 3
    const Served again = run(*session, {1, 2, 3});
    CHECK(again.hits == 2);
    CHECK(again.stored == 1);  // 3, for 9
    CHECK(run(*session, {9}).hits == 0);
    CHECK(memory.stats().insertions == 6);
    CHECK(*memory.stats().evictions == 3);
  }

  TEST_CASE("a block behind a hole is no hit, but pinned: its request does not evict it") {
    const Memory memory = blocks(3, "fifo");
    const auto session = memory.open();
    run(*session, {1});
    run(*session, {1, 2});
    run(*session, {9});
    run(*session, {8});  // first in, first out: 1 leaves, 2 9 8 stay
    Lease lease;
    std::vector<bool> accepted;
    REQUIRE(session->acquire(refs({1, 2}), lease).has_value());
    CHECK(lease.leading == 0);
    CHECK(lease.present == std::vector<bool>{false, true});
    session->admit(lease, accepted);  // 2 is oldest, but pinned: 9 leaves
    CHECK(accepted == std::vector<bool>{true, false});
    put_all(*session, lease, accepted);
    session->finish(lease);
    CHECK(run(*session, {1, 2}).hits == 2);
    CHECK(run(*session, {8}).hits == 1);
    CHECK(*memory.stats().evictions == 2);
  }

  TEST_CASE("of a request larger than the capacity the leading blocks are stored") {
    const Memory memory = blocks(3);
    const auto session = memory.open();
    CHECK(run(*session, {1, 2, 3, 4, 5}).stored == 3);
    const Served again = run(*session, {1, 2, 3, 4, 5});
    CHECK(again.hits == 3);
    CHECK(again.stored == 0);
    CHECK(memory.stats().insertions == 3);
    CHECK(*memory.stats().evictions == 0);
  }

  TEST_CASE("where pins leave no room nothing is stored, and what is pinned stays readable") {
    const Memory memory = blocks(2);
    const auto a = memory.open(), b = memory.open();
    run(*a, {1, 2});
    Lease held;
    REQUIRE(a->acquire(refs({1, 2}), held).has_value());
    CHECK(run(*b, {7, 8}).stored == 0);
    CHECK(holds_right_bytes(*a, held, 1));
    a->finish(held);
    CHECK(run(*b, {7, 8}).stored == 2);
    CHECK(*memory.stats().evictions == 2);
  }

  TEST_CASE("a block that was not put completely is given up") {
    const Memory memory = blocks(3);
    const auto session = memory.open();
    Lease lease;
    std::vector<bool> accepted;
    REQUIRE(session->acquire(refs({1, 2}), lease).has_value());
    session->admit(lease, accepted);
    CHECK(put(*session, lease, 0, 0).outcome == Done::Outcome::stored);
    CHECK(put(*session, lease, 0, 1).outcome == Done::Outcome::stored);
    CHECK(put(*session, lease, 1, 1).outcome == Done::Outcome::stored);  // part 0 of block 2 never comes
    session->finish(lease);
    CHECK(memory.stats().insertions == 1);
    CHECK(*memory.stats().evictions == 0);
    CHECK(memory.stats().used->count() == 2 * 4096);  // a granule for each of two parts
    CHECK(run(*session, {1, 2}).hits == 1);
    CHECK(run(*session, {1, 2}).hits == 2);
  }

  TEST_CASE("a put that is unwanted, repeated or too large stores nothing") {
    const Memory memory = blocks(3);
    const auto session = memory.open();
    run(*session, {1});
    Lease lease;
    std::vector<bool> accepted;
    REQUIRE(session->acquire(refs({1, 2}), lease).has_value());
    CHECK(put(*session, lease, 0, 0).outcome == Done::Outcome::skipped);  // there already
    CHECK(put(*session, lease, 1, 0).outcome == Done::Outcome::skipped);  // not admitted yet
    session->admit(lease, accepted);
    std::vector<std::byte> body(3 * 4096);
    std::array<std::byte, ValueHeader::kBytes> header{};
    CHECK(only(*session, lease, {Op::Kind::put, 1, 0, header, body}).outcome == Done::Outcome::failed);
    CHECK(put(*session, lease, 1, 0).outcome == Done::Outcome::stored);
    CHECK(put(*session, lease, 1, 0).outcome == Done::Outcome::failed);
    CHECK(put(*session, lease, 1, 2).outcome == Done::Outcome::failed);  // there is no part 2
    CHECK(only(*session, lease, {Op::Kind::get, 0, 2, header, body}).outcome == Done::Outcome::miss);
    CHECK(only(*session, lease, {Op::Kind::get, 9, 0, header, body}).outcome == Done::Outcome::miss);
    CHECK(only(*session, lease, {Op::Kind::get, 0, 0, header, std::span(body).first(1)}).outcome ==
          Done::Outcome::corrupt);
    session->finish(lease);
  }

  TEST_CASE("a block that another session is putting is invisible, and wanted only once") {
    const Memory memory = blocks(3);
    const auto a = memory.open(), b = memory.open();
    Lease of_a, of_b;
    std::vector<bool> accepted_a, accepted_b;
    REQUIRE(a->acquire(refs({1, 2}), of_a).has_value());
    a->admit(of_a, accepted_a);
    REQUIRE(b->acquire(refs({1, 2}), of_b).has_value());
    CHECK(of_b.leading == 0);
    CHECK_FALSE(holds_right_bytes(*b, of_b, 0));
    b->admit(of_b, accepted_b);
    CHECK(accepted_b == std::vector<bool>{false, false});
    CHECK(put(*b, of_b, 0, 0).outcome == Done::Outcome::skipped);
    put_all(*a, of_a, accepted_a);
    a->finish(of_a);
    b->finish(of_b);
    CHECK(memory.stats().insertions == 2);
    CHECK(run(*b, {1, 2}).hits == 2);
  }

  TEST_CASE("a block given up while another session waits for it leaves with that session") {
    const Memory memory = blocks(1);
    const auto a = memory.open(), b = memory.open();
    Lease of_a, of_b;
    std::vector<bool> accepted;
    REQUIRE(a->acquire(refs({1}), of_a).has_value());
    a->admit(of_a, accepted);
    REQUIRE(b->acquire(refs({1}), of_b).has_value());
    b->admit(of_b, accepted);
    a->finish(of_a);
    CHECK(run(*a, {1}).stored == 0);
    b->finish(of_b);
    CHECK(memory.stats().used->count() == 0);
    CHECK(run(*a, {1}).stored == 1);
    CHECK(memory.stats().insertions == 1);
  }

  TEST_CASE("a block that another session stored since the lookup is touched, not stored again") {
    const Memory memory = blocks(3);
    const auto a = memory.open(), b = memory.open();
    Lease of_a;
    std::vector<bool> accepted;
    REQUIRE(a->acquire(refs({1, 2}), of_a).has_value());
    CHECK(run(*b, {1}).stored == 1);
    a->admit(of_a, accepted);
    CHECK(accepted == std::vector<bool>{false, true});
    a->finish(of_a);
    CHECK(run(*b, {1, 2}).hits == 1);
  }

  TEST_CASE("a block that stands in a request twice is stored once") {
    const Memory memory = blocks(3);
    const auto session = memory.open();
    CHECK(run(*session, {5, 5, 6}).stored == 2);
    CHECK(run(*session, {5, 5, 6}).hits == 3);
    CHECK(memory.stats().insertions == 2);
  }

  TEST_CASE("clear leaves nothing, neither blocks nor counts") {
    const Memory memory = blocks(2);
    const auto session = memory.open();
    run(*session, {1, 2});
    run(*session, {3});
    REQUIRE(memory.backend->clear().has_value());
    CHECK(memory.stats().insertions == 0);
    CHECK(*memory.stats().evictions == 0);
    CHECK(memory.stats().used->count() == 0);
    CHECK(run(*session, {1, 2, 3}).hits == 0);
  }

  TEST_CASE("capacity in bytes is never exceeded, and put blocks fill it") {
    const Memory memory(Options{{"capacity", "40KiB"}});  // 10 granules, 2 a block
    const auto session = memory.open();
    for (std::uint64_t id = 0; id < 50; ++id) {
      run(*session, {id, id + 1000});
      CHECK(memory.stats().used->count() <= 40 * 1024);
    }
    CHECK(memory.stats().used->count() == 40 * 1024);
    CHECK(memory.stats().insertions == 100);
    CHECK(*memory.stats().evictions == 95);
  }

  TEST_CASE("sessions at once lose nothing, corrupt nothing and keep to the capacity") {
    const Memory memory = blocks(40);
    std::vector<std::thread> threads;
    std::atomic<std::uint64_t> stored{0}, wrong{0}, hits{0};
    for (std::uint64_t t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        const auto session = memory.open();
        Random random(t);
        Lease lease;
        std::vector<bool> accepted;
        for (int i = 0; i < 1500; ++i) {
          const std::uint64_t root = random.below(12) * 10;
          std::vector<BlockRef> request;
          for (std::uint64_t n = 0; n < 1 + random.below(10); ++n) request.push_back(refs({root + n})[0]);
          if (!session->acquire(request, lease)) ++wrong;
          hits += lease.leading;
          for (std::uint32_t b = 0; b < request.size(); ++b) {
            if (lease.present[b] && !holds_right_bytes(*session, lease, b)) ++wrong;
          }
          session->admit(lease, accepted);
          const bool give_up = random.below(10) == 0;
          if (!give_up) stored += put_all(*session, lease, accepted);
          session->finish(lease);
          if (memory.stats().used->count() > 40 * 2 * 4096) ++wrong;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(wrong == 0);
    CHECK(hits > 0);
    CHECK(memory.stats().insertions == stored);
    CHECK(*memory.stats().evictions <= stored);
    CHECK(stored - *memory.stats().evictions <= 40);
  }

  TEST_CASE("options that contradict each other or name no policy are refused") {
    const auto both = make(kLocalRow, {{"capacity", "1GiB"}, {"capacity_blocks", "5"}});
    REQUIRE_FALSE(both.has_value());
    CHECK(both.error().message == "local: both capacity and capacity_blocks are given");
    const auto policy = make(kLocalRow, {{"policy", "lro"}});
    REQUIRE_FALSE(policy.has_value());
    CHECK(policy.error().hint.find("did you mean") != std::string::npos);
    CHECK(make(kDeviceRow, {{"policy", "random"}}).error().message == "device: unknown policy 'random'");
    CHECK_FALSE(make(kLocalRow, {{"capcity", "1GiB"}}).has_value());
    CHECK_FALSE((*make(kLocalRow, {{"capacity", "0"}}))->start(Memory::kNeeds()).has_value());
    CHECK_FALSE((*make(kLocalRow, {{"capacity_blocks", "0"}}))->start(Memory::kNeeds()).has_value());
  }

  TEST_CASE("a default capacity beyond what is available shrinks to it; a given one is refused") {
    static constexpr Bytes kAvailable = 1_MiB;
    const MemoryKind scarce{
        .scheme = "local",
        .device_memory = false,
        .room = [] { return Result<MemoryRoom>(MemoryRoom{.preset = 1_GiB, .available = kAvailable, .device = {}}); },
        .make_arena = make_host_arena};
    const auto start = [&](const Options& options, const Needs& needs) {
      BackendSpec spec;
      spec.options = *OptionValues::check("local", kLocalRow.options, options);
      auto backend = *MemoryBackend::make(scarce, spec);
      const auto started = backend->start(needs);
      return started ? Result<Bytes>(*backend->capabilities().capacity) : error(started);
    };
    Needs needs = Memory::kNeeds();
    CHECK(start({}, needs).value() == kAvailable);
    needs.replay_bytes = 1 << 18;
    CHECK(start({}, needs).value() == Bytes(3 << 18));
    CHECK(start({{"capacity", "2MiB"}}, needs).error().message.find("only 1.0 MiB of memory are available") !=
          std::string::npos);
    needs.max_body_bytes = needs.max_block_bytes = 1 << 20;
    const auto none = start({}, needs);
    REQUIRE_FALSE(none.has_value());
    CHECK(none.error().message.find("holds not one block") != std::string::npos);
    CHECK(none.error().hint.find("only 1.0 MiB of memory are available") == 0);
  }

  TEST_CASE("local: is no device memory, and its default capacity is said") {
    const Memory memory(Options{});
    CHECK_FALSE(memory.backend->capabilities().remote);
    CHECK_FALSE(memory.backend->capabilities().device_memory);
    CHECK(memory.backend->capabilities().capacity->count() > (1 << 20));
    CHECK(blocks(3).backend->capabilities().capacity->count() == 3 * 2 * 4096);
  }
}

TEST_SUITE("device") {
  TEST_CASE("device: keeps blocks like local:, where the engine wants them") {
    if (!torch_module()) {
      const auto failed = (*make(kDeviceRow, {}))->start(Memory::kNeeds());
      REQUIRE_FALSE(failed.has_value());
      CHECK(failed.error().code == Code::unavailable);
      MESSAGE("left out: " << failed.error().message);
      return;
    }
    const Memory memory(Options{{"capacity_blocks", "3"}}, kDeviceRow);
    const auto session = memory.open();
    CHECK(memory.backend->capabilities().device_memory);
    CHECK(memory.backend->capabilities().device.substr(0, 1) == "c");  // cpu or cuda:0
    run(*session, {1, 2, 3});
    run(*session, {9});
    CHECK(run(*session, {1, 2, 3}).hits == 2);
    CHECK(*memory.stats().evictions == 2);
  }
}
