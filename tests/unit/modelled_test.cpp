#include "prefill/modelled.hpp"

#include <doctest/doctest.h>

#include <cmath>

using namespace kv;

namespace {

PrefillConfig on(const std::string& model, const std::string& gpu, std::uint32_t tp = 1, double utilisation = 0.45) {
  PrefillConfig config;
  config.model = *find_model(model);
  config.gpu = *find_gpu(gpu);
  config.tp = tp;
  config.utilisation = utilisation;
  return config;
}

PrefillConfig with(PrefillConfig config, WeightDtype dtype) {
  config.weight_dtype = dtype;
  return config;
}

PrefillTimes times(const PrefillConfig& config, std::uint64_t cached, std::uint64_t fresh) {
  return modelled_times(config, Tokens(cached), Tokens(fresh));
}

double cost_s(const PrefillConfig& config, std::uint64_t cached, std::uint64_t fresh) {
  const Result<std::unique_ptr<Prefill>> prefill = make_prefill("modelled", config);
  REQUIRE_MESSAGE(prefill.has_value(), prefill.error().message);
  return seconds((*prefill)->cost(Tokens(cached), Tokens(fresh)));
}

bool near(double got, double want, double share = 1e-9) {
  CAPTURE(got);
  return std::abs(got - want) <= share * std::abs(want);
}

constexpr double kHbm = 3350e9 * 0.8, kLink = 450e9 * 0.8;

}  // namespace

