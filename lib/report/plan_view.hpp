#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "report/document.hpp"
#include "report/text.hpp"

namespace kv {

/// What the page of a plan shows, apart from how. All read the document alone and leave out what it lacks.

/// "$12,345", "-$0.0123"; "-" for null.
std::string dollars_text(std::optional<double> usd);
/// "12.3 days", or "never" where a net is known and payback is not.
std::string payback_text(const Json& row);

/// A title and a sentence or two.
struct PlanLine {
  std::string_view title;
  std::string text;
};
/// Demand, engines, size, nodes, latency, return and where blocks are kept.
std::vector<PlanLine> plan_facts(const Json& document);
/// Targets, the decision tree, what would change the verdict, ranges.
std::vector<PlanLine> plan_judgements(const Json& document);

Table options_table(const Json& document);
/// Kinds that cannot be had and why, and what placement over three zones costs; empty: nothing to say.
std::string options_notes(const Json& document);
Table rent_table(const Json& document);
/// Hit rates: routing down, places across.
Table where_table(const Json& document);
Table bands_table(const Json& document);
Table budgets_table(const Json& document);
Table scale_table(const Json& document);

}  // namespace kv
