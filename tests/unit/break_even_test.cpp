#include "fetch/break_even.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>

#include "support/given_prefill.hpp"
#include "support/near.hpp"

using namespace kv;
using test::near;

namespace {

/// A millisecond a token, and a microsecond for each pair of tokens.
double simple_s(double cached, double fresh) { return fresh * 1e-3 + fresh * (cached + fresh / 2) * 1e-6; }

/// llama-3.1-8b: 131,072 bytes a token.
struct Bench {
  explicit Bench(std::function<double(double, double)> cost_s = simple_s, const std::string& model = "llama-3.1-8b",
                 std::uint32_t tp = 1)
      : prefill(std::move(cost_s)), geometry(*KvGeometry::make(*find_model(model), options(tp), Tokens(16))) {
    engine = {&prefill, &geometry, tp, 1, 3350e9};
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;
  static KvOptions options(std::uint32_t tp) {
    KvOptions o;
    o.tp = tp;
    return o;
  }
  double fetch_s(const FetchCost& cost, std::uint64_t tokens) const {
    return seconds(fetch_time(engine, cost, Tokens(tokens)));
  }

  GivenPrefill prefill;
  KvGeometry geometry;
  FetchEngine engine;
};

constexpr double kTokenBytes = 131072;

}  // namespace

TEST_SUITE("break-even") {
  TEST_CASE("a fetch is latency, transfer of what is stored, decode and upload of what was") {
    const Bench b;
    FetchCost cost;
    CHECK(b.fetch_s(cost, 1000) == 0);
    cost.latency = std::chrono::milliseconds(5);
    CHECK(near(b.fetch_s(cost, 1000), 0.005));
    cost.bytes_per_s = 1e9;
    CHECK(near(b.fetch_s(cost, 1000), 0.005 + 0.131072));
    CHECK(near(b.fetch_s(cost, 2000), 0.005 + 0.262144));
    cost.stored_per_payload = 0.5;
    CHECK(near(b.fetch_s(cost, 1000), 0.005 + 0.065536));
    cost.decode_bytes_per_s = 4e9;
    CHECK(near(b.fetch_s(cost, 1000), 0.005 + 0.065536 + 0.032768));
    cost.upload_bytes_per_s = 64e9;
    CHECK(near(b.fetch_s(cost, 1000), 0.005 + 0.065536 + 0.032768 + 0.002048));
    CHECK(b.fetch_s(cost, 0) == 0);
    cost.bytes_per_s = 0;
    CHECK(b.fetch_s(cost, 1000) > 9e8);  // for ever, and still a Duration
  }

  TEST_CASE("done at once, the longest of the three counts; each can be it") {
    const Bench b;
    FetchCost cost{std::chrono::milliseconds(5), 1e9, 0.5, 4e9, 64e9, true};
    CHECK(near(b.fetch_s(cost, 1000), 0.005 + 0.065536));
    cost.decode_bytes_per_s = 1e9;
    CHECK(near(b.fetch_s(cost, 1000), 0.005 + 0.131072));
    cost.upload_bytes_per_s = 0.5e9;
    CHECK(near(b.fetch_s(cost, 1000), 0.005 + 0.262144));
  }

  TEST_CASE("every GPU has a link, and copies are copied: MLA's one latent goes to every rank") {
    FetchCost cost;
    cost.upload_bytes_per_s = 1e9;
    const Bench one, four(simple_s, "llama-3.1-8b", 4);
    CHECK(near(one.fetch_s(cost, 1000), 0.131072));
    CHECK(near(four.fetch_s(cost, 1000), 0.131072 / 4));
    const Bench mla(simple_s, "deepseek-v3", 8);
    CHECK(near(mla.fetch_s(cost, 1000), 0.070272));  // 70,272 bytes a token, eight times over eight links
  }

  TEST_CASE("windows are fetched at the end alone: gpt-oss past its window costs half a nominal token") {
    const Bench b(simple_s, "gpt-oss-120b");
    FetchCost cost;
    cost.bytes_per_s = 1e9;
    CHECK(near(b.fetch_s(cost, 4096) - b.fetch_s(cost, 2048), 2048 * 36864e-9));
  }

  TEST_CASE("what recomputing a prefix takes: the whole of it, or what a longer prompt saves") {
    const GivenPrefill prefill(simple_s);
    CHECK(near(seconds(recompute_time(prefill, Tokens(1000), Tokens(0))), 1.0 + 0.5));
    // 1100 tokens: 1.1 + 0.605; 100 behind 1000: 0.1 + 0.105. The split changes nothing where cost is additive.
    CHECK(near(seconds(recompute_time(prefill, Tokens(1000), Tokens(100))), 1.705 - 0.205));
    const GivenPrefill floored([](double c, double f) { return std::max(0.5, simple_s(c, f)); });
    CHECK(near(seconds(recompute_time(floored, Tokens(1000), Tokens(100))), 1.705 - 0.5));
    CHECK(seconds(recompute_time(floored, Tokens(100), Tokens(100))) == 0);  // both take what the weights take
    CHECK(seconds(recompute_time(prefill, Tokens(0), Tokens(100))) == 0);
  }

  TEST_CASE("the break-even prefix: 1 ms + 0.5 us x n a token against latency and bytes") {
    const Bench b([](double c, double f) { return f * 1e-4 + f * (c + f / 2) * 1e-7; });
    const auto length = [&](const FetchCost& cost, std::uint64_t limit = 32768) {
      const auto tokens = break_even_prefix(b.engine, cost, Tokens(0), Tokens(limit));
      return tokens ? static_cast<double>(tokens->count()) : -1;
    };
    FetchCost cost;
    cost.bytes_per_s = kTokenBytes * 20e3;  // 50 us a token, so that 50 us and 0.05 us x n of each are won
    CHECK(length(cost) == 16);
    cost.latency = std::chrono::milliseconds(10);
    // 5e-8 n^2 + 5e-5 n > 0.01: n > 170.8, in whole blocks of 16: 176
    CHECK(length(cost) == 176);
    cost.bytes_per_s = kTokenBytes * 5e3;  // 200 us a token: 5e-8 n^2 - 1e-4 n > 0.01, n > 2095.4
    CHECK(length(cost) == 2096);
    CHECK(length(cost, 2048) == -1);
    cost.latency = Duration(0);  // n > 2000
    CHECK(length(cost) == 2016);
    cost.stored_per_payload = 0.75;  // 150 us: n > 1000
    CHECK(length(cost) == 1008);
    cost.decode_bytes_per_s = kTokenBytes * 50e3;  // 20 us more: n > 1400
    CHECK(length(cost) == 1408);
    cost.upload_bytes_per_s = kTokenBytes * 25e3;  // 40 us more: n > 2200
    CHECK(length(cost) == 2208);
    cost.overlapped = true;  // 150 us again
    CHECK(length(cost) == 1008);
    const auto deeper = break_even_prefix(b.engine, cost, Tokens(5000), Tokens(32768));
    CHECK(deeper == Tokens(1008));  // additive: what is behind changes nothing
    CHECK(length(cost, 15) == -1);  // not one block
  }

  TEST_CASE("a length that wins before one that loses is not the break-even: it must stay won") {
    // Recomputing costs 1 ms a token, but nothing more between 512 and 1024.
    const Bench b([](double c, double f) {
      const auto up_to = [](double n) { return (std::min(n, 512.0) + std::max(n - 1024, 0.0)) * 1e-3; };
      return up_to(c + f) - up_to(c);
    });
    FetchCost cost;
    cost.bytes_per_s = kTokenBytes / 0.8e-3;  // 0.8 ms: wins up to 640, then loses until n - 512 > 0.8 n
    CHECK(break_even_prefix(b.engine, cost, Tokens(0), Tokens(640 - 16)) == Tokens(16));
    CHECK_FALSE(break_even_prefix(b.engine, cost, Tokens(0), Tokens(1024)).has_value());
    CHECK(break_even_prefix(b.engine, cost, Tokens(0), Tokens(8192)) == Tokens(2576));
  }

  TEST_CASE("the bandwidth that is needed is the one at which both take as long") {
    const Bench b(simple_s, "llama-3.1-8b", 2);
    FetchCost cost;
    const auto needed = [&](std::uint64_t tokens = 1000, std::uint64_t behind = 0) {
      const auto bandwidth = bandwidth_needed(b.engine, cost, Tokens(tokens), Tokens(behind));
      if (bandwidth) CHECK(near(bandwidth->per_gpu_bytes_per_s * 2, bandwidth->per_engine_bytes_per_s));
      return bandwidth ? bandwidth->per_engine_bytes_per_s : -1;
    };
    const double bytes = 1000 * kTokenBytes;
    CHECK(near(needed(), bytes / 1.5));  // 1000 tokens take 1.5 s
    CHECK(near(needed(2000), 2 * bytes / 4));
    cost.latency = std::chrono::milliseconds(500);
    CHECK(near(needed(), bytes / 1.0));
    cost.stored_per_payload = 0.5;
    CHECK(near(needed(), bytes / 2));
    cost.decode_bytes_per_s = bytes / 0.2;
    CHECK(near(needed(), bytes / 2 / 0.8));
    cost.upload_bytes_per_s = bytes / 0.6;  // over two links: 0.3 s
    CHECK(near(needed(), bytes / 2 / 0.5));
    cost.overlapped = true;
    CHECK(near(needed(), bytes / 2));
    cost.upload_bytes_per_s = bytes / 2.4;  // 1.2 s: too late, however fast the network is
    CHECK(needed() == -1);
    cost.upload_bytes_per_s = FetchCost::kNoTime;
    cost.latency = std::chrono::milliseconds(1500);
    CHECK(needed() == -1);
    CHECK(needed(0) == -1);
    // It is where fetch_time meets recompute_time.
    cost = {std::chrono::milliseconds(7), 1, 0.4, 9e9, 5e9, false};
    cost.bytes_per_s = needed(3000, 50);
    CHECK(near(b.fetch_s(cost, 3000), seconds(recompute_time(b.prefill, Tokens(3000), Tokens(50))), 1e-6));
  }

  TEST_CASE("check vectors: one H100 at 45 %, an 8 K prefix, 2 P S + 2 L heads head_dim S^2") {
    const std::pair<const char*, double> vectors[] = {{"llama-2-7b", 14.9},
                                                      {"llama-3.1-8b", 3.20},
                                                      {"qwen2.5-7b", 1.52},
                                                      {"llama-3.1-70b", 0.96},
                                                      {"llama-3.1-405b", 0.27}};
    for (const auto& row : vectors) {
      CAPTURE(row.first);
      const Model m = *find_model(row.first);
      const Bench b(
          [m](double, double s) {
            return (2 * m.params * s + 2.0 * m.layers * m.heads * m.head_dim * s * s) / (0.45 * 989e12);
          },
          row.first);
      const auto needed = bandwidth_needed(b.engine, {}, Tokens(8192), Tokens(0));
      REQUIRE(needed.has_value());
      CAPTURE(needed->per_gpu_bytes_per_s);
      const double digits = row.second > 10 ? 0.05 : 0.005;  // as many as published
      CHECK(std::abs(needed->per_gpu_bytes_per_s / 1e9 - row.second) < digits);
    }
  }

  TEST_CASE("check vectors: Mooncake's equation 2 for eight GPUs, 5.86 and 18.57 GB/s an engine") {
    // One layer of Llama-3-70B, a p d + b d^2 operations a token with a = 4, b = 22, p = 8192; KV 2 d s / gqa = 4096.
    Model layer = *find_model("llama-3.1-70b");
    layer.layers = 1;
    KvOptions options;
    options.tp = 8;
    const KvGeometry geometry = *KvGeometry::make(layer, options, Tokens(512));
    REQUIRE(geometry.fetched_prefix(Tokens(1)) == Bytes(4096));
    for (const auto& [tflops, expected] : {std::pair{312.0, 5.86}, {989.0, 18.57}}) {
      const double per_s = 8 * tflops * 1e12, d = 8192;
      const GivenPrefill prefill([per_s, d](double, double s) { return s * (4 * s * d + 22 * d * d) / per_s; });
      const auto needed = bandwidth_needed({&prefill, &geometry, 8, 1, 2039e9}, {}, Tokens(8192), Tokens(0));
      REQUIRE(needed.has_value());
      CHECK(needed->per_engine_bytes_per_s / 1e9 == doctest::Approx(expected).epsilon(0.001));
      CHECK(needed->per_gpu_bytes_per_s / 1e9 == doctest::Approx(expected / 8).epsilon(0.001));
    }
  }

  TEST_CASE("GPU time: a stage's GPUs are saved the prefill, HBM takes every uploaded byte once") {
    Bench b;
    CHECK(saved_gpu_time(b.engine, std::chrono::seconds(3)) == std::chrono::seconds(3));
    CHECK(near(seconds(decode_lost_gpu_time(b.engine, Bytes(3'350'000'000))), 1e-3));
    CHECK(near(seconds(decode_lost_gpu_time(b.engine, Bytes(6'700'000'000))), 2e-3));
    b.engine.tp = 4;
    b.engine.pp = 2;  // while one stage works the other is free
    CHECK(saved_gpu_time(b.engine, std::chrono::seconds(3)) == std::chrono::seconds(12));
    b.engine.hbm_bytes_per_s *= 2;
    CHECK(near(seconds(decode_lost_gpu_time(b.engine, Bytes(6'700'000'000))), 1e-3));
    CHECK(decode_lost_gpu_time(b.engine, Bytes(0)) == Duration(0));
  }
}
