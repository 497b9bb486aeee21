#include "stats/stats.hpp"

#include <array>

namespace kv {

Stats stats_of(const Workload& workload, const StatsOptions& options) {
  constexpr std::array kWindows{Duration(std::chrono::minutes(1)), Duration(std::chrono::minutes(10)),
                                Duration(std::chrono::hours(1)), Duration(std::chrono::hours(24))};
  Stats out;
  out.workload = summarize(workload);
  out.ideal = ideal_hits(workload);
  out.arrivals = arrivals_of(workload);
  out.sessions = sessions_of(workload);
  out.series = series_of(workload, options.bin);
  out.working_sets = working_sets_of(workload, kWindows);
  out.warm_up = warm_up_of(workload);
  out.sharing = sharing_of(workload, options.top_prefixes);
  const Duration span = workload[workload.size() - 1].at - workload[0].at;
  out.reuse = reuse_of(workload, options.ttls.empty() ? usual_ttls(span) : options.ttls);
  out.isolate = options.isolate;
  out.isolation = isolation_of(workload, options.isolate);
  return out;
}

}  // namespace kv
