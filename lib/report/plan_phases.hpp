#pragma once
#include <string>

#include "report/document.hpp"

namespace kv {

/// The phases of render_plan_markdown(): what is done, by which `kvbench` command it is gated, and how it is undone.

/// Dollars as people read them: "$1,234", "-$56", "$0.42"; "-" if not known.
std::string money_text(std::optional<double> usd);
/// The largest share of backend operations that may fail: the document's own target, or the checklist's 0.1 %.
double error_bound(const Json& document);
/// Local test, staging, rollout. For a plan whose verdict is yes.
std::string build_phases(const Json& document);
/// Do not build, measure, ask again. For the other verdicts.
std::string wait_phases(const Json& document);
/// What may go wrong and what to do about it: machines, inputs, prices, the trace. "" where nothing is known.
std::string plan_risks(const Json& document);
std::string rollback_text(const Json& document);

}  // namespace kv
