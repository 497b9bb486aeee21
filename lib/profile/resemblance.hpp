#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "profile/generator.hpp"
#include "workload/workload.hpp"

namespace kv {

/// One figure of a trace beside the same of a generated workload.
struct LikenessFigure {
  enum class Kind { tokens, requests, rate };
  std::string name;  ///< "input_tokens.p50", "lru.block_hit_rate"
  Kind kind = Kind::tokens;
  std::optional<std::uint64_t> capacity_blocks;  ///< of lru figures
  double target = 0, got = 0;
  std::optional<double> error;  ///< relative for tokens and requests, else the difference; nullopt: of nothing
  double tolerance = 0;
  bool holds = false;
};

/// How far a generated workload is from its trace, by the tolerances of docs/fitting.md.
struct Likeness {
  std::vector<LikenessFigure> figures;
  bool holds() const;
  std::size_t failures() const;
  /// Largest error in units of its tolerance.
  double worst() const;
};

/// Input and output lengths at p10, p25, p50, p75, p90, p95 and p99 (nearest rank); the minute, counted from the first
/// request, whose requests differ most; the ideal block hit rate; the block hit rate of LRU caches of 1 % of the
/// trace's unique blocks and more, and at the size from 1 % on at which the two curves lie farthest apart.
Likeness compare_workloads(const Workload& trace, const Workload& generated);

/// What a generator makes from a seed, in memory.
Result<Workload> generate_workload(const Generator& generator, const GenerateOptions& options);

}  // namespace kv
