#include "backend/resp/manifest.hpp"

#include <doctest/doctest.h>

#include <numeric>
#include <vector>

#include "backend/resp/chunks.hpp"

using namespace kv;
using namespace kv::resp;

namespace {

using Buffer = std::vector<std::byte>;

Buffer sample(std::uint32_t parts = 3, std::uint32_t chunk_bytes = 4096) {
  Buffer out(Manifest::bytes(parts), std::byte{0xee});
  Manifest::begin(out, parts, chunk_bytes);
  for (std::uint32_t part = 0; part < parts; ++part) {
    const Buffer header(ValueHeader::kBytes, static_cast<std::byte>(part + 1));
    Manifest::set(out, part, header, 1000 + part);
  }
  Manifest::seal(out);
  return out;
}

std::vector<std::size_t> cut_of(std::size_t body, std::size_t most) {
  std::vector<std::size_t> out{99};
  cut(body, most, out);
  CHECK(out.size() == count_chunks(body, most));
  CHECK(out.size() <= most_chunks(body, most));
  CHECK(std::accumulate(out.begin(), out.end(), std::size_t{0}) == body);
  for (const std::size_t chunk : out) CHECK(chunk <= most);
  return out;
}

}  // namespace

TEST_SUITE("manifest") {
  TEST_CASE("what is written is read, at its documented place") {
    const Buffer bytes = sample();
    CHECK(bytes.size() == 24 + 3 * 72);
    CHECK(std::to_integer<char>(bytes[0]) == 'K');
    CHECK(std::to_integer<int>(bytes[4]) == 1);    // version
    CHECK(std::to_integer<int>(bytes[8]) == 3);    // parts
    CHECK(std::to_integer<int>(bytes[13]) == 16);  // chunks of 16 x 256
    CHECK(std::to_integer<int>(bytes[16 + 72]) == (1001 & 0xff));
    const auto read = Manifest::read(bytes, 3);
    REQUIRE(read.has_value());
    CHECK(read->chunk_bytes() == 4096);
    CHECK(read->body_bytes(0) == 1000);
    CHECK(read->body_bytes(2) == 1002);
    CHECK(read->header(2)[63] == std::byte{3});
  }

  TEST_CASE("any changed bit, another size, number of parts, version or chunk size is refused") {
    const Buffer good = sample();
    for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
      Buffer bad = good;
      bad[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
      CAPTURE(bit);
      CHECK(Manifest::read(bad, 3).error().code == Code::corrupt);
    }
    for (std::size_t size = 0; size < good.size(); ++size) CHECK_FALSE(Manifest::read(std::span(good).first(size), 3));
    CHECK_FALSE(Manifest::read(good, 2));
    CHECK_FALSE(Manifest::read(sample(2), 3));
    CHECK_FALSE(Manifest::read(sample(3, 255), 3));
    CHECK_FALSE(Manifest::read(sample(3, 0), 3));
  }

  TEST_CASE("bodies are cut into full chunks and a rest that wastes little") {
    using Sizes = std::vector<std::size_t>;
    CHECK(cut_of(0, 1000) == Sizes{0});
    CHECK(cut_of(1, 1000) == Sizes{1});
    CHECK(cut_of(1000, 1000) == Sizes{1000});
    CHECK(cut_of(4096, 1000) == Sizes{1000, 1000, 1000, 1000, 96});
    CHECK(cut_of(kDefaultChunkBytes, kDefaultChunkBytes) == Sizes{kDefaultChunkBytes});
    // 1 MiB leaves 4 KiB, below what is worth cutting.
    CHECK(cut_of(1 << 20, kDefaultChunkBytes) == Sizes{kDefaultChunkBytes, 4096});
    // 600 KiB would take the class of 640 KiB; 512 KiB less 64 bytes leave 88 KiB and 64 bytes, which would take 96
    // KiB: 80 KiB less 64 leave 8 KiB and 128 bytes.
    CHECK(cut_of(600 << 10, kDefaultChunkBytes) == Sizes{(512 << 10) - 64, (80 << 10) - 64, (8 << 10) + 128});
    for (std::size_t body = 1; body < (std::size_t{4} << 20); body = body * 5 / 4 + 1) {
      cut_of(body, kDefaultChunkBytes);
      cut_of(body, 300);
    }
  }
}
