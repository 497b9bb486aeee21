#include "report/fit_document.hpp"

#include <doctest/doctest.h>

#include "profile/fitted_text.hpp"
#include "profile/stratum_columns.hpp"
#include "support/kept_files.hpp"
#include "support/schema.hpp"

namespace {

using namespace kv;

/// A fit of which one figure holds, one does not, and one is of nothing.
Json document() {
  Fit fit{"p.toml", 1234, 5, 20'261, {}};
  using Kind = LikenessFigure::Kind;
  fit.likeness.figures.push_back({"input_tokens.p50", Kind::tokens, {}, 100, 104, 0.04, 0.05, true});
  fit.likeness.figures.push_back({"output_tokens.p50", Kind::tokens, {}, 0, 3, std::nullopt, 0.05, false});
  fit.likeness.figures.push_back({"lru.block_hit_rate", Kind::rate, 18'279, 0.5, 0.44, -0.06, 0.03, false});
  WorkloadDocument head;
  head.tool = "kvtrace";
  head.path = "trace.jsonl";
  return make_fit_document(std::move(head), fit);
}

}  // namespace

TEST_SUITE("fit document") {
  TEST_CASE("what fails is told in words, in every format, and an error of nothing is null") {
    const Json d = document();
    CHECK(test::violations(d, fit_schema()) == std::vector<std::string>{});
    CHECK(d["comparison"]["failures"] == 2);
    CHECK(d["comparison"]["holds"] == false);
    CHECK(d["figures"][1]["error"].is_null());
    CHECK(d["warnings"][1] == "lru.block_hit_rate at 18279 blocks: 44.0% instead of 50.0% with seed 20261");
    const std::string table = render_fit(d, Format::table, {false, 100});
    CHECK(table.find("-6.00 points") != std::string::npos);
    CHECK(table.find("2 of 3 figures FAIL") != std::string::npos);
    CHECK(render_fit(d, Format::csv).find("\nlru.block_hit_rate,rate,18279,0.5,0.44,-0.06,0.03,false\n") !=
          std::string::npos);
    CHECK(render_fit(d, Format::markdown).find("| lru.block\\_hit\\_rate | 18,279 |") != std::string::npos);
  }

  TEST_CASE("the schema file and the sample are what the field table says") {
    test::check_kept("reports/kvkit.fit-1.schema.json", fit_schema().dump(2) + "\n");
    const Json sample = test::check_sample("reports/samples/kvkit.fit-1.json", fit_schema());
    CHECK_FALSE(render_fit(sample, Format::table).empty());
  }

  TEST_CASE("docs/fitting.md explains every key of a profile and every column of its strata") {
    const std::string page = test::source_text("docs/fitting.md");
    for (const auto& key : fitted_keys()) {
      CHECK_MESSAGE(page.find("| `" + key.name + "` |") != std::string::npos, key.name);
    }
    for (const StratumColumn& column : stratum_columns()) {
      const std::string name = column.name;
      if (name != "to") CHECK_MESSAGE(page.find("| `" + name) != std::string::npos, name);
    }
  }
}
