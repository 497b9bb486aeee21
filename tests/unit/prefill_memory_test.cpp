#include <doctest/doctest.h>

#include "prefill/prefill.hpp"
#include "support/near.hpp"

using namespace kv;
using test::near;

TEST_SUITE("prefill memory") {
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
    PrefillConfig config;
    config.model = *find_model("kimi-k2");
    config.gpu = *find_gpu("l4");
    CHECK_FALSE(make_prefill("modelled", config).has_value());
  }

  TEST_CASE("GPUs of all pipeline stages hold the weights together") {
    const Gpu h100 = *find_gpu("h100");
    const Model m70 = *find_model("llama-3.1-70b"), m405 = *find_model("llama-3.1-405b");
    CHECK(*smallest_tp(m70, h100, 2) == 1);   // 143.3 of 144 GB
    CHECK(*smallest_tp(m405, h100, 2) == 8);  // 816.1 of 72 x 16
    CHECK(*smallest_tp(m405, h100, 3) == 4);  // of 72 x 12
    PrefillConfig staged;
    staged.model = m405;
    staged.gpu = h100;
    staged.pp = 2;
    CHECK((*make_prefill("modelled", staged))->device() == "h100 x16 in 2 stages, modelled at 45 % of peak");
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

  TEST_CASE("weights of fewer bits need fewer GPUs and leave more for the cache") {
    const Gpu h100 = *find_gpu("h100");
    const Model m70 = *find_model("llama-3.1-70b"), m405 = *find_model("llama-3.1-405b");
    CHECK(*smallest_tp(m70, h100, 1, WeightDtype::fp8) == 2);   // 70.6 + 2.1 of 72 GB
    CHECK(*smallest_tp(m70, h100, 1, WeightDtype::int4) == 1);  // 36.4 + 2.1
    CHECK(*smallest_tp(m405, h100, 1, WeightDtype::fp8) == 8);  // 405.9 + 4.3 of 576
    CHECK(*smallest_tp(m405, h100, 1, WeightDtype::fp4) == 4);  // 228.3 + 4.3 of 288
    CHECK(check_memory(m405, h100, 8, 1, WeightDtype::int8).has_value());
    const auto refused = check_memory(m405, h100, 4, 1, WeightDtype::fp8);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().message.find("needs 410 GB for fp8 weights") != std::string::npos);
    // 0.9 x 80 GB - 8.03 GB - 8192 x 4096 x 32 bytes
    CHECK(near(static_cast<double>(engine_cache_bytes(*find_model("llama-3.1-8b"), h100, 1, WeightDtype::fp8).count()),
               72e9 - 8.03e9 - 1073741824.0));
  }
}
