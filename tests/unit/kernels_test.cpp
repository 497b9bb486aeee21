#include "codec/kernels.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/random.hpp"
#include "codec/fp8.hpp"
#include "codec/half.hpp"
#include "codec/quantise.hpp"
#include "model/element.hpp"

using namespace kv;

namespace {

using Buffer = std::vector<std::byte>;

/// Every rounding edge of the narrow formats, specials, and random bits.
std::vector<float> values_to_try() {
  std::vector<float> out{0.0F,
                         -0.0F,
                         std::numeric_limits<float>::infinity(),
                         -std::numeric_limits<float>::infinity(),
                         std::nanf(""),
                         std::bit_cast<float>(0x7f800001U),
                         std::bit_cast<float>(0xffffffffU)};
  const auto around = [&out](float value) {
    for (const float near : {std::nextafter(value, -1e30F), value, std::nextafter(value, 1e30F)}) {
      out.push_back(near);
      out.push_back(-near);
    }
  };
  for (int exponent = -149; exponent < 128; ++exponent) around(std::ldexp(1.0F, exponent));
  for (std::uint32_t code = 0; code < 0x7e; ++code) {  // fp8 values and the ties between them
    const float value = float_from_fp8(static_cast<std::uint8_t>(code));
    const float next = float_from_fp8(static_cast<std::uint8_t>(code + 1));
    around(value);
    around((value + next) / 2);
  }
  for (std::uint32_t half = 0x03f0; half < 0x0410; ++half) around(float_from_half(static_cast<std::uint16_t>(half)));
  for (const float edge : {65504.0F, 65519.0F, 65520.0F, 448.0F, 463.9F, 464.0F, 126.5F, 127.5F, 6.5F, 7.5F})
    around(edge);
  Random random(11);
  for (int i = 0; i < 20'000; ++i) out.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(random.next())));
  for (int i = 0; i < 20'000; ++i) out.push_back(static_cast<float>((random.uniform() - 0.5) * 20));
  return out;
}

template <class T>
Buffer bytes_of(const std::vector<T>& values) {
  Buffer out(values.size() * sizeof(T));
  std::memcpy(out.data(), values.data(), out.size());
  return out;
}

/// Runs `law` on every instruction set that this machine has.
template <class Law>
void on_every_target(Law&& law) {
  for (const std::int64_t target : kernels::targets()) {
    INFO(kernels::target_name(target));
    kernels::use_target(target);
    law();
  }
  kernels::use_target(0);
}

bool same_bits(float a, float b) { return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b); }

/// How many outputs of `kernel(from, to, count)` differ from the specification, over all starts and ends near the
/// vectors' edges.
template <class From, class To, class Kernel, class Specification>
std::size_t differences(const std::vector<From>& values, Kernel kernel, Specification specification) {
  std::size_t wrong = 0;
  for (const std::size_t skip : {0, 1, 3, 17}) {
    for (const std::size_t cut : {0, 1, 5, 31}) {
      const std::size_t n = values.size() - skip - cut;
      Buffer in = bytes_of(values), out(n * sizeof(To) + 1, std::byte{0x77});
      kernel(in.data() + skip * sizeof(From), out.data(), n);
      for (std::size_t i = 0; i < n; ++i) {
        const To want = specification(values[skip + i]);
        wrong += std::memcmp(&want, &out[i * sizeof(To)], sizeof(To)) != 0;
      }
      wrong += out.back() != std::byte{0x77};
    }
  }
  return wrong;
}

}  // namespace

TEST_SUITE("kernels") {
  TEST_CASE("conversions are the specification, bit by bit, on every instruction set") {
    const std::vector<float> floats = values_to_try();
    std::vector<std::uint16_t> halves(0x10000);
    for (std::size_t i = 0; i < halves.size(); ++i) halves[i] = static_cast<std::uint16_t>(i);
    on_every_target([&] {
      CHECK(differences<float, std::uint16_t>(floats, kernels::halves_from_floats, half_from_float) == 0);
      CHECK(differences<float, std::uint16_t>(floats, kernels::bf16_from_floats, bf16_from_float) == 0);
      CHECK(differences<std::uint16_t, float>(halves, kernels::floats_from_halves, float_from_half) == 0);
      CHECK(differences<std::uint16_t, float>(halves, kernels::floats_from_bf16, float_from_bf16) == 0);
    });
  }

  TEST_CASE("what is too large for a cache is converted as what is not, whatever its alignment") {
    constexpr std::size_t kCount = (std::size_t{16} << 20) / 6 + 1003;
    Random random(5);
    Buffer from(kCount * 4 + 8), to(kCount * 2 + 72), plain(kCount * 2 + 72);
    for (std::size_t i = 0; i + 8 <= from.size(); i += 8) {
      const std::uint64_t word = random.next();
      std::memcpy(&from[i], &word, 8);
    }
    for (const std::size_t shift : {0, 1, 2, 34}) {
      kernels::halves_from_floats(from.data(), to.data() + shift, kCount);
      for (std::size_t at = 0; at < kCount; at += 4096) {
        kernels::halves_from_floats(from.data() + at * 4, plain.data() + at * 2,
                                    std::min<std::size_t>(4096, kCount - at));
      }
      CHECK(std::equal(plain.begin(), plain.begin() + kCount * 2, to.begin() + static_cast<long>(shift)));
    }
  }

  TEST_CASE("fp8 is E4M3: every code survives, ties go to the even one, 464 and beyond stay 448") {
    for (std::uint32_t code = 0; code < 256; ++code) {
      const auto byte = static_cast<std::byte>(code);
      const float value = float_from_fp8(static_cast<std::uint8_t>(code));
      CAPTURE(code);
      if ((code & 0x7f) == 0x7f) {
        CHECK(std::isnan(value));
        CHECK((fp8_from_float(value) & 0x7f) == 0x7f);
        continue;
      }
      CHECK(value == load_element(Dtype::fp8_e4m3, &byte));  // the slow, independent form
      CHECK(fp8_from_float(value) == code);
    }
    for (const float value : values_to_try()) {
      std::byte want{};
      store_element(Dtype::fp8_e4m3, value, &want);
      CAPTURE(value);
      if (std::isnan(value)) continue;
      CHECK(std::to_integer<unsigned>(want) == fp8_from_float(value));
    }
  }

  TEST_CASE("scales hold the largest element and are no larger than need be") {
    // 127 / 127 = 1 exactly; 130 / 127 = 1.0236..., the next bfloat16 above it is 1.03125.
    CHECK(float_from_bf16(group_scale(std::bit_cast<std::uint32_t>(127.0F), 127)) == 1.0F);
    CHECK(float_from_bf16(group_scale(std::bit_cast<std::uint32_t>(130.0F), 127)) == 1.03125F);
    CHECK(float_from_bf16(group_scale(0, 127)) == 1.0F);
    CHECK(float_from_bf16(group_scale(1, 127)) == 0x1p-126F);
  }

  TEST_CASE("codes round to nearest even, cut off at the largest, and keep NaN apart") {
    for (const auto& [scaled, code] : std::vector<std::pair<float, int>>{{0.5F, 0},
                                                                         {1.5F, 2},
                                                                         {2.5F, 2},
                                                                         {-0.5F, 0},
                                                                         {-1.5F, -2},
                                                                         {126.5F, 126},
                                                                         {127.4F, 127},
                                                                         {127.5F, 127},
                                                                         {1e30F, 127},
                                                                         {-1e30F, -127}}) {
      CAPTURE(scaled);
      CHECK(integer_code(scaled, 127) == code);
    }
    CHECK(integer_code(std::nanf(""), 127) == -128);
    CHECK(integer_code(std::nanf(""), 7) == -8);
  }

  TEST_CASE("scaled kernels are the specification on every instruction set") {
    const std::vector<float> values = values_to_try();
    const std::size_t n = values.size() - 3;  // an odd end
    on_every_target([&] {
      for (const std::size_t group : {std::size_t{8}, std::size_t{10}, std::size_t{64}, std::size_t{100}, n}) {
        CAPTURE(group);
        const std::size_t groups = (n + group - 1) / group;
        std::vector<std::uint32_t> largest(groups);
        kernels::group_magnitudes(values.data(), n, group, largest.data());
        std::vector<float> scale(groups), inverse(groups);
        std::size_t wrong = 0;
        for (std::size_t g = 0; g < groups; ++g) {
          std::uint32_t want = 0;
          for (std::size_t i = g * group; i < std::min(n, (g + 1) * group); ++i)
            want = std::max(want, finite_magnitude(values[i]));
          wrong += want != largest[g];
          scale[g] = float_from_bf16(group_scale(want, 127));
          inverse[g] = 1 / scale[g];
        }
        Buffer int8(n), fp8(n), int4(groups * ((group + 1) / 2));
        kernels::int8_from_groups(values.data(), n, group, inverse.data(), int8.data());
        kernels::fp8_from_groups(values.data(), n, group, inverse.data(), fp8.data());
        kernels::int4_from_groups(values.data(), n, group, inverse.data(), int4.data());
        std::vector<float> from_int8(n), from_fp8(n), from_int4(n);
        kernels::groups_from_int8(int8.data(), n, group, scale.data(), 1e30F, from_int8.data());
        kernels::groups_from_fp8(fp8.data(), n, group, scale.data(), 1e30F, from_fp8.data());
        kernels::groups_from_int4(int4.data(), n, group, scale.data(), 1e30F, from_int4.data());
        for (std::size_t i = 0; i < n; ++i) {
          const std::size_t g = i / group;
          const float scaled = values[i] * inverse[g];
          const std::int32_t code8 = integer_code(scaled, 127), code4 = integer_code(scaled, 7);
          wrong += static_cast<std::int8_t>(int8[i]) != code8;
          wrong += std::to_integer<unsigned>(fp8[i]) != fp8_from_float(scaled);
          wrong += !same_bits(from_int8[i], float_from_integer_code(code8, 127, scale[g], 1e30F));
          wrong += !same_bits(from_fp8[i], descaled(float_from_fp8(fp8_from_float(scaled)), scale[g], 1e30F));
          wrong += !same_bits(from_int4[i], float_from_integer_code(code4, 7, scale[g], 1e30F));
          // Low nibbles hold the first half of a group, high ones the rest.
          const std::size_t in_group = i - g * group, size = std::min(group, n - g * group), half = (size + 1) / 2;
          const unsigned byte = std::to_integer<unsigned>(int4[g * ((group + 1) / 2) + in_group % half]);
          wrong += (in_group < half ? byte & 15 : byte >> 4) != (static_cast<unsigned>(code4) & 15);
        }
        CHECK(wrong == 0);
      }
    });
  }

  TEST_CASE("kernels by column are the specification on every instruction set") {
    const std::vector<float> values = values_to_try();
    const std::size_t n = values.size() / 2 - 1;
    on_every_target([&] {
      std::vector<std::uint32_t> largest(n, 0);
      kernels::column_magnitudes(values.data(), largest.data(), n);
      kernels::column_magnitudes(values.data() + n, largest.data(), n);
      std::vector<float> scale(n), inverse(n), back(n);
      Buffer codes(n);
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < n; ++i) {
        wrong += largest[i] != std::max(finite_magnitude(values[i]), finite_magnitude(values[n + i]));
        scale[i] = float_from_bf16(group_scale(largest[i], 127));
        inverse[i] = 1 / scale[i];
      }
      kernels::int8_from_columns(values.data(), inverse.data(), codes.data(), n);
      kernels::columns_from_int8(codes.data(), scale.data(), 65504, back.data(), n);
      for (std::size_t i = 0; i < n; ++i) {
        const std::int32_t code = integer_code(values[i] * inverse[i], 127);
        wrong += static_cast<std::int8_t>(codes[i]) != code;
        wrong += !same_bits(back[i], float_from_integer_code(code, 127, scale[i], 65504));
      }
      CHECK(wrong == 0);
    });
  }
}
