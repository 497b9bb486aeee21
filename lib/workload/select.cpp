#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cmath>

#include "base/random.hpp"
#include "workload/read.hpp"

namespace kv {
namespace {

/// How many leading blocks all requests have in common: a system prompt.
std::size_t common_run(const Workload& workload) {
  const auto first = workload[0].blocks;
  std::size_t common = first.size();
  for (std::size_t i = 1; i < workload.size() && common > 0; ++i) {
    const auto blocks = workload[i].blocks;
    const auto end =
        std::mismatch(first.begin(), first.begin() + static_cast<std::ptrdiff_t>(common), blocks.begin(), blocks.end());
    common = static_cast<std::size_t>(end.first - first.begin());
  }
  return common;
}

/// Decides by tree, not by request. A request that is nothing but the common run is a tree of its own.
class TreeSample {
 public:
  TreeSample(const Workload& workload, const Selection& selection)
      : workload_(workload),
        common_(common_run(workload)),
        limit_(static_cast<std::uint64_t>(std::ldexp(selection.sample, 64))),
        seed_(selection.seed) {}

  bool keeps(const Request& request) const {
    const DenseId root = request.blocks[std::min(common_, request.blocks.size() - 1)];
    return mix64(seed_, workload_.id(root)) < limit_;
  }

 private:
  const Workload& workload_;
  std::size_t common_;
  std::uint64_t limit_, seed_;
};

std::string number_text(std::optional<std::uint32_t> number) {
  return number ? std::to_string(*number) : std::string();
}

template <class Keep>
Workload filter(const Workload& workload, const Keep& keep) {
  WorkloadBuilder builder(workload.block_size());
  std::vector<BlockId> ids;
  for (std::size_t i = 0; i < workload.size(); ++i) {
    const Request request = workload[i];
    if (!keep(i, request)) continue;
    ids.clear();
    for (const DenseId dense : request.blocks) ids.push_back(workload.id(dense));
    const std::string session = number_text(request.session), tenant = number_text(request.tenant);
    const Origin origin{.delay = request.delay, .session = session, .tenant = tenant, .group = {}, .type = {}};
    // A part of a workload has one parent and one size per id, as the whole has: this cannot fail.
    [[maybe_unused]] const auto added = builder.add(request.at, request.input, request.output, ids, 0, origin);
    assert(added);
  }
  return std::move(builder).build(workload.block_size());
}

double ratio(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

double ideal_block_hit_rate(const Workload& workload) {
  return ratio(ideal_hits(workload).block_hits, summarize(workload).block_refs);
}

SampleError sample_error(const Workload& whole, const Workload& sample) {
  const WorkloadSummary w = summarize(whole), s = summarize(sample);
  return {ratio(s.requests, w.requests), ratio(s.input_tokens, w.input_tokens), ratio(s.block_refs, w.block_refs),
          ideal_block_hit_rate(whole), ideal_block_hit_rate(sample)};
}

}  // namespace

Result<void> check_selection(const Selection& selection) {
  if (!(selection.sample > 0 && selection.sample <= 1)) {
    return error(Code::bad_input, fmt::format("--sample {} is not a share above 0 and up to 1", selection.sample),
                 "write it like 0.1");
  }
  if (selection.requests == std::uint64_t{0}) {
    return error(Code::bad_input, "--requests 0 leaves nothing to do", "ask for at least one request");
  }
  return {};
}

Result<Selected> select(Workload workload, const Selection& selection) {
  if (const auto checked = check_selection(selection); !checked) return error(checked);
  if (workload.empty()) return error(Code::bad_input, "the workload holds no request");
  Selected out;
  if (selection.sample < 1) {
    const TreeSample sample(workload, selection);
    Workload kept = filter(workload, [&](std::size_t, const Request& request) { return sample.keeps(request); });
    if (kept.empty()) {
      return error(
          Code::bad_input,
          fmt::format("--sample {} keeps none of the prefix trees in {} requests", selection.sample, workload.size()),
          "raise it, or try another --seed");
    }
    out.sample_error = sample_error(workload, kept);
    workload = std::move(kept);
  }
  if (selection.skip >= workload.size()) {
    return error(Code::bad_input, fmt::format("--skip {} leaves none of {} requests", selection.skip, workload.size()),
                 "skip fewer");
  }
  const std::uint64_t left = workload.size() - selection.skip;
  const std::uint64_t wanted = std::min(left, selection.requests.value_or(left));
  if (wanted < workload.size()) {
    workload = filter(
        workload, [&](std::size_t i, const Request&) { return i >= selection.skip && i - selection.skip < wanted; });
  }
  out.workload = std::move(workload);
  return out;
}

}  // namespace kv
