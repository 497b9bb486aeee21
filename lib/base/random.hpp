#pragma once
#include <cstdint>

namespace kv {

/// Finaliser of MurmurHash3 / splitmix64 (Steele, Lea, Flood 2014): a bijection on 64 bits with good avalanche.
constexpr std::uint64_t mix64(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

/// Folds `value` into `seed`; order matters.
constexpr std::uint64_t mix64(std::uint64_t seed, std::uint64_t value) { return mix64(seed ^ mix64(value)); }

/// splitmix64: the same sequence from the same seed on every platform. Not for secrets.
class Random {
 public:
  constexpr explicit Random(std::uint64_t seed) : state_(seed) {}

  constexpr std::uint64_t next() { return mix64(state_++ * 0x2545f4914f6cdd1dULL); }
  /// In [0, 1), 53 bits.
  constexpr double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  /// In [0, bound), bound > 0 (Lemire's multiply-shift; bias below bound / 2^64).
  constexpr std::uint64_t below(std::uint64_t bound) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>((static_cast<Wide>(next()) * bound) >> 64);
  }

 private:
  std::uint64_t state_;
};

}  // namespace kv
