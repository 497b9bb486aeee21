#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "base/result.hpp"
#include "base/units.hpp"
#include "workload/large_vector.hpp"

namespace kv {

/// The name of a block and of everything before it, as the trace gives it.
using BlockId = std::uint64_t;
/// The same block as an index 0 <= id < Workload::unique_blocks(), in order of first appearance.
using DenseId = std::uint32_t;

/// Where a request came from, as far as its trace says; texts are empty where it does not. They are views: see whoever
/// hands them out.
struct Origin {
  std::optional<Duration> delay = std::nullopt;  ///< after the session's previous request ended
  std::string_view session = {}, tenant = {}, group = {}, type = {};
};

/// One prompt. `blocks` names its blocks from the first on; the last may be shorter than the block size.
struct Request {
  Duration at;   ///< arrival, as the trace counts time; never before the request in front of it
  Tokens input;  ///< prompt length, at least 1
  Tokens output;
  std::span<const DenseId> blocks;
  std::optional<std::uint32_t> session = std::nullopt,
                               tenant = std::nullopt;  ///< numbered as they appear; nullopt: the trace names none
  std::optional<Duration> delay = std::nullopt;        ///< see Origin
};

/// A whole workload in memory: 24 bytes a request (40 where any names a session, tenant or delay), 4 a block reference,
/// 8 a unique block. Immutable once built, so
/// that any number of threads may read it. Every id has one parent: the same blocks stand before it wherever it occurs.
class Workload {
 public:
  Tokens block_size() const { return block_size_; }
  std::size_t size() const { return rows_.size(); }
  bool empty() const { return rows_.empty(); }
  Request operator[](std::size_t index) const;
  /// Two of its members alone, for loops that cost less than the whole of a request.
  std::span<const DenseId> blocks(std::size_t index) const {
    const std::uint64_t begin = rows_[index].first_ref;
    const std::uint64_t end = index + 1 < rows_.size() ? rows_[index + 1].first_ref : refs_.size();
    return {refs_.data() + begin, static_cast<std::size_t>(end - begin)};
  }
  Tokens input(std::size_t index) const { return Tokens(rows_[index].input); }
  std::size_t unique_blocks() const { return ids_.size(); }
  BlockId id(DenseId dense) const { return ids_[dense]; }
  std::uint32_t sessions() const { return sessions_; }
  std::uint32_t tenants() const { return tenants_; }

  /// Tokens in block `index` of a request: block_size, or what is left in the last one.
  Tokens tokens_in_block(const Request& request, std::size_t index) const;

 private:
  friend class WorkloadBuilder;
  struct Row {
    Duration at;
    std::uint32_t input, output;
    std::uint64_t first_ref;
  };
  struct RowOrigin {
    std::uint32_t session = kNobody, tenant = kNobody;
    Duration delay{-1};  // negative: none
  };
  static constexpr std::uint32_t kNobody = UINT32_MAX;
  Tokens block_size_;
  LargeVector<Row> rows_;
  LargeVector<RowOrigin> origins_;  // empty, or one a row
  std::uint32_t sessions_ = 0, tenants_ = 0;
  LargeVector<DenseId> refs_;
  LargeVector<BlockId> ids_;
};

class FullBlocks;

/// The only way to make a Workload. Beside it, a build holds 12 to 68 bytes a unique block.
class WorkloadBuilder {
 public:
  /// `block_size`, where it is known by now: ids with two sizes are then refused as they come.
  explicit WorkloadBuilder(std::optional<Tokens> block_size = std::nullopt);
  ~WorkloadBuilder();
  WorkloadBuilder(WorkloadBuilder&&) noexcept;
  WorkloadBuilder& operator=(WorkloadBuilder&&) noexcept;

  /// Copies; `ids` need not be dense. input and output below 2^32, arrivals in order. Fails (bad_input) without a trace
  /// in the state if an id occurs twice, or had another parent or size before, or at 2^32 - 1 unique blocks. `line` is
  /// for full_blocks() to name.
  Result<void> add(Duration at, Tokens input, Tokens output, std::span<const BlockId> ids, std::uint64_t line = 0,
                   const Origin& origin = {});
  /// What the requests ask of a block size that was not known; whoever finds it checks it with these.
  const FullBlocks& full_blocks() const;
  /// Sets room aside (address space, up to 2 GiB of it) for so many times what was added so far: growing step by step
  /// costs as much as parsing.
  void expect_growth(double factor);
  std::size_t size() const;
  Workload build(Tokens block_size) &&;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// What `.workload` of every report says; the names are those of the report.
struct WorkloadSummary {
  std::uint64_t requests = 0, span_ms = 0, input_tokens = 0, output_tokens = 0;
  std::uint64_t block_size = 0, block_refs = 0, unique_blocks = 0, max_blocks = 0, max_input_tokens = 0;
};
WorkloadSummary summarize(const Workload& workload);

/// What a cache that never evicts would serve: the most that any cache can.
struct IdealHits {
  std::uint64_t block_hits = 0;
  std::uint64_t token_hits = 0;  ///< min(hit blocks x block size, input) a request
  std::uint64_t requests_with_hit = 0;
};
IdealHits ideal_hits(const Workload& workload);

}  // namespace kv
