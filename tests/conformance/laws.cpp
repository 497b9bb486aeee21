#include "conformance/laws.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "backend/registry.hpp"
#include "base/random.hpp"

namespace kv::test {
namespace {

constexpr std::uint64_t kSpace = 0xfeed;
constexpr std::size_t kSmall = 4096;
using Bytes1 = std::vector<std::byte>;

/// Header and body of a part, told apart from every other's.
Bytes1 value(std::uint64_t block, std::uint32_t part, std::size_t body_bytes) {
  Bytes1 out(ValueHeader::kBytes + body_bytes);
  Random random(mix64(mix64(block, part), body_bytes));
  std::size_t at = 0;
  for (; at + 8 <= out.size(); at += 8) {
    const std::uint64_t word = random.next();
    std::memcpy(out.data() + at, &word, 8);
  }
  for (; at < out.size(); ++at) out[at] = static_cast<std::byte>(random.next());
  return out;
}

Op op(Op::Kind kind, std::uint32_t block, std::uint32_t part, Bytes1& bytes) {
  return {kind, block, part, std::span(bytes).first(ValueHeader::kBytes),
          std::span(bytes).subspan(ValueHeader::kBytes)};
}

std::vector<Done> run(Session& session, const Lease& lease, std::span<const Op> batch) {
  std::vector<Done> done;
  const TimePoint deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  session.submit(lease, batch, deadline);
  while (done.size() < batch.size() && std::chrono::steady_clock::now() < deadline) session.poll(done, deadline);
  return done;
}

std::unique_ptr<Backend> started(const Subject& subject, std::uint32_t parts, std::size_t bytes) {
  auto backend = subject.make();
  const auto ok = backend->start(needs(parts, bytes));
  INFO((ok ? "" : ok.error().message));
  REQUIRE(ok.has_value());
  return backend;
}

std::unique_ptr<Session> opened(Backend& backend) {
  auto session = backend.open();
  INFO((session ? "" : session.error().message));
  REQUIRE(session.has_value());
  return std::move(*session);
}

std::vector<bool> present(Session& session, const std::vector<std::uint64_t>& blocks) {
  Lease lease = look(session, blocks);
  session.finish(lease);
  return lease.present;
}

void values_come_back(const Subject& subject) {
  for (const std::size_t bytes : {std::size_t{1}, kSmall, std::size_t{1} << 20, std::size_t{17} << 20}) {
    CAPTURE(bytes);
    constexpr std::uint32_t kParts = 3;
    const auto backend = started(subject, kParts, bytes);
    const auto session = opened(*backend);
    CHECK(store(*session, {1, 2}, kParts, bytes) == 2 * kParts);
    CHECK(present(*session, {1, 2}) == std::vector<bool>{true, true});
    CHECK(fetch(*session, 2, kParts, bytes));
    CHECK(fetch(*session, 1, kParts, bytes));
    CHECK(backend->clear().has_value());
  }
}

void what_was_not_stored_is_a_miss(const Subject& subject) {
  const auto backend = started(subject, 1, kSmall);
  const auto session = opened(*backend);
  Lease lease = look(*session, {1});
  CHECK(lease.leading == 0);
  Bytes1 into(ValueHeader::kBytes + kSmall);
  const Op get = op(Op::Kind::get, 0, 0, into);
  const auto done = run(*session, lease, std::span(&get, 1));
  REQUIRE(done.size() == 1);
  CHECK(done[0].outcome == Done::Outcome::miss);
  session->finish(lease);
}

void a_shorter_value_says_its_length(const Subject& subject) {
  const auto backend = started(subject, 1, kSmall);
  const auto session = opened(*backend);
  REQUIRE(store(*session, {1}, 1, 100) == 1);
  Lease lease = look(*session, {1}, kSmall);
  Bytes1 into(ValueHeader::kBytes + kSmall);
  const Op get = op(Op::Kind::get, 0, 0, into);
  const auto done = run(*session, lease, std::span(&get, 1));
  REQUIRE(done.size() == 1);
  CHECK(done[0].outcome == Done::Outcome::hit);
  CHECK(done[0].body_bytes == 100);
  const Bytes1 written = value(1, 0, 100);
  CHECK(std::equal(written.begin(), written.end(), into.begin()));
  session->finish(lease);
}

void present_blocks_are_not_wanted_again(const Subject& subject) {
  const auto backend = started(subject, 2, kSmall);
  const auto session = opened(*backend);
  REQUIRE(store(*session, {1, 2}, 2, kSmall) == 4);
  Lease lease = look(*session, {1, 2, 3}, 2 * kSmall);
  std::vector<bool> accepted;
  session->admit(lease, accepted);
  CHECK(accepted == std::vector<bool>{false, false, true});
  session->finish(lease);
  CHECK(backend->stats()->insertions == 2);
}

void a_block_without_all_its_parts_is_not_there(const Subject& subject) {
  const auto backend = started(subject, 2, kSmall);
  const auto session = opened(*backend);
  Lease lease = look(*session, {1}, 2 * kSmall);
  std::vector<bool> accepted;
  session->admit(lease, accepted);
  REQUIRE(accepted == std::vector<bool>{true});
  Bytes1 half = value(1, 0, kSmall);
  const Op put = op(Op::Kind::put, 0, 0, half);
  REQUIRE(run(*session, lease, std::span(&put, 1))[0].outcome == Done::Outcome::stored);
  session->finish(lease);
  CHECK(present(*session, {1}) == std::vector<bool>{false});
  CHECK(backend->stats()->insertions == 0);
  CHECK(store(*session, {1}, 2, kSmall) == 2);
  CHECK(fetch(*session, 1, 2, kSmall));
  CHECK(backend->stats()->insertions == 1);
}

void a_hit_ends_at_the_first_hole(const Subject& subject) {
  const auto backend = started(subject, 1, kSmall);
  const auto session = opened(*backend);
  REQUIRE(store(*session, {1, 3, 4}, 1, kSmall) == 3);
  Lease lease = look(*session, {1, 2, 3, 4});
  CHECK(lease.present == std::vector<bool>{true, false, true, true});
  CHECK(lease.leading == 1);
  session->finish(lease);
  lease = look(*session, {3, 4, 1});
  CHECK(lease.leading == 3);
  session->finish(lease);
  lease = look(*session, {2, 1});
  CHECK(lease.leading == 0);
  session->finish(lease);
}

void leases_are_reused_and_may_be_empty(const Subject& subject) {
  const auto backend = started(subject, 1, kSmall);
  const auto session = opened(*backend);
  Lease lease;
  std::vector<bool> accepted{true};
  for (std::uint64_t blocks = 0; blocks < 5; ++blocks) {
    std::vector<BlockRef> refs;
    for (std::uint64_t b = 0; b < blocks; ++b) refs.push_back({{kSpace, b}, ValueHeader::kBytes + kSmall});
    REQUIRE(session->acquire(refs, lease).has_value());
    CHECK(lease.blocks.size() == blocks);
    CHECK(lease.present.size() == blocks);
    CHECK(lease.leading == 0);
    session->admit(lease, accepted);
    CHECK(accepted.size() == blocks);
    CHECK(run(*session, lease, {}).empty());
    session->finish(lease);  // accepted, but never put: given up
  }
  CHECK(present(*session, {0, 1, 2, 3}) == std::vector<bool>(4, false));
}

void spaces_are_kept_apart(const Subject& subject) {
  const auto backend = started(subject, 1, kSmall);
  const auto session = opened(*backend);
  REQUIRE(store(*session, {1}, 1, kSmall) == 1);
  const std::vector<BlockRef> elsewhere{{{kSpace + 1, 1}, kSmall}};
  Lease lease;
  REQUIRE(session->acquire(elsewhere, lease).has_value());
  CHECK(lease.leading == 0);
  session->finish(lease);
}

void clear_empties_and_starts_the_counts_over(const Subject& subject) {
  const auto backend = started(subject, 2, kSmall);
  for (int round = 0; round < 2; ++round) {
    const auto session = opened(*backend);
    REQUIRE(store(*session, {1, 2, 3}, 2, kSmall) == 6);
    CHECK(backend->stats()->insertions == 3);
    const auto cleared = backend->clear();
    INFO((cleared ? "" : cleared.error().message));
    CHECK(cleared.has_value());
    CHECK(present(*session, {1, 2, 3}) == std::vector<bool>(3, false));
    CHECK(backend->stats()->insertions == 0);
  }
}

void bytes_through_sockets_are_counted(const Subject& subject) {
  constexpr std::size_t kBytes = 100'000;
  const auto backend = started(subject, 1, kBytes);
  const auto session = opened(*backend);
  const auto before = *backend->stats();
  REQUIRE(store(*session, {1, 2}, 1, kBytes) == 2);
  const auto stored = *backend->stats();
  REQUIRE(fetch(*session, 1, 1, kBytes));
  const auto fetched = *backend->stats();
  const std::uint64_t out = stored.wire_out_bytes - before.wire_out_bytes;
  const std::uint64_t in = fetched.wire_in_bytes - stored.wire_in_bytes;
  if (subject.remote) {
    CHECK(out >= 2 * (ValueHeader::kBytes + kBytes));
    CHECK(out <= 2 * (ValueHeader::kBytes + kBytes + 500));
    CHECK(in >= ValueHeader::kBytes + kBytes);
    CHECK(in <= ValueHeader::kBytes + kBytes + 100);
  } else {
    CHECK(out == 0);
    CHECK(in == 0);
  }
  CHECK(backend->capabilities().remote == subject.remote);
}

/// Every worker stores and fetches overlapping prefixes; a hit must bring the bytes that belong to its key.
void many_sessions_share_a_backend(const Subject& subject) {
  constexpr std::uint32_t kParts = 2;
  const auto backend = started(subject, kParts, kSmall);
  std::atomic<int> wrong = 0, hits = 0;
  std::vector<std::thread> workers;
  std::vector<std::unique_ptr<Session>> sessions;
  for (int w = 0; w < 4; ++w) sessions.push_back(opened(*backend));
  for (std::uint64_t w = 0; w < sessions.size(); ++w) {
    workers.emplace_back([&, w] {
      Session& session = *sessions[w];
      Random random(w);
      Lease lease;
      std::vector<bool> accepted;
      for (int request = 0; request < 60; ++request) {
        const std::uint64_t first = random.below(20);
        std::vector<BlockRef> refs;
        for (std::uint64_t b = first; b < first + 8; ++b) refs.push_back({{kSpace, b}, kParts * kSmall});
        if (!session.acquire(refs, lease)) ++wrong;
        std::vector<Bytes1> buffers;
        std::vector<Op> ops;
        buffers.reserve(refs.size() * kParts);
        for (std::uint32_t b = 0; b < lease.leading; ++b) {
          for (std::uint32_t part = 0; part < kParts; ++part) {
            ops.push_back(op(Op::Kind::get, b, part, buffers.emplace_back(ValueHeader::kBytes + kSmall)));
          }
        }
        for (const Done& done : run(session, lease, ops)) {
          hits += done.outcome == Done::Outcome::hit;
          const bool right = buffers[done.op] == value(first + ops[done.op].block, ops[done.op].part, kSmall);
          wrong += done.outcome == Done::Outcome::hit ? !right : done.outcome != Done::Outcome::miss;
        }
        session.admit(lease, accepted);
        buffers.clear();
        ops.clear();
        for (std::uint32_t b = 0; b < refs.size(); ++b) {
          for (std::uint32_t part = 0; accepted[b] && part < kParts; ++part) {
            ops.push_back(op(Op::Kind::put, b, part, buffers.emplace_back(value(first + b, part, kSmall))));
          }
        }
        for (const Done& done : run(session, lease, ops)) {
          wrong += done.outcome != Done::Outcome::stored && done.outcome != Done::Outcome::skipped;
        }
        session.finish(lease);
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  CHECK(wrong == 0);
  CHECK(hits > 0);
  CHECK(backend->stats()->insertions >= 27);
  CHECK(backend->clear().has_value());
  CHECK(present(*sessions[0], {0, 9, 26}) == std::vector<bool>(3, false));
}

}  // namespace

std::unique_ptr<Backend> make(const std::string& spec) {
  const auto parsed = parse_backend(spec);
  INFO(spec << ": " << (parsed ? "" : parsed.error().message));
  REQUIRE(parsed.has_value());
  auto backend = make_backend(*parsed);
  INFO((backend ? "" : backend.error().message));
  REQUIRE(backend.has_value());
  return std::move(*backend);
}

Needs needs(std::uint32_t parts, std::size_t max_body_bytes) {
  return {"conformance", parts, max_body_bytes, parts * max_body_bytes, 1000};
}

Lease look(Session& session, const std::vector<std::uint64_t>& blocks, std::size_t bytes) {
  std::vector<BlockRef> refs;
  for (const std::uint64_t block : blocks) refs.push_back({{kSpace, block}, bytes});
  Lease lease;
  const auto ok = session.acquire(refs, lease);
  INFO((ok ? "" : ok.error().message));
  CHECK(ok.has_value());
  return lease;
}

std::size_t store(Session& session, const std::vector<std::uint64_t>& blocks, std::uint32_t parts, std::size_t bytes) {
  Lease lease = look(session, blocks, parts * bytes);
  std::vector<bool> accepted;
  session.admit(lease, accepted);
  std::vector<Bytes1> values;
  std::vector<Op> ops;
  values.reserve(blocks.size() * parts);
  for (std::uint32_t b = 0; b < blocks.size(); ++b) {
    for (std::uint32_t part = 0; accepted[b] && part < parts; ++part) {
      ops.push_back(op(Op::Kind::put, b, part, values.emplace_back(value(blocks[b], part, bytes))));
    }
  }
  std::size_t stored = 0;
  for (const Done& done : run(session, lease, ops)) {
    INFO(done.error);
    CHECK((done.outcome == Done::Outcome::stored || done.outcome == Done::Outcome::skipped));
    stored += done.outcome == Done::Outcome::stored;
  }
  session.finish(lease);
  return stored;
}

bool fetch(Session& session, std::uint64_t block, std::uint32_t parts, std::size_t bytes) {
  Lease lease = look(session, {block}, parts * bytes);
  std::vector<Bytes1> values(parts, Bytes1(ValueHeader::kBytes + bytes));
  std::vector<Op> ops;
  for (std::uint32_t part = 0; part < parts; ++part) ops.push_back(op(Op::Kind::get, 0, part, values[part]));
  const auto done = run(session, lease, ops);
  session.finish(lease);
  bool right = done.size() == parts;
  for (const Done& one : done) {
    right = right && one.outcome == Done::Outcome::hit && one.body_bytes == bytes;
    right = right && values[one.op] == value(block, one.op, bytes);
  }
  return right;
}

void keeps_the_laws(const Subject& subject) {
  SUBCASE("values of 1 byte to 17 MiB come back as they were") { values_come_back(subject); }
  SUBCASE("what was not stored is a miss") { what_was_not_stored_is_a_miss(subject); }
  SUBCASE("a value shorter than its room says its length") { a_shorter_value_says_its_length(subject); }
  SUBCASE("blocks that are present are not wanted again") { present_blocks_are_not_wanted_again(subject); }
  SUBCASE("a block without all its parts is not there") { a_block_without_all_its_parts_is_not_there(subject); }
  SUBCASE("a hit ends at the first hole") { a_hit_ends_at_the_first_hole(subject); }
  SUBCASE("leases are reused and may be empty") { leases_are_reused_and_may_be_empty(subject); }
  SUBCASE("key spaces are kept apart") { spaces_are_kept_apart(subject); }
  SUBCASE("clear empties, and starts the counts over") { clear_empties_and_starts_the_counts_over(subject); }
  SUBCASE("bytes through sockets are counted") { bytes_through_sockets_are_counted(subject); }
  SUBCASE("many sessions share a backend") { many_sessions_share_a_backend(subject); }
}

void stays_within_capacity(Backend& backend, std::size_t block_bytes, Bytes capacity) {
  const auto ok = backend.start(needs(1, block_bytes));
  INFO((ok ? "" : ok.error().message));
  REQUIRE(ok.has_value());
  const auto session = opened(backend);
  std::size_t stored = 0;
  for (std::uint64_t block = 0; block < 100; ++block) {
    stored += store(*session, {block}, 1, block_bytes);
    const auto stats = backend.stats();
    REQUIRE(stats.has_value());
    CHECK(stats->used.value_or(Bytes(0)) <= capacity);
  }
  CHECK(stored == 100);
  const auto stats = *backend.stats();
  CHECK(stats.insertions == 100);
  REQUIRE(stats.evictions.has_value());
  CHECK(*stats.evictions >= 50);
  std::size_t left = 0;
  for (std::uint64_t block = 0; block < 100; ++block) left += present(*session, {block})[0];
  CHECK(left == 100 - *stats.evictions);
  CHECK(fetch(*session, 99, 1, block_bytes));
}

}  // namespace kv::test
