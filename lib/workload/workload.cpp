#include "workload/workload.hpp"

#include <algorithm>
#include <cassert>
#include <limits>

#include "workload/id_index.hpp"
#include "workload/parents.hpp"

namespace kv {

Request Workload::operator[](std::size_t index) const {
  const Row& row = rows_[index];
  const std::uint64_t end = index + 1 < rows_.size() ? rows_[index + 1].first_ref : refs_.size();
  return {row.at, Tokens(row.input), Tokens(row.output), std::span(refs_).subspan(row.first_ref, end - row.first_ref)};
}

Tokens Workload::tokens_in_block(const Request& request, std::size_t index) const {
  assert(index < request.blocks.size());
  return index + 1 < request.blocks.size() ? block_size_ : request.input - block_size_ * index;
}

struct WorkloadBuilder::State {
  Workload workload;
  std::vector<DenseId> parents;  // of each dense id; IdIndex::kNone for the first block of a prompt
  IdIndex index;
  std::vector<BlockId> scratch;
};

WorkloadBuilder::WorkloadBuilder() : state_(std::make_unique<State>()) {}
WorkloadBuilder::~WorkloadBuilder() = default;
WorkloadBuilder::WorkloadBuilder(WorkloadBuilder&&) noexcept = default;
WorkloadBuilder& WorkloadBuilder::operator=(WorkloadBuilder&&) noexcept = default;

// Blocks seen before stand in front of new ones, always: a known block behind a new one has got another parent. So a
// request is a walk down a known path, and then a fresh tail that is appended in one go.
Result<void> WorkloadBuilder::add(Duration at, Tokens input, Tokens output, std::span<const BlockId> ids) {
  constexpr std::uint64_t kMax = std::numeric_limits<std::uint32_t>::max();
  assert(input.count() <= kMax && output.count() <= kMax);
  State& s = *state_;
  std::vector<DenseId>& refs = s.workload.refs_;
  const std::size_t first_ref = refs.size();
  s.index.prefetch(ids);

  const auto conflict = [&](std::size_t at_index, DenseId known) {
    refs.resize(first_ref);
    const DenseId parent = s.parents[known];
    return parent_conflict(ids, at_index,
                           parent == IdIndex::kNone ? std::nullopt : std::optional(s.workload.ids_[parent]));
  };
  DenseId parent = IdIndex::kNone;
  std::size_t known = 0;
  for (; known < ids.size(); ++known) {
    const DenseId dense = s.index.find(ids[known]);
    if (dense == IdIndex::kNone) break;
    if (s.parents[dense] != parent) return conflict(known, dense);
    refs.push_back(dense);
    parent = dense;
  }
  const std::span<const BlockId> fresh = ids.subspan(known);
  for (std::size_t i = 1; i < fresh.size(); ++i) {
    if (const DenseId dense = s.index.find(fresh[i]); dense != IdIndex::kNone) return conflict(known + i, dense);
  }
  if (const auto twice = first_duplicate(fresh, s.scratch)) {
    refs.resize(first_ref);
    return duplicate_id(*twice);
  }
  if (s.workload.ids_.size() + fresh.size() >= kMax) {
    refs.resize(first_ref);
    return error(Code::bad_input, "more than 4294967294 unique blocks", "sample the trace first");
  }
  for (const BlockId id : fresh) {
    const auto dense = static_cast<DenseId>(s.workload.ids_.size());
    s.index.insert(id, dense);
    s.workload.ids_.push_back(id);
    s.parents.push_back(parent);
    refs.push_back(dense);
    parent = dense;
  }
  s.workload.rows_.push_back(
      {at, static_cast<std::uint32_t>(input.count()), static_cast<std::uint32_t>(output.count()), first_ref});
  return {};
}

Workload WorkloadBuilder::build(Tokens block_size) && {
  state_->workload.block_size_ = block_size;
  return std::move(state_->workload);
}

WorkloadSummary summarize(const Workload& workload) {
  WorkloadSummary sum;
  sum.requests = workload.size();
  sum.block_size = workload.block_size().count();
  sum.unique_blocks = workload.unique_blocks();
  for (std::size_t i = 0; i < workload.size(); ++i) {
    const Request request = workload[i];
    sum.input_tokens += request.input.count();
    sum.output_tokens += request.output.count();
    sum.block_refs += request.blocks.size();
    sum.max_blocks = std::max<std::uint64_t>(sum.max_blocks, request.blocks.size());
    sum.max_input_tokens = std::max(sum.max_input_tokens, request.input.count());
  }
  if (!workload.empty()) {
    const Duration span = workload[workload.size() - 1].at - workload[0].at;
    sum.span_ms = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(span).count());
  }
  return sum;
}

// Dense ids are numbered as they appear, so a block was seen before exactly if its number is below the count so far.
IdealHits ideal_hits(const Workload& workload) {
  IdealHits hits;
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < workload.size(); ++i) {
    const Request request = workload[i];
    std::uint64_t hit = 0;
    while (hit < request.blocks.size() && request.blocks[hit] < seen) ++hit;
    if (hit < request.blocks.size()) seen = request.blocks.back() + std::uint64_t{1};
    hits.block_hits += hit;
    hits.token_hits += std::min(hit * workload.block_size().count(), request.input.count());
    hits.requests_with_hit += hit > 0;
  }
  return hits;
}

}  // namespace kv
