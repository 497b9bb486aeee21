#include <doctest/doctest.h>

#include <cmath>
#include <functional>

#include "model/kv_geometry.hpp"
#include "prefill/modelled.hpp"

using namespace kv;

namespace {

PrefillConfig on(const std::string& model, const std::string& gpu, std::uint32_t tp = 1, double utilisation = 0) {
  return {*find_model(model), *find_gpu(gpu), tp, 1, utilisation};
}

double cost_s(const PrefillConfig& config, std::uint64_t cached, std::uint64_t fresh) {
  const Result<std::unique_ptr<Prefill>> prefill = prefills()[0].make(config);
  REQUIRE_MESSAGE(prefill.has_value(), prefill.error().message);
  return seconds((*prefill)->cost(Tokens(cached), Tokens(fresh)));
}

bool near(double got, double want, double share = 1e-6) {
  CAPTURE(got);
  return std::abs(got - want) <= share * std::abs(want);
}

}  // namespace

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
      const double bandwidth = bytes / cost_s(on(row.first, "h100"), 0, 8192) / 1e9;
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

  TEST_CASE("every input of the roofline counts as it should") {
    const double base = cost_s(on("llama-3.1-8b", "h100"), 0, 8192);
    CHECK(near(base, (2 * 8.03e9 * 8192 + 2.0 * 32 * 32 * 128 * 8192 * 8192) / (989e12 * 0.45)));
    CHECK(near(cost_s(on("llama-3.1-8b", "h100", 2), 0, 8192), base / 2));
    CHECK(near(cost_s(on("llama-3.1-8b", "h100", 1, 0.9), 0, 8192), base / 2));
    CHECK(near(cost_s(on("llama-3.1-8b", "a100-80g"), 0, 8192), base * (989 * 0.45) / (312 * 0.38)));
    // One token reads all weights: 16.06 GB at 80 % of 3.35 TB/s.
    const double one = cost_s(on("llama-3.1-8b", "h100"), 0, 1);
    CHECK(near(one, 16.06e9 / (3350e9 * 0.8)));
    CHECK(near(cost_s(on("llama-3.1-8b", "h100", 4), 0, 1), one / 4, 1e-5));
    CHECK(near(cost_s(on("llama-3.1-8b", "h200"), 0, 1), one * 3350 / 4800, 1e-5));
    CHECK(near(cost_s(on("llama-3.1-8b", "h100", 1, 0.9), 0, 1), one));  // memory-bound: utilisation is idle
  }

  TEST_CASE("a mixture of experts reads its active share for one token and all of it for many") {
    const Model m = *find_model("mixtral-8x7b");
    CHECK(near(weight_traffic_bytes(m, Tokens(1)), 2 * 12.9e9));
    CHECK(near(weight_traffic_bytes(m, Tokens(2)), 2 * 46.7e9 * (1 - std::pow(1 - 12.9 / 46.7, 2))));
    CHECK(near(weight_traffic_bytes(m, Tokens(1000)), 2 * 46.7e9));
    CHECK(near(weight_traffic_bytes(*find_model("llama-3.1-8b"), Tokens(1)), 2 * 8.03e9));
    CHECK(near(weight_traffic_bytes(*find_model("llama-3.1-8b"), Tokens(77)), 2 * 8.03e9));
  }

  TEST_CASE("cost never falls with more tokens, cached or fresh, and stays finite") {
    for (const Model& model : models()) {
      CAPTURE(model.name);
      const PrefillConfig config{model, *find_gpu("h100"), 8, 1, 0};
      double before = 0;
      for (const std::uint64_t n : {1ULL, 10ULL, 1000ULL, 100'000ULL, 1'000'000ULL, 1ULL << 40}) {
        const double all = cost_s(config, 0, n);
        CHECK(all >= before);
        CHECK(cost_s(config, 1000, n) >= all);
        CHECK(all < 1e10);
        before = all;
      }
      CHECK(cost_s(config, 1'000'000, 1) > 0);
    }
  }

  TEST_CASE("the smallest power of two of GPUs that holds bf16 weights and activations") {
    const auto tp = [](const char* model, const char* gpu) { return *smallest_tp(*find_model(model), *find_gpu(gpu)); };
    CHECK(tp("llama-3.1-8b", "h100") == 1);     // 16.06 + 1.07 of 72 GB
    CHECK(tp("llama-3.1-70b", "h100") == 2);    // 141.2 + 2.1 of 144
    CHECK(tp("llama-3.1-70b", "h200") == 2);    // 143.3 of 126.9 x 2
    CHECK(tp("llama-3.1-70b", "b200") == 1);    // of 162
    CHECK(tp("llama-3.1-405b", "h100") == 16);  // 811.8 + 4.3 of 72 x 16
    CHECK(tp("llama-3.1-8b", "l4") == 1);       // 17.1 of 21.6
    CHECK(tp("llama-3.1-405b", "l4") == 64);
    const Result<std::uint32_t> none = smallest_tp(*find_model("kimi-k2"), *find_gpu("l4"));
    REQUIRE_FALSE(none.has_value());
    CHECK(none.error().code == Code::bad_input);
    CHECK_FALSE(prefills()[0].make(on("kimi-k2", "l4", 0)).has_value());
  }

  TEST_CASE("GPUs of all pipeline stages hold the weights together") {
    const Gpu h100 = *find_gpu("h100");
    const Model m70 = *find_model("llama-3.1-70b"), m405 = *find_model("llama-3.1-405b");
    CHECK(*smallest_tp(m70, h100, 2) == 1);   // 143.3 of 144 GB
    CHECK(*smallest_tp(m405, h100, 2) == 8);  // 816.1 of 72 x 16
    CHECK(*smallest_tp(m405, h100, 3) == 4);  // of 72 x 12
    CHECK(prefills()[0].make({m405, h100, 0, 2, 0}).value()->device() ==
          "h100 x16 in 2 stages, modelled at 45 % of peak");
    // 0.9 x 8 x 80 GB - 2 x 70.6 GB - 8192 x 8192 x 32 bytes
    CHECK(near(static_cast<double>(engine_cache_bytes(m70, h100, 8).count()), 576e9 - 141.2e9 - 2147483648.0));
    CHECK(check_memory(m70, h100, 1, 2).has_value());
    CHECK(check_memory(m405, h100, 8, 2).has_value());
    const auto refused = check_memory(m405, h100, 4, 2);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().message.find("needs 816 GB") != std::string::npos);
    CHECK(refused.error().message.find("leave it 576 GB") != std::string::npos);
    CHECK(refused.error().hint.find("the smallest that fits is --tp 8;") == 0);
    CHECK(check_memory(*find_model("kimi-k2"), *find_gpu("l4"), 8, 1).error().hint.find("more memory") !=
          std::string::npos);
  }

  TEST_CASE("pipeline stages work one after the other: a request takes as long as with one") {
    for (const std::uint64_t fresh : {1, 8192}) {
      PrefillConfig config = on("llama-3.1-70b", "h100", 2);
      const double one = cost_s(config, 0, fresh);
      config.pp = 4;
      CHECK(cost_s(config, 0, fresh) == one);
    }
  }

  TEST_CASE("what HBM leaves for the engine's own cache") {
    const Model m = *find_model("llama-3.1-8b");
    // 0.9 x 80 GB - 2 x 8.03 GB - 8192 x 4096 x 32 bytes
    CHECK(
        near(static_cast<double>(engine_cache_bytes(m, *find_gpu("h100"), 1).count()), 72e9 - 16.06e9 - 1073741824.0));
    CHECK(
        near(static_cast<double>(engine_cache_bytes(m, *find_gpu("h100"), 2).count()), 144e9 - 16.06e9 - 1073741824.0));
    CHECK(near(static_cast<double>(engine_cache_bytes(m, *find_gpu("l40s"), 1).count()),
               43.2e9 - 16.06e9 - 1073741824.0));
    CHECK(engine_cache_bytes(*find_model("llama-3.1-405b"), *find_gpu("h100"), 1) == Bytes(0));
  }

  TEST_CASE("each rank uploads through its own PCIe link") {
    const Gpu h100 = *find_gpu("h100");
    CHECK(modelled_upload(h100, 1, Bytes(64'000'000'000)) == std::chrono::seconds(1));
    CHECK(modelled_upload(h100, 8, Bytes(64'000'000'000)) == std::chrono::milliseconds(125));
    CHECK(modelled_upload(*find_gpu("l4"), 1, Bytes(64'000'000'000)) == std::chrono::seconds(2));
    CHECK(modelled_upload(h100, 1, Bytes(0)) == Duration(0));
  }

  TEST_CASE("it says that it is modelled, on what, and at what share of peak") {
    REQUIRE(prefills().size() == 1);
    CHECK(prefills()[0].name == "modelled");
    const auto prefill = *prefills()[0].make(on("llama-3.1-70b", "h100", 0));
    CHECK(prefill->device() == "h100 x2, modelled at 45 % of peak");
    CHECK(provenance_name(prefill->provenance()) == "modelled");
    CHECK(provenance_name(Provenance::measured) == "measured");
    CHECK(provenance_name(Provenance::quoted) == "quoted");
  }

  TEST_CASE("a utilisation or a model that cannot be is refused") {
    for (const double wrong : {-0.1, 1.01, std::nan(""), HUGE_VAL}) {
      CHECK_FALSE(prefills()[0].make(on("llama-3.1-8b", "h100", 1, wrong)).has_value());
    }
    PrefillConfig empty = on("llama-3.1-8b", "h100");
    empty.model.params = empty.model.active_params = 0;
    CHECK_FALSE(prefills()[0].make(empty).has_value());
    empty.model.active_params = std::nan("");
    CHECK_FALSE(prefills()[0].make(empty).has_value());
  }
}
