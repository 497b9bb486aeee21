#pragma once
#include <functional>
#include <string>

#include "prefill/prefill.hpp"

namespace kv {

/// A prefill whose cost is any function of (cached, fresh) tokens in seconds.
class GivenPrefill final : public Prefill {
 public:
  explicit GivenPrefill(std::function<double(double, double)> cost_s) : cost_s_(std::move(cost_s)) {}
  Duration cost(Tokens cached, Tokens fresh) const override {
    return from_seconds(cost_s_(static_cast<double>(cached.count()), static_cast<double>(fresh.count())));
  }
  Provenance provenance() const override { return Provenance::modelled; }
  std::string device() const override { return "an abacus"; }

 private:
  std::function<double(double, double)> cost_s_;
};

/// The check vectors' H100: FLOPs alone, at 45 % of 989 TFLOP/s: 2 P a token, 4 L heads head_dim a pair of tokens.
inline GivenPrefill flops_prefill(double params, double layers, double heads, double head_dim) {
  return GivenPrefill([=](double cached, double fresh) {
    return (2 * params * fresh + 4 * layers * heads * head_dim * fresh * (cached + fresh / 2)) / (0.45 * 989e12);
  });
}

}  // namespace kv
