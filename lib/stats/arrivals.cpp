#include "stats/arrivals.hpp"

#include <cmath>
#include <vector>

namespace kv {

Arrivals arrivals_of(const Workload& workload) {
  Histogram input, output, gaps;
  Moments moments;
  for (std::size_t i = 0; i < workload.size(); ++i) {
    const Request request = workload[i];
    input.record(request.input.count());
    output.record(request.output.count());
    if (i == 0) continue;
    const Duration gap = request.at - workload[i - 1].at;
    gaps.record(gap);
    moments.add(seconds(gap));
  }
  Arrivals out{spread_of(input), spread_of(output), spread_of(gaps), std::nullopt, std::nullopt};
  if (moments.mean() > 0) {
    out.interarrival_cv = std::sqrt(moments.variance()) / moments.mean();
    const double span = moments.mean() * static_cast<double>(moments.count());
    out.mean_requests_per_s = static_cast<double>(workload.size()) / span;
  }
  return out;
}

std::optional<Sessions> sessions_of(const Workload& workload) {
  if (workload.sessions() == 0) return std::nullopt;
  struct Session {
    std::uint64_t turns = 0;
    Duration first{}, last{};
  };
  std::vector<Session> sessions(workload.sessions());
  Sessions out;
  Histogram turns, gaps, lengths;
  for (std::size_t i = 0; i < workload.size(); ++i) {
    const Request request = workload[i];
    if (!request.session) continue;
    ++out.requests;
    Session& session = sessions[*request.session];
    if (session.turns++ == 0) {
      session.first = request.at;
    } else {
      gaps.record(request.at - session.last);
    }
    session.last = request.at;
  }
  for (const Session& session : sessions) {
    turns.record(session.turns);
    lengths.record(session.last - session.first);
  }
  out.sessions = sessions.size();
  out.turns = spread_of(turns);
  out.gap_ns = spread_of(gaps);
  out.length_ns = spread_of(lengths);
  return out;
}

}  // namespace kv
