#include "report/field_rows.hpp"

namespace kv {
namespace {

using OfEngine = std::function<Json(const EngineInfo&)>;
using OfFindings = std::function<Json(const LogitFindings&)>;

Get of_engine(OfEngine get) {
  return [get = std::move(get)](const Figures& f) { return f.run.engine ? get(*f.run.engine) : Json(nullptr); };
}

/// Of all repetitions.
Get of_logits(OfFindings get) {
  return measured(
      [get = std::move(get)](const Figures& f) { return f.merged.logits ? get(*f.merged.logits) : Json(nullptr); });
}

Json outcome(const LogitFindings& found) {
  if (!found.hold()) return "fails";
  return found.requests == 0 ? "unchecked" : "holds";
}

void add_measured_engine(Rows& rows) {
  rows.context("prefill.threads", Unit::count, "of the measured engine on a CPU; null: not measured, or on a GPU",
               of_engine([](const EngineInfo& e) { return e.threads == 0 ? Json(nullptr) : Json(e.threads); }));
  rows.context("prefill.kernel", Unit::text, "what multiplied and attended; null: not measured",
               of_engine([](const EngineInfo& e) { return Json(e.kernel); }));
  rows.context("prefill.weights", Unit::text, "\"random, seed N\", or their directory; null: not measured",
               of_engine([](const EngineInfo& e) { return Json(e.weights); }));
}

void add_logits(Rows& rows) {
  const auto count = [&rows](std::string key, Better better, std::string meaning,
                             std::uint64_t LogitFindings::*member) {
    rows.local("logits." + std::move(key), Unit::count, better, std::move(meaning),
               of_logits([member](const LogitFindings& l) { return Json(l.*member); }));
  };
  const auto distance = [&rows](std::string key, std::string meaning, double LogitFindings::*member) {
    rows.local(
        "logits." + std::move(key), Unit::amount, Better::lower, std::move(meaning),
        of_logits([member](const LogitFindings& l) { return l.requests == 0 ? Json(nullptr) : finite(l.*member); }));
  };
  rows.context("logits.outcome", Unit::text,
               "holds, fails, or unchecked where no request could be. What must hold: nothing misplaced and, where the "
               "codec loses nothing, all checked requests "
               "identical, within the bound, and of the same token where it is decided; null: not asked for",
               of_logits(outcome));
  rows.context("logits.codec", Unit::text, "lossless or lossy: what the codec claims; null: not asked for",
               of_logits([](const LogitFindings& l) { return Json(l.lossless ? "lossless" : "lossy"); }));
  count("checked_requests", Better::neither, "requests with a hit whose logits were compared",
        &LogitFindings::requests);
  count("not_kept_requests", Better::lower, "with a hit, but unchecked: no memory to keep a copy of what was stored",
        &LogitFindings::not_kept);
  count("identical_requests", Better::higher,
        "of them: bit by bit as behind KV that was never stored, at the same chunking", &LogitFindings::identical);
  count("misplaced_pieces", Better::lower, "restored values that lay in the engine other than they had been stored",
        &LogitFindings::misplaced_pieces);
  count("beyond_bound_requests", Better::lower, "of the checked: further than the bound from full recomputation",
        &LogitFindings::beyond_bound);
  count("decided_requests", Better::neither,
        "of the checked: recomputation's best two logits are further apart than twice the bound",
        &LogitFindings::decided);
  count("decided_same_requests", Better::higher, "of those: the same token wins", &LogitFindings::decided_same);
  distance("bound", "how far other chunks may move a logit, the largest of the checked: docs/measured.md",
           &LogitFindings::bound);
  distance("max_abs_from_unstored", "largest distance of any logit from those behind KV that was never stored",
           &LogitFindings::most_from_unstored);
  distance("max_abs_from_recomputed", "largest distance of any logit from full recomputation",
           &LogitFindings::most_from_recomputed);
}

}  // namespace

void add_engine(Rows& rows) {
  add_measured_engine(rows);
  add_logits(rows);
}

}  // namespace kv
