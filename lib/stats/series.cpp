#include "stats/series.hpp"

#include <algorithm>

#include "stats/known.hpp"
#include "stats/spread.hpp"

namespace kv {
namespace {

double share(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

Duration span_of(const Workload& workload) {
  return workload.empty() ? Duration(0) : workload[workload.size() - 1].at - workload[0].at;
}

void sum_up(Series& series) {
  Moments requests;
  std::uint64_t peak = 0;
  for (const Bin& bin : series.bins) {
    requests.add(static_cast<double>(bin.requests));
    peak = std::max(peak, bin.requests);
  }
  if (requests.mean() <= 0) return;
  series.peak_to_mean = static_cast<double>(peak) / requests.mean();
  series.dispersion = requests.variance() / requests.mean();
}

}  // namespace

Series series_of(const Workload& workload, Duration width) {
  Series out;
  if (workload.empty()) return out;
  const std::int64_t bins = span_of(workload) / width + 1, most = kMostBins;
  out.width = width * ((bins + most - 1) / most);
  out.bins.resize(static_cast<std::size_t>(span_of(workload) / out.width + 1));
  const Duration begin = workload[0].at;
  LargeVector<Duration> last(workload.unique_blocks(), Duration(-1));  // since `begin`
  KnownBlocks known_blocks;
  std::size_t filled = 0;
  for (std::size_t i = 0; i < workload.size(); ++i) {
    const Request request = workload[i];
    const Duration at = request.at - begin;
    const auto index = static_cast<std::size_t>(at / out.width);
    for (; filled < index; ++filled) out.bins[filled].unique_blocks = known_blocks.unique();
    Bin& bin = out.bins[index];
    const std::uint64_t known = known_blocks.of(request);
    ++bin.requests;
    bin.input_tokens += request.input.count();
    bin.output_tokens += request.output.count();
    bin.block_refs += request.blocks.size();
    bin.block_hits += known;
    bin.token_hits += hit_tokens(request, known, workload.block_size());
    const Duration bin_begin = out.width * static_cast<std::int64_t>(index);
    for (const DenseId block : request.blocks) {
      bin.working_set_blocks += last[block] < bin_begin;
      last[block] = at;
    }
  }
  out.bins.back().unique_blocks = known_blocks.unique();
  sum_up(out);
  return out;
}

std::vector<WorkingSet> working_sets_of(const Workload& workload, std::span<const Duration> windows) {
  struct Window {
    WorkingSet sum;
    std::int64_t index = 0;
    std::uint64_t here = 0, all = 0;
  };
  std::vector<Window> running;
  for (const Duration window : windows) {
    if (!running.empty() && window > span_of(workload)) break;
    running.push_back({WorkingSet{window, 0, 0}});
  }
  LargeVector<Duration> last(workload.unique_blocks(), Duration(-1));
  for (std::size_t i = 0; i < workload.size(); ++i) {
    const Request request = workload[i];
    const Duration at = request.at - workload[0].at;
    for (Window& w : running) {
      const std::int64_t index = at / w.sum.window;
      if (index != w.index) w.here = 0;
      w.index = index;
      const Duration begin = w.sum.window * index;
      // A block in front of another was touched whenever that one was: the old ones are at the end.
      const auto old = std::partition_point(request.blocks.begin(), request.blocks.end(),
                                            [&](DenseId block) { return last[block] >= begin; });
      const auto count = static_cast<std::uint64_t>(request.blocks.end() - old);
      w.here += count;
      w.all += count;
      w.sum.peak_blocks = std::max(w.sum.peak_blocks, w.here);
    }
    for (const DenseId block : request.blocks) last[block] = at;
  }
  std::vector<WorkingSet> out;
  for (Window& w : running) {
    w.sum.mean_blocks = static_cast<double>(w.all) / static_cast<double>(span_of(workload) / w.sum.window + 1);
    out.push_back(w.sum);
  }
  return out;
}

std::optional<WarmUp> warm_up_of(const Workload& workload) {
  if (workload.size() < kWarmUpRequests) return std::nullopt;
  KnownBlocks known_blocks;
  std::uint64_t hits[4] = {}, refs[4] = {};
  for (std::size_t i = 0; i < workload.size(); ++i) {
    const Request request = workload[i];
    const std::size_t quarter = std::min<std::size_t>(3, 4 * i / workload.size());
    hits[quarter] += known_blocks.of(request);
    refs[quarter] += request.blocks.size();
  }
  WarmUp out{share(hits[2], refs[2]), share(hits[3], refs[3]), false};
  out.still_warming = out.last_quarter_block_hit_rate - out.third_quarter_block_hit_rate > kWarmUpRise;
  return out;
}

}  // namespace kv
