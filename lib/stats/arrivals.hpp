#pragma once
#include <optional>

#include "stats/spread.hpp"
#include "workload/workload.hpp"

namespace kv {

/// How long requests are and how they arrive.
struct Arrivals {
  std::optional<Spread> input_tokens, output_tokens;
  std::optional<Spread> interarrival_ns;  ///< null for a single request
  std::optional<double> interarrival_cv;  ///< standard deviation / mean: 1 for a Poisson process; null where all are 0
  std::optional<double> mean_requests_per_s;  ///< requests / span; null where there is no span
};
Arrivals arrivals_of(const Workload& workload);

/// What the trace says of sessions.
struct Sessions {
  std::uint64_t sessions = 0, requests = 0;  ///< requests that name one
  std::optional<Spread> turns;               ///< requests of a session
  std::optional<Spread> gap_ns;              ///< from a request of a session to its next
  std::optional<Spread> length_ns;           ///< from a session's first request to its last
};
/// Nothing where the trace names no sessions. 32 bytes a session.
std::optional<Sessions> sessions_of(const Workload& workload);

}  // namespace kv
