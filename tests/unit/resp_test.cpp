#include <doctest/doctest.h>
#include <fmt/format.h>
#include <hiredis/hiredis.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <thread>

#include "backend/resp/command.hpp"
#include "backend/resp/reply.hpp"
#include "backend/resp/server_info.hpp"
#include "backend/resp/session.hpp"
#include "support/fake_server.hpp"

using namespace kv;
using namespace kv::resp;
using kv::test::FakeServer;
using SteadyClock = std::chrono::steady_clock;

namespace {

/// A reader that is fed by hand, `step` bytes at a time.
struct Fed {
  ReplyReader reader;
  std::string header = std::string(4, '.'), body = std::string(8, '.');

  Expected value() {
    return {Expected::Kind::value, std::as_writable_bytes(std::span(header)), std::as_writable_bytes(std::span(body))};
  }

  Result<bool> feed(std::string_view bytes, std::size_t step = 1 << 20) {
    Result<bool> complete = reader.advance();
    while (complete && !*complete && !bytes.empty()) {
      std::array<iovec, 3> pieces;
      std::size_t given = 0;
      for (const iovec& piece : std::span(pieces).first(reader.room(pieces))) {
        const std::size_t n = std::min({piece.iov_len, bytes.size(), step - given});
        std::memcpy(piece.iov_base, bytes.data(), n);
        bytes.remove_prefix(n);
        given += n;
      }
      reader.filled(given);
      complete = reader.advance();
    }
    return complete;
  }

  const Reply& read(std::string_view bytes, const Expected& expected, std::size_t step = 1 << 20) {
    reader.expect(expected, nullptr);
    const auto complete = feed(bytes, step);
    INFO(bytes.substr(0, 60) << ": " << (complete ? "incomplete" : complete.error().message));
    REQUIRE(complete.value_or(false));
    return reader.reply();
  }
};

constexpr Expected kLine{};
constexpr Expected kText{Expected::Kind::text, {}, {}};

bool is_broken(std::string_view bytes, const Expected& expected) {
  Fed fed;
  fed.reader.expect(expected, nullptr);
  const auto complete = fed.feed(bytes);
  INFO(bytes.substr(0, 60));
  if (!complete) CHECK(complete.error().code == Code::io);
  return !complete.has_value();
}

std::string by_hiredis(const std::vector<std::string>& words) {
  std::vector<const char*> argv;
  std::vector<std::size_t> lengths;
  for (const std::string& word : words) {
    argv.push_back(word.data());
    lengths.push_back(word.size());
  }
  char* text = nullptr;
  const auto size = redisFormatCommandArgv(&text, static_cast<int>(argv.size()), argv.data(), lengths.data());
  std::string out(text, static_cast<std::size_t>(size));
  redisFreeCommand(text);
  return out;
}

}  // namespace

