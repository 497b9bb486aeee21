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

std::vector<std::string> all_names() {
  std::vector<std::string> names(codec_compositions().begin(), codec_compositions().end());
  for (const CodecRow& row : codecs()) names.push_back(row.name);
  return names;
}

/// Runs `law` for every codec and composition that can be made here and every dtype.
template <class Law>
void for_all(Law&& law) {
  for (const std::string& name : all_names()) {
    const auto codec = parse_codec(name)->make();
    if (!codec) {
      CHECK(codec.error().code == Code::unavailable);
      MESSAGE(name << " left out: " << codec.error().message);
      continue;
    }
    for (const Dtype dtype : all_dtypes()) {
      INFO(name, " of ", dtype_name(dtype));
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
        CHECK(codec.accepts(shape, payload, *got));
        if (codec.tolerance(dtype).exact()) CHECK(*got == payload);
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

  TEST_CASE("an unknown codec suggests the nearest, a misplaced one says where it belongs") {
    CHECK(parse_codec("rw").error().hint.starts_with("did you mean 'raw'? known codecs: raw, fp16, bf16, "));
    CHECK(parse_codec("int8+zst").error().hint.starts_with("did you mean 'zstd'? "));
    for (const char* nothing : {"", "+", "raw+", "+zstd", ":3"})
      CHECK(parse_codec(nothing).error().code == Code::bad_input);
    CHECK(parse_codec("zstd+int8").error().message == "codec 'zstd+int8': int8 reads a payload, so it stands first");
    CHECK(parse_codec("zstd+int8").error().hint == "one codec of numbers, then compressors: int8+zstd");
    CHECK(parse_codec("raw+int8").error().hint == "one codec of numbers, then compressors: int8+zstd");
    CHECK(parse_codec("raw:3").error().message == "codec 'raw:3': raw takes no option");
    CHECK(parse_codec("zstd:0").error().hint == "levels are 1 to 19");
    CHECK(parse_codec("zstd:20").error().code == Code::bad_input);
    CHECK(parse_codec("zstd:x").error().code == Code::bad_input);
    CHECK(parse_codec("int4:7").error().code == Code::bad_input);
    CHECK(parse_codec("int4:33").error().code == Code::bad_input);
    CHECK(parse_codec("int4:8192").error().code == Code::bad_input);
    CHECK(parse_codec("shuffle:gzip").error().hint == "known: lz4, zstd, blosclz");
    CHECK(parse_codec("int8+lz4+zstd+shuffle+lz4").error().message.find("more than 4 stages") != std::string::npos);
  }

  TEST_CASE("a composition's id names its stages, the first one lowest; raw in front goes without saying") {
    CHECK(parse_codec("raw")->id() == 1);
    CHECK(parse_codec("fp16")->id() == 2);
    CHECK(parse_codec("pickle")->id() == 3);
    CHECK(parse_codec("int8+zstd:3")->id() == 0x0906);
    CHECK(parse_codec("zstd")->id() == 0x0901);
    CHECK(parse_codec("raw+zstd:7")->text == "zstd:7");
    CHECK(parse_codec("raw")->text == "raw");
    CHECK(parse_codec("int8+zstd:3")->text == "int8+zstd:3");
  }

  TEST_CASE("sizes of scaled bodies are those of codes and scales") {
    // 3 layers of K and V, 5 tokens x 7 channels: K has a scale for each of 7 channels, V for each of 5 tokens.
    CHECK((*parse_codec("int8")->make())->bound({Dtype::bf16, 3, 2, 5, 7}) == 3 * (2 * 35 + 2 * (7 + 5)));
    CHECK((*parse_codec("int8")->make())->bound({Dtype::fp32, 3, 1, 5, 7}) == 3 * (35 + 2 * 5));
    // Runs of 16 over 35 elements: 16, 16 and 3, of 8, 8 and 2 bytes.
    CHECK((*parse_codec("int4:16")->make())->bound({Dtype::fp16, 3, 2, 5, 7}) == 3 * 2 * (8 + 8 + 2 + 3 * 2));
    CHECK((*parse_codec("fp8")->make())->bound({Dtype::fp32, 1, 2, 100, 4}) == 2 * (400 + 4 * 2));
    CHECK((*parse_codec("int4")->make())->bound({Dtype::int8, 3, 2, 5, 7}) == 3 * 2 * 35);
  }

  TEST_CASE("the tolerance of a scaled codec is sharp: rows that changed places are found") {
    Random random(3);
    for (const char* name : {"int8", "fp8", "int4"}) {
      CAPTURE(name);
      const PayloadShape shape{Dtype::fp32, 2, 2, 8, 64};
      Buffer payload(shape.bytes().count());
      for (std::size_t i = 0; i < shape.elements(); ++i) {
        store_element(shape.dtype, static_cast<float>(random.uniform() * 2 - 1), &payload[i * 4]);
      }
      const auto codec = *parse_codec(name)->make();
      Buffer got = *decode(*codec, shape, encode(*codec, shape, payload));
      REQUIRE(codec->accepts(shape, payload, got));
      const std::size_t row = 64 * 4;
      for (std::size_t at = 0; at < got.size(); at += 2 * row) {
        Buffer swapped = got;
        std::swap_ranges(swapped.begin() + static_cast<long>(at), swapped.begin() + static_cast<long>(at + row),
                         swapped.begin() + static_cast<long>(at + row));
        CHECK_FALSE(codec->accepts(shape, payload, swapped));
      }
      for (std::size_t i = 0; i < shape.elements(); i += 97) {  // one element, a twelfth of its group's largest away
        Buffer off = got;
        const float value = load_element(shape.dtype, &payload[i * 4]);
        store_element(shape.dtype, value + (value > 0 ? 0.1F : -0.1F), &off[i * 4]);
        CHECK_FALSE(codec->accepts(shape, payload, off));
      }
    }
  }

  TEST_CASE("what becomes of numbers that are none, and of the largest") {
    const float inf = std::numeric_limits<float>::infinity(), most = std::numeric_limits<float>::max();
    const std::vector<float> values{std::nanf(""), inf, -inf, most, -most, 1e38F, 0, -0.0F};
    const PayloadShape shape{Dtype::fp32, 1, 1, 1, values.size()};
    Buffer payload(shape.bytes().count());
    for (std::size_t i = 0; i < values.size(); ++i) store_element(shape.dtype, values[i], &payload[i * 4]);
    for (const char* name : {"int8", "fp8", "int4"}) {
      CAPTURE(name);
      const auto codec = *parse_codec(name)->make();
      const Buffer got = *decode(*codec, shape, encode(*codec, shape, payload));
      const auto at = [&](std::size_t i) { return load_element(shape.dtype, &got[i * 4]); };
      CHECK(std::isnan(at(0)));
      CHECK(at(1) >= at(3));  // an infinity is cut off at the largest code
      CHECK(at(2) <= at(4));
      CHECK(std::isfinite(at(1)));
      CHECK(at(3) > 0.9F * most);
      CHECK(std::isfinite(at(3)));
      CHECK(at(4) == -at(3));
      CHECK(at(6) == 0);
    }
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
