#include <doctest/doctest.h>

#include "engine/accuracy.hpp"
#include "report/accuracy_document.hpp"
#include "support/kept_files.hpp"
#include "support/small_engine.hpp"

using namespace kv;

namespace {

struct Setting {
  std::unique_ptr<Engine> engine;
  std::optional<KvGeometry> geometry;
  AccuracyPlan plan;

  explicit Setting(KvLayout layout = KvLayout::block, Dtype dtype = Dtype::bf16) {
    engine = test::engine_or_say(test::small_engine_config(300, Tokens(80), dtype));
    if (!engine) return;
    KvOptions options;
    options.dtype = dtype;
    options.layout = layout;
    geometry = *KvGeometry::make(engine->model(), options, Tokens(16));
    plan.prompts = 2;
    plan.prefix = Tokens(56);  // the last block is not full
    plan.continued = Tokens(24);
  }

  std::vector<CodecAccuracy> measured(const std::vector<const char*>& names, bool stopped = false) {
    std::vector<CodecSpec> codecs;
    for (const char* name : names) codecs.push_back(*parse_codec(name));
    const std::atomic<bool> stop = stopped;
    const auto found = measure_accuracy(*engine, *geometry, codecs, plan, stop);
    REQUIRE_MESSAGE(found.has_value(), (found ? "" : found.error().message));
    return *found;
  }
};

AccuracyContext sample_context() {
  AccuracyContext c;
  c.command_line = {"kvbench", "accuracy", "--model", "small"};
  c.model = "small";
  c.tokens = "random, seed 1";
  c.engine.device = "cpu";
  c.engine.kernel = "fp32 matmul by OpenBLAS, attention as matmul and softmax";
  c.engine.threads = 2;
  c.engine.weights = "random, seed 1";
  CodecAccuracy raw, fp8;
  raw.codec = "raw";
  raw.lossless = true;
  raw.positions = fp8.positions = 256;
  raw.top1_agreement = 1;
  raw.perplexity = raw.reference_perplexity = fp8.reference_perplexity = 40000;
  raw.ratio = 1;
  fp8.codec = "fp8";
  fp8.identical = false;
  fp8.max_abs = 0.25;
  fp8.mean_abs = 0.0125;
  fp8.kl_divergence = 0.0003;
  fp8.top1_agreement = 0.9375;
  fp8.perplexity = 40400;
  fp8.ratio = 1.9921875;
  c.codecs = {raw, fp8};
  return c;
}

}  // namespace

