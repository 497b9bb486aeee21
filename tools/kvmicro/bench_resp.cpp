// RESP without a socket: what a command costs to write and a reply to read, and hiredis's own functions beside it.
// Bytes are those of the protocol that were written or read. Names: resp_WAY/WHAT and hiredis_WAY/WHAT.
#include <fmt/format.h>
#include <hiredis/hiredis.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include "backend/resp/command.hpp"
#include "backend/resp/reply.hpp"
#include "server.hpp"

namespace {

using kv::resp::Expected;
using kv::resp::Reply;

constexpr std::size_t kKeys = 1024, kSmallBytes = 256;

/// What SET stores: hiredis copies it into its command, we send it from its place and write what stands before it. So
/// compare these two by commands, not by bytes.
constexpr std::size_t kStoredBytes = 64 << 10;

std::vector<std::string> keys() {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < kKeys; ++i) out.push_back(fmt::format("kvkit:0123456789abcdef:{:016x}:0", i * i * i));
  return out;
}

void resp_encode(benchmark::State& state, bool set) {
  const std::vector<std::string> names = keys();
  const kv::resp::SetCommand command(std::nullopt);
  std::string out;
  const kvmicro::ByteRate rate;
  for (auto _ : state) {
    out.clear();
    for (const std::string& name : names) {
      if (set) {
        command.append_head(out, name, kStoredBytes);
      } else {
        kv::resp::append_command(out, std::array<std::string_view, 2>{"GET", name});
      }
    }
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
  rate.set(state, out.size());
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kKeys));
}
BENCHMARK_CAPTURE(resp_encode, get, false)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(resp_encode, set_head, true)->Unit(benchmark::kMicrosecond);

void hiredis_encode(benchmark::State& state, bool set) {
  const std::vector<std::string> names = keys();
  const kvmicro::Memory values(set ? kKeys * kStoredBytes : 1);  // each its own: beyond the caches, as payloads are
  std::size_t written = 0;
  const kvmicro::ByteRate rate;
  for (auto _ : state) {
    written = 0;
    for (std::size_t i = 0; i < names.size(); ++i) {
      const auto* value = reinterpret_cast<const char*>(values.bytes().data()) + (set ? i * kStoredBytes : 0);
      std::array<const char*, 3> words{set ? "SET" : "GET", names[i].data(), value};
      const std::array<std::size_t, 3> sizes{3, names[i].size(), kStoredBytes};
      char* text = nullptr;
      const auto size = redisFormatCommandArgv(&text, set ? 3 : 2, words.data(), sizes.data());
      if (size < 0) return state.SkipWithError("hiredis wrote no command");
      benchmark::DoNotOptimize(text);
      benchmark::ClobberMemory();
      redisFreeCommand(text);
      written += static_cast<std::size_t>(size);
    }
  }
  rate.set(state, written);
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kKeys));
}
BENCHMARK_CAPTURE(hiredis_encode, get, false)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(hiredis_encode, set, true)->Unit(benchmark::kMicrosecond);

/// Many replies of one kind, as a server would send them, and what hiredis calls them.
struct Replies {
  Replies(std::string_view head, std::size_t value_bytes, std::size_t n, Reply::Kind is, int hiredis_is)
      : count(n),
        value(value_bytes),
        kind(is),
        hiredis_kind(hiredis_is),
        memory(n * (head.size() + (value_bytes > 0 ? value_bytes + 2 : 0))) {
    std::byte* at = memory.bytes().data();
    for (std::size_t i = 0; i < n; ++i) {
      std::memcpy(at, head.data(), head.size());
      at += head.size() + value_bytes;
      if (value_bytes == 0) continue;
      std::memcpy(at, "\r\n", 2);
      at += 2;
    }
  }

  std::size_t count, value;
  Reply::Kind kind;
  int hiredis_kind;
  kvmicro::Memory memory;
};

enum class What { status, nil, integer, small_value, large_value };

/// Large values are, all together, beyond every cache, as what memory copy copies is.
Replies replies(What what) {
  const auto values = [](std::size_t bytes, std::size_t count) {
    return Replies(fmt::format("${}\r\n", bytes), bytes, count, Reply::Kind::value, REDIS_REPLY_STRING);
  };
  switch (what) {
    case What::status:
      return {"+OK\r\n", 0, kKeys, Reply::Kind::status, REDIS_REPLY_STATUS};
    case What::nil:
      return {"$-1\r\n", 0, kKeys, Reply::Kind::nil, REDIS_REPLY_NIL};
    case What::integer:
      return {":1048576\r\n", 0, kKeys, Reply::Kind::integer, REDIS_REPLY_INTEGER};
    case What::small_value:
      return values(kSmallBytes, kKeys);
    case What::large_value:
      break;
  }
  return values(kvmicro::kMiBClass, 64);
}

