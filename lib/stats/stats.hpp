#pragma once
#include <optional>
#include <vector>

#include "stats/arrivals.hpp"
#include "stats/reuse.hpp"
#include "stats/series.hpp"
#include "stats/sharing.hpp"

namespace kv {

struct StatsOptions {
  Duration bin = std::chrono::minutes(1);  ///< of the series; above 0
  std::vector<Duration> ttls;              ///< ascending; empty: usual_ttls
  std::size_t top_prefixes = 10;
  Isolate isolate = Isolate::tenant;
};

/// Everything that kvtrace stats says of a workload.
struct Stats {
  WorkloadSummary workload;
  IdealHits ideal;
  Arrivals arrivals;
  std::optional<Sessions> sessions;
  Series series;
  std::vector<WorkingSet> working_sets;
  std::optional<WarmUp> warm_up;
  Sharing sharing;
  Reuse reuse;
  Isolate isolate = Isolate::tenant;
  std::optional<Isolation> isolation;
};
/// Beside the workload at most 40 bytes a unique block at a time. The workload holds at least one request.
Stats stats_of(const Workload& workload, const StatsOptions& options);

}  // namespace kv
