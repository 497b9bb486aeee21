// A hostile server: the reader never writes outside the spans it was given, and holds no more than its one buffer.
// The first bytes choose what is expected and in which portions the rest arrives.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "backend/resp/reply.hpp"

using kv::resp::Expected;
using kv::resp::ReplyReader;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 4) return 0;
  constexpr std::array rooms{std::size_t{0}, std::size_t{1}, std::size_t{100}, std::size_t{20'000}};
  const std::size_t portion = 1 + data[1] % 64;
  std::vector<std::byte> header(data[2] % 65), body(rooms[data[3] % rooms.size()]);
  const std::array<Expected, 3> kinds{Expected{}, Expected{Expected::Kind::value, header, body},
                                      Expected{Expected::Kind::text, {}, {}}};
  std::size_t choice = data[0], at = 4;
  ReplyReader reader;
  while (at < size) {
    const Expected& expected = kinds[choice % 3];
    const Expected& after = kinds[choice / 3 % 3];
    choice = choice * 7 + 1;
    reader.expect(expected, &after);
    auto complete = reader.advance();
    while (complete && !*complete && at < size) {
      std::array<iovec, 3> pieces;
      const std::size_t count = reader.room(pieces);
      if (count == 0) std::abort();
      std::size_t given = 0;
      for (std::size_t i = 0; i < count; ++i) {
        const std::size_t n = std::min({pieces[i].iov_len, size - at, portion - given});
        std::memcpy(pieces[i].iov_base, data + at, n);
        at += n;
        given += n;
      }
      reader.filled(given);
      complete = reader.advance();
    }
    if (!complete || !*complete) return 0;
    const auto& reply = reader.reply();
    if (reply.kind == kv::resp::Reply::Kind::value &&
        (expected.kind != Expected::Kind::value || reply.bytes < header.size() || reply.bytes > expected.room())) {
      std::abort();
    }
  }
  return 0;
}