/// Stands where a socket would: gives the next bytes to whoever has room for them.
class Source {
 public:
  explicit Source(std::span<const std::byte> bytes) : left_(bytes) {}
  std::size_t read(std::span<const iovec> pieces) {
    std::size_t given = 0;
    for (const iovec& piece : pieces) {
      const std::size_t bytes = std::min(piece.iov_len, left_.size());
      std::memcpy(piece.iov_base, left_.data(), bytes);
      left_ = left_.subspan(bytes);
      given += bytes;
    }
    return given;
  }
  /// Without a copy: hiredis makes its own.
  std::span<const std::byte> take(std::size_t most) {
    const auto out = left_.first(std::min(most, left_.size()));
    left_ = left_.subspan(out.size());
    return out;
  }

 private:
  std::span<const std::byte> left_;
};

bool read_all(kv::resp::ReplyReader& reader, const Replies& replies, std::span<std::byte> into) {
  Source source(replies.memory.bytes());
  const auto expected = [&](std::size_t i) {
    if (replies.kind == Reply::Kind::status || replies.kind == Reply::Kind::integer) return Expected{};
    // Nil stands where a small value might have stood.
    const std::size_t bytes = replies.value > 0 ? replies.value : kSmallBytes;
    return Expected{Expected::Kind::value, {}, into.subspan(replies.value * i, bytes)};
  };
  for (std::size_t i = 0; i < replies.count; ++i) {
    const Expected now = expected(i), after = i + 1 < replies.count ? expected(i + 1) : Expected{};
    reader.expect(now, i + 1 < replies.count ? &after : nullptr);
    auto complete = reader.advance();
    while (complete && !*complete) {
      std::array<iovec, 3> pieces;
      const std::size_t got = source.read(std::span(pieces).first(reader.room(pieces)));
      if (got == 0) return false;
      reader.filled(got);
      complete = reader.advance();
    }
    if (!complete || reader.reply().kind != replies.kind) return false;
  }
  return reader.buffered() == 0;
}

void resp_parse(benchmark::State& state, What what) {
  const Replies replies = ::replies(what);
  const kvmicro::Memory into(std::max(replies.value * replies.count, kSmallBytes));
  kv::resp::ReplyReader reader;
  const kvmicro::ByteRate rate;
  for (auto _ : state) {
    if (!read_all(reader, replies, into.bytes())) return state.SkipWithError("not the replies that were sent");
    benchmark::ClobberMemory();
  }
  rate.set(state, replies.memory.bytes().size());
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(replies.count));
}

struct FreeReader {
  void operator()(redisReader* reader) const { redisReaderFree(reader); }
};

/// Piece by piece, as redisBufferRead does it.
bool read_all_by_hiredis(redisReader& reader, const Replies& replies) {
  constexpr std::size_t kReadBytes = 16 << 10;
  Source source(replies.memory.bytes());
  for (std::size_t i = 0; i < replies.count;) {
    void* parsed = nullptr;
    if (redisReaderGetReply(&reader, &parsed) != REDIS_OK) return false;
    if (parsed != nullptr) {
      const bool wanted = static_cast<const redisReply*>(parsed)->type == replies.hiredis_kind;
      freeReplyObject(parsed);
      if (!wanted) return false;
      ++i;
      continue;
    }
    const auto piece = source.take(kReadBytes);
    if (piece.empty()) return false;
    redisReaderFeed(&reader, reinterpret_cast<const char*>(piece.data()), piece.size());
  }
  return true;
}

void hiredis_parse(benchmark::State& state, What what) {
  const Replies replies = ::replies(what);
  const std::unique_ptr<redisReader, FreeReader> reader(redisReaderCreate());
  const kvmicro::ByteRate rate;
  for (auto _ : state) {
    if (!read_all_by_hiredis(*reader, replies)) return state.SkipWithError("not the replies that were sent");
  }
  rate.set(state, replies.memory.bytes().size());
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(replies.count));
}

void shape(benchmark::internal::Benchmark* benchmark) { benchmark->Unit(benchmark::kMicrosecond); }
BENCHMARK_CAPTURE(resp_parse, status, What::status)->Apply(shape);
BENCHMARK_CAPTURE(resp_parse, nil, What::nil)->Apply(shape);
BENCHMARK_CAPTURE(resp_parse, integer, What::integer)->Apply(shape);
BENCHMARK_CAPTURE(resp_parse, small_value, What::small_value)->Apply(shape);
BENCHMARK_CAPTURE(resp_parse, large_value, What::large_value)->Apply(shape);
BENCHMARK_CAPTURE(hiredis_parse, status, What::status)->Apply(shape);
BENCHMARK_CAPTURE(hiredis_parse, nil, What::nil)->Apply(shape);
BENCHMARK_CAPTURE(hiredis_parse, integer, What::integer)->Apply(shape);
BENCHMARK_CAPTURE(hiredis_parse, small_value, What::small_value)->Apply(shape);
BENCHMARK_CAPTURE(hiredis_parse, large_value, What::large_value)->Apply(shape);

}  // namespace
