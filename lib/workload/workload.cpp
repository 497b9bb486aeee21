#include "workload/workload.hpp"

#include <xxhash.h>

#include <algorithm>
#include <cassert>
#include <limits>
#include <unordered_map>

#include "workload/id_index.hpp"
#include "workload/parents.hpp"

namespace kv {

Request Workload::operator[](std::size_t index) const {
  const Row& row = rows_[index];
  Request out{.at = row.at, .input = Tokens(row.input), .output = Tokens(row.output), .blocks = blocks(index)};
  if (origins_.empty()) return out;
  const RowOrigin& origin = origins_[index];
  if (origin.session != kNobody) out.session = origin.session;
  if (origin.tenant != kNobody) out.tenant = origin.tenant;
  if (origin.delay.count() >= 0) out.delay = origin.delay;
  return out;
}

Tokens Workload::tokens_in_block(const Request& request, std::size_t index) const {
  assert(index < request.blocks.size());
  return index + 1 < request.blocks.size() ? block_size_ : request.input - block_size_ * index;
}

namespace {

/// Numbers names as they appear. Keeps 64 bits of each name's hash: among a million names two are taken for one
/// once in 10^7 traces.
class Names {
 public:
  std::uint32_t number(std::string_view name) {
    return numbers_.try_emplace(XXH3_64bits(name.data(), name.size()), static_cast<std::uint32_t>(numbers_.size()))
        .first->second;
  }
  std::uint32_t size() const { return static_cast<std::uint32_t>(numbers_.size()); }

 private:
  std::unordered_map<std::uint64_t, std::uint32_t> numbers_;
};

}  // namespace

struct WorkloadBuilder::State {
  explicit State(std::optional<Tokens> block_size) : full(block_size) {}

  Workload workload;
  IdIndex index;
  // By DenseId: whether a request ended in it, and its input. The former is small enough to stay in a cache, and mostly
  // says no.
  std::vector<bool> has_ended;
  LargeVector<std::uint32_t> ended;
  FullBlocks full;
  std::vector<BlockId> scratch;
  Names sessions, tenants;

