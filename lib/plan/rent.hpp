#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "prefill/prefill.hpp"

namespace kv {

/// The rent rule: keeping a block is worth it until the rent since its last use has reached what computing it again
/// costs (the five-minute rule of Gray and Putzolu 1987, with GPU time in the place of disk arms). GB is 10^9 bytes.
/// All functions are pure; any number of threads may call.
///
/// A place that keeps blocks, and what it charges for the bytes that it really keeps and moves.
struct RentTier {
  std::string name;
  double usd_per_gb_hour = 0;     ///< of stored bytes; 0: idle memory that is paid for already
  double usd_per_gb_read = 0;     ///< requests and zones
  double usd_per_gb_written = 0;  ///< likewise
};
/// What a GB costs in an hour on machines that are rented whole: `usable_bytes` is what the provider leaves of one.
/// 0 for 0 bytes: there is nothing to rent.
double node_usd_per_gb_hour(double usd_per_hour, double usable_bytes);

/// Engine seconds that a hit saves by reaching one block further, with `before` tokens in front of the block and
/// `behind` that are computed in any case: cost(before, block + behind) - cost(before + block, behind), at least 0.
/// The difference leaves out what every forward pass pays, and with it the block itself where weights are the bound:
/// a `behind` of a few hundred tokens, as requests have, keeps that honest. behind >= 1.
double block_recompute_s(const Prefill& prefill, Tokens before, Tokens block, Tokens behind);

/// One block, wherever it stands.
struct BlockWorth {
  double recompute_usd = 0;
  double stored_bytes = 0;  ///< with codec, overhead and all copies
};
/// (recompute - read) / (stored GB x dollars of a GB-hour / 3600). 0: fetching costs as much as computing, so that no
/// interval is short enough. nullopt: keeping costs nothing, so that none is too long.
std::optional<double> breakeven_reuse_s(const BlockWorth& block, const RentTier& tier);

/// Uses of blocks that were used before: so many, so long after the last use, so deep in the prompt.
struct ReuseBin {
  double interval_s = 0;
  Tokens before{};  ///< tokens in front of the block
  double reuses = 0;
};

struct RentQuestion {
  const Prefill* prefill = nullptr;  ///< of the engine; outlives the call
  Tokens block_size{512}, behind{512};
  double gpus = 1;  ///< that are busy while a prompt is computed: tp, whatever pp is
  double gpu_usd_per_hour = 0;
  double stored_bytes_per_block = 0;
  std::span<const ReuseBin> reuses;
  double last_uses = 0;  ///< unique blocks: each is used for a last time, which nobody knows it is
};

/// The sliding TTL that leaves most, of all: a block is dropped when it was not used for so long.
struct BestTtl {
  double ttl_s = 0;
  double reuses = 0;  ///< that it serves
  double saved_usd = 0, rent_usd = 0;
};

/// What a tier's rent means for a workload. Dollars are of the span that the reuses are of.
struct RentAnswer {
  std::string tier;
  std::optional<double> breakeven_reuse_s;        ///< of the mean reused block; nullopt: rent is free
  std::optional<double> breakeven_first_block_s;  ///< at the beginning of a prompt
  std::optional<double> breakeven_deepest_s;      ///< of the deepest reuse
  double recompute_usd_per_block = 0;             ///< of the mean reused block
  double rent_usd_per_block_hour = 0;
  std::optional<double> share_inside;  ///< of reuses, each at its own depth; nullopt: there are none
  std::optional<BestTtl> ttl;          ///< nullopt: no TTL saves more than its rent
};
/// Where there are no reuses, the mean reused block is the first of a prompt. Fails (bad_input) for figures that are
/// negative or not finite.
Result<RentAnswer> rent_answer(const RentQuestion& question, const RentTier& tier);

/// A cache of some size, on the workload's curve. In steady state, an hour.
struct CapacityPoint {
  double stored_bytes = 0;
  double token_hit_rate = 0;
  double saved_usd_per_hour = 0;  ///< GPU time
  double read_bytes_per_hour = 0, written_bytes_per_hour = 0;
};

struct CapacityChoice {
  CapacityPoint point;
  double rent_usd_per_hour = 0;   ///< of what is kept
  double moved_usd_per_hour = 0;  ///< of what is read and written
  double net_usd_per_hour() const { return point.saved_usd_per_hour - rent_usd_per_hour - moved_usd_per_hour; }
};

struct CapacityAdvice {
  /// Where the most is left; between points of a concave curve that is where the rent of a further byte meets its
  /// saving. nullopt: every size costs more than it saves.
  std::optional<CapacityChoice> best;
  std::optional<double> target_bytes;     ///< nullopt: the target is beyond the curve
  std::optional<CapacityChoice> knee;     ///< the sharpest; nullopt: the curve has none
  std::optional<CapacityChoice> fullest;  ///< the last point, for what "keep everything" costs; nullopt: no points
};
/// Points ascend in bytes. `target`: a token hit rate. Fails (bad_input) as above, and for points that do not ascend.
Result<CapacityAdvice> advise_capacity(std::span<const CapacityPoint> points, const RentTier& tier, double target);

}  // namespace kv
