#include <doctest/doctest.h>

#include "plan/break_even.hpp"

using namespace kv;

namespace {

/// 1 us a token, whatever is in front of it: so recomputing n tokens takes n us.
class PlainPrefill final : public Prefill {
 public:
  explicit PlainPrefill(double us_per_token = 1) : us_(us_per_token) {}
  Duration cost(Tokens, Tokens fresh) const override {
    return from_seconds(us_ * 1e-6 * static_cast<double>(fresh.count()));
  }
  Provenance provenance() const override { return Provenance::modelled; }
  std::string device() const override { return "an abacus"; }
  std::optional<PrefillMargin> margin() const override { return PrefillMargin{0.5, 2, "made up"}; }

 private:
  double us_;
};

/// Llama-3.1-8B's 131,072 bytes a token in blocks of 16, on two GPUs; a wire of 1 ms and 0.1 us a token.
struct Bench {
  PlainPrefill prefill;
  KvGeometry geometry = *KvGeometry::make(*find_model("llama-3.1-8b"), {}, Tokens(16));
  BreakEvenQuestion question;
  Bench() {
    question.engine = {&prefill, &geometry, 2, 1, 1e12};
    question.cost.latency = std::chrono::milliseconds(1);
    question.cost.bytes_per_s = 131'072 * 1e7;
    question.wire_known = question.latency_known = true;
    question.behind = Tokens(0);
  }
};

Workload workload_of(std::initializer_list<std::pair<std::uint64_t, std::vector<BlockId>>> prompts) {
  WorkloadBuilder builder;
  for (const auto& prompt : prompts) {
    REQUIRE(builder.add(Duration(0), Tokens(prompt.first), Tokens(1), prompt.second).has_value());
  }
  return std::move(builder).build(Tokens(16));
}

}  // namespace

TEST_SUITE("plan break-even") {
  TEST_CASE("a prefix is what stood in earlier prompts, in whole blocks, with a token left to compute") {
    const Workload workload = workload_of(
        {{40, {1, 2, 3}}, {40, {1, 2, 3}}, {48, {1, 2, 9}}, {50, {1, 2, 9, 10}}, {48, {1, 2, 9}}, {5, {7}}});
    std::vector<std::uint64_t> prefixes;
    for (const PromptHit& prompt : ideal_prefixes(workload)) prefixes.push_back(prompt.prefix.count());
    // The second finds all three blocks, the last of 8 tokens; the fifth all 48 tokens, of which one must be computed.
    CHECK(prefixes == std::vector<std::uint64_t>{0, 32, 32, 48, 32, 0});
    CHECK(ideal_prefixes(workload)[3].input == Tokens(50));
  }

  TEST_CASE("fetching wins from where 1 ms + 0.1 us a token is less than 1 us a token") {
    Bench bench;
    const BreakEvenAnswer out = answer(bench.question);
    CHECK(out.prefix == Tokens(1120));              // above 1,111.1, in blocks of 16
    CHECK(out.prefix_slow_engine == Tokens(528));   // 2 us a token: above 526.3
    CHECK(out.prefix_fast_engine == Tokens(2512));  // 0.5 us: above 2,500
    CHECK(out.recompute == Duration(8'192'000));
    CHECK(*out.fetch == Duration(1'000'000 + 819'200));
    CHECK(out.stored == Bytes(8192ULL * 131'072));
    CHECK_FALSE(out.gain.has_value());

    bench.question.longest = Tokens(1100);
    CHECK_FALSE(answer(bench.question).prefix.has_value());
    bench.question.longest = Tokens(131'072);
    bench.question.cost.latency = Duration(0);
    CHECK(answer(bench.question).prefix == Tokens(16));
    bench.question.cost.bytes_per_s /= 11;  // 1.1 us a token: never
    CHECK_FALSE(answer(bench.question).prefix.has_value());
    bench.question.cost.stored_per_payload = 0.5;  // 0.55 us: always
    CHECK(answer(bench.question).prefix == Tokens(16));
    CHECK(answer(bench.question).stored == Bytes(8192ULL * 131'072 / 2));
  }

  TEST_CASE("the bandwidth needed, of an engine and of each of its GPUs") {
    Bench bench;
    const BreakEvenAnswer out = answer(bench.question);
    CHECK(out.needed->per_engine_bytes_per_s == doctest::Approx(131'072e6));  // a token's KV in a microsecond
    CHECK(out.needed->per_gpu_bytes_per_s == doctest::Approx(65'536e6));
    // With the latency 7.192 ms are left of 8.192.
    CHECK(out.needed_at_latency->per_engine_bytes_per_s == doctest::Approx(131'072e6 * 8.192 / 7.192));
    bench.question.cost.latency = std::chrono::milliseconds(9);
    CHECK_FALSE(answer(bench.question).needed_at_latency.has_value());
    CHECK(answer(bench.question).needed.has_value());
    bench.question.prefix = Tokens(16384);
    CHECK(answer(bench.question).needed_at_latency->per_engine_bytes_per_s ==
          doctest::Approx(131'072e6 * 16.384 / 7.384));
  }

  TEST_CASE("without a wire there is nothing to win, but a bandwidth to ask for") {
    Bench bench;
    bench.question.wire_known = bench.question.latency_known = false;
    bench.question.cost = {};
    const BreakEvenAnswer out = answer(bench.question);
    CHECK_FALSE(out.prefix.has_value());
    CHECK_FALSE(out.fetch.has_value());
    CHECK_FALSE(out.needed_at_latency.has_value());
    CHECK(out.needed->per_engine_bytes_per_s == doctest::Approx(131'072e6));
  }

  TEST_CASE("what a workload gains, request by request, worked by hand in microseconds") {
    Bench bench;
    const PromptHit prompts[] = {{Tokens(0), Tokens(500)}, {Tokens(1600), Tokens(2000)}, {Tokens(160), Tokens(300)}};
    bench.question.prompts = prompts;
    const WorkloadGain gain = *answer(bench.question).gain;
    CHECK(gain.requests == 3);
    CHECK(gain.requests_with_prefix == 2);
    CHECK(gain.winning_requests == 1);
    CHECK(gain.input_tokens == 2800);
    CHECK(gain.prefix_tokens == 1760);
    CHECK(gain.winning_tokens == 1600);
    CHECK(gain.recompute_s * 1e6 == doctest::Approx(2800));
    CHECK(gain.always_fetch_s * 1e6 == doctest::Approx(500 + (400 + 1000 + 160) + (140 + 1000 + 16)));
    CHECK(gain.best_s * 1e6 == doctest::Approx(500 + (400 + 1000 + 160) + 300));
    CHECK(gain.saved_gpu_s * 1e6 == doctest::Approx(2 * 1600));                           // two GPUs
    CHECK(gain.decode_lost_gpu_s * 1e6 == doctest::Approx(1600 * 131'072 / 1e12 * 1e6));  // at 1 TB/s
    bench.question.engine.hbm_bytes_per_s = 2e12;
    CHECK(answer(bench.question).gain->decode_lost_gpu_s * 1e6 == doctest::Approx(1600 * 131'072 / 2e12 * 1e6));
  }
}
