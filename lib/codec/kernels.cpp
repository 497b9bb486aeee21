#include "codec/kernels.hpp"

#include <algorithm>
#include <cstring>

#include <hwy/cache_control.h>

#include "codec/fp8.hpp"
#include "codec/half.hpp"
#include "codec/quantise.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "codec/kernels.cpp"
#include <hwy/foreach_target.h>  // compiles this file once for each target
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace kv::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Most loops apply the specification to one element after the other, and the compiler vectorises them for the target at
// hand. What it does badly is by hand: maxima, and making bytes of 32-bit lanes.

template <class T>
T element(const std::byte* from, std::size_t i) {
  T value;
  std::memcpy(&value, from + i * sizeof value, sizeof value);
  return value;
}

template <class T>
void set_element(std::byte* to, std::size_t i, T value) {
  std::memcpy(to + i * sizeof value, &value, sizeof value);
}

template <class From, class To, class Convert>
void convert_all(const std::byte* __restrict from, std::byte* __restrict to, std::size_t count, Convert convert) {
  for (std::size_t i = 0; i < count; ++i) set_element<To>(to, i, convert(element<From>(from, i)));
}

constexpr std::size_t kTileBytes = 8192;                         // stays in the first-level cache
constexpr std::size_t kStreamFromBytes = std::size_t{16} << 20;  // both ends: what no cache keeps for the next reader

/// Writes a tile past the cache; to must be a multiple of 64.
void stream(const std::byte* from, std::byte* to, std::size_t bytes) {
  const hn::ScalableTag<std::uint8_t> d;
  const std::size_t step = hn::Lanes(d);
  const auto* in = reinterpret_cast<const std::uint8_t*>(from);
  auto* out = reinterpret_cast<std::uint8_t*>(to);
  std::size_t at = 0;
  for (; at + step <= bytes; at += step) hn::Stream(hn::LoadU(d, in + at), d, out + at);
  std::memcpy(out + at, in + at, bytes - at);
}

/// all(from, to, count) converts what fits a cache.
template <class From, class To, class All>
void convert(const std::byte* from, std::byte* to, std::size_t count, All all) {
  if (count * (sizeof(From) + sizeof(To)) < kStreamFromBytes) return all(from, to, count);
  const std::size_t odd = (64 - reinterpret_cast<std::uintptr_t>(to) % 64) % 64;
  if (odd % sizeof(To) != 0) return all(from, to, count);
  std::size_t at = odd / sizeof(To);
  all(from, to, at);
  alignas(64) std::byte tile[kTileBytes];
  while (at < count) {
    const std::size_t n = std::min(kTileBytes / sizeof(To), count - at);
    all(from + at * sizeof(From), tile, n);
    stream(tile, to + at * sizeof(To), n * sizeof(To));
    at += n;
  }
  hwy::FlushStream();
}

/// Whether this target converts halves in one instruction (F16C), which does just what the specification says.
constexpr bool kConvertsHalves = HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2;

using Halves = hn::Rebind<hwy::float16_t, hn::ScalableTag<float>>;
using HalfBits = hn::RebindToUnsigned<Halves>;

