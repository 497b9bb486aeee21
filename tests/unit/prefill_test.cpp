#include <doctest/doctest.h>

#include <cmath>

#include "model/kv_geometry.hpp"
#include "prefill/prefill.hpp"
#include "prefill/work.hpp"
#include "support/near.hpp"

using namespace kv;
using test::near;

TEST_SUITE("prefill") {
  TEST_CASE("break-even bandwidth per H100 for an 8 K prefix is that of the check vectors") {
    const std::pair<const char*, double> vectors[] = {{"llama-2-7b", 14.9},
                                                      {"llama-3.1-8b", 3.20},
                                                      {"qwen2.5-7b", 1.52},
                                                      {"llama-3.1-70b", 0.96},
                                                      {"llama-3.1-405b", 0.27}};
    for (const auto& row : vectors) {
      CAPTURE(row.first);
      const KvGeometry geometry = *KvGeometry::make(*find_model(row.first), {}, Tokens(512));
      const auto bytes = static_cast<double>(geometry.fetched_prefix(Tokens(8192)).count());
      // What the vectors count: FLOPs alone, without what else a modelled prefill takes.
      const double prefill_s = prefill_flops(*find_model(row.first), Tokens(0), Tokens(8192)).total() / (989e12 * 0.45);
      const double bandwidth = bytes / prefill_s / 1e9;
      CAPTURE(bandwidth);
      CHECK(std::abs(bandwidth - row.second) < (row.second > 10 ? 0.05 : 0.005));  // as many digits as published
    }
  }

  TEST_CASE("FLOPs of a whole prompt are 2 P S + 2 L heads head_dim S^2") {
    const PrefillFlops flops = prefill_flops(*find_model("llama-3.1-8b"), Tokens(0), Tokens(8192));
    CHECK(near(flops.weights, 2 * 8.03e9 * 8192));
    CHECK(near(flops.attention, 2.0 * 32 * 32 * 128 * 8192 * 8192));
  }

  TEST_CASE("Mooncake's equation 2 on the same functions: 5.86 and 18.57 GB/s") {
    // Their layer: 22 d^2 operations a token in matrices (so 11 d^2 weights) and 4 d p^2 in attention, not halved for
    // causality as ours is; KV 2 d s / gqa bytes a token. d = 8192, gqa = 8, s = 2, p = 8192; 8 GPUs, all of peak.
    Model layer;
    layer.layers = 1;
    layer.hidden = 8192;
    layer.heads = 64;
    layer.kv_heads = 8;
    layer.head_dim = 128;
    layer.params = layer.active_params = 11.0 * 8192 * 8192;
    const PrefillFlops flops = prefill_flops(layer, Tokens(0), Tokens(8192));
    const double bytes = 2.0 * 8192 * 2 / 8 * 8192;
    const auto bandwidth = [&](double peak) { return bytes * 8 * peak / (flops.weights + 2 * flops.attention) / 1e9; };
    CHECK(bandwidth(312e12) == doctest::Approx(5.86).epsilon(0.001));
    CHECK(bandwidth(989e12) == doctest::Approx(18.57).epsilon(0.001));
  }

  TEST_CASE("Mooncake's memory: 1 TB holds 3 M tokens of Llama-3-70B, 40 GB hold 128 K") {
    const KvGeometry geometry = *KvGeometry::make(*find_model("llama-3.1-70b"), {}, Tokens(512));
    CHECK(geometry.stored_prefix(Tokens(128 * 1024)) == 40_GiB);
    const auto per_token = static_cast<double>(geometry.stored_prefix(Tokens(512)).count()) / 512;
    CHECK(1e12 / per_token == doctest::Approx(3.05e6).epsilon(0.001));
  }

  TEST_CASE("cached tokens cost their attention and nothing else") {
    const Model m = *find_model("llama-3.1-8b");
    const PrefillFlops flops = prefill_flops(m, Tokens(3000), Tokens(500));
    CHECK(near(flops.weights, 2 * 8.03e9 * 500));
    CHECK(near(flops.attention, 32 * 4.0 * 32 * 128 * (500.0 * 3000 + 500.0 * 500 / 2)));
    // Split anywhere, a prompt costs the same.
    for (const char* name : {"llama-3.1-8b", "gpt-oss-120b", "deepseek-v3", "qwen3.5-27b", "gemma-3-27b"}) {
      const Model model = *find_model(name);
      for (const std::uint64_t cut : {1, 100, 128, 129, 1024, 2000, 4999}) {
        const double parts = prefill_flops(model, Tokens(0), Tokens(cut)).total() +
                             prefill_flops(model, Tokens(cut), Tokens(5000 - cut)).total();
        CHECK(near(parts, prefill_flops(model, Tokens(0), Tokens(5000)).total(), 1e-12));
      }
    }
  }

  TEST_CASE("sliding layers attend to at most their window, summed exactly") {
    const Model m = *find_model("gpt-oss-20b");
    for (const std::uint64_t cached : {0, 1, 100, 127, 128, 129, 5000}) {
      for (const std::uint64_t fresh : {1, 27, 28, 128, 1000}) {
        double window = 0, full = 0;
        for (std::uint64_t p = cached + 1; p <= cached + fresh; ++p) {
          full += static_cast<double>(p) - 0.5;
          window += std::min(static_cast<double>(p) - 0.5, 128.0);
        }
        CHECK(near(prefill_flops(m, Tokens(cached), Tokens(fresh)).attention, 12 * 4.0 * 64 * 64 * (window + full),
                   1e-12));
      }
    }
  }

  TEST_CASE("MLA scores take 192 dimensions and values 128; a state costs 6 operations an element") {
    const Model deepseek = *find_model("deepseek-v3");
    CHECK(near(prefill_flops(deepseek, Tokens(0), Tokens(1000)).attention, 61 * 2.0 * 128 * (192 + 128) * 500000));
    CHECK(near(prefill_flops(deepseek, Tokens(0), Tokens(1000)).weights, 2 * 37e9 * 1000));
    const Model hybrid = *find_model("qwen3.5-27b");
    CHECK(near(prefill_flops(hybrid, Tokens(7), Tokens(10)).attention,
               16 * 4.0 * 24 * 256 * (70 + 50) + 6.0 * (153'944'064 / 4) * 10));
  }

  TEST_CASE("a mixture of experts reads its active share for one token and all of it for many") {
    const Model m = *find_model("mixtral-8x7b");
    CHECK(near(weight_traffic_bytes(m, Tokens(1)), 2 * 12.9e9));
    CHECK(near(weight_traffic_bytes(m, Tokens(2)), 2 * 46.7e9 * (1 - std::pow(1 - 12.9 / 46.7, 2))));
    CHECK(near(weight_traffic_bytes(m, Tokens(1000)), 2 * 46.7e9));
    CHECK(near(weight_traffic_bytes(*find_model("llama-3.1-8b"), Tokens(1)), 2 * 8.03e9));
    CHECK(near(weight_traffic_bytes(*find_model("llama-3.1-8b"), Tokens(77)), 2 * 8.03e9));
  }

  TEST_CASE("each rank uploads through its own PCIe link") {
    const Gpu h100 = *find_gpu("h100");
    CHECK(modelled_upload(h100, 1, Bytes(64'000'000'000)) == std::chrono::seconds(1));
    CHECK(modelled_upload(h100, 8, Bytes(64'000'000'000)) == std::chrono::milliseconds(125));
    CHECK(modelled_upload(*find_gpu("l4"), 1, Bytes(64'000'000'000)) == std::chrono::seconds(2));
    CHECK(modelled_upload(h100, 1, Bytes(0)) == Duration(0));
  }
}
