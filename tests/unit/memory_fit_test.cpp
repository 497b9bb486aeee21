#include "replay/memory_fit.hpp"

#include <doctest/doctest.h>

#include "backend/arena_layout.hpp"
#include "replay/pipeline.hpp"

using namespace kv;

namespace {

constexpr Bytes kQuarter = 6_GiB;

KvOptions ranks(std::uint32_t tp, std::uint32_t pp = 1, KvReplication replication = KvReplication::dedup) {
  KvOptions options;
  options.tp = tp;
  options.pp = pp;
  options.replication = replication;
  return options;
}

Result<MemoryFit> fit(const char* model, std::uint32_t workers, std::uint64_t block, const KvOptions& options = {},
                      bool in_place = true, Bytes quarter = kQuarter, Overlap overlap = Overlap::off) {
  return fit_memory(*find_model(model), options, Tokens(block), workers, in_place, overlap, quarter);
}

KvGeometry geometry(const char* model, KvOptions options, std::uint64_t block, const MemoryFit& fit) {
  options.bytes_per_token = fit.bytes_per_token;
  return *KvGeometry::make(*find_model(model), options, Tokens(block));
}

}  // namespace

TEST_SUITE("memory fit") {
  TEST_CASE("what fits keeps its size and its window") {
    const auto one = fit("llama-3.1-8b", 1, 512);  // a value of 64 MiB, and one to verify against
    CHECK_FALSE(one->bytes_per_token.has_value());
    CHECK(one->window == 32_MiB);
    CHECK_FALSE(fit("llama-3.1-8b", 23, 512)->bytes_per_token.has_value());  // 128 MiB of 3 GiB - 64 MiB each
  }

  TEST_CASE("windows of many workers shrink, and then payloads do") {
    const auto shrunk = fit("llama-3.1-8b", 100, 16);  // values of 2 MiB; 30 MiB a worker: 8 values and one
    CHECK_FALSE(shrunk->bytes_per_token.has_value());
    CHECK(shrunk->window == 16_MiB);
    CHECK(fit("llama-3.1-8b", 24, 512)->bytes_per_token == 65536);
    const auto many = fit("llama-3.1-8b", 256, 512);  // 11.75 MiB a worker: a value of 4 MiB, and one
    CHECK(many->bytes_per_token == 8192);
    CHECK(many->window == 4_MiB);
    CHECK(fit("llama-3.1-8b", 256, 512, {}, false)->bytes_per_token == 4096);  // 3 x 2 MiB
  }

  TEST_CASE("a block beyond what local: has by default is scaled, not refused later") {
    // 131,072 bytes a token; the half of the quarter is 3 GiB, less an eighth of the block for rounding.
    CHECK_FALSE(fit("llama-3.1-8b", 1, 8192)->bytes_per_token.has_value());  // 1 GiB; its worker holds 2 GiB
    CHECK(fit("llama-3.1-8b", 1, 16384)->bytes_per_token == 16384);          // a sixteenth of 6 GiB is 384 MiB
    CHECK(fit("llama-3.1-8b", 1, 40'000)->bytes_per_token == 8192);          // 5.2 GB, within the quarter
    CHECK(fit("llama-3.1-8b", 1, 100'000)->bytes_per_token == 2048);         // 13 GB, beyond it
    CHECK_FALSE(fit("llama-3.1-8b", 1, 20'000, ranks(8))->bytes_per_token.has_value());  // 2.6 GB in 8 values
    CHECK(fit("llama-3.1-8b", 1, 24'000, ranks(8))->bytes_per_token == 16384);           // 3.1 GB
  }

  TEST_CASE("whatever is chosen fits: windows in their half, and a block in what is left for local:") {
    for (const char* model : {"llama-3.1-8b", "deepseek-v3", "gpt-oss-120b", "qwen3.5-27b", "tiny"}) {
      for (const std::uint64_t block : {1, 16, 512, 5000, 30'000, 46'000, 200'000}) {
        for (const std::uint32_t workers : {1, 7, 64, 1024}) {
          for (const bool in_place : {true, false}) {
            CAPTURE(model);
            CAPTURE(block);
            CAPTURE(workers);
            const auto chosen = fit(model, workers, block, {}, in_place);
            REQUIRE_MESSAGE(chosen.has_value(), chosen.error().message);
            const KvGeometry cut = geometry(model, {}, block, *chosen);
            const Bytes windows = worker_bytes(cut.max_part(), chosen->window, in_place, false) * workers;
            CHECK(windows + kProgramMemory <= kQuarter / 2);
            const Needs needs{.name_space = {},
                              .parts = static_cast<std::uint32_t>(cut.parts().size()),
                              .max_body_bytes = cut.max_part().count(),
                              .max_block_bytes = cut.max_block().count(),
                              .unique_blocks = 1000};
            CHECK(plan_arena("local", kQuarter - windows - kProgramMemory, {}, needs, kQuarter).has_value());
          }
        }
      }
    }
  }

  TEST_CASE("as many bytes as there are shards to fill, where a power of two below would be chosen") {
    const KvOptions many = ranks(1024, 32, KvReplication::naive);  // 32,768 values a block of at least one bf16 each
    const auto chosen = fit("llama-3.1-8b", 1, 4096, many, true, 1_GiB);
    REQUIRE_MESSAGE(chosen.has_value(), chosen.error().message);
    CHECK(chosen->bytes_per_token == 65536);
    const auto refused = fit("llama-3.1-8b", 1, 1 << 20, many, true, 1_GiB);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == Code::bad_input);
    CHECK(refused.error().message.find("a block of 1048576 tokens weighs 64.0 GiB even at 65536 bytes") == 0);
    CHECK(refused.error().hint.find("--tp") != std::string::npos);
  }

  TEST_CASE("bytes per token that were asked for stay, or are refused with what is too much") {
    KvOptions asked;
    asked.bytes_per_token = 1024;
    CHECK(fit("llama-3.1-8b", 1024, 512, asked)->bytes_per_token == 1024);  // 2 x 512 KiB each
    asked.bytes_per_token = 8192;
    const auto refused = fit("llama-3.1-8b", 1024, 512, asked);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().message.find("1024 workers hold at least 8.0 MiB each") == 0);
    CHECK(refused.error().hint.find("closed:N") != std::string::npos);
    asked.bytes_per_token = 7;
    CHECK(fit("llama-3.1-8b", 1, 512, asked).error().message.find("--bytes-per-token 7 does not split") == 0);
  }

  TEST_CASE("overlap takes two sets of slots, a quarter of the window each, and a value each at least") {
    CHECK(window_values(1_MiB, 32_MiB, false) == 32);
    CHECK(window_values(1_MiB, 32_MiB, true) == 2 * 8);
    CHECK(window_values(16_MiB, 32_MiB, true) == 2);
    CHECK(window_values(64_MiB, 32_MiB, true) == 2);
    CHECK(window_values(64_MiB, 32_MiB, false) == 1);
    CHECK(window_values(1_KiB, 32_MiB, true) == 2 * kMaxWindowValues);
    CHECK(window_values(Bytes(0), 32_MiB, true) == 2 * kMaxWindowValues);
  }

  TEST_CASE("overlap that is left open gives way before payloads are scaled for it; one that was asked for does not") {
    const auto fit_with = [](Overlap overlap, std::uint32_t workers) {
      return *fit("llama-3.1-8b", workers, 512, {}, true, kQuarter, overlap);  // values of 64 MiB; half: 3 GiB - 64 MiB
    };
    CHECK(fit_with(Overlap::automatic, 15).overlap);  // three values each
    CHECK_FALSE(fit_with(Overlap::automatic, 15).bytes_per_token.has_value());
    CHECK_FALSE(fit_with(Overlap::automatic, 16).overlap);
    CHECK_FALSE(fit_with(Overlap::automatic, 16).bytes_per_token.has_value());
    CHECK(fit_with(Overlap::on, 16).overlap);
    CHECK(fit_with(Overlap::on, 16).bytes_per_token == 65536);
    CHECK_FALSE(fit_with(Overlap::off, 16).overlap);
  }

  TEST_CASE("the rule counts what a pipeline takes") {
    WorkloadBuilder builder(Tokens(16));
    REQUIRE(builder.add({}, Tokens(20), Tokens(1), std::vector<BlockId>{1, 2}));
    const Workload workload = std::move(builder).build(Tokens(16));
    const auto raw = (*parse_codec("raw")).make(), fp16 = (*parse_codec("fp16")).make();
    for (const std::uint64_t bytes : {4ULL, 4096ULL, 1ULL << 20, 8ULL << 20}) {
      KvOptions options;
      options.dtype = Dtype::fp32;
      options.bytes_per_token = bytes;
      const KvGeometry cut = *KvGeometry::make(*find_model("llama-3.1-8b"), options, Tokens(16));
      ReplayPlan plan;
      plan.workload = &workload;
      plan.geometry = &cut;
      for (const Bytes window : {1_MiB, 32_MiB}) {
        plan.window = window;
        for (const bool overlap : {false, true}) {
          plan.overlap = overlap ? Overlap::on : Overlap::off;
          CHECK(Bytes(Pipeline::memory_bytes(plan, **raw)) == worker_bytes(cut.max_part(), window, true, overlap));
          CHECK(Bytes(Pipeline::memory_bytes(plan, **fp16)) <= worker_bytes(cut.max_part(), window, false, overlap));
        }
      }
    }
  }
}
