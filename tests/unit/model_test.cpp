#include "model/model.hpp"

#include <doctest/doctest.h>

#include <map>
#include <set>

#include "model/kv_geometry.hpp"

using namespace kv;

TEST_SUITE("model") {
  TEST_CASE("the catalogue's KV bytes per token are those of the published table") {
    const std::map<std::string, std::uint64_t> published{{"llama-3.1-8b", 131072},
                                                         {"llama-3.1-70b", 327680},
                                                         {"llama-3.1-405b", 516096},
                                                         {"llama-2-7b", 524288},
                                                         {"llama-2-70b", 327680},
                                                         {"qwen2.5-7b", 57344},
                                                         {"qwen2.5-32b", 262144},
                                                         {"qwen2.5-72b", 327680},
                                                         {"qwen3-8b", 147456},
                                                         {"qwen3-32b", 262144},
                                                         {"qwen3-30b-a3b", 98304},
                                                         {"qwen3-235b-a22b", 192512},
                                                         {"mistral-7b", 131072},
                                                         {"mistral-nemo-12b", 163840},
                                                         {"mixtral-8x7b", 131072},
                                                         {"mixtral-8x22b", 229376},
                                                         {"deepseek-v3", 70272},
                                                         {"deepseek-r1", 70272},
                                                         {"kimi-k2", 70272},
                                                         {"gpt-oss-120b", 73728},
                                                         {"gpt-oss-20b", 49152},
                                                         {"gemma-3-27b", 507904},
                                                         {"qwen3.5-27b", 65536},
                                                         {"small", 23040},
                                                         {"tiny", 6912}};
    CHECK(models().size() == published.size());
    for (const auto& row : published) {
      CAPTURE(row.first);
      const Result<Model> model = find_model(row.first);
      REQUIRE(model.has_value());
      const Result<KvGeometry> geometry = KvGeometry::make(*model, {}, Tokens(512));
      REQUIRE_MESSAGE(geometry.has_value(), geometry.error().message);
      CHECK(geometry->nominal_per_token() == Bytes(row.second));
    }
  }

  TEST_CASE("every row is whole, named once, and says where it comes from") {
    std::set<std::string> names;
    for (const Model& m : models()) {
      CAPTURE(m.name);
      CHECK(names.insert(m.name).second);
      CHECK(m.params >= m.active_params);
      CHECK(m.active_params > 1e6);
      CHECK_FALSE(m.source.empty());
      CHECK(m.full_layers() > 0);
      CHECK((m.sliding_layers > 0) == (m.window > 0));
      CHECK((m.linear_layers > 0) == (m.linear_state.count() > 0));
    }
    for (const char* recalled : {"qwen2.5-32b", "qwen2.5-72b", "mistral-7b", "gemma-3-27b"}) {
      CHECK(find_model(recalled)->source.find("unverified") != std::string::npos);
    }
    CHECK(find_model("llama-2-7b")->source.find("unverified") == std::string::npos);
  }

  TEST_CASE("a row says which of its figures are from memory, beside its source") {
    const auto says = [](const char* model, const std::string& recalled) {
      INFO(find_model(model)->source);
      return find_model(model)->source.starts_with("unverified: " + recalled + "; else ");
    };
    for (const char* scaled : {"llama-3.1-8b", "llama-3.1-405b", "gpt-oss-120b", "gpt-oss-20b"}) {
      CHECK(says(scaled, "rope scaling"));
    }
    for (const char* mla : {"deepseek-v3", "deepseek-r1", "kimi-k2"}) {
      CHECK(says(mla, "MLA's nope and v sizes, rope scaling"));
    }
    CHECK(says("qwen3.5-27b", "sizes of the linear layers' state"));
    for (const Model& m : models()) {
      CAPTURE(m.name);
      const bool more = m.mla || m.linear_layers > 0 || !m.rope_scaling.empty();
      if (more) CHECK(m.source.starts_with("unverified"));
    }
  }

  TEST_CASE("an unknown model suggests the nearest") {
    const Result<Model> model = find_model("lama-3.1-8b");
    REQUIRE_FALSE(model.has_value());
    CHECK(model.error().message == "unknown model 'lama-3.1-8b'");
    CHECK(model.error().hint.find("did you mean llama-3.1-8b?") == 0);
    CHECK(find_model(std::string(100000, 'x')).error().message.size() < 200);
  }

  TEST_CASE("a model may be asked for at a revision and in any case") {
    CHECK(find_model("Qwen3-8B")->name == "qwen3-8b");
    CHECK(find_model("qwen3-8b@2025-04")->revision == "2025-04");
    CHECK(find_model("qwen3-8b")->revision.empty());
  }

  TEST_CASE("GPUs are found in any case and carry the catalogue's figures") {
    const Result<Gpu> h100 = find_gpu("H100");
    REQUIRE(h100.has_value());
    CHECK(h100->bf16_flops == 989e12);
    CHECK(h100->memory == Bytes(80'000'000'000));
    CHECK(h100->hbm_bytes_per_s == 3350e9);
    CHECK(h100->pcie_bytes_per_s == 64e9);
    CHECK(h100->nvlink_bytes_per_s == 450e9);
    CHECK(h100->prefill_utilisation == 0.45);
    CHECK_FALSE(find_gpu("l4")->nvlink_bytes_per_s.has_value());
    CHECK(find_gpu("h10").error().hint.find("did you mean h100?") == 0);
    CHECK(gpus().size() == 8);
  }

  TEST_CASE("a GPU whose utilisation nobody measured takes over its neighbour's and says so") {
    const std::map<std::string, std::pair<double, bool>> expected{
        {"a100-80g", {0.38, true}}, {"h100", {0.45, true}},    {"l40s", {0.32, true}}, {"h200", {0.45, false}},
        {"b200", {0.45, false}},    {"mi300x", {0.45, false}}, {"l4", {0.32, false}},  {"a10g", {0.32, false}}};
    for (const auto& row : expected) {
      CAPTURE(row.first);
      const Gpu gpu = *find_gpu(row.first);
      CHECK(gpu.prefill_utilisation == row.second.first);
      CHECK(gpu.utilisation_measured == row.second.second);
      CHECK((gpu.source.find("taken over from") == std::string::npos) == row.second.second);
    }
  }
}
