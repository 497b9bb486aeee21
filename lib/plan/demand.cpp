#include "plan/demand.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/random.hpp"
#include "plan/checks.hpp"
#include "stats/series.hpp"

namespace kv {
namespace {

constexpr double kPeakRequests = 100, kCopiesWithinGaps = 100, kCopiesWithinSpan = 0.1;
constexpr Tokens kSummaryBlock{64};
constexpr std::uint64_t kMostSummaryRefs = 100'000'000;

std::vector<std::uint64_t> uses_of_blocks(const Workload& workload) {
  std::vector<std::uint64_t> uses(workload.unique_blocks());
  for (std::size_t i = 0; i < workload.size(); ++i) {
    for (const DenseId id : workload.blocks(i)) ++uses[id];
  }
  return uses;
}

std::optional<double> peak_to_mean(const Workload& workload, double span_s) {
  const double width_s = std::max(60.0, kPeakRequests * span_s / static_cast<double>(workload.size()));
  if (span_s < 2 * width_s) return std::nullopt;
  return series_of(workload, from_seconds(width_s)).peak_to_mean;
}

Result<void> check_summary(const DemandSummary& s) {
  const auto tokens = [](Tokens t) { return static_cast<double>(t.count()); };
  auto checked = check_figures("demand", {{"requests per second", s.requests_per_s, 1e-6, 1e6},
                                          {"input tokens", tokens(s.input), 1, 1e7},
                                          {"output tokens", tokens(s.output), 0, 1e7},
                                          {"shared prefix", tokens(s.shared_prefix), 0, tokens(s.input)},
                                          {"hit rate", s.token_hit_rate, 0, 1},
                                          {"prefixes", static_cast<double>(s.prefixes), 1, 1e6},
                                          {"requests", static_cast<double>(s.requests), 2, 1e7}});
  if (!checked) return checked;
  const double most = tokens(s.shared_prefix) / tokens(s.input);
  if (s.token_hit_rate > most) {
    return error(Code::bad_input,
                 fmt::format("a hit rate of {:.1f} % cannot be: {} shared of {} input tokens are {:.1f} %",
                             100 * s.token_hit_rate, s.shared_prefix.count(), s.input.count(), 100 * most),
                 "give a longer --shared-prefix or a lower --hit-rate");
  }
  const std::uint64_t blocks = ceil_div(s.input.count(), kSummaryBlock.count());
  if (blocks * s.requests > kMostSummaryRefs) {
    return error(
        Code::bad_input,
        fmt::format("{} requests of {} tokens are more than a summary is played with", s.requests, s.input.count()),
        "ask for fewer requests");
  }
  return {};
}

/// Draws 0, 1, 2 ... in the proportion 1 : 1/2 : 1/3 ...
class ByRank {
 public:
  explicit ByRank(std::uint64_t count) {
    double sum = 0;
    for (std::uint64_t rank = 1; rank <= count; ++rank) sums_.push_back(sum += 1 / static_cast<double>(rank));
  }
  std::uint64_t draw(Random& random) const {
    const auto at = std::upper_bound(sums_.begin(), sums_.end(), random.uniform() * sums_.back());
    return std::min<std::uint64_t>(static_cast<std::uint64_t>(at - sums_.begin()), sums_.size() - 1);
  }

