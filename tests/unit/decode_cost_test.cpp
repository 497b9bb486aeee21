#include <doctest/doctest.h>

#include <cmath>

#include "sim/decode_cost.hpp"
#include "support/linear_prefill.hpp"

using namespace kv;

namespace {

PrefillConfig config(const std::string& model, const std::string& gpu, std::uint32_t tp) {
  PrefillConfig out{.model = *find_model(model), .gpu = *find_gpu(gpu)};
  out.tp = tp;
  return out;
}

}  // namespace

TEST_SUITE("decode cost") {
  TEST_CASE("a step is weights once, a part of each sequence and all KV") {
    const DecodeCost cost{{0.010, 0.012}, 0.001, 1e-6};
    CHECK(cost.step_s(1, 0) == doctest::Approx(0.011));
    CHECK(cost.step_s(2, 0) == doctest::Approx(0.014));
    CHECK(cost.step_s(2, 5000) == doctest::Approx(0.019));
    const DecodeCost flat = flat_decode(0.5, 0.25, 0.125, 3);
    CHECK(flat.batch_s == std::vector<double>{0.5, 0.5, 0.5});
    CHECK(flat.step_s(3, 2) == doctest::Approx(0.5 + 0.75 + 0.25));
  }

  TEST_CASE("modelled: Llama-3.1-8B on an H100 reads its weights, then its KV, at 80 % of HBM's rate") {
    const PrefillConfig c = config("llama-3.1-8b", "h100", 1);
    const DecodeCost cost = *modelled_decode(c, 512);
    const double hbm = c.gpu.hbm_bytes_per_s * 0.8;
    // 2 bytes a parameter; 500 us and 20 us for each of 32 layers of overhead; one GPU, no communication.
    CHECK(cost.batch_s[0] == doctest::Approx(2 * c.model.params / hbm + 500e-6 + 32 * 20e-6));
    CHECK(cost.batch_s[63] == cost.batch_s[0]);
    // 512 tokens: 2 FLOPs a parameter and token at the utilisation of prefill, where that is more.
    const double flops_s = 2 * c.model.active_params * 512 / (c.gpu.bf16_flops * c.gpu.prefill_utilisation);
    CHECK(cost.batch_s[511] == doctest::Approx(std::max(flops_s, 2 * c.model.params / hbm) + 1140e-6));
    // K and V of 32 layers x 8 heads x 128 x 2 bytes a token.
    CHECK(cost.context_token_s == doctest::Approx(2.0 * 32 * 8 * 128 * 2 / hbm));
    // The fresh token's own KV, written and read.
    CHECK(cost.sequence_s == doctest::Approx(2 * 131'072.0 / hbm).epsilon(0.01));
  }

  TEST_CASE("modelled: model, GPU, ranks, dtypes and utilisation move it as they should") {
    const DecodeCost one = *modelled_decode(config("llama-3.1-8b", "h100", 1), 256);
    const DecodeCost two = *modelled_decode(config("llama-3.1-8b", "h100", 2), 256);
    CHECK(two.context_token_s == doctest::Approx(one.context_token_s / 2));
    CHECK(two.batch_s[0] < one.batch_s[0]);
    CHECK(modelled_decode(config("llama-3.1-8b", "a100-80g", 1), 1)->batch_s[0] > one.batch_s[0]);
    CHECK(modelled_decode(config("llama-3.1-70b", "h100", 4), 1)->context_token_s ==
          doctest::Approx(one.context_token_s * 80 / 32 / 4));
    PrefillConfig changed = config("llama-3.1-8b", "h100", 1);
    changed.weight_dtype = WeightDtype::fp8;
    CHECK(modelled_decode(changed, 1)->batch_s[0] < one.batch_s[0]);
    changed.kv_dtype = Dtype::fp8_e4m3;
    CHECK(modelled_decode(changed, 1)->context_token_s == doctest::Approx(one.context_token_s / 2));
    changed.utilisation = 0.01;
    CHECK(modelled_decode(changed, 1)->batch_s[0] <= modelled_decode(changed, 256)->batch_s[255]);
    CHECK(modelled_decode(changed, 256)->batch_s[255] > one.batch_s[255]);
    changed.utilisation = 2;
    CHECK_FALSE(modelled_decode(changed, 1).has_value());
    CHECK(modelled_decode(config("llama-3.1-70b", "h100", 0), 1)->batch_s[0] > 0);  // the smallest that fits
  }

  TEST_CASE("a pass costs what one prompt with its tokens and pairs would") {
    const test::LinearPrefill prefill(1e-3, 0.5, 1e-6);
    // 100 tokens behind 400: 100 x (400 + 50) pairs.
    CHECK(pass_s(prefill, 45'000, 100, 0) == doctest::Approx(0.5 + 0.1 + 0.045));
    // Two pieces, 100 behind 400 and 50 behind 1000: 45,000 + 50 x 1025 pairs, the fixed part once.
    CHECK(pass_s(prefill, 96'250, 150, 0) == doctest::Approx(0.5 + 0.15 + 0.09625).epsilon(1e-4));
    // Ten decoding beside: their tokens, no pairs.
    CHECK(pass_s(prefill, 96'250, 150, 10) == doctest::Approx(0.5 + 0.16 + 0.09625).epsilon(1e-3));
    // Many short ones have fewer pairs than one of as many tokens: that one counts, 100 x 50.
    CHECK(pass_s(prefill, 500, 100, 0) == doctest::Approx(0.5 + 0.1 + 0.005));
  }
}