void halves_from_floats(const std::byte* from, std::byte* to, std::size_t count) {
  const hn::ScalableTag<float> d;
  const std::size_t step = hn::Lanes(d);
  const auto all = [=](const std::byte* in, std::byte* out, std::size_t n) HWY_ATTR {
    std::size_t i = 0;
    for (; kConvertsHalves && i + step <= n; i += step) {
      const auto halves = hn::DemoteTo(Halves(), hn::LoadU(d, reinterpret_cast<const float*>(in) + i));
      hn::StoreU(hn::BitCast(HalfBits(), halves), HalfBits(), reinterpret_cast<std::uint16_t*>(out) + i);
    }
    convert_all<float, std::uint16_t>(in + i * 4, out + i * 2, n - i, [](float v) { return half_from_float(v); });
  };
  convert<float, std::uint16_t>(from, to, count, all);
}
void floats_from_halves(const std::byte* from, std::byte* to, std::size_t count) {
  const hn::ScalableTag<float> d;
  const std::size_t step = hn::Lanes(d);
  const auto all = [=](const std::byte* in, std::byte* out, std::size_t n) HWY_ATTR {
    std::size_t i = 0;
    for (; kConvertsHalves && i + step <= n; i += step) {
      const auto bits = hn::LoadU(HalfBits(), reinterpret_cast<const std::uint16_t*>(in) + i);
      hn::StoreU(hn::PromoteTo(d, hn::BitCast(Halves(), bits)), d, reinterpret_cast<float*>(out) + i);
    }
    convert_all<std::uint16_t, float>(in + i * 2, out + i * 4, n - i,
                                      [](std::uint16_t v) { return float_from_half(v); });
  };
  convert<std::uint16_t, float>(from, to, count, all);
}
void bf16_from_floats(const std::byte* from, std::byte* to, std::size_t count) {
  const hn::ScalableTag<float> d;
  const hn::RebindToUnsigned<decltype(d)> du;
  const hn::Rebind<std::uint16_t, decltype(d)> narrow;
  const std::size_t step = hn::Lanes(d);
  const auto all = [=](const std::byte* in, std::byte* out, std::size_t n) HWY_ATTR {
    std::size_t i = 0;
    for (; i + step <= n; i += step) {
      const auto bits = hn::BitCast(du, hn::LoadU(d, reinterpret_cast<const float*>(in) + i));
      const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 1));
      const auto rounded = hn::ShiftRight<16>(hn::Add(bits, hn::Add(odd, hn::Set(du, 0x7fff))));
      const auto quiet = hn::Or(hn::ShiftRight<16>(bits), hn::Set(du, 0x40));
      const auto nan = hn::RebindMask(du, hn::IsNaN(hn::BitCast(d, bits)));
      hn::StoreU(hn::TruncateTo(narrow, hn::IfThenElse(nan, quiet, rounded)), narrow,
                 reinterpret_cast<std::uint16_t*>(out) + i);
    }
    convert_all<float, std::uint16_t>(in + i * 4, out + i * 2, n - i, [](float v) { return bf16_from_float(v); });
  };
  convert<float, std::uint16_t>(from, to, count, all);
}
void floats_from_bf16(const std::byte* from, std::byte* to, std::size_t count) {
  convert<std::uint16_t, float>(from, to, count, [](const std::byte* in, std::byte* out, std::size_t n) {
    convert_all<std::uint16_t, float>(in, out, n, [](std::uint16_t v) { return float_from_bf16(v); });
  });
}

void column_magnitudes(const float* __restrict row, std::uint32_t* __restrict largest, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t magnitude = finite_magnitude(row[i]);
    largest[i] = magnitude > largest[i] ? magnitude : largest[i];
  }
}

/// By hand: compilers keep a maximum in one register and wait for it at every step. Magnitudes are no larger than what
/// a signed lane holds.
HWY_INLINE std::uint32_t most_of(const float* from, std::size_t count) {
  const hn::ScalableTag<std::int32_t> d;
  const std::size_t step = hn::Lanes(d);
  const auto all = hn::Set(d, 0x7fff'ffff), infinite = hn::Set(d, 0x7f80'0000);
  const auto magnitudes = [&](std::size_t i) HWY_ATTR {
    const auto magnitude = hn::And(hn::BitCast(d, hn::LoadU(hn::ScalableTag<float>(), from + i)), all);
    return hn::IfThenElseZero(hn::Lt(magnitude, infinite), magnitude);
  };
  auto a = hn::Zero(d), b = a, c = a, e = a;
  std::size_t i = 0;
  for (; i + 4 * step <= count; i += 4 * step) {
    a = hn::Max(a, magnitudes(i));
    b = hn::Max(b, magnitudes(i + step));
    c = hn::Max(c, magnitudes(i + 2 * step));
    e = hn::Max(e, magnitudes(i + 3 * step));
  }
  for (; i + step <= count; i += step) a = hn::Max(a, magnitudes(i));
  auto most = static_cast<std::uint32_t>(hn::GetLane(hn::MaxOfLanes(d, hn::Max(hn::Max(a, b), hn::Max(c, e)))));
  for (; i < count; ++i) most = std::max(most, finite_magnitude(from[i]));
  return most;
}