  void note_origin(const Origin& origin);
  Result<std::optional<FullBlock>> check_end(std::span<const BlockId> ids, std::size_t known, DenseId last_known,
                                             Tokens input, std::uint64_t line) const;
};

WorkloadBuilder::WorkloadBuilder(std::optional<Tokens> block_size) : state_(std::make_unique<State>(block_size)) {}
WorkloadBuilder::~WorkloadBuilder() = default;
WorkloadBuilder::WorkloadBuilder(WorkloadBuilder&&) noexcept = default;
WorkloadBuilder& WorkloadBuilder::operator=(WorkloadBuilder&&) noexcept = default;

const FullBlocks& WorkloadBuilder::full_blocks() const { return state_->full; }

// A block is full as soon as one request ends in it and another goes on behind it. Of the blocks known before, this
// request can be the first to end in the last one, or to go on behind the last one: the others went on already.
Result<std::optional<FullBlock>> WorkloadBuilder::State::check_end(std::span<const BlockId> ids, std::size_t known,
                                                                   DenseId last_known, Tokens input,
                                                                   std::uint64_t line) const {
  if (known == 0) return std::nullopt;
  const bool ends_here = known == ids.size(), ended_before = has_ended[last_known];
  const Tokens before(ended_before ? ended[last_known] : 0);
  if (ends_here && ended_before && before != input) return length_conflict(ids.back(), input, before);
  if (ends_here == ended_before) return std::nullopt;
  const FullBlock block{ids[known - 1], known, ends_here ? input : before, line};
  if (const auto checked = full.check(block); !checked) return error(checked);
  return block;
}

// Blocks seen before stand in front of new ones, always: a known block behind a new one has got another parent. So a
// request is a walk down a known path, and then a fresh tail that is appended in one go.
Result<void> WorkloadBuilder::add(Duration at, Tokens input, Tokens output, std::span<const BlockId> ids,
                                  std::uint64_t line, const Origin& origin) {
  constexpr std::uint64_t kMax = std::numeric_limits<std::uint32_t>::max();
  assert(input.count() <= kMax && output.count() <= kMax);
  State& s = *state_;
  LargeVector<DenseId>& refs = s.workload.refs_;
  const std::size_t first_ref = refs.size();
  s.index.prefetch(ids);

  const auto conflict = [&](std::size_t index, DenseId parent) {
    refs.resize(first_ref);
    return parent_conflict(ids, index,
                           parent == IdIndex::kNone ? std::nullopt : std::optional(s.workload.ids_[parent]));
  };
  DenseId parent = IdIndex::kNone;
  std::size_t known = 0;
  for (; known < ids.size(); ++known) {
    const IdIndex::Known found = s.index.find(ids[known]);
    if (found.dense == IdIndex::kNone) break;
    if (found.parent != parent) return conflict(known, found.parent);
    refs.push_back(found.dense);
    parent = found.dense;
  }
  const std::span<const BlockId> fresh = ids.subspan(known);
  for (std::size_t i = 1; i < fresh.size(); ++i) {
    const IdIndex::Known found = s.index.find(fresh[i]);
    if (found.dense != IdIndex::kNone) return conflict(known + i, found.parent);
  }
  if (const auto twice = first_duplicate(fresh, s.scratch)) {
    refs.resize(first_ref);
    return duplicate_id(*twice);
  }
  if (s.workload.ids_.size() + fresh.size() >= kMax) {
    refs.resize(first_ref);
    return error(Code::bad_input, "more than 4294967294 unique blocks", "sample the trace first");
  }
  const auto full = s.check_end(ids, known, parent, input, line);
  if (!full) {
    refs.resize(first_ref);
    return error(full);
  }
  if (*full) s.full.take(**full);
  for (const BlockId id : fresh) {
    const auto dense = static_cast<DenseId>(s.workload.ids_.size());
    s.index.insert(id, {dense, parent});
    s.workload.ids_.push_back(id);
    refs.push_back(dense);
    parent = dense;
  }
  s.has_ended.resize(s.workload.ids_.size());
  s.has_ended[parent] = true;
  s.ended.resize(s.workload.ids_.size());
  s.ended[parent] = static_cast<std::uint32_t>(input.count());
  s.workload.rows_.push_back(
      {at, static_cast<std::uint32_t>(input.count()), static_cast<std::uint32_t>(output.count()), first_ref});
  s.note_origin(origin);
  return {};
}

void WorkloadBuilder::State::note_origin(const Origin& origin) {
  const bool silent = origin.session.empty() && origin.tenant.empty() && !origin.delay;
  if (silent && workload.origins_.empty()) return;
  workload.origins_.resize(workload.rows_.size());
  Workload::RowOrigin& row = workload.origins_.back();
  if (!origin.session.empty()) row.session = sessions.number(origin.session);
  if (!origin.tenant.empty()) row.tenant = tenants.number(origin.tenant);
  if (origin.delay) row.delay = *origin.delay;
  workload.sessions_ = sessions.size();
  workload.tenants_ = tenants.size();
}

void WorkloadBuilder::expect_growth(double factor) {
  constexpr double kMostRefs = 1 << 26;
  Workload& w = state_->workload;
  const auto grown = [&](std::size_t size) { return static_cast<std::size_t>(static_cast<double>(size) * factor); };
  if (!(factor > 1) || static_cast<double>(w.refs_.size()) * factor > kMostRefs) return;
  w.rows_.reserve(grown(w.rows_.size()));
  w.refs_.reserve(grown(w.refs_.size()));
  w.ids_.reserve(grown(w.ids_.size()));
  state_->ended.reserve(grown(w.ids_.size()));
  state_->index.reserve(grown(w.ids_.size()));
}

std::size_t WorkloadBuilder::size() const { return state_->workload.size(); }

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

namespace {

// Dense ids are numbered as they appear, so a block was seen before exactly if its number is below the count so far;
// and such blocks come first in a request, as every block has one parent.
std::size_t known_blocks(const Request& request, std::uint64_t seen) {
  const auto fresh =
      std::partition_point(request.blocks.begin(), request.blocks.end(), [&](DenseId id) { return id < seen; });
  return static_cast<std::size_t>(fresh - request.blocks.begin());
}

}  // namespace

IdealHits ideal_hits(const Workload& workload) {
  IdealHits hits;
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < workload.size(); ++i) {
    const Request request = workload[i];
    const std::uint64_t known = known_blocks(request, seen);
    seen += request.blocks.size() - known;
    hits.block_hits += known;
    hits.token_hits += std::min(known * workload.block_size().count(), request.input.count());
    hits.requests_with_hit += known > 0;
  }
  return hits;
}

}  // namespace kv
