#include <fmt/format.h>

#include <algorithm>
#include <cassert>

#include "workload/read.hpp"
#include "workload/trees.hpp"

namespace kv {
namespace {

/// How many leading blocks all requests have in common: a system prompt.
std::size_t common_run(const Workload& workload) {
  CommonRun<DenseId> common;
  for (std::size_t i = 0; i < workload.size() && common.size() > 0; ++i) common.add(workload[i].blocks);
  return common.size();
}

/// Decides by tree, not by request.
class TreeSample {
 public:
  TreeSample(const Workload& workload, const Selection& selection)
      : workload_(workload), common_(common_run(workload)), share_(selection.sample, selection.seed) {}

  bool keeps(const Request& request) const {
    return share_.has(workload_.id(request.blocks[root_index(common_, request.blocks.size())]));
  }

 private:
  const Workload& workload_;
  std::size_t common_;
  TreeShare share_;
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