TEST_SUITE("prefill modelled") {
  TEST_CASE("a prompt of 8 K on one H100, part by part, worked by hand") {
    const PrefillTimes t = times(on("llama-3.1-8b", "h100"), 0, 8192);
    CHECK(near(t.linear_s, 2 * 8.03e9 * 8192 / (989e12 * 0.45)));
    CHECK(near(t.attention_s, 2.0 * 32 * 32 * 128 * 8192 * 8192 / (989e12 * 0.45)));
    CHECK(t.communication_s == 0);
    CHECK(near(t.overhead_s, 500e-6 + 32 * 20e-6));
    CHECK(near(t.total(), t.linear_s + t.attention_s + t.overhead_s));
    CHECK(near(cost_s(on("llama-3.1-8b", "h100"), 0, 8192), t.total(), 1e-6));
    CHECK(cost_s(on("llama-3.1-8b", "h100"), 0, 8192) == doctest::Approx(0.336).epsilon(0.01));
  }

  TEST_CASE("what computing is divided by") {
    const PrefillTimes base = times(on("llama-3.1-8b", "h100"), 0, 8192);
    const auto ratio = [&](const PrefillConfig& config) {
      const PrefillTimes t = times(config, 0, 8192);
      CHECK(near(t.linear_s / base.linear_s, t.attention_s / base.attention_s));
      CHECK(t.overhead_s == base.overhead_s);
      return t.linear_s / base.linear_s;
    };
    CHECK(near(ratio(on("llama-3.1-8b", "h100", 2)), 1.0 / 2));
    CHECK(near(ratio(on("llama-3.1-8b", "h100", 1, 0.9)), 1.0 / 2));
    CHECK(near(ratio(on("llama-3.1-8b", "a100-80g")), 989.0 / 312));
    PrefillConfig deep = on("llama-3.1-8b", "h100");
    deep.model.layers = 64;  // attention and overhead; the parameters are as many
    CHECK(near(times(deep, 0, 8192).linear_s, base.linear_s));
    CHECK(near(times(deep, 0, 8192).attention_s, 2 * base.attention_s));
    CHECK(near(times(deep, 0, 8192).overhead_s, 500e-6 + 64 * 20e-6));
    deep.model.active_params /= 2;
    CHECK(near(times(deep, 0, 8192).linear_s, base.linear_s / 2));
  }

  TEST_CASE("one token reads all weights: 16.06 GB at 80 % of 3.35 TB/s, whatever the utilisation") {
    const PrefillTimes one = times(on("llama-3.1-8b", "h100"), 0, 1);
    CHECK(near(one.linear_s, 16.06e9 / kHbm));
    CHECK(near(times(on("llama-3.1-8b", "h100", 1, 0.9), 0, 1).linear_s, one.linear_s));
    CHECK(near(times(on("llama-3.1-8b", "h100", 4), 0, 1).linear_s, one.linear_s / 4));
    CHECK(near(times(on("llama-3.1-8b", "h200"), 0, 1).linear_s, one.linear_s * 3350 / 4800));
    // A mixture reads its active share: 2 x 12.9e9.
    CHECK(near(times(on("mixtral-8x7b", "h100", 2), 0, 1).linear_s, 25.8e9 / (2 * kHbm)));
  }

  TEST_CASE("a long cached prefix is read from HBM, which one token cannot hide") {
    // (100,000 + 2) tokens of 131,072 bytes; computing 100,000.5 pairs would take a fifteenth of that.
    const PrefillTimes t = times(on("llama-3.1-8b", "h100"), 100'000, 1);
    CHECK(near(t.attention_s, 100'002 * 131'072.0 / kHbm));
    PrefillConfig fp8 = on("llama-3.1-8b", "h100");
    fp8.kv_dtype = Dtype::fp8_e4m3;
    CHECK(near(times(fp8, 100'000, 1).attention_s, t.attention_s / 2));
    // 8 kv heads over 4 ranks are split; over 16 each is held twice.
    CHECK(near(times(on("llama-3.1-8b", "h100", 4), 100'000, 1).attention_s, t.attention_s / 4));
    CHECK(near(times(on("llama-3.1-8b", "h100", 16), 100'000, 1).attention_s, t.attention_s / 8));
    // 1,000 fresh ones do hide it.
    const double pairs = 1000.0 * 100'000 + 1000.0 * 1000 / 2;
    CHECK(near(times(on("llama-3.1-8b", "h100"), 100'000, 1000).attention_s,
               32 * 4.0 * 32 * 128 * pairs / (989e12 * 0.45)));
  }

  TEST_CASE("KV traffic of windows, latents and states") {
    const auto bytes = [](const char* model, std::uint32_t tp, std::uint64_t cached, std::uint64_t fresh) {
      return kv_traffic_bytes(*find_model(model), Dtype::bf16, tp, Tokens(cached), Tokens(fresh));
    };
    // 36,864 bytes a token for each half of the layers, of which one sees 128 cached tokens.
    CHECK(near(bytes("gpt-oss-120b", 1, 10'000, 7), 36'864.0 * (10'000 + 14 + 128 + 14)));
    CHECK(near(bytes("gpt-oss-120b", 1, 100, 7), 36'864.0 * 2 * (100 + 14)));
    CHECK(near(bytes("deepseek-v3", 1, 1000, 5), 70'272.0 * 1010));
    CHECK(near(bytes("deepseek-v3", 8, 1000, 5), 8 * 70'272.0 * 1010));  // each rank holds the latent
    CHECK(near(bytes("qwen3.5-27b", 1, 1000, 5), 65'536.0 * 1010 + 2 * 153'944'064.0));
    CHECK(near(bytes("llama-2-7b", 8, 1000, 5), 524'288.0 * 1010));  // 32 heads are split
  }

  TEST_CASE("tensor parallelism pays for two all-reduces a layer") {
    // 8192 tokens x 8192 x 2 bytes = 134 MB; a ring of 2 sends all of it once, a ring of 8 1.75 times; 160 of them.
    const double one = 8192.0 * 8192 * 2;
    CHECK(times(on("llama-3.1-70b", "h100"), 0, 8192).communication_s == 0);
    CHECK(near(times(on("llama-3.1-70b", "h100", 2), 0, 8192).communication_s, 160 * (one / kLink + 20e-6)));
    CHECK(near(times(on("llama-3.1-70b", "h100", 8), 0, 8192).communication_s, 160 * (1.75 * one / kLink + 20e-6)));
    CHECK(near(times(on("llama-3.1-70b", "h100", 8), 5000, 4096).communication_s,
               160 * (1.75 * one / 2 / kLink + 20e-6)));
    // Without NVLink over PCIe; twice NVLink on a B200.
    CHECK(near(times(on("llama-3.1-70b", "l40s", 8), 0, 8192).communication_s,
               160 * (1.75 * one / (32e9 * 0.8) + 20e-6)));
    CHECK(near(times(on("llama-3.1-70b", "b200", 8), 0, 8192).communication_s,
               160 * (1.75 * one / (900e9 * 0.8) + 20e-6)));
    CHECK(near(times(on("llama-3.1-8b", "h100", 2), 0, 8192).communication_s, 64 * (one / 2 / kLink + 20e-6)));
  }

  TEST_CASE("pipeline stages work one after the other and hand hidden states on") {
    PrefillConfig config = on("llama-3.1-70b", "h100", 2);
    const PrefillTimes one = times(config, 0, 8192);
    config.pp = 4;
    const PrefillTimes four = times(config, 0, 8192);
    CHECK(four.linear_s == one.linear_s);
    CHECK(four.attention_s == one.attention_s);
    CHECK(near(four.communication_s - one.communication_s, 3 * (8192.0 * 8192 * 2 / kLink + 10e-6), 1e-6));
  }

  TEST_CASE("weights of fewer bits are read faster and, where the GPU has units for them, multiplied faster") {
    const auto linear = [](const char* gpu, WeightDtype dtype, std::uint64_t fresh) {
      return times(with(on("llama-3.1-8b", gpu), dtype), 0, fresh).linear_s;
    };
    const double base = linear("h100", WeightDtype::bf16, 8192);
    CHECK(linear("h100", WeightDtype::fp16, 8192) == base);
    CHECK(near(linear("h100", WeightDtype::fp8, 8192), base / 2));
    CHECK(near(linear("h100", WeightDtype::int8, 8192), base / 2));
    CHECK(near(linear("h100", WeightDtype::fp4, 8192), base));  // no such units: bf16
    CHECK(near(linear("h100", WeightDtype::int4, 8192), base));
    CHECK(near(linear("b200", WeightDtype::fp4, 8192), linear("b200", WeightDtype::bf16, 8192) / 4));
    CHECK(near(linear("a100-80g", WeightDtype::fp8, 8192), linear("a100-80g", WeightDtype::bf16, 8192)));
    CHECK(near(linear("a100-80g", WeightDtype::int8, 8192), linear("a100-80g", WeightDtype::bf16, 8192) / 2));
    for (const auto& row :
         {std::pair{WeightDtype::fp8, 1.0}, {WeightDtype::fp4, 4.5 / 8}, {WeightDtype::int4, (4 + 16.0 / 128) / 8}}) {
      CHECK(near(linear("h100", row.first, 1), 8.03e9 * row.second / kHbm));
    }
    // Attention stays in 16 bits.
    CHECK(times(with(on("llama-3.1-8b", "h100"), WeightDtype::fp8), 0, 8192).attention_s ==
          times(on("llama-3.1-8b", "h100"), 0, 8192).attention_s);
  }

  TEST_CASE("cost never falls with more tokens, cached or fresh, and stays finite") {
    for (const Model& model : models()) {
      CAPTURE(model.name);
      PrefillConfig config = on("llama-3.1-8b", "h100", 8, 0);
      config.model = model;
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

  TEST_CASE("it says that it is modelled, on what, at what share of peak and how wrong it may be") {
    const auto prefill = *make_prefill("modelled", on("llama-3.1-70b", "h100", 0, 0));
    CHECK(prefill->device() == "h100 x2, modelled at 45 % of peak");
    CHECK(provenance_name(prefill->provenance()) == "modelled");
    CHECK(prefill->utilisation() == 0.45);
    REQUIRE(prefill->margin().has_value());
    CHECK(near(prefill->margin()->low, 0.45 / 0.65));
    CHECK(near(prefill->margin()->high, 0.45 / 0.36));
    CHECK(prefill->margin()->method == "cited utilisations of 36 to 65 % of peak");
    CHECK_FALSE(prefill->range().has_value());
    CHECK(prefill->cautions().empty());
    const auto experts = *make_prefill("modelled", on("mixtral-8x7b", "h100", 0, 0));
    CHECK(near(experts->margin()->high, 2 * 0.45 / 0.36));
    CHECK(near(experts->margin()->low, 0.45 / 0.65));
    CHECK(experts->margin()->method ==
          "cited utilisations of 36 to 65 % of peak, and experts that take up to twice as long");
    CHECK_FALSE((*make_prefill("modelled", on("llama-3.1-70b", "h100", 0, 0.5)))->margin().has_value());

    const auto fp4 = *make_prefill("modelled", with(on("llama-3.1-8b", "h100"), WeightDtype::fp4));
    CHECK(fp4->device() == "h100 x1, fp4 weights, modelled at 45 % of peak");
    REQUIRE(fp4->cautions().size() == 1);
    CHECK(fp4->cautions()[0].find("fp4 weights are computed at the bf16 peak of h100") == 0);
    CHECK((*make_prefill("modelled", with(on("llama-3.1-8b", "b200"), WeightDtype::fp4)))->cautions().empty());
  }

  TEST_CASE("what TensorRT-LLM publishes for prompts of 2,048 tokens lies within the margin") {
    // NVIDIA/TensorRT-LLM docs/source/performance.md of version 0.9, "Low Latency", batch 1: milliseconds to the first
    // token; fp8 weights but on A100.
    struct Published {
      const char* gpu;
      const char* model;
      std::uint32_t tp;
      double ms;
    };
    constexpr Published kPublished[] = {{"h200", "mistral-7b", 1, 31.7},       {"h200", "llama-2-7b", 1, 30.2},
                                        {"h200", "llama-2-70b", 4, 103.0},     {"h200", "mixtral-8x7b", 2, 87.7},
                                        {"h100", "mistral-7b", 1, 32.4},       {"h100", "llama-2-7b", 1, 30.8},
                                        {"h100", "llama-2-70b", 8, 85.1},      {"h100", "mixtral-8x7b", 2, 89.5},
                                        {"l40s", "mistral-7b", 1, 87.3},       {"l40s", "llama-2-7b", 1, 80.1},
                                        {"l40s", "llama-2-70b", 4, 673.3},     {"l40s", "mixtral-8x7b", 4, 165.6},
                                        {"a100-80g", "mistral-7b", 1, 139.6},  {"a100-80g", "llama-2-7b", 1, 132.4},
                                        {"a100-80g", "llama-2-70b", 8, 249.2}, {"a100-80g", "mixtral-8x7b", 2, 160.9}};
    for (const Published& row : kPublished) {
      CAPTURE(row.gpu);
      CAPTURE(row.model);
      PrefillConfig config = on(row.model, row.gpu, row.tp, 0);
      if (config.gpu.fp8_flops) config.weight_dtype = WeightDtype::fp8;
      const auto prefill = *make_prefill("modelled", config);
      const double ratio = row.ms / 1e3 / seconds(prefill->cost(Tokens(0), Tokens(2048)));
      CAPTURE(ratio);
      CHECK(ratio >= prefill->margin()->low);
      CHECK(ratio <= prefill->margin()->high);
      const bool hopper = config.gpu.bf16_flops == 989e12;
      if (hopper && config.model.params == config.model.active_params) CHECK(std::abs(ratio - 1) < 0.2);
    }
  }

  TEST_CASE("every GPU's margin holds its own utilisation, and one taken over is wider") {
    for (const Gpu& gpu : gpus()) {
      CAPTURE(gpu.name);
      CHECK(gpu.utilisation_low > 0);
      CHECK(gpu.utilisation_low < gpu.prefill_utilisation);
      CHECK(gpu.prefill_utilisation < gpu.utilisation_high);
      CHECK(gpu.utilisation_high < 1);
      CHECK(gpu.fp8_flops.value_or(2 * gpu.bf16_flops) > 1.9 * gpu.bf16_flops);
      CHECK(gpu.int8_flops.value_or(2 * gpu.bf16_flops) > 1.9 * gpu.bf16_flops);
    }
    CHECK(find_gpu("l4")->utilisation_high > find_gpu("l40s")->utilisation_high);
  }

  TEST_CASE("a utilisation or a model that cannot be is refused") {
    for (const double wrong : {-0.1, 1.01, std::nan(""), HUGE_VAL}) {
      CHECK_FALSE(make_prefill("modelled", on("llama-3.1-8b", "h100", 1, wrong)).has_value());
    }
    PrefillConfig empty = on("llama-3.1-8b", "h100");
    empty.model.params = empty.model.active_params = 0;
    CHECK_FALSE(make_prefill("modelled", empty).has_value());
    empty.model.active_params = std::nan("");
    CHECK_FALSE(make_prefill("modelled", empty).has_value());
  }

  TEST_CASE("a source is a name and what that wants behind a colon") {
    const PrefillConfig config = on("llama-3.1-8b", "h100");
    CHECK(make_prefill("modelled", config).has_value());
    const auto slip = make_prefill("modeled", config);
    REQUIRE_FALSE(slip.has_value());
    CHECK(slip.error().message == "unknown source 'modeled'");
    CHECK(slip.error().hint == "did you mean modelled?");
    CHECK(make_prefill("abacus", config).error().hint == "see: kvbench list prefills");
    CHECK(make_prefill("modelled:h100", config).error().message == "'modelled' takes nothing behind its name");
    CHECK(provenance_name(Provenance::measured) == "measured");
    CHECK(provenance_name(Provenance::quoted) == "quoted");
  }

  TEST_CASE("types of weights are found by name and only so") {
    for (const WeightDtypeRow& row : weight_dtypes()) {
      CHECK(weight_dtype_from_name(row.name) == row.dtype);
      CHECK(&weight_dtype_row(row.dtype) == &row);
    }
    CHECK_FALSE(weight_dtype_from_name("fp2").has_value());
    CHECK_FALSE(weight_dtype_from_name("").has_value());
  }
}
