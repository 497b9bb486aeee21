#pragma once
#include <cmath>
#include <vector>

#include "base/random.hpp"
#include "sim/serving.hpp"

namespace kv::test {

struct RequestMix {
  std::size_t requests = 100;
  double per_s = 10;
  std::uint64_t input = 2000, output = 100;  ///< at most; 1 at least
  double cached = 0.3, fetched = 0.3;        ///< shares of requests of which a part is there
  double bytes_per_token = 1e5;
  double store_s = 0;  ///< at most
};

/// Requests at random: arrivals Poisson, tokens uniform.
inline std::vector<ServingRequest> random_requests(std::uint64_t seed, const RequestMix& mix = {}) {
  Random random(seed);
  std::vector<ServingRequest> out;
  double at = 0;
  while (out.size() < mix.requests) {
    at += -std::log(1 - random.uniform()) / mix.per_s;
    ServingRequest r;
    r.at = from_seconds(at);
    r.input = Tokens(1 + random.below(mix.input));
    r.output = Tokens(1 + random.below(mix.output));
    if (random.uniform() < mix.cached) r.cached = Tokens(random.below(r.input.count() + 1));
    if (random.uniform() < mix.fetched) r.fetched = Tokens(random.below(r.input.count() - r.cached.count() + 1));
    r.fetched_bytes = Bytes(static_cast<std::uint64_t>(mix.bytes_per_token * static_cast<double>(r.fetched.count())));
    r.store = from_seconds(mix.store_s * random.uniform());
    out.push_back(r);
  }
  return out;
}

}  // namespace kv::test