void group_magnitudes(const float* from, std::size_t count, std::size_t group, std::uint32_t* largest) {
  for (std::size_t at = 0; at < count; at += group) *largest++ = most_of(from + at, std::min(group, count - at));
}

using Floats = hn::ScalableTag<float>;
using Ints = hn::RebindToSigned<Floats>;
using Unsigned = hn::RebindToUnsigned<Floats>;

/// integer_code of every lane.
template <class V>
HWY_INLINE hn::Vec<Ints> integer_codes(V scaled, std::int32_t largest) {
  const Floats d;
  const Ints di;
  const auto bound = hn::Set(d, static_cast<float>(largest)), whole = hn::Set(d, 0x1.8p23F);
  const auto within = hn::Max(hn::Min(scaled, bound), hn::Neg(bound));
  const auto rounded = hn::Sub(hn::BitCast(di, hn::Add(within, whole)), hn::BitCast(di, whole));
  return hn::IfThenElse(hn::RebindMask(di, hn::IsNaN(scaled)), hn::Set(di, -largest - 1), rounded);
}

/// The low byte of every lane.
HWY_INLINE void store_bytes(hn::Vec<Ints> lanes, std::byte* to) {
  const hn::Rebind<std::uint8_t, Floats> bytes;
  hn::StoreU(hn::TruncateTo(bytes, hn::BitCast(Unsigned(), lanes)), bytes, reinterpret_cast<std::uint8_t*>(to));
}

void int8_from_columns(const float* row, const float* inverse, std::byte* to, std::size_t count) {
  const Floats d;
  const std::size_t step = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + step <= count; i += step) {
    store_bytes(integer_codes(hn::Mul(hn::LoadU(d, row + i), hn::LoadU(d, inverse + i)), 127), to + i);
  }
  for (; i < count; ++i) to[i] = static_cast<std::byte>(integer_code(row[i] * inverse[i], 127));
}

void columns_from_int8(const std::byte* __restrict from, const float* __restrict scale, float largest_element,
                       float* __restrict row, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    row[i] = float_from_integer_code(static_cast<std::int8_t>(from[i]), 127, scale[i], largest_element);
  }
}

/// Calls on_group(first element, how many, index) for each group.
template <class OnGroup>
void each_group(std::size_t count, std::size_t group, OnGroup on_group) {
  for (std::size_t at = 0, index = 0; at < count; at += group, ++index) {
    on_group(at, std::min(group, count - at), index);
  }
}

void int8_from_groups(const float* from, std::size_t count, std::size_t group, const float* inverse, std::byte* to) {
  const Floats d;
  const std::size_t step = hn::Lanes(d);
  each_group(count, group, [=](std::size_t at, std::size_t n, std::size_t index) HWY_ATTR {
    const auto by = hn::Set(d, inverse[index]);
    const std::size_t end = at + n;
    std::size_t i = at;
    for (; i + step <= end; i += step) store_bytes(integer_codes(hn::Mul(hn::LoadU(d, from + i), by), 127), to + i);
    for (; i < end; ++i) to[i] = static_cast<std::byte>(integer_code(from[i] * inverse[index], 127));
  });
}

void groups_from_int8(const std::byte* __restrict from, std::size_t count, std::size_t group,
                      const float* __restrict scale, float largest_element, float* __restrict to) {
  each_group(count, group, [=](std::size_t at, std::size_t n, std::size_t index) {
    const float by = scale[index];
    for (std::size_t i = at; i < at + n; ++i) {
      to[i] = float_from_integer_code(static_cast<std::int8_t>(from[i]), 127, by, largest_element);
    }
  });
}

