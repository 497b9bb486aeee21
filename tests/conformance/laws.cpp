#include "conformance/laws.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "base/random.hpp"
#include "conformance/drive.hpp"

namespace kv::test {
namespace {

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

void nothing_is_stored_or_found(const Subject& subject) {
  const auto backend = started(subject, 2, kSmall);
  const auto session = opened(*backend);
  CHECK(store(*session, {1, 2}, 2, kSmall) == 0);
  CHECK(present(*session, {1, 2}) == std::vector<bool>(2, false));
  CHECK_FALSE(fetch(*session, 1, 2, kSmall));

  Lease lease = look(*session, {1});
  Bytes1 unwanted = value(1, 0, 1);
  const Op put = op(Op::Kind::put, 0, 0, unwanted);
  const auto done = run(*session, lease, std::span(&put, 1));
  REQUIRE(done.size() == 1);
  CHECK(done[0].outcome == Done::Outcome::skipped);
  session->finish(lease);

  const auto stats = *backend->stats();
  CHECK(stats.insertions == 0);
  CHECK(stats.wire_out_bytes == 0);
  CHECK(backend->clear().has_value());
  CHECK(backend->server().name.empty());
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
    CHECK(out <= 2 * (ValueHeader::kBytes + kBytes + 500 + 150 * subject.more_chunks));
    CHECK(in >= ValueHeader::kBytes + kBytes);
    CHECK(in <= ValueHeader::kBytes + kBytes + 150 + 10 * subject.more_chunks);
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

struct Law {
  enum class Of { all, stores, stores_not };
  const char* name;
  Of of;
  void (*holds)(const Subject& subject);
};

constexpr Law kLaws[] = {
    {"what was not stored is a miss", Law::Of::all, what_was_not_stored_is_a_miss},
    {"leases are reused and may be empty", Law::Of::all, leases_are_reused_and_may_be_empty},
    {"nothing is stored or found", Law::Of::stores_not, nothing_is_stored_or_found},
    {"values of 1 byte to 17 MiB come back as they were", Law::Of::stores, values_come_back},
    {"a value shorter than its room says its length", Law::Of::stores, a_shorter_value_says_its_length},
    {"blocks that are present are not wanted again", Law::Of::stores, present_blocks_are_not_wanted_again},
    {"a block without all its parts is not there", Law::Of::stores, a_block_without_all_its_parts_is_not_there},
    {"a hit ends at the first hole", Law::Of::stores, a_hit_ends_at_the_first_hole},
    {"key spaces are kept apart", Law::Of::stores, spaces_are_kept_apart},
    {"clear empties, and starts the counts over", Law::Of::stores, clear_empties_and_starts_the_counts_over},
    {"bytes through sockets are counted", Law::Of::stores, bytes_through_sockets_are_counted},
    {"many sessions share a backend", Law::Of::stores, many_sessions_share_a_backend},
};

}  // namespace

void keeps_the_laws(const Subject& subject) {
  for (const Law& law : kLaws) {
    if (law.of != Law::Of::all && (law.of == Law::Of::stores) != subject.stores) continue;
    INFO("law: " << law.name);
    law.holds(subject);
  }
}

}  // namespace kv::test
