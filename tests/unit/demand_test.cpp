#include "plan/demand.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "support/near.hpp"

using namespace kv;
using test::near;

namespace {

struct Row {
  double at_s;
  std::uint64_t input, output;
  std::vector<BlockId> ids;
};

Workload workload(const std::vector<Row>& rows) {
  WorkloadBuilder builder;
  for (const Row& r : rows)
    REQUIRE(builder.add(from_seconds(r.at_s), Tokens(r.input), Tokens(r.output), r.ids).has_value());
  return std::move(builder).build(Tokens(16));
}

DemandSummary chat() {
  DemandSummary out;
  out.requests_per_s = 40;
  out.input = Tokens(3000);
  out.output = Tokens(300);
  out.shared_prefix = Tokens(2000);
  out.token_hit_rate = 0.6;
  out.requests = 4000;
  return out;
}

std::string refused(const DemandSummary& summary) {
  const auto made = workload_of(summary);
  REQUIRE_FALSE(made);
  CHECK(made.error().code == Code::bad_input);
  return made.error().message;
}

}  // namespace

TEST_SUITE("demand") {
  TEST_CASE("rates are over the span and a mean gap behind it") {
    const auto d = demand_of(workload({{0, 32, 4, {1, 2}}, {10, 48, 5, {1, 2, 3}}, {30, 16, 6, {9}}}));
    REQUIRE(d);
    CHECK(d->requests == 3);
    CHECK(near(d->span_s, 45));
    CHECK(near(d->requests_per_s, 3 / 45.0));
    CHECK(near(d->input_tokens_per_s, 96 / 45.0));
    CHECK(near(d->output_tokens_per_s, 15 / 45.0));
    CHECK(near(d->mean_input_tokens, 32));
    CHECK(near(d->mean_output_tokens, 5));
    CHECK(d->longest_input == Tokens(48));
    CHECK(d->block_size == Tokens(16));
    CHECK(near(d->ceiling_token_hit_rate, 32 / 96.0));
    CHECK(near(d->unique_blocks, 4));
    CHECK(near(d->block_refs, 6));
    CHECK(near(d->popularity.keys, 4));
    CHECK(near(d->popularity.top_share, 2 / 6.0));
    CHECK(near(d->popularity.sum_of_squares, (4 + 4 + 1 + 1) / 36.0));
    CHECK(near(d->reuse.last_uses, 4));
    double reuses = 0;
    for (const ReuseBin& bin : d->reuse.bins) reuses += bin.reuses;
    CHECK(near(reuses, 2));
    CHECK_FALSE(d->peak_to_mean);
    CHECK_FALSE(d->still_warming);
  }

  TEST_CASE("the busiest minute over the mean one, or a longer time where few come in a minute") {
    std::vector<Row> rows;
    BlockId fresh = 0;
    const auto come = [&](double from_s, int requests, double gap_s) {
      for (int i = 0; i < requests; ++i) rows.push_back({from_s + i * gap_s, 16, 1, {fresh++}});
    };
    come(0, 600, 0.1);
    come(60, 200, 0.3);
    come(120, 99, 0.6);
    rows.push_back({179.9, 16, 1, {fresh++}});
    const auto d = demand_of(workload(rows));
    REQUIRE(d);
    REQUIRE(d->peak_to_mean);
    CHECK(near(*d->peak_to_mean, 6 / 3.0, 0.01));
    rows.clear();
    come(0, 100, 1);
    come(100, 100, 9);  // 200 in 1000 s: a window is 500 s
    const auto rare = demand_of(workload(rows));
    REQUIRE(rare);
    REQUIRE(rare->peak_to_mean);
    CHECK(near(*rare->peak_to_mean, 145 / 100.0, 0.02));
  }

  TEST_CASE("a rate needs time") {
    CHECK(demand_of(workload({})).error().code == Code::bad_input);
    CHECK(demand_of(workload({{5, 16, 1, {1}}})).error().message.find("1 request ") != std::string::npos);
    CHECK(demand_of(workload({{5, 16, 1, {1}}, {5, 16, 1, {2}}})).error().hint.find("--requests-per-second") !=
          std::string::npos);
  }

  TEST_CASE("copies share nothing, come in order, and hit as the one does") {
    const Workload one = workload({{0, 32, 4, {1, 2}}, {10, 48, 5, {1, 2, 3}}, {30, 16, 6, {9}}});
    const auto three = copies_of(one, 3);
    REQUIRE(three);
    CHECK(three->size() == 9);
    CHECK(three->unique_blocks() == 3 * one.unique_blocks());
    for (std::size_t i = 1; i < three->size(); ++i) CHECK((*three)[i].at >= (*three)[i - 1].at);
    CHECK(near(demand_of(*three)->ceiling_token_hit_rate, demand_of(one)->ceiling_token_hit_rate));
    CHECK(near(demand_of(*three)->mean_input_tokens, 32));
  }

  TEST_CASE("a summary becomes a workload that has its figures") {
    const auto made = workload_of(chat());
    REQUIRE(made);
    const auto d = demand_of(*made);
    REQUIRE(d);
    CHECK(d->requests == 4000);
    CHECK(near(d->requests_per_s, 40, 0.05));
    CHECK(near(d->mean_input_tokens, 3000));
    CHECK(near(d->mean_output_tokens, 300));
    // 100 first uses of a prefix are no hits.
    CHECK(d->ceiling_token_hit_rate > 0.6 - 0.02 - 100.0 / 4000 * 2000 / 3000);
    CHECK(d->ceiling_token_hit_rate < 0.6 + 0.02);
  }

  TEST_CASE("each figure of a summary moves what it should") {
    const auto of = [](const DemandSummary& s) { return *demand_of(*workload_of(s)); };
    const Demand usual = of(chat());
    DemandSummary s = chat();
    s.requests_per_s = 4;
    CHECK(near(of(s).requests_per_s, usual.requests_per_s / 10, 1e-3));
    s = chat();
    s.input = Tokens(2500);
    CHECK(near(of(s).mean_input_tokens, 2500));
    s = chat();
    s.output = Tokens(0);
    CHECK(of(s).mean_output_tokens == 0);
    s = chat();
    s.token_hit_rate = 0.3;
    CHECK(near(of(s).ceiling_token_hit_rate, usual.ceiling_token_hit_rate / 2, 0.1));
    s = chat();
    s.token_hit_rate = 0;
    CHECK(of(s).ceiling_token_hit_rate == 0);
    s = chat();
    s.prefixes = 1;
    CHECK(of(s).popularity.top_share > 10 * usual.popularity.top_share / 2);
    s = chat();
    s.shared_prefix = Tokens(2400);  // fewer requests share more
    CHECK(near(of(s).ceiling_token_hit_rate, usual.ceiling_token_hit_rate, 0.05));
    s = chat();
    s.seed = 2;
    CHECK(of(s).span_s != usual.span_s);
    CHECK(of(chat()).span_s == usual.span_s);
    s = chat();
    s.requests = 400;
    CHECK(of(s).requests == 400);
  }

  TEST_CASE("what no workload can be is refused") {
    DemandSummary s = chat();
    s.token_hit_rate = 0.7;
    CHECK(refused(s).find("66.7 %") != std::string::npos);
    s = chat();
    s.shared_prefix = Tokens(3001);
    CHECK(refused(s).find("shared prefix") != std::string::npos);
    s = chat();
    s.requests_per_s = 0;
    CHECK(refused(s).find("requests per second") != std::string::npos);
    s.requests_per_s = std::nan("");
    CHECK(refused(s).find("requests per second") != std::string::npos);
    s = chat();
    s.input = Tokens(0);
    CHECK(refused(s).find("input tokens") != std::string::npos);
    s = chat();
    s.requests = 10'000'000;
    CHECK(refused(s).find("more than a summary") != std::string::npos);
    s = chat();
    s.prefixes = 0;
    CHECK(refused(s).find("prefixes") != std::string::npos);
  }
}
