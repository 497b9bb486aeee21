#pragma once
#include <doctest/doctest.h>

#include <vector>

#include "replay/replay.hpp"
#include "support/scripted_backend.hpp"

namespace kv::test {

inline constexpr std::uint64_t kBlockTokens = 16, kTokenBytes = 8, kBlockBytes = kBlockTokens * kTokenBytes;

/// A fresh token takes `ns_per_token`, a cached one a nanosecond: sums tell both apart.
class CountedPrefill final : public Prefill {
 public:
  explicit CountedPrefill(std::int64_t ns_per_token) : ns_per_token_(ns_per_token) {}
  Duration cost(Tokens cached, Tokens fresh) const override {
    return Duration(static_cast<std::int64_t>(cached.count()) +
                    ns_per_token_ * static_cast<std::int64_t>(fresh.count()));
  }
  Provenance provenance() const override { return Provenance::modelled; }
  std::string device() const override { return "an abacus"; }

 private:
  std::int64_t ns_per_token_;
};
inline constexpr std::int64_t kSlow = 1'000'000'000, kFast = 1;  // beside what a lookup or a copy of 128 bytes takes

struct Asked {
  std::uint64_t tokens;
  std::vector<BlockId> blocks;
};

/// Everything that a replay needs, of blocks of 16 tokens of 8 bytes each unless a model at real size is given.
struct Bench {
  explicit Bench(const std::vector<Asked>& requests, std::int64_t ns_per_token = kSlow,
                 const char* real_model = nullptr, std::uint64_t block_tokens = kBlockTokens)
      : prefill(ns_per_token) {
    WorkloadBuilder builder;
    for (const Asked& r : requests) REQUIRE(builder.add(Duration(0), Tokens(r.tokens), Tokens(1), r.blocks));
    workload = std::move(builder).build(Tokens(block_tokens));
    KvOptions options;
    if (real_model == nullptr) options.bytes_per_token = kTokenBytes;
    geometry = *KvGeometry::make(*find_model(real_model == nullptr ? "llama-3.1-8b" : real_model), options,
                                 Tokens(block_tokens));
    plan.workload = &workload;
    plan.geometry = &geometry;
    plan.prefill = &prefill;
    plan.gpu = *find_gpu("h100");
    plan.codec = *parse_codec("raw");
    plan.window = Bytes(1);  // one value at a time
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  RunResult run() {
    auto result = replay(backend, plan, control);
    REQUIRE_MESSAGE(result.has_value(), (result ? "" : result.error().message));
    return *result;
  }
  Repetition once() { return run().repetitions.at(0); }

  CountedPrefill prefill;
  Workload workload;
  KvGeometry geometry = *KvGeometry::make(*find_model("llama-3.1-8b"), {}, Tokens(kBlockTokens));
  ReplayPlan plan;
  ReplayControl control;
  ScriptedBackend backend;
};

}  // namespace kv::test
