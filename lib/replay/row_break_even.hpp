#pragma once
#include "replay/replay.hpp"

namespace kv {

/// Fetches of at least two sizes that a line is believed from.
inline constexpr std::size_t kEnoughFetches = 8;

/// What this row's own fetches say about fetching: their line, together with the median lookup, against the plan's
/// prefill. Needs what replay() has measured in `result`. Rows of scaled payloads have no times, and no break-even.
RowBreakEven row_break_even(const ReplayPlan& plan, const RunResult& result);

}  // namespace kv
