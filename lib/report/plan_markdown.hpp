#pragma once
#include <string>

#include "report/document.hpp"

namespace kv {

/// A plan document (schema kvkit.plan/1) as an implementation plan in Markdown: decision and reasons, figures, options,
/// phases each with the `kvbench` command that gates it, targets, risks, rollback, cost by month. A "no" is said at the
/// top, and its phases are what to measure and when to ask again. Sections that the document lacks are left out; what
/// is not known is "-". Reads the document alone, never fails; any number of threads may call.
std::string render_plan_markdown(const Json& document);

}  // namespace kv
