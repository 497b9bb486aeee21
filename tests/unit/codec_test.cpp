#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "base/random.hpp"
#include "codec/codec.hpp"
#include "codec/half.hpp"
#include "model/element.hpp"

using namespace kv;

namespace {

using Buffer = std::vector<std::byte>;

constexpr std::byte kCanary{0xa5};

/// Half edge values (signed zeros, subnormals, ties, extremes, infinities, NaN), half random bits.
Buffer payload_of(const PayloadShape& shape, Random& random) {
  const float inf = std::numeric_limits<float>::infinity();
  const std::vector<float> edges{0.0F, -0.0F,      0x1p-149F,     -0x1p-126F, 0x1p-24F, 0x1p-25F, -0x1.8p-25F, 0x1p-14F,
                                 1.0F, 0x1.002p0F, 0x1.006p0F,    65504.0F,   65519.9F, 65520.0F, -65536.0F,   3.4e38F,
                                 inf,  -inf,       std::nanf(""), 127.0F,     -128.0F,  448.0F,   0.0625F,     -3.0F};
  Buffer payload(shape.bytes().count());
  const std::size_t size = dtype_bytes(shape.dtype);
  for (std::size_t i = 0; i < shape.elements(); ++i) {
    if (random.below(2) == 0) {
      store_element(shape.dtype, edges[random.below(edges.size())], &payload[i * size]);
    } else {
      for (std::size_t b = 0; b < size; ++b) payload[i * size + b] = static_cast<std::byte>(random.next() & 0xff);
    }
  }
  return payload;
}

PayloadShape shape_of(Dtype dtype, Random& random) {
  return {dtype, static_cast<std::uint32_t>(1 + random.below(4)), static_cast<std::uint32_t>(1 + random.below(2)),
          1 + random.below(40), 1 + random.below(20)};
}

Buffer encode(Codec& codec, const PayloadShape& shape, const Buffer& payload) {
  Buffer body(codec.bound(shape));
  const auto written = codec.encode(shape, payload, body);
  REQUIRE(written.has_value());
  REQUIRE(*written <= body.size());
  body.resize(*written);
  return body;
}

/// Decodes into room with canaries behind it: nothing may be written past the payload whatever the body is.
Result<Buffer> decode(Codec& codec, const PayloadShape& shape, const Buffer& body) {
  Buffer room(shape.bytes().count() + 64, kCanary);
  const auto decoded = codec.decode(shape, body, std::span(room).first(shape.bytes().count()));
  CHECK(std::all_of(room.end() - 64, room.end(), [](std::byte b) { return b == kCanary; }));
  if (!decoded) return error(decoded);
  room.resize(shape.bytes().count());
  return room;
}

/// Runs `law` for every codec that can be made here and every dtype.
template <class Law>
void for_all(Law&& law) {
  for (const CodecRow& row : codecs()) {
    const auto codec = parse_codec(row.name)->make();
    if (!codec) {
      CHECK(codec.error().code == Code::unavailable);
      MESSAGE(row.name << " left out: " << codec.error().message);
      continue;
    }
    for (const Dtype dtype : all_dtypes()) {
      INFO(row.name, " of ", dtype_name(dtype));
      Random random(static_cast<std::uint64_t>(dtype));
      law(**codec, dtype, random);
    }
  }
}

}  // namespace