TEST_SUITE("accuracy") {
  TEST_CASE("codecs that lose nothing are identical, others differ by as much as they lose") {
    for (const KvLayout layout : {KvLayout::block, KvLayout::layer}) {
      Setting setting(layout);
      if (!setting.engine) return;
      const auto found = setting.measured({"raw", "zstd:3", "fp8", "int8", "int4"});
      REQUIRE(found.size() == 5);
      for (const CodecAccuracy& a : found) {
        CAPTURE(a.codec);
        CHECK(a.positions == 48);
        CHECK(a.holds());
        CHECK(a.identical == a.lossless);
        CHECK((a.max_abs == 0) == a.identical);
        CHECK(a.mean_abs <= a.max_abs);
        CHECK((a.kl_divergence > 0) == !a.identical);
        CHECK(a.top1_agreement > 0.3);
        CHECK(a.reference_perplexity > 1);
      }
      CHECK(found[0].identical);
      CHECK(found[1].identical);
      CHECK(found[0].top1_agreement == 1);
      CHECK(found[0].perplexity == found[0].reference_perplexity);
      CHECK(found[2].perplexity != found[2].reference_perplexity);
      CHECK(found[0].ratio == 1);
      CHECK(found[2].ratio > 1.5);
      CHECK(found[4].ratio > found[3].ratio);
      // 4 bits lose more than 8 of the same kind.
      CHECK(found[4].mean_abs > 2 * found[3].mean_abs);
      CHECK(found[4].kl_divergence > found[3].kl_divergence);
    }
  }

  TEST_CASE("what is rounded to begin with is not lost by its own dtype") {
    Setting setting(KvLayout::block, Dtype::fp16);
    if (!setting.engine) return;
    const auto found = setting.measured({"fp16", "fp8"});
    CHECK(found[0].identical);
    CHECK_FALSE(found[1].identical);
  }

  TEST_CASE("given tokens are taken in turn; another seed gives other prompts") {
    Setting setting;
    if (!setting.engine) return;
    const double first = setting.measured({"fp8"})[0].mean_abs;
    CHECK(setting.measured({"fp8"})[0].mean_abs == first);
    setting.plan.seed = 2;
    CHECK(setting.measured({"fp8"})[0].mean_abs != first);
    setting.plan.tokens = {1, 2, 3};
    const double given = setting.measured({"fp8"})[0].mean_abs;
    setting.plan.seed = 3;
    CHECK(setting.measured({"fp8"})[0].mean_abs == given);
  }

  TEST_CASE("a stopped comparison gives what there is, and impossible ones are refused") {
    Setting setting;
    if (!setting.engine) return;
    CHECK(setting.measured({"raw"}, true).empty());
    const std::atomic<bool> stop = false;
    setting.plan.prefix = Tokens(80);
    CHECK_FALSE(measure_accuracy(*setting.engine, *setting.geometry, {}, setting.plan, stop));
    setting.plan.prefix = Tokens(0);
    CHECK_FALSE(measure_accuracy(*setting.engine, *setting.geometry, {}, setting.plan, stop));
  }

  TEST_CASE("token ids are read with their place") {
    const auto ids = parse_token_ids("1, 2\n3\t4,,5\r\n", 10, "t");
    REQUIRE(ids);
    CHECK(*ids == std::vector<std::uint32_t>{1, 2, 3, 4, 5});
    const auto says = [](const char* text) { return parse_token_ids(text, 10, "t").error().message; };
    CHECK(says("1 2\n3 10") == "t:2: not a token id below 10");
    CHECK(says("1 -2") == "t:1: not a token id below 10");
    CHECK(says("1 99999999999999999999") == "t:1: not a token id below 10");
    CHECK(says("{\"a\"}") == "t:1: not a token id below 10");
    CHECK(says(" \n") == "t: no token ids");
  }

  TEST_CASE("the document, its schema and its page agree") {
    const Json document = make_accuracy_document(sample_context());
    test::check_kept("reports/kvkit.accuracy-1.schema.json", accuracy_schema().dump(2) + "\n");
    test::check_sample("reports/samples/kvkit.accuracy-1.json", accuracy_schema());
    test::check_kept_part("docs/measured.md", "accuracy fields", accuracy_fields_markdown());
    const std::string table = render_accuracy(document, Format::table);
    CHECK(table.find("weights: random, seed 1") != std::string::npos);
    CHECK(table.find("nothing about the quality") != std::string::npos);
    CHECK(render_accuracy(document, Format::csv)
              .find("fp8,false,false,0.25,0.0125,0.0003,0.9375,1.01,40400.0,1.9921875,256,small,\"random, seed 1\"") !=
          std::string::npos);
    CHECK(render_accuracy(document, Format::markdown).find("| fp8") != std::string::npos);
    CHECK(
        render_accuracy(document, Format::markdown).find("small, weights: random, seed 1; codecs that lose nothing") !=
        std::string::npos);
    AccuracyContext alone = sample_context();
    alone.codecs.erase(alone.codecs.begin());
    alone.interrupted = true;
    const std::string lossy = render_accuracy(make_accuracy_document(alone), Format::table);
    CHECK(lossy.find("interrupted") != std::string::npos);
    CHECK(lossy.find("lose nothing") == std::string::npos);
    AccuracyContext broken = sample_context();
    broken.codecs[0].identical = false;
    CHECK(render_accuracy(make_accuracy_document(broken), Format::table).find("WRONG") != std::string::npos);
    broken.engine.weights = "/models/x";
    CHECK(render_accuracy(make_accuracy_document(broken), Format::table).find("nothing about") == std::string::npos);
  }
}