TEST_SUITE("resp replies") {
  TEST_CASE("commands are what hiredis formats") {
    for (const std::vector<std::string>& words : {std::vector<std::string>{"PING"},
                                                  {"GET", "key"},
                                                  {"SET", "", std::string("\0\r\n", 3)},
                                                  {"EXISTS", std::string(1000, 'k'), "b"}}) {
      std::string ours;
      append_command(ours, std::vector<std::string_view>(words.begin(), words.end()));
      CHECK(ours == by_hiredis(words));
    }
    for (const bool expires : {false, true}) {
      std::vector<std::string> words{"SET", "key", "value"};
      if (expires) words.insert(words.end(), {"PX", "1500"});
      const SetCommand set(expires ? std::optional<Duration>(std::chrono::milliseconds(1500)) : std::nullopt);
      std::string ours;
      set.append_head(ours, "key", 5);
      ours += "value";
      ours += set.tail();
      CHECK(ours == by_hiredis(words));
    }
  }

  TEST_CASE("a reply means the same however its bytes arrive") {
    for (std::size_t step = 1; step < 40; ++step) {
      CAPTURE(step);
      Fed fed;
      CHECK(fed.read("+OK\r\n", kLine, step).text == "OK");
      CHECK(fed.read(":-12\r\n", kLine, step).integer == -12);
      CHECK(fed.read("$-1\r\n", fed.value(), step).kind == Reply::Kind::nil);
      CHECK(fed.read("-OOM full\r\n", fed.value(), step).text == "OOM full");

      const Reply value = fed.read("$12\r\nhead01234567\r\n", fed.value(), step);
      CHECK(value.kind == Reply::Kind::value);
      CHECK(value.bytes == 12);
      CHECK(fed.header == "head");
      CHECK(fed.body == "01234567");

      CHECK(fed.read("$6\r\nHEADab\r\n", fed.value(), step).bytes == 6);
      CHECK(fed.header == "HEAD");
      CHECK(fed.body == "ab234567");

      const Reply list = fed.read("*3\r\n$1\r\na\r\n:5\r\n*1\r\n$-1\r\n", kText, step);
      CHECK(list.items == std::vector<std::string>{"a", "5", ""});
      CHECK(fed.read("$4\r\na\r\nb\r\n", kText, step).text == "a\r\nb");
      CHECK(fed.reader.buffered() == 0);
    }
  }

  TEST_CASE("a value that does not fit is read past, and the next reply is found") {
    for (const std::size_t step : {1, 2, 3, 7, 1000}) {
      Fed fed;
      const Reply wide = fed.read("$13\r\n0123456789abc\r\n", fed.value(), step);
      CHECK(wide.kind == Reply::Kind::misfit);
      CHECK(wide.bytes == 13);
      CHECK(fed.read("$3\r\nabc\r\n", fed.value(), step).kind == Reply::Kind::misfit);
      CHECK(fed.read("$0\r\n\r\n", fed.value(), step).kind == Reply::Kind::misfit);
      CHECK(fed.read("+OK\r\n", kLine, step).kind == Reply::Kind::status);
      CHECK(fed.header + fed.body == "............");
    }
  }

  TEST_CASE("a large value goes to its span and nowhere else, whatever length was guessed") {
    for (const std::size_t bytes : {std::size_t{100'000}, std::size_t{99'999}, std::size_t{9}, std::size_t{4}}) {
      Fed fed;
      fed.body.assign(99'996, '.');
      std::string wire(bytes, 'v');
      const Expected next = fed.value();
      fed.reader.expect(next, &next);
      const std::string text = "$" + std::to_string(bytes) + "\r\n" + wire + "\r\n";
      REQUIRE(fed.feed(text).value_or(false));
      CHECK(fed.reader.reply().bytes == bytes);
      CHECK(fed.header == "vvvv");
      CHECK(std::count(fed.body.begin(), fed.body.end(), 'v') == static_cast<std::ptrdiff_t>(bytes - 4));
    }
  }

  TEST_CASE("what is not RESP, or beyond bounds, is an error before it takes memory or time") {
    Fed fed;
    const std::string long_line(kMaxLineBytes + 10, 'x');
    for (const Expected& expected : {kLine, fed.value(), kText}) {
      for (const std::string_view bad :
           {"\r\n", "\n", "x\n", "HTTP/1.1 400 Bad Request\r\n", "$2000000000\r\n", "$99999999999999999999\r\n",
            "$-2\r\n", "$1x\r\n", "$\r\n", "$ 1\r\n", "*2000000000\r\n", "*-2\r\n", ":1x\r\n", "+OK\n", "$+1\r\n"}) {
        CHECK(is_broken(bad, expected));
      }
      for (const std::string_view resp3 : {"%1\r\n", "_\r\n"})
        CHECK((HIREDIS_MAJOR >= 1 || is_broken(resp3, expected)));
      CHECK(is_broken("+" + long_line, expected));
      CHECK(is_broken("$" + long_line, expected));
    }
    CHECK(is_broken("$12\r\nhead01234567xx", fed.value()));
    CHECK(is_broken("*1\r\n", kLine));
    CHECK(is_broken("$5\r\nhello\r\n", kLine));
    CHECK(is_broken("$" + std::to_string(kMaxTextBytes + 1) + "\r\n", kText));
    std::string nested;
    for (std::size_t i = 0; i < 2 * kMaxListItems; ++i) nested += "*1\r\n";
    CHECK(is_broken(nested, kText));
    std::string wide = "*1000\r\n";
    for (int i = 0; i < 1000; ++i) wide += "$1000\r\n" + std::string(1000, 'x') + "\r\n";
    CHECK(is_broken(wide, kText));
  }

#if HIREDIS_MAJOR >= 1
  TEST_CASE("RESP3: a nil is a miss, and a map is a list of names and values") {
    for (std::size_t step = 1; step < 20; ++step) {
      Fed fed;
      CHECK(fed.read("_\r\n", fed.value(), step).kind == Reply::Kind::nil);
      CHECK(fed.read("%1\r\n+proto\r\n:3\r\n", kText, step).items == std::vector<std::string>{"proto", "3"});
    }
    CHECK(is_broken("%2000000000\r\n", kText));
    CHECK(is_broken("_x\r\n", kText));
  }
#endif

  TEST_CASE("the server's words are made fit for a terminal") {
    CHECK(printable("ERR \x1b[31mred\r\n") == "ERR ?[31mred??");
    CHECK(printable(std::string(500, 'x')).size() == 200);
    CHECK(refusal("NOAUTH Authentication required.").hint.find("KVKIT_REDIS_PASSWORD") != std::string::npos);
    CHECK(refusal("NOPERM no").hint.find("KVKIT_REDIS_USER") != std::string::npos);
    CHECK(refusal("ERR something new").hint.empty());
  }

  TEST_CASE("servers are told apart by what INFO says, and what it does not say stays unknown") {
    const ServerInfo redis = recognise(parse_info(
        "# Server\r\nredis_version:7.0.15\r\nexecutable:/usr/bin/redis-server\r\n# Memory\r\nmaxmemory:1048576\r\n"
        "maxmemory_policy:allkeys-lru\r\nmem_allocator:jemalloc-5.3.0\r\n"));
    CHECK(redis.name == "redis");
    CHECK(redis.version == "7.0.15");
    CHECK(redis.allocator == "jemalloc-5.3.0");
    CHECK(redis.eviction_policy == "allkeys-lru");
    CHECK(redis.max_memory == 1_MiB);
    CHECK_FALSE(redis.io_threads.has_value());
    CHECK_FALSE(redis.persistence.has_value());

    const ServerInfo valkey =
        recognise(parse_info("redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.0.1\r\n"));
    CHECK(valkey.name == "valkey");
    CHECK(valkey.version == "8.0.1");

    // As Dragonfly 1.40.1 answered: no allocator line.
    const ServerInfo dragonfly = recognise(
        parse_info("# Server\r\nredis_version:7.4.0\r\ndragonfly_version:df-v1.40.1\r\nthread_count:2\r\n# Memory\r\n"
                   "maxmemory:2147483648\r\ncache_mode:store\r\nmaxmemory_policy:noeviction\r\n"));
    CHECK(dragonfly.name == "dragonfly");
    CHECK(dragonfly.version == "1.40.1");
    CHECK(dragonfly.io_threads == 2);
    CHECK_FALSE(dragonfly.allocator.has_value());
    CHECK(dragonfly.eviction_policy == "noeviction");

    CHECK(recognise(parse_info("redis_version:6.3.4\r\n# KeyDB\r\nmvcc_depth:0\r\n")).name == "keydb");
    CHECK(recognise(parse_info("")).name.empty());
    CHECK_FALSE(recognise(parse_info("redis_version:7\r\nmaxmemory:0\r\n")).max_memory.has_value());
    CHECK(recognise(parse_info("redis_version:\x1b[31m\r\n")).version == "?[31m");
  }

  TEST_CASE("waiting doubles from 50 ms to 2 s, halved at most, and starts over after success") {
    Backoff backoff(1);
    const TimePoint now{};
    double expected_ms = 50;
    for (int i = 0; i < 10; ++i) {
      backoff.failed(now);
      const double ms = seconds(backoff.until() - now) * 1e3;
      CHECK(ms >= expected_ms / 2 - 0.001);
      CHECK(ms <= expected_ms + 0.001);
      expected_ms = std::min(2 * expected_ms, 2000.0);
    }
    backoff.succeeded();
    backoff.failed(now);
    CHECK(backoff.until() - now <= std::chrono::milliseconds(50));
  }

  TEST_CASE("a log of written keys forgets no key and keeps no repeats") {
    KeyLog log;
    for (int round = 0; round < 50; ++round) {
      for (std::uint64_t block = 0; block < 1000; ++block) log.add({7, block});
    }
    log.add({8, 3});
    CHECK(log.keys().size() == 1001);
    CHECK(log.keys().front() == Key{7, 0});
    CHECK(log.keys().back() == Key{8, 3});
    log.clear();
    CHECK(log.keys().empty());
  }
}

namespace {

constexpr std::size_t kHeader = ValueHeader::kBytes;

/// The manifest of a block whose one part has this header and a body of so many bytes, as a reply.
std::string manifest_reply(const std::string& header, std::uint64_t body_bytes) {
  std::vector<std::byte> bytes(Manifest::bytes(1));
  Manifest::begin(bytes, 1, kDefaultChunkBytes);
  Manifest::set(bytes, 0, std::as_bytes(std::span(header)), body_bytes);
  Manifest::seal(bytes);
  return fmt::format("${}\r\n{}\r\n", bytes.size(),
                     std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

const std::string kHead(kHeader, 'h');
const std::string kThere = manifest_reply(kHead, 8);                                // of a body of 8 bytes
const std::string kLookup = "kvkit:t:1:1\r\n", kSecondGet = "kvkit:t:1:1:0:0\r\n";  // how two lookups, two GETs end
const auto kBothThere = std::vector{FakeServer::reads(kLookup), FakeServer::sends(kThere + kThere)};

/// `rest` behind the lookup of both blocks.
FakeServer::Script after_lookup(const std::vector<FakeServer::Step>& rest) {
  FakeServer::Script script = kBothThere;
  script.insert(script.end(), rest.begin(), rest.end());
  return script;
}

/// A session with a scripted server, and room for two bodies of at most 8 bytes.
struct Dialogue {
  std::atomic<bool> stop = false;
  FakeServer server;
  std::shared_ptr<Common> common;
  std::unique_ptr<RespSession> session;
  const std::vector<BlockRef> blocks{{{1, 0}, 8}, {{1, 1}, 8}};
  Lease lease;
  std::string header = std::string(2 * kHeader, '.'), body = std::string(16, '.');

  explicit Dialogue(std::vector<FakeServer::Script> scripts, Duration timeout = std::chrono::seconds(10),
                    std::uint32_t connections = 1)
      : server(std::move(scripts)) {
    Endpoint endpoint = server.endpoint();
    endpoint.stop = &stop;
    common.reset(new Common{endpoint, KeyNames("t"), 1, TtlCommands(), timeout});
    common->connections = common->get_connections = connections;
    auto opened = RespSession::open(common);
    REQUIRE(opened.has_value());
    session = std::move(*opened);
    lease.blocks = blocks;
  }

  std::vector<Op> ops(Op::Kind kind) {
    std::vector<Op> out;
    for (std::uint32_t i = 0; i < 2; ++i) {
      out.push_back({kind, i, 0, std::as_writable_bytes(std::span(header).subspan(i * kHeader, kHeader)),
                     std::as_writable_bytes(std::span(body).subspan(i * 8, 8))});
    }
    return out;
  }

  std::vector<Done> move(Op::Kind kind) {
    const std::vector<Op> batch = ops(kind);
    std::vector<Done> done;
    const TimePoint deadline = SteadyClock::now() + std::chrono::seconds(30);
    session->submit(lease, batch, deadline);
    while (done.size() < batch.size()) session->poll(done, deadline);
    std::sort(done.begin(), done.end(), [](const Done& a, const Done& b) { return a.op < b.op; });
    CHECK(done.size() == 2);
    for (std::uint32_t i = 0; i < done.size(); ++i) CHECK(done[i].op == i);
    return done;
  }

  std::vector<Done> get() { return move(Op::Kind::get); }
  void look_up() {
    const auto found = session->acquire(blocks, lease);
    INFO((found ? "" : found.error().message));
    REQUIRE(found.has_value());
  }
};

std::vector<FakeServer::Script> answering(std::string text) {
  return {after_lookup({FakeServer::reads(kSecondGet), FakeServer::sends(std::move(text))})};
}

}  // namespace

TEST_SUITE("resp client") {
  TEST_CASE("chunks, misses, misfits, errors and wrong types are told apart in one batch") {
    const std::pair<std::string, Done::Outcome> cases[] = {
        {"$8\r\nABCDEFGH\r\n", Done::Outcome::hit},
        {"$-1\r\n", Done::Outcome::miss},
        {"$3\r\nabc\r\n", Done::Outcome::corrupt},
        {"$13\r\n0123456789abc\r\n", Done::Outcome::corrupt},
        {"-WRONGTYPE Operation against a key\r\n", Done::Outcome::corrupt},
        {"-LOADING Redis is loading\r\n", Done::Outcome::failed},
        {"-ERR \x1b[31m\r\n", Done::Outcome::failed},
        {"+QUEUED\r\n", Done::Outcome::failed},
        {":1\r\n", Done::Outcome::failed},
    };
    for (const auto& [text, outcome] : cases) {
      CAPTURE(text);
      Dialogue dialogue(answering(text + "$8\r\nlastbody\r\n"));
      dialogue.look_up();
      const auto done = dialogue.get();
      CHECK(done[0].outcome == outcome);
      CHECK(done[0].error.empty() == (outcome == Done::Outcome::hit || outcome == Done::Outcome::miss));
      CHECK(done[0].error.find('\x1b') == std::string::npos);
      CHECK(done[1].outcome == Done::Outcome::hit);
      CHECK(done[1].body_bytes == 8);
      CHECK(dialogue.header.substr(kHeader) == kHead);
      CHECK(dialogue.body.substr(8) == "lastbody");
    }
  }

  TEST_CASE("an end of the connection after any byte fails what is left, and only that") {
    const std::string replies = "$8\r\nABCDEFGH\r\n$-1\r\n";
    const std::size_t first = replies.size() - 5;
    for (std::size_t sent = 0; sent < replies.size(); ++sent) {
      CAPTURE(sent);
      Dialogue dialogue(answering(replies.substr(0, sent)));
      dialogue.look_up();
      const auto done = dialogue.get();
      CHECK(done[0].outcome == (sent >= first ? Done::Outcome::hit : Done::Outcome::failed));
      CHECK(done[1].outcome == Done::Outcome::failed);
      CHECK_FALSE(done[1].error.empty());
    }
  }

  TEST_CASE("garbage and giant lengths fail the batch and close the connection") {
    for (const char* text : {"$2000000000\r\n", "*2000000000\r\n", "$-7\r\n", "hello\r\n", "$8\r\nABCDEFGHIJ",
                             "$99999999999999999999999\r\n", "\r\n\r\n", "*1\r\n$-1\r\n"}) {
      CAPTURE(text);
      Dialogue dialogue({after_lookup({FakeServer::reads(kSecondGet), FakeServer::sends(text), FakeServer::holds()}),
                         {FakeServer::reads(kSecondGet), FakeServer::sends("$-1\r\n$-1\r\n"), FakeServer::holds()}});
      dialogue.look_up();
      for (const Done& done : dialogue.get()) CHECK(done.outcome == Done::Outcome::failed);
      const auto at_once = dialogue.get();
      CHECK(at_once[0].error.find("not connected") != std::string::npos);
      std::this_thread::sleep_for(std::chrono::milliseconds(60));
      for (const Done& done : dialogue.get()) CHECK(done.outcome == Done::Outcome::miss);
      CHECK(dialogue.server.connections() == 2);
    }
  }

  TEST_CASE("a server that says nothing, or too slowly, is given up at the deadline") {
    for (const FakeServer::Step& slow : {FakeServer::holds(), FakeServer::drips("$8\r\n" + std::string(5000, 'x'))}) {
      Dialogue dialogue({after_lookup({FakeServer::reads(kSecondGet), slow})}, std::chrono::milliseconds(50));
      dialogue.look_up();
      const auto done = dialogue.get();
      CHECK(done[1].outcome == Done::Outcome::failed);
    }
    Dialogue silent({after_lookup({FakeServer::reads(kSecondGet), FakeServer::holds()})},
                    std::chrono::milliseconds(50));
    silent.look_up();
    CHECK(silent.get()[0].error.find("no answer within 50 ms") != std::string::npos);
    CHECK(silent.get()[0].error.find("not connected") != std::string::npos);
  }

  TEST_CASE("poll comes back when its time is up and goes on where it was") {
    Dialogue dialogue({after_lookup(
        {FakeServer::reads(kSecondGet), FakeServer::drips("$8\r\nABCDEFGH\r\n$-1\r\n"), FakeServer::holds()})});
    dialogue.look_up();
    const auto ops = dialogue.ops(Op::Kind::get);
    dialogue.session->submit(dialogue.lease, ops, SteadyClock::now() + std::chrono::seconds(30));
    std::vector<Done> done;
    int polls = 0;
    for (; done.size() < 2; ++polls) dialogue.session->poll(done, SteadyClock::now() + std::chrono::milliseconds(10));
    CHECK(polls > 2);
    CHECK(done[0].outcome == Done::Outcome::hit);
    CHECK(dialogue.body.substr(0, 8) == "ABCDEFGH");
    CHECK(done[1].outcome == Done::Outcome::miss);
  }

  TEST_CASE("words that a server says before it closes become the error") {
    Dialogue dialogue({{FakeServer::sends("-ERR max number of clients reached\r\n")}});
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    const auto found = dialogue.session->acquire(dialogue.blocks, dialogue.lease);
    REQUIRE_FALSE(found.has_value());
    CHECK(found.error().message.find("max number of clients") != std::string::npos);
  }

  TEST_CASE("a block is stored once its manifest is; a refused chunk keeps the connection, and its block is removed") {
    const std::string manifest = manifest_reply(std::string(kHeader, '.'), 8);
    Dialogue dialogue({{FakeServer::reads(kLookup), FakeServer::sends("$-1\r\n$-1\r\n"),
                        FakeServer::reads("last....\r\n"), FakeServer::sends("+OK\r\n-OOM command not allowed\r\n"),
                        FakeServer::reads("SET\r\n$11\r\nkvkit:t:1:0\r\n" + manifest), FakeServer::sends("+OK\r\n"),
                        FakeServer::reads("UNLINK\r\n$11\r\nkvkit:t:1:1\r\n$15\r\n" + kSecondGet),
                        FakeServer::reads("TOUCH\r\n$11\r\nkvkit:t:1:0\r\n$15\r\nkvkit:t:1:0:0:0\r\n"),
                        FakeServer::sends(":0\r\n:2\r\n"), FakeServer::holds()}});
    dialogue.body.replace(8, 4, "last");
    dialogue.look_up();
    CHECK(dialogue.lease.present == std::vector<bool>{false, false});
    const auto done = dialogue.move(Op::Kind::put);
    CHECK(done[0].outcome == Done::Outcome::stored);
    CHECK(done[1].outcome == Done::Outcome::skipped);
    CHECK(done[1].error.find("OOM") == 0);
    dialogue.session->finish(dialogue.lease);
    CHECK(dialogue.common->insertions == 1);
    CHECK(dialogue.common->refused_stores == 1);
    CHECK(dialogue.common->orphan_bytes == 0);
    CHECK(dialogue.server.connections() == 1);
  }

  TEST_CASE("a manifest that is refused leaves no block") {
    Dialogue dialogue(
        {{FakeServer::reads(kLookup), FakeServer::sends("$-1\r\n$-1\r\n"), FakeServer::reads("last....\r\n"),
          FakeServer::sends("+OK\r\n+OK\r\n"), FakeServer::reads("kvkit:t:1:1\r\n"),
          FakeServer::sends("-OOM no\r\n+OK\r\n"), FakeServer::holds()}});
    dialogue.body.replace(8, 4, "last");
    dialogue.look_up();
    const auto done = dialogue.move(Op::Kind::put);
    CHECK(done[0].outcome == Done::Outcome::skipped);
    CHECK(done[1].outcome == Done::Outcome::stored);
    CHECK(dialogue.common->insertions == 1);
  }

  TEST_CASE("a lookup reads the manifest of each block, and any reply that is none fails it") {
    Dialogue good({{FakeServer::reads(kLookup), FakeServer::sends(kThere + "$-1\r\n"), FakeServer::holds()}});
    good.look_up();
    CHECK(good.lease.leading == 1);
    CHECK(good.lease.present == std::vector<bool>{true, false});
    CHECK(good.common->wire_in == kThere.size() + 5);

    for (const char* text : {"-NOPERM no\r\n", ":1\r\n", "+OK\r\n"}) {
      CAPTURE(text);
      Dialogue refused({{FakeServer::reads(kLookup), FakeServer::sends(kThere + text), FakeServer::holds()}});
      const auto result = refused.session->acquire(refused.blocks, refused.lease);
      REQUIRE_FALSE(result.has_value());
      CHECK(result.error().code == Code::unavailable);
      CHECK(refused.lease.leading == 0);
      CHECK(refused.lease.present == std::vector<bool>{false, false});
    }
    Dialogue cut({{FakeServer::reads(kLookup), FakeServer::sends(kThere + "$9")}});
    CHECK_FALSE(cut.session->acquire(cut.blocks, cut.lease).has_value());
    CHECK(cut.lease.present == std::vector<bool>{false, false});
  }

  TEST_CASE("a garbled manifest is a corrupt block, and says why; no chunk of it is asked for") {
    std::string spoilt = kThere;
    spoilt[spoilt.size() - 20] = static_cast<char>(spoilt[spoilt.size() - 20] ^ 1);
    for (const std::string& text : {spoilt, manifest_reply(kHead, 9), std::string("$5\r\nshort\r\n"),
                                    "$200\r\n" + std::string(200, 'x') + "\r\n", std::string("-WRONGTYPE no\r\n")}) {
      CAPTURE(text);
      Dialogue dialogue({{FakeServer::reads(kLookup), FakeServer::sends(text + kThere), FakeServer::reads(kSecondGet),
                          FakeServer::sends("$8\r\nABCDEFGH\r\n"), FakeServer::holds()}});
      dialogue.look_up();
      CHECK(dialogue.lease.present == std::vector<bool>{true, true});
      const auto done = dialogue.get();
      CHECK(done[0].outcome == Done::Outcome::corrupt);
      CHECK_FALSE(done[0].error.empty());
      CHECK(done[1].outcome == Done::Outcome::hit);
    }
  }

  TEST_CASE("a manifest that claims more than this run's blocks have is garbled, and nothing of it is named again") {
    Dialogue dialogue({{FakeServer::reads(kLookup), FakeServer::sends(manifest_reply(kHead, 1ULL << 60) + kThere),
                        FakeServer::reads(kSecondGet), FakeServer::sends("$8\r\nABCDEFGH\r\n"),
                        FakeServer::reads("TOUCH\r\n$11\r\nkvkit:t:1:1\r\n$15\r\nkvkit:t:1:1:0:0\r\n"),
                        FakeServer::sends(":2\r\n"), FakeServer::holds()}});
    dialogue.look_up();
    CHECK(dialogue.get()[0].outcome == Done::Outcome::corrupt);
    dialogue.session->finish(dialogue.lease);
    CHECK(dialogue.server.connections() == 1);
  }

  TEST_CASE("with several connections, too, a stalled server is left at the deadline, and once the run is to stop") {
    const std::uint32_t connections = 3;
    Dialogue late({after_lookup({FakeServer::holds()})}, std::chrono::milliseconds(100), connections);
    late.look_up();
    for (const Done& done : late.get()) CHECK(done.outcome == Done::Outcome::failed);

    Dialogue stopped({after_lookup({FakeServer::holds()})}, std::chrono::hours(1), connections);
    stopped.look_up();
    stopped.stop = true;
    for (const Done& done : stopped.get()) CHECK(done.outcome == Done::Outcome::skipped);
  }

  TEST_CASE("a server that ends its side of the connection is gone, though it would still listen") {
    Dialogue dialogue({after_lookup(
        {FakeServer::reads(kSecondGet), FakeServer::sends("$8\r\nABCD"), FakeServer::ends(), FakeServer::holds()})});
    dialogue.look_up();
    for (const Done& done : dialogue.get()) {
      CHECK(done.outcome == Done::Outcome::failed);
      CHECK(done.error.find("closed") != std::string::npos);
    }
  }

  TEST_CASE("a full server is known by Redis's code and by Dragonfly's words") {
    CHECK(says_full("OOM command not allowed when used memory > 'maxmemory'."));
    CHECK(says_full("ERR Out of memory"));
    CHECK_FALSE(says_full("ERR unknown command"));
    CHECK(refusal("ERR Out of memory").hint.find("maxmemory") != std::string::npos);
  }

  TEST_CASE("what failed once is not asked again, whatever comes over it") {
    FakeServer server(
        {{FakeServer::reads("FIRST\r\n"), FakeServer::sends("nonsense\r\n+OK\r\n"), FakeServer::holds()}});
    auto connection = Connection::open(server.endpoint());
    REQUIRE(connection);
    const TimePoint deadline = SteadyClock::now() + std::chrono::seconds(10);
    CHECK_FALSE((*connection)->ask({"FIRST"}, deadline));
    CHECK_FALSE((*connection)->ask({"SECOND"}, deadline));
  }

  TEST_CASE("what a request used is touched tail to head; a server that refuses is not asked again") {
    const auto touch = [](const std::string& block) {
      return "*3\r\n$5\r\nTOUCH\r\n$11\r\nkvkit:t:1:" + block + "\r\n$15\r\nkvkit:t:1:" + block + ":0:0\r\n";
    };
    Dialogue dialogue(
        {{FakeServer::reads(kLookup), FakeServer::sends(kThere + kThere), FakeServer::reads(touch("1") + touch("0")),
          FakeServer::sends(":2\r\n:2\r\n"), FakeServer::reads(kLookup), FakeServer::sends("$-1\r\n" + kThere),
          FakeServer::reads(touch("1")), FakeServer::sends("-ERR unknown command 'TOUCH'\r\n"),
          FakeServer::reads(kLookup), FakeServer::sends(kThere + kThere), FakeServer::reads(kLookup),
          FakeServer::sends(kThere + kThere), FakeServer::holds()}});
    dialogue.look_up();
    dialogue.session->finish(dialogue.lease);
    CHECK(dialogue.common->touches);
    dialogue.look_up();
    dialogue.session->finish(dialogue.lease);
    CHECK_FALSE(dialogue.common->touches);
    for (int i = 0; i < 2; ++i) {
      dialogue.look_up();
      dialogue.session->finish(dialogue.lease);
    }
    CHECK(dialogue.server.connections() == 1);
  }

  TEST_CASE("once the run is to stop, a server that says nothing is left, and that is no failure") {
    // An hour: without looking at `stop` this would not end.
    Dialogue lookup({{FakeServer::holds()}}, std::chrono::hours(1));
    lookup.stop = true;
    const auto found = lookup.session->acquire(lookup.blocks, lookup.lease);
    REQUIRE_FALSE(found.has_value());
    CHECK(found.error().code == Code::interrupted);

    Dialogue values({after_lookup({FakeServer::holds()})}, std::chrono::hours(1));
    values.look_up();
    std::thread ctrl_c([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      values.stop = true;
    });
    for (const Done& done : values.get()) CHECK(done.outcome == Done::Outcome::skipped);
    ctrl_c.join();
    CHECK(values.common->refused_stores == 0);
  }

  TEST_CASE("AUTH's refusal never repeats what was sent") {
    for (const char* text : {"-WRONGPASS invalid username-password pair\r\n",
                             "-ERR unknown command 'AUTH', with args: hunter2\r\n", "-hunter2\r\n"}) {
      FakeServer server({{FakeServer::reads("hunter2\r\n"), FakeServer::sends(text)}});
      Endpoint endpoint = server.endpoint();
      endpoint.password = "hunter2";
      const auto connection = Connection::open(endpoint);
      REQUIRE_FALSE(connection.has_value());
      CHECK(connection.error().code == Code::unavailable);
      CHECK((connection.error().message + connection.error().hint).find("hunter2") == std::string::npos);
      CHECK(connection.error().hint.find("KVKIT_REDIS_PASSWORD") != std::string::npos);
    }
  }

  TEST_CASE("a server that never answers hello is given up") {
    FakeServer server({{FakeServer::holds()}});
    Endpoint endpoint = server.endpoint();
    endpoint.password = "x";
    endpoint.connect_timeout = std::chrono::milliseconds(50);
    CHECK_FALSE(Connection::open(endpoint).has_value());
  }

  TEST_CASE("RESP3 is asked for where hiredis reads it, and a server that knows none is spoken to in RESP2") {
    const std::string map = "%2\r\n$6\r\nserver\r\n$5\r\nredis\r\n$5\r\nproto\r\n:3\r\n";
    if (kNewestProtocol < 3) {
      FakeServer server({{FakeServer::reads("EXISTS\r\n"), FakeServer::sends(map)}});
      const auto connection = Connection::open(server.endpoint());
      REQUIRE(connection);
      CHECK_FALSE((*connection)->ask({"EXISTS"}, SteadyClock::now() + std::chrono::seconds(10)));
      return;
    }
    FakeServer new_one({{FakeServer::reads("hunter2\r\n"), FakeServer::sends(map), FakeServer::reads("EXISTS\r\n"),
                         FakeServer::sends(">2\r\n+invalidate\r\n_\r\n#t\r\n")}});
    Endpoint endpoint = new_one.endpoint();
    endpoint.protocol = 3;
    endpoint.password = "hunter2";
    auto connection = Connection::open(endpoint);
    REQUIRE(connection);
    const auto reply = (*connection)->ask({"EXISTS"}, SteadyClock::now() + std::chrono::seconds(10));
    REQUIRE(reply);
    CHECK(reply->integer == 1);

    FakeServer old_one(
        {{FakeServer::reads("hunter2\r\n"), FakeServer::sends("-ERR unknown command 'HELLO' 'hunter2'\r\n"),
          FakeServer::reads("AUTH\r\n$7\r\nhunter2\r\n"), FakeServer::sends("+OK\r\n")}});
    endpoint.socket_path = old_one.socket_path();
    CHECK(Connection::open(endpoint));
    FakeServer strict({{FakeServer::reads("hunter2\r\n"), FakeServer::sends("-WRONGPASS hunter2\r\n")}});
    endpoint.socket_path = strict.socket_path();
    const auto refused = Connection::open(endpoint);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find("hunter2") == std::string::npos);
  }

  TEST_CASE("nobody there: the error says where and what to do") {
    Endpoint endpoint;
    endpoint.socket_path = "/tmp/kvkit-nobody.sock";
    const auto connection = Connection::open(endpoint);
    REQUIRE_FALSE(connection.has_value());
    CHECK(connection.error().code == Code::unavailable);
    CHECK(connection.error().message.find("/tmp/kvkit-nobody.sock") != std::string::npos);
    CHECK(connection.error().hint.find("spawn+redis:") != std::string::npos);
  }
}