TEST_SUITE("codec") {
  TEST_CASE("every codec gives back every dtype within the tolerance that it declares") {
    for_all([](Codec& codec, Dtype dtype, Random& random) {
      for (int round = 0; round < 30; ++round) {
        const PayloadShape shape = shape_of(dtype, random);
        const Buffer payload = payload_of(shape, random);
        const auto got = decode(codec, shape, encode(codec, shape, payload));
        REQUIRE(got.has_value());
        const Tolerance tolerance = codec.tolerance(dtype);
        if (tolerance.exact()) {
          CHECK(*got == payload);
          continue;
        }
        const std::size_t size = dtype_bytes(dtype);
        for (std::size_t i = 0; i < payload.size(); i += size) {
          const float want_value = load_element(dtype, &payload[i]), got_value = load_element(dtype, &(*got)[i]);
          CAPTURE(want_value);
          CAPTURE(got_value);
          CHECK(tolerance.accepts(want_value, got_value));
          if (!std::isnan(want_value)) CHECK(std::signbit(want_value) == std::signbit(got_value));
        }
      }
    });
  }

  TEST_CASE("where a codec says identity, the body is the payload") {
    for_all([](Codec& codec, Dtype dtype, Random& random) {
      const PayloadShape shape = shape_of(dtype, random);
      const Buffer payload = payload_of(shape, random);
      CHECK((!codec.identity(shape) || encode(codec, shape, payload) == payload));
    });
  }

  TEST_CASE("a truncated or extended body is an error") {
    for_all([](Codec& codec, Dtype dtype, Random& random) {
      const PayloadShape shape{dtype, 2, 2, 3, 2};
      const Buffer body = encode(codec, shape, payload_of(shape, random));
      for (std::size_t size = 0; size < body.size(); ++size) {
        const auto got = decode(codec, shape, Buffer(body.begin(), body.begin() + static_cast<long>(size)));
        REQUIRE_FALSE(got.has_value());
        CHECK(got.error().code == Code::corrupt);
      }
      for (const std::size_t more : {1, 2, 64, 100'000}) {
        Buffer extended = body;
        extended.resize(body.size() + more, kCanary);
        CHECK_FALSE(decode(codec, shape, extended).has_value());
      }
    });
  }

  TEST_CASE("a garbled body is an error or other elements, never a crash") {
    for_all([](Codec& codec, Dtype dtype, Random& random) {
      const PayloadShape shape{dtype, 2, 2, 3, 2};
      const Buffer body = encode(codec, shape, payload_of(shape, random));
      for (std::size_t at = 0; at < body.size(); ++at) {
        Buffer garbled = body;
        garbled[at] = static_cast<std::byte>(random.next() & 0xff);
        static_cast<void>(decode(codec, shape, garbled));
        for (std::byte& b : garbled) b = random.below(8) != 0 ? b : static_cast<std::byte>(random.next() & 0xff);
        static_cast<void>(decode(codec, shape, garbled));
      }
    });
  }

  TEST_CASE("a body of another shape is an error unless it has the same form") {
    for_all([](Codec& codec, Dtype dtype, Random& random) {
      const PayloadShape small{dtype, 2, 2, 3, 2}, large{dtype, 2, 2, 4, 2};
      CHECK_FALSE(decode(codec, large, encode(codec, small, payload_of(small, random))).has_value());
      CHECK_FALSE(decode(codec, small, encode(codec, large, payload_of(large, random))).has_value());
    });
  }

  TEST_CASE("fp16 halves fp32 payloads and leaves narrower ones alone") {
    const auto codec = *parse_codec("fp16")->make();
    CHECK(codec->bound({Dtype::fp32, 3, 2, 5, 7}) == 3 * 2 * 5 * 7 * 2);
    CHECK(codec->bound({Dtype::bf16, 3, 2, 5, 7}) == 3 * 2 * 5 * 7 * 2);
    CHECK(codec->bound({Dtype::int8, 3, 2, 5, 7}) == 3 * 2 * 5 * 7);
    CHECK_FALSE(codec->identity({Dtype::fp32}));
    CHECK(codec->identity({Dtype::bf16}));
    CHECK(codec->tolerance(Dtype::bf16).exact());
  }

  TEST_CASE("an unknown codec suggests the nearest; joins and levels say that they are not there yet") {
    CHECK(parse_codec("rw").error().hint == "did you mean 'raw'? known codecs: raw, fp16, pickle");
    CHECK(parse_codec("").error().code == Code::bad_input);
    CHECK(parse_codec("fp16+zstd").error().message == "codec 'fp16+zstd': codecs cannot be joined with '+' yet");
    CHECK(parse_codec("raw:3").error().message == "codec 'raw:3': no codec takes a level yet");
    CHECK(parse_codec("raw")->row->number == 1);
    CHECK(parse_codec("fp16")->row->number == 2);
    CHECK(parse_codec("pickle")->row->number == 3);
  }
}

TEST_SUITE("half") {
  TEST_CASE("values whose half is known") {
    // Computed by hand from the format: 5 exponent bits of bias 15, 10 mantissa bits.
    const std::vector<std::pair<float, std::uint16_t>> known{
        {0.0F, 0x0000},       {-0.0F, 0x8000},      {1.0F, 0x3c00},         {-2.0F, 0xc000},
        {65504.0F, 0x7bff},   {65519.996F, 0x7bff}, {65520.0F, 0x7c00},     {-1e6F, 0xfc00},
        {0x1p-14F, 0x0400},   {0x1p-24F, 0x0001},   {0x1p-25F, 0x0000},     {0x1.000002p-25F, 1},
        {0x1.8p-24F, 0x0002}, {0x1p-149F, 0x0000},  {0x1.ff8p-15F, 0x03ff}, {0x1.ffcp-15F, 0x0400},
        {0x1.002p0F, 0x3c00}, {0x1.006p0F, 0x3c02}, {0x1.ffep0F, 0x4000},   {0x1.ffdfp0F, 0x3fff}};
    for (const auto& [value, half] : known) {
      CAPTURE(value);
      CHECK(half_from_float(value) == half);
    }
    CHECK(half_from_float(std::numeric_limits<float>::infinity()) == 0x7c00);
    CHECK(half_from_float(-std::numeric_limits<float>::infinity()) == 0xfc00);
  }

  TEST_CASE("every half survives the round trip; between two, the nearer wins and a tie goes to the even one") {
    for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
      const auto half = static_cast<std::uint16_t>(bits);
      const float value = float_from_half(half);
      CAPTURE(bits);
      if ((bits & 0x7fff) > 0x7c00) {
        CHECK(std::isnan(value));
        CHECK((half_from_float(value) & 0x7fff) > 0x7c00);
        continue;
      }
      REQUIRE(half_from_float(value) == half);
      CHECK(value == load_element(Dtype::fp16, reinterpret_cast<const std::byte*>(&half)));
      if ((bits & 0x7fff) >= 0x7bff) continue;
      const float next = float_from_half(static_cast<std::uint16_t>(bits + 1));
      const float middle = (value + next) / 2;  // exact: 24 bits hold it
      CHECK(half_from_float(middle) == ((bits & 1) == 0 ? bits : bits + 1));
      CHECK(half_from_float(std::nextafter(middle, value)) == bits);
      CHECK(half_from_float(std::nextafter(middle, next)) == bits + 1);
    }
  }

  TEST_CASE("the fast form equals the specification on random bits") {
    Random random(7);
    for (int i = 0; i < 1'000'000; ++i) {
      const auto value = std::bit_cast<float>(static_cast<std::uint32_t>(random.next()));
      if (std::isnan(value)) continue;
      std::uint16_t want = 0;
      store_element(Dtype::fp16, value, reinterpret_cast<std::byte*>(&want));
      REQUIRE(half_from_float(value) == want);
    }
  }
}
