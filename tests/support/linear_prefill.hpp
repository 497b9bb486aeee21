#pragma once
#include <string>

#include "prefill/prefill.hpp"

namespace kv::test {

/// A pass takes fixed_s, each fresh token token_s, and each pair of one with a token in front of it pair_s.
class LinearPrefill final : public Prefill {
 public:
  explicit LinearPrefill(double token_s, double fixed_s = 0, double pair_s = 0)
      : token_s_(token_s), fixed_s_(fixed_s), pair_s_(pair_s) {}
  Duration cost(Tokens cached, Tokens fresh) const override {
    const auto c = static_cast<double>(cached.count()), f = static_cast<double>(fresh.count());
    return from_seconds(fixed_s_ + f * token_s_ + f * (c + f / 2) * pair_s_);
  }
  Provenance provenance() const override { return Provenance::modelled; }
  std::string device() const override { return "an abacus"; }

 private:
  double token_s_, fixed_s_, pair_s_;
};

}  // namespace kv::test
