#include "curve/sampled_curve.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "curve/curve.hpp"
#include "curve/lru_curve.hpp"
#include "support/random_workload.hpp"

using namespace kv;

namespace {

SampledCurve sample_of(const Workload& workload, const BlockSample& sample) {
  SampledCurve curve(sample);
  std::vector<BlockId> ids;
  for (std::size_t i = 0; i < workload.size(); ++i) {
    ids.clear();
    for (const DenseId block : workload.blocks(i)) ids.push_back(workload.id(block));
    curve.add(ids, workload.input(i), workload.block_size());
  }
  return curve;
}

double exact_rate(const LruCurve& curve, const Workload& workload, std::uint64_t capacity) {
  return static_cast<double>(curve.at(Blocks(capacity)).block_hits) /
         static_cast<double>(summarize(workload).block_refs);
}

}  // namespace

TEST_SUITE("sampled curve") {
  TEST_CASE("a sample of all is the curve itself, without an error") {
    const Workload workload = test::random_workload(1, {.requests = 3000, .depth = 12});
    const LruCurve exact = lru_curve(workload);
    const SampledCurve all = sample_of(workload, {.rate = 1});
    CHECK(all.sampled_blocks() == workload.unique_blocks());
    CHECK(all.sampled_refs() == all.block_refs());
    for (std::uint64_t capacity = 1; capacity <= workload.unique_blocks(); capacity *= 2) {
      CAPTURE(capacity);
      const EstimatedHits hits = all.at(Blocks(capacity));
      // Distances are kept to 1 / 256 of an octave.
      CHECK(hits.block_hit_rate == doctest::Approx(exact_rate(exact, workload, capacity)).epsilon(0.02));
      CHECK(hits.block_error == 0);
      CHECK(hits.token_error == 0);
    }
    CHECK(all.at(Blocks(0)).block_hit_rate == doctest::Approx(0));
  }

  TEST_CASE("the truth lies within the error that is stated, about 19 times of 20") {
    const Workload workload = test::random_workload(2, {.requests = 30'000, .depth = 10, .reuse = 0.8});
    const LruCurve exact = lru_curve(workload);
    int asked = 0, within = 0;
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
      const SampledCurve sample = sample_of(workload, {.rate = 0.1, .seed = seed});
      for (const std::uint64_t capacity : {100, 1000, 10'000, 50'000}) {
        const EstimatedHits hits = sample.at(Blocks(capacity));
        ++asked;
        within += std::abs(hits.block_hit_rate - exact_rate(exact, workload, capacity)) <= hits.block_error;
      }
    }
    CHECK(asked == 160);
    CHECK(within >= 144);  // 95 % are 152; the seeds are fixed
  }

  TEST_CASE("memory is fixed: the rate sinks so that no more blocks are held than allowed") {
    const Workload workload = test::random_workload(3, {.requests = 20'000, .depth = 12});
    const LruCurve exact = lru_curve(workload);
    const SampledCurve small = sample_of(workload, {.rate = 1, .max_blocks = 4096});
    CHECK(small.sampled_blocks() <= 4096);
    CHECK(small.sampled_blocks() > 2048);
    CHECK(small.rate() < 1);
    CHECK(small.unique_blocks() == doctest::Approx(static_cast<double>(workload.unique_blocks())).epsilon(0.1));
    const EstimatedHits hits = small.at(Blocks(10'000));
    CHECK(std::abs(hits.block_hit_rate - exact_rate(exact, workload, 10'000)) <= 2 * hits.block_error);
  }

  TEST_CASE("slices of one seed share no block and miss none") {
    const Workload workload = test::random_workload(4, {.requests = 2000});
    std::uint64_t blocks = 0, refs = 0;
    for (std::uint32_t slice = 0; slice < 4; ++slice) {
      const SampledCurve part = sample_of(workload, {.rate = 0.25, .seed = 9, .slice = slice, .slices = 4});
      blocks += part.sampled_blocks();
      refs += part.sampled_refs();
    }
    CHECK(blocks == workload.unique_blocks());
    CHECK(refs == summarize(workload).block_refs);
  }

  TEST_CASE("samples that cannot be are refused") {
    CHECK(check_sample({.rate = 0.5}));
    for (const double rate : {0.0, -1.0, 1.1, std::nan("")}) CHECK_FALSE(check_sample({.rate = rate}));
    CHECK_FALSE(check_sample({.rate = 0.5, .slices = 3}));
    CHECK_FALSE(check_sample({.rate = 0.1, .slice = 3, .slices = 3}));
    CHECK_FALSE(check_sample({.rate = 0.1, .slices = 0}));
    CHECK_FALSE(check_sample({.rate = 0.1, .max_blocks = 10}));
  }
}

TEST_SUITE("knees") {
  TEST_CASE("a curve of two lines bends where they meet; a line nowhere") {
    std::vector<double> xs, bent, straight;
    for (int x = 0; x <= 100; ++x) {
      xs.push_back(x);
      bent.push_back(x <= 30 ? 3 * x : 90 + (x - 30) / 7.0);
      straight.push_back(2 * x);
    }
    REQUIRE(find_knees(xs, bent).size() == 1);
    CHECK(find_knees(xs, bent)[0] == 30);
    CHECK(find_knees(xs, straight).empty());
  }

  TEST_CASE("of two bends the one farther above the line comes first") {
    std::vector<double> xs, ys;
    for (int x = 0; x <= 200; ++x) {
      xs.push_back(x);
      ys.push_back(x <= 20 ? 2 * x : x <= 100 ? 40 : x <= 110 ? 40 + 6 * (x - 100) : 100);
    }
    const auto knees = find_knees(xs, ys);
    REQUIRE(knees.size() == 2);
    CHECK(knees[0] == 110);  // 1 - 110 / 200 above the line; at 20: 0.4 - 0.1
    CHECK(knees[1] == 20);
  }

  TEST_CASE("nothing is found where there is nothing") {
    const std::vector<double> none, two{0, 1}, flat{1, 1, 1}, xs{0, 1, 2};
    CHECK(find_knees(none, none).empty());
    CHECK(find_knees(two, two).empty());
    CHECK(find_knees(xs, flat).empty());
    CHECK(find_knees(flat, xs).empty());
  }

  TEST_CASE("usual capacities are a round series up to all") {
    const auto counts = [](std::uint64_t unique) {
      std::vector<std::uint64_t> out;
      for (const Blocks blocks : usual_capacities(unique)) out.push_back(blocks.count());
      return out;
    };
    CHECK(counts(0).empty());
    CHECK(counts(1) == std::vector<std::uint64_t>{1});
    CHECK(counts(30) == std::vector<std::uint64_t>{1, 2, 5, 10, 20, 30});
    CHECK(counts(3000) == std::vector<std::uint64_t>{5, 10, 20, 50, 100, 200, 500, 1000, 2000, 3000});
    CHECK(usual_capacities(UINT64_MAX).back() == Blocks(UINT64_MAX));
  }
}