/// fp8_from_float of every lane.
template <class V>
HWY_INLINE hn::Vec<Ints> fp8_codes(V value) {
  const Ints di;
  const Unsigned du;
  const auto bits = hn::BitCast(di, value);
  const auto magnitude = hn::And(bits, hn::Set(di, 0x7fff'ffff));
  const auto odd = hn::And(hn::ShiftRight<20>(magnitude), hn::Set(di, 1));
  const auto normal = hn::ShiftRight<20>(hn::Add(magnitude, hn::Add(odd, hn::Set(di, 0x7'ffff - ((127 - 7) << 23)))));
  const auto ulp = hn::Set(Floats(), 0x1p14F);
  const auto subnormal = hn::Sub(hn::BitCast(di, hn::Add(hn::BitCast(Floats(), magnitude), ulp)), hn::BitCast(di, ulp));
  const auto rounded = hn::IfThenElse(hn::Lt(magnitude, hn::Set(di, (127 - 6) << 23)), subnormal, normal);
  const auto finite = hn::Min(rounded, hn::Set(di, 0x7e));
  const auto code = hn::IfThenElse(hn::Gt(magnitude, hn::Set(di, 0x7f80'0000)), hn::Set(di, 0x7f), finite);
  const auto sign = hn::And(hn::ShiftRight<24>(hn::BitCast(du, value)), hn::Set(du, 0x80));
  return hn::Or(code, hn::BitCast(di, sign));
}

void fp8_from_groups(const float* from, std::size_t count, std::size_t group, const float* inverse, std::byte* to) {
  const Floats d;
  const std::size_t step = hn::Lanes(d);
  each_group(count, group, [=](std::size_t at, std::size_t n, std::size_t index) HWY_ATTR {
    const auto by = hn::Set(d, inverse[index]);
    const std::size_t end = at + n;
    std::size_t i = at;
    for (; i + step <= end; i += step) store_bytes(fp8_codes(hn::Mul(hn::LoadU(d, from + i), by)), to + i);
    for (; i < end; ++i) to[i] = static_cast<std::byte>(fp8_from_float(from[i] * inverse[index]));
  });
}

/// float_from_fp8 of every lane: AVX2 is left to scalars otherwise, ten times slower.
HWY_INLINE hn::Vec<Floats> floats_of_fp8(hn::Vec<Ints> code) {
  const Floats d;
  const Ints di;
  const auto magnitude = hn::ShiftLeft<20>(hn::And(code, hn::Set(di, 0x7f)));
  const auto shifted = hn::BitCast(d, hn::Add(magnitude, hn::Set(di, (127 - 6) << 23)));
  const auto subnormal = hn::BitCast(di, hn::Sub(shifted, hn::Set(d, 0x1p-6F)));
  const auto normal = hn::Add(magnitude, hn::Set(di, (127 - 7) << 23));
  const auto finite = hn::IfThenElse(hn::Lt(magnitude, hn::Set(di, 8 << 20)), subnormal, normal);
  const auto bits = hn::IfThenElse(hn::Eq(magnitude, hn::Set(di, 0x7f << 20)), hn::Set(di, 0x7fc0'0000), finite);
  const auto sign = hn::ShiftLeft<24>(hn::And(code, hn::Set(di, 0x80)));
  return hn::BitCast(d, hn::Or(bits, sign));
}

void groups_from_fp8(const std::byte* __restrict from, std::size_t count, std::size_t group,
                     const float* __restrict scale, float largest_element, float* __restrict to) {
  const Floats d;
  const hn::Rebind<std::uint8_t, Floats> bytes;
  const std::size_t step = hn::Lanes(d);
  const auto most = hn::Set(d, largest_element), least = hn::Set(d, -largest_element);
  each_group(count, group, [=](std::size_t at, std::size_t n, std::size_t index) HWY_ATTR {
    const float by = scale[index];
    const std::size_t end = at + n;
    std::size_t i = at;
    for (; i + step <= end; i += step) {
      const auto codes = hn::LoadU(bytes, reinterpret_cast<const std::uint8_t*>(from) + i);
      const auto value = hn::Mul(floats_of_fp8(hn::PromoteTo(Ints(), codes)), hn::Set(d, by));
      const auto below = hn::IfThenElse(hn::Gt(value, most), most, value);
      hn::StoreU(hn::IfThenElse(hn::Lt(below, least), least, below), d, to + i);
    }
    for (; i < end; ++i) {
      to[i] = descaled(float_from_fp8(static_cast<std::uint8_t>(from[i])), by, largest_element);
    }
  });
}

void int4_from_groups(const float* from, std::size_t count, std::size_t group, const float* inverse, std::byte* to) {
  const Floats d;
  const Ints di;
  const std::size_t step = hn::Lanes(d);
  const auto nibble = hn::Set(di, 15);
  each_group(count, group, [=, &to](std::size_t at, std::size_t n, std::size_t index) HWY_ATTR {
    const float by = inverse[index];
    const auto by_all = hn::Set(d, by);
    const std::size_t low = (n + 1) / 2, high = n / 2;
    const float* first = from + at;
    const float* second = from + at + low;
    std::size_t i = 0;
    for (; i + step <= high; i += step) {
      const auto a = integer_codes(hn::Mul(hn::LoadU(d, first + i), by_all), 7);
      const auto b = integer_codes(hn::Mul(hn::LoadU(d, second + i), by_all), 7);
      store_bytes(hn::Or(hn::And(a, nibble), hn::ShiftLeft<4>(hn::And(b, nibble))), to + i);
    }
    for (; i < high; ++i) {
      const std::int32_t a = integer_code(first[i] * by, 7), b = integer_code(second[i] * by, 7);
      to[i] = static_cast<std::byte>((a & 15) | (b & 15) << 4);
    }
    if (high < low) to[high] = static_cast<std::byte>(integer_code(first[high] * by, 7) & 15);
    to += low;
  });
}

void groups_from_int4(const std::byte* __restrict from, std::size_t count, std::size_t group,
                      const float* __restrict scale, float largest_element, float* __restrict to) {
  each_group(count, group, [=, &from](std::size_t at, std::size_t n, std::size_t index) {
    const float by = scale[index];
    const std::size_t low = (n + 1) / 2, high = n / 2;
    float* __restrict first = to + at;
    float* __restrict second = to + at + low;
    for (std::size_t i = 0; i < low; ++i) {
      const std::int32_t code = ((static_cast<std::int32_t>(from[i]) & 15) ^ 8) - 8;
      first[i] = float_from_integer_code(code, 7, by, largest_element);
    }
    for (std::size_t i = 0; i < high; ++i) {
      const std::int32_t code = ((static_cast<std::int32_t>(from[i]) >> 4) ^ 8) - 8;
      second[i] = float_from_integer_code(code, 7, by, largest_element);
    }
    from += low;
  });
}

}  // namespace kv::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace kv::kernels {

HWY_EXPORT(halves_from_floats);
HWY_EXPORT(floats_from_halves);
HWY_EXPORT(bf16_from_floats);
HWY_EXPORT(floats_from_bf16);
HWY_EXPORT(column_magnitudes);
HWY_EXPORT(group_magnitudes);
HWY_EXPORT(int8_from_columns);
HWY_EXPORT(columns_from_int8);
HWY_EXPORT(int8_from_groups);
HWY_EXPORT(groups_from_int8);
HWY_EXPORT(fp8_from_groups);
HWY_EXPORT(groups_from_fp8);
HWY_EXPORT(int4_from_groups);
HWY_EXPORT(groups_from_int4);

void halves_from_floats(const std::byte* from, std::byte* to, std::size_t count) {
  HWY_DYNAMIC_DISPATCH(halves_from_floats)(from, to, count);
}
void floats_from_halves(const std::byte* from, std::byte* to, std::size_t count) {
  HWY_DYNAMIC_DISPATCH(floats_from_halves)(from, to, count);
}
void bf16_from_floats(const std::byte* from, std::byte* to, std::size_t count) {
  HWY_DYNAMIC_DISPATCH(bf16_from_floats)(from, to, count);
}
void floats_from_bf16(const std::byte* from, std::byte* to, std::size_t count) {
  HWY_DYNAMIC_DISPATCH(floats_from_bf16)(from, to, count);
}
void column_magnitudes(const float* row, std::uint32_t* largest, std::size_t count) {
  HWY_DYNAMIC_DISPATCH(column_magnitudes)(row, largest, count);
}
void group_magnitudes(const float* from, std::size_t count, std::size_t group, std::uint32_t* largest) {
  HWY_DYNAMIC_DISPATCH(group_magnitudes)(from, count, group, largest);
}
void int8_from_columns(const float* row, const float* inverse, std::byte* to, std::size_t count) {
  HWY_DYNAMIC_DISPATCH(int8_from_columns)(row, inverse, to, count);
}
void columns_from_int8(const std::byte* from, const float* scale, float largest_element, float* row,
                       std::size_t count) {
  HWY_DYNAMIC_DISPATCH(columns_from_int8)(from, scale, largest_element, row, count);
}
void int8_from_groups(const float* from, std::size_t count, std::size_t group, const float* inverse, std::byte* to) {
  HWY_DYNAMIC_DISPATCH(int8_from_groups)(from, count, group, inverse, to);
}
void groups_from_int8(const std::byte* from, std::size_t count, std::size_t group, const float* scale,
                      float largest_element, float* to) {
  HWY_DYNAMIC_DISPATCH(groups_from_int8)(from, count, group, scale, largest_element, to);
}
void fp8_from_groups(const float* from, std::size_t count, std::size_t group, const float* inverse, std::byte* to) {
  HWY_DYNAMIC_DISPATCH(fp8_from_groups)(from, count, group, inverse, to);
}
void groups_from_fp8(const std::byte* from, std::size_t count, std::size_t group, const float* scale,
                     float largest_element, float* to) {
  HWY_DYNAMIC_DISPATCH(groups_from_fp8)(from, count, group, scale, largest_element, to);
}
void int4_from_groups(const float* from, std::size_t count, std::size_t group, const float* inverse, std::byte* to) {
  HWY_DYNAMIC_DISPATCH(int4_from_groups)(from, count, group, inverse, to);
}
void groups_from_int4(const std::byte* from, std::size_t count, std::size_t group, const float* scale,
                      float largest_element, float* to) {
  HWY_DYNAMIC_DISPATCH(groups_from_int4)(from, count, group, scale, largest_element, to);
}

void load_floats(Dtype dtype, const std::byte* from, float* to, std::size_t count) {
  auto* out = reinterpret_cast<std::byte*>(to);
  if (dtype == Dtype::bf16) return floats_from_bf16(from, out, count);
  if (dtype == Dtype::fp16) return floats_from_halves(from, out, count);
  std::memcpy(out, from, count * sizeof(float));
}

void store_floats(Dtype dtype, const float* from, std::byte* to, std::size_t count) {
  const auto* in = reinterpret_cast<const std::byte*>(from);
  if (dtype == Dtype::bf16) return bf16_from_floats(in, to, count);
  if (dtype == Dtype::fp16) return halves_from_floats(in, to, count);
  std::memcpy(to, in, count * sizeof(float));
}

std::vector<std::int64_t> targets() {
  std::vector<std::int64_t> out;
  const std::int64_t compiled = HWY_TARGETS, supported = hwy::SupportedTargets();
  for (std::int64_t all = compiled & supported; all != 0; all &= all - 1) out.push_back(all & -all);
  return out;
}

void use_target(std::int64_t target) {
  hwy::SetSupportedTargetsForTest(target);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

const char* target_name(std::int64_t target) { return hwy::TargetName(target); }

}  // namespace kv::kernels
#endif
