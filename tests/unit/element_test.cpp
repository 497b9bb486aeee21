#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>

#include "base/random.hpp"
#include "model/element.hpp"

using namespace kv;

namespace {

float load_bits(Dtype dtype, std::uint32_t bits) {
  return load_element(dtype, reinterpret_cast<const std::byte*>(&bits));
}

std::uint32_t store_bits(Dtype dtype, float value) {
  std::uint32_t bits = 0;
  store_element(dtype, value, reinterpret_cast<std::byte*>(&bits));
  return bits;
}

/// Every finite value of a small type, with its bits; built from load_element, whose own values are checked below.
std::map<float, std::uint32_t> finite_values(Dtype dtype, std::uint32_t patterns) {
  std::map<float, std::uint32_t> values;
  for (std::uint32_t bits = 0; bits < patterns; ++bits) {
    const float v = load_bits(dtype, bits);
    if (std::isfinite(v) && !std::signbit(v)) values[v] = bits;
  }
  return values;
}

}  // namespace

TEST_SUITE("element") {
  TEST_CASE("known values of each type (IEEE 754 binary16, bfloat16, OCP E4M3)") {
    CHECK(load_bits(Dtype::fp16, 0x3c00) == 1.0F);
    CHECK(load_bits(Dtype::fp16, 0x7bff) == 65504.0F);
    CHECK(load_bits(Dtype::fp16, 0x0001) == std::ldexp(1.0F, -24));
    CHECK(load_bits(Dtype::fp16, 0x0400) == std::ldexp(1.0F, -14));
    CHECK(std::isinf(load_bits(Dtype::fp16, 0xfc00)));
    CHECK(load_bits(Dtype::bf16, 0x3f80) == 1.0F);
    CHECK(load_bits(Dtype::bf16, 0xc040) == -3.0F);
    CHECK(load_bits(Dtype::fp8_e4m3, 0x38) == 1.0F);
    CHECK(load_bits(Dtype::fp8_e4m3, 0x7e) == 448.0F);
    CHECK(load_bits(Dtype::fp8_e4m3, 0x01) == std::ldexp(1.0F, -9));
    CHECK(std::isnan(load_bits(Dtype::fp8_e4m3, 0x7f)));
    CHECK(load_bits(Dtype::int8, 0x80) == -128.0F);
  }

  TEST_CASE("every bit pattern survives a round trip") {
    for (const Dtype dtype : {Dtype::fp16, Dtype::bf16, Dtype::fp8_e4m3, Dtype::int8}) {
      const std::uint32_t patterns = 1U << (8 * dtype_bytes(dtype));
      for (std::uint32_t bits = 0; bits < patterns; ++bits) {
        const float v = load_bits(dtype, bits);
        if (std::isnan(v)) {
          REQUIRE(std::isnan(load_bits(dtype, store_bits(dtype, v))));
        } else {
          REQUIRE(store_bits(dtype, v) == bits);
        }
      }
    }
  }

  TEST_CASE("rounding goes to the nearest value, ties to even bits") {
    Random random(11);
    for (const Dtype dtype : {Dtype::fp16, Dtype::fp8_e4m3}) {
      const auto values = finite_values(dtype, 1U << (8 * dtype_bytes(dtype)));
      const float largest = values.rbegin()->first;
      const auto check = [&](float v) {
        const auto above = values.lower_bound(v);
        const auto below = above == values.begin() ? above : std::prev(above);
        const double up = double(above->first) - v, down = double(v) - below->first;
        const std::uint32_t want = up < down   ? above->second
                                   : down < up ? below->second
                                               : (above->second % 2 == 0 ? above->second : below->second);
        CAPTURE(v);
        REQUIRE(store_bits(dtype, v) == want);
      };
      for (int i = 0; i < 20000; ++i) {
        check(static_cast<float>(std::ldexp(random.uniform(), static_cast<int>(random.below(30)) - 26)) * 0.9F);
      }
      for (auto at = values.begin(); std::next(at) != values.end(); ++at) {
        const float middle = (at->first + std::next(at)->first) / 2;
        check(middle);
        check(std::nextafter(middle, 0.0F));
        check(std::nextafter(middle, largest));
      }
    }
    CHECK(store_bits(Dtype::fp16, 65519.9F) == 0x7bff);
    CHECK(store_bits(Dtype::fp16, 65520.0F) == 0x7c00);
    CHECK(store_bits(Dtype::bf16, 1.00390625F) == 0x3f80);  // a tie: to even
    CHECK(store_bits(Dtype::bf16, 1.01171875F) == 0x3f82);
    CHECK(store_bits(Dtype::fp8_e4m3, 1e9F) == 0x7e);
    CHECK(store_bits(Dtype::int8, 2.5F) == 2);
    CHECK(store_bits(Dtype::int8, 1e9F) == 127);
  }

  TEST_CASE("signs of zero and infinities are kept") {
    CHECK(store_bits(Dtype::fp16, -0.0F) == 0x8000);
    CHECK(store_bits(Dtype::bf16, -0.0F) == 0x8000);
    CHECK(store_bits(Dtype::fp16, -std::numeric_limits<float>::infinity()) == 0xfc00);
    CHECK(store_bits(Dtype::bf16, std::numeric_limits<float>::infinity()) == 0x7f80);
    CHECK(store_bits(Dtype::bf16, std::numeric_limits<float>::max()) == 0x7f80);
  }
}