 private:
  std::vector<double> sums_;
};

}  // namespace

double span_of(const Workload& workload) {
  if (workload.size() < 2) return 0;
  const auto requests = static_cast<double>(workload.size());
  return seconds(workload[workload.size() - 1].at - workload[0].at) * requests / (requests - 1);
}

Result<Demand> demand_of(const Workload& workload) {
  const WorkloadSummary all = summarize(workload);
  const double span_s = span_of(workload);
  if (span_s <= 0) {
    return error(Code::bad_input,
                 fmt::format("a workload of {} that arrive at once has no rate",
                             all.requests == 1 ? "1 request" : fmt::format("{} requests", all.requests)),
                 "plan with a trace that has timestamps, or with --requests-per-second and what goes with it");
  }
  Demand out;
  const auto requests = static_cast<double>(all.requests);
  out.requests = all.requests;
  out.span_s = span_s;
  out.requests_per_s = requests / out.span_s;
  out.mean_input_tokens = static_cast<double>(all.input_tokens) / requests;
  out.mean_output_tokens = static_cast<double>(all.output_tokens) / requests;
  out.input_tokens_per_s = out.mean_input_tokens * out.requests_per_s;
  out.output_tokens_per_s = out.mean_output_tokens * out.requests_per_s;
  out.longest_input = Tokens(all.max_input_tokens);
  out.block_size = workload.block_size();
  out.peak_to_mean = peak_to_mean(workload, out.span_s);
  out.ceiling_token_hit_rate =
      static_cast<double>(ideal_hits(workload).token_hits) / static_cast<double>(all.input_tokens);
  out.unique_blocks = static_cast<double>(all.unique_blocks);
  out.block_refs = static_cast<double>(all.block_refs);
  out.popularity = popularity_of(uses_of_blocks(workload));
  out.reuse = reuse_of_blocks(workload);
  const auto warm_up = warm_up_of(workload);
  out.still_warming = warm_up && warm_up->still_warming;
  return out;
}

Result<Workload> copies_of(const Workload& workload, std::uint32_t copies) {
  struct Arrival {
    Duration at;
    std::uint32_t copy;
    std::size_t index;
  };
  const double gap_s = span_of(workload) / static_cast<double>(std::max<std::size_t>(workload.size(), 1));
  const double within_s = std::min(kCopiesWithinGaps * gap_s, kCopiesWithinSpan * span_of(workload));
  std::vector<Arrival> arrivals;
  arrivals.reserve(workload.size() * copies);
  for (std::uint32_t copy = 0; copy < copies; ++copy) {
    const Duration later = from_seconds(within_s * copy / copies);
    for (std::size_t i = 0; i < workload.size(); ++i) arrivals.push_back({workload[i].at + later, copy, i});
  }
  std::stable_sort(arrivals.begin(), arrivals.end(), [](const Arrival& a, const Arrival& b) { return a.at < b.at; });
  WorkloadBuilder builder(workload.block_size());
  std::vector<BlockId> ids;
  for (const Arrival& arrival : arrivals) {
    const Request request = workload[arrival.index];
    ids.clear();
    for (const DenseId id : workload.blocks(arrival.index)) {
      ids.push_back(static_cast<BlockId>(id) + arrival.copy * static_cast<BlockId>(workload.unique_blocks()));
    }
    const std::string session = request.session ? fmt::format("{}-{}", arrival.copy, *request.session) : std::string();
    Origin origin;
    origin.session = session;
    auto added = builder.add(arrival.at, request.input, request.output, ids, 0, origin);
    if (!added) return error(added);
  }
  return std::move(builder).build(workload.block_size());
}

Result<Workload> workload_of(const DemandSummary& summary) {
  if (auto checked = check_summary(summary); !checked) return error(checked);
  Random random(summary.seed);
  const ByRank ranks(summary.prefixes);
  const std::uint64_t block = kSummaryBlock.count();
  const std::uint64_t blocks = ceil_div(summary.input.count(), block), shared = summary.shared_prefix.count() / block;
  // Rounding to blocks shortens the prefix: more requests begin with one instead.
  const double share = shared == 0 ? 0
                                   : std::min(1.0, summary.token_hit_rate * static_cast<double>(summary.input.count()) /
                                                       static_cast<double>(shared * block));
  BlockId fresh = summary.prefixes * shared;  // the ids below are those of shared prefixes
  std::vector<BlockId> ids(blocks);
  WorkloadBuilder builder(kSummaryBlock);
  double at_s = 0;
  for (std::uint64_t i = 0; i < summary.requests; ++i) {
    const bool shares = random.uniform() < share;
    const BlockId prefix = shares ? ranks.draw(random) * shared : 0;
    for (std::uint64_t b = 0; b < blocks; ++b) ids[b] = shares && b < shared ? prefix + b : fresh++;
    if (auto added = builder.add(from_seconds(at_s), summary.input, summary.output, ids); !added) return error(added);
    at_s -= std::log(1 - random.uniform()) / summary.requests_per_s;
  }
  return std::move(builder).build(kSummaryBlock);
}

}  // namespace kv
