#include "conformance/drive.hpp"

#include <doctest/doctest.h>

#include <cstring>

#include "backend/registry.hpp"
#include "base/random.hpp"

namespace kv::test {

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
    // A session need not hash what it reads, but if it does it must be right.
    const auto body = std::as_bytes(std::span(values[one.op])).subspan(ValueHeader::kBytes);
    right = right && one.body_xxh3.value_or(body_checksum(body)) == body_checksum(body);
  }
  return right;
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
  // A server evicts values, of which a block has several, so how many blocks that were it cannot tell.
  if (!backend.capabilities().remote) REQUIRE(stats.evictions.has_value());
  std::size_t left = 0, whole = 0;
  for (std::uint64_t block = 0; block < 100; ++block) left += present(*session, {block})[0];
  if (stats.evictions) CHECK(left == 100 - *stats.evictions);
  for (std::uint64_t block = 0; block < 100; ++block) whole += fetch(*session, block, 1, block_bytes);
  CHECK(whole <= 50);
  CHECK(whole <= left);
  CHECK(fetch(*session, 99, 1, block_bytes));
}

}  // namespace kv::test
