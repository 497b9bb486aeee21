#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "codec/value.hpp"

using namespace kv;

namespace {

using HeaderBytes = std::array<std::byte, ValueHeader::kBytes>;

const ValueHeader kSample{.codec = 0x64636261,
                          .dtype = 2,
                          .part = 0x04030201,
                          .space = 0x1112131415161718,
                          .block = 0x2122232425262728,
                          .body_bytes = 0x3132333435363738,
                          .payload_bytes = 0x4142434445464748,
                          .body_xxh3 = 0x5152535455565758};

HeaderBytes written(const ValueHeader& header) {
  HeaderBytes bytes;
  bytes.fill(std::byte{0xee});
  write_header(header, bytes);
  return bytes;
}

std::string why_not(const HeaderBytes& bytes) {
  const auto header = read_header(bytes);
  return header ? "" : header.error().message;
}

/// Makes the header's own checksum right again after a change, so that what stands behind it is reached.
void seal(HeaderBytes& bytes) {
  const std::uint64_t own = body_checksum(std::span(bytes).first<56>());
  for (std::size_t i = 0; i < 8; ++i) bytes[56 + i] = static_cast<std::byte>(own >> (8 * i) & 0xff);
}

}  // namespace

TEST_SUITE("value") {
  TEST_CASE("a header reads back as it was written") { CHECK(read_header(written(kSample)) == kSample); }

  TEST_CASE("the layout is fixed: 64 bytes, little-endian, fields where version 1 puts them") {
    const HeaderBytes bytes = written(kSample);
    const auto at = [&](std::size_t i) { return std::to_integer<unsigned>(bytes[i]); };
    CHECK(std::string(reinterpret_cast<const char*>(bytes.data()), 4) == "KVV1");
    CHECK(at(4) == 2);
    CHECK(at(5) == 0);
    CHECK(at(6) == 2);
    CHECK(at(7) == 0);
    CHECK(at(8) == 0x01);
    CHECK(at(11) == 0x04);
    CHECK(at(12) == 0x61);
    CHECK(at(15) == 0x64);
    CHECK(at(16) == 0x38);
    CHECK(at(24) == 0x48);
    CHECK(at(32) == 0x18);
    CHECK(at(40) == 0x28);
    CHECK(at(48) == 0x58);
    CHECK(at(55) == 0x51);
  }

  TEST_CASE("the checksum of a body is XXH3-64") {
    // XXH3_64bits of the empty input, as xxHash's own test vectors give it.
    CHECK(body_checksum({}) == 0x2d06800538d394c2);
  }

  TEST_CASE("a running checksum of any pieces is that of the whole") {
    std::vector<std::byte> bytes(300'001);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 131 >> 3);
    RunningChecksum running;
    for (const std::size_t piece : {1, 63, 64, 4096, 131'072, 300'001}) {
      running.reset();
      for (std::size_t at = 0; at < bytes.size(); at += piece) {
        running.add(std::span(bytes).subspan(at, std::min(piece, bytes.size() - at)));
      }
      CHECK(running.value() == body_checksum(bytes));
    }
    running.reset();
    CHECK(running.value() == body_checksum({}));
  }

  TEST_CASE("any single changed bit is found, and the error says where it hurts") {
    for (std::size_t bit = 0; bit < ValueHeader::kBytes * 8; ++bit) {
      HeaderBytes bytes = written(kSample);
      bytes[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
      CAPTURE(bit);
      const std::string expected = bit < 32 ? "magic" : bit < 40 ? "version" : "checksum";
      CHECK(why_not(bytes).find(expected) != std::string::npos);
      CHECK(read_header(bytes).error().code == Code::corrupt);
    }
  }

  TEST_CASE("flags and spare bytes of a later kvkit are refused, not ignored") {
    for (const std::size_t at : {5, 7}) {
      HeaderBytes bytes = written(kSample);
      bytes[at] = std::byte{1};
      seal(bytes);
      CAPTURE(at);
      CHECK(why_not(bytes).find("flags") != std::string::npos);
    }
  }
}
