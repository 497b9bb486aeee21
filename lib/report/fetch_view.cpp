#include <fmt/format.h>

#include "report/view.hpp"

namespace kv {
namespace {

std::string text_of(const Json& run, std::string_view path, Unit unit) {
  return figure_text(number_at(run, path), unit);
}

std::string won(const Json& run) {
  return fmt::format("{} of the requests and {} of the tokens won",
                     text_of(run, "breakeven.won_request_share", Unit::ratio),
                     text_of(run, "breakeven.won_token_share", Unit::ratio));
}

/// " (modelled)": never lets a computed time pass for a measured one.
std::string source(const Json& run) {
  const std::string provenance = text_at(run, "prefill.provenance");
  return provenance.empty() || provenance == "measured" ? "" : " (" + provenance + ")";
}

/// Whether recomputing may take as long as fetching after all, by what the source of prefill times says of itself.
std::string doubt(const Json& run, double fetch_ns, double recompute_ns) {
  const auto high = number_at(run, "prefill.margin_high");
  if (!high || fetch_ns > recompute_ns * *high) return {};
  return fmt::format("; prefill may take up to {} of that, so it may win as well", figure_text(high, Unit::factor));
}

std::string from_where(const Json& run) {
  const std::string limit = text_of(run, "breakeven.limit_tokens", Unit::count);
  if (text_at(run, "breakeven.outcome") == "loses") return fmt::format("wins at no length up to {} tokens", limit);
  return fmt::format("wins from {} tokens on (looked at up to {})",
                     text_of(run, "breakeven.prefix_tokens", Unit::count), limit);
}

}  // namespace

std::string break_even_line(const Json& run) {
  if (!number_at(run, "breakeven.won_request_share")) return {};
  if (number_at(run, "hits.block_hits").value_or(0) == 0) return {};
  // Of a measured engine, recomputation at other lengths is a fit to a few times of it.
  const std::string fitted =
      text_at(run, "prefill.kernel").empty() ? "" : " (recomputation fitted to this engine's times)";
  if (text_at(run, "breakeven.outcome").empty()) return won(run) + "; too few fetches to tell from which length on";
  const auto rate = number_at(run, "breakeven.fetch_bytes_per_s");
  return fmt::format(
      "fetching takes {}{}, and against prefill{} {}; {}", text_of(run, "breakeven.fetch_fixed_ns", Unit::nanoseconds),
      rate ? " and " + figure_text(rate, Unit::bytes_per_s) : "", source(run), from_where(run) + fitted, won(run));
}

std::string policy_line(const Json& run) {
  const std::string policy = text_at(run, "fetch.policy");
  if (policy.empty() || policy == "always") return {};
  std::string line = fmt::format("{}: recomputed the hits of {} requests", policy,
                                 text_of(run, "fetch.declined_requests", Unit::count));
  if (number_at(run, "fetch.explored_requests").value_or(0) > 0) {
    line += fmt::format(", fetched those of {} to learn", text_of(run, "fetch.explored_requests", Unit::count));
  }
  if (number_at(run, "fetch.hedges_started").value_or(0) > 0) {
    line +=
        fmt::format(", {} of {} hedges, {} of GPU time in vain", text_of(run, "fetch.hedges_recomputed", Unit::count),
                    text_of(run, "fetch.hedges_started", Unit::count),
                    text_of(run, "fetch.hedge_wasted_gpu_ns", Unit::nanoseconds));
  }
  const auto judged = number_at(run, "fetch.regret.judged_requests");
  if (judged.value_or(0) > 0) {
    line += fmt::format("; regret {} of TTFT, {} of {} chosen wrong", text_of(run, "fetch.regret.share", Unit::ratio),
                        text_of(run, "fetch.regret.wrong_requests", Unit::count), figure_text(judged, Unit::count));
    if (number_at(run, "fetch.regret.predicted_requests").value_or(0) > 0) line += " (fetches not made are predicted)";
  }
  return line;
}

std::string logits_line(const Json& run) {
  const auto checked = number_at(run, "logits.checked_requests");
  if (!checked) return {};
  if (text_at(run, "logits.outcome") == "unchecked") {
    return number_at(run, "logits.not_kept_requests").value_or(0) > 0
               ? "not checked: no memory to keep a copy of what was stored"
               : "not checked: no request had a hit that was fetched";
  }
  const std::string decided = fmt::format("{} of {} decided tokens the same as recomputed",
                                          text_of(run, "logits.decided_same_requests", Unit::count),
                                          text_of(run, "logits.decided_requests", Unit::count));
  const auto moved = number_at(run, "logits.max_abs_from_unstored");
  const std::string stored =
      text_at(run, "logits.codec") == "lossless"
          ? fmt::format("{} of {} bit-identical to KV that was never stored",
                        text_of(run, "logits.identical_requests", Unit::count), figure_text(checked, Unit::count))
          : fmt::format("the codec moves logits by up to {:.3g}, of {} checked", moved.value_or(0),
                        figure_text(checked, Unit::count));
  return fmt::format(
      "{}{}; {}; from recomputed ones logits are up to {:.3g} away (bound {:.3g}){}",
      text_at(run, "logits.outcome") == "fails" ? "WRONG: " : "", stored, decided,
      number_at(run, "logits.max_abs_from_recomputed").value_or(0), number_at(run, "logits.bound").value_or(0),
      number_at(run, "logits.misplaced_pieces").value_or(0) > 0 ? "; KV lies where it does not belong" : "");
}

std::vector<std::string> loss_notes(const Json& report) {
  std::vector<std::string> notes;
  for (const Json& run : list_at(report, "runs")) {
    const auto fetch = number_at(run, "breakeven.reference_fetch_ns");
    const auto recompute = number_at(run, "breakeven.reference_recompute_ns");
    if (!fetch || !recompute || *fetch <= *recompute) continue;
    const std::string codec = text_at(run, "codec");
    notes.push_back(fmt::format(
        "{}{} loses: fetching {} tokens, the mean hit, takes {}, recomputing them {}{}; it {}{}",
        text_at(run, "backend"), codec.empty() || codec == "raw" ? "" : " with " + codec,
        text_of(run, "breakeven.reference_tokens", Unit::count), figure_text(fetch, Unit::nanoseconds),
        figure_text(recompute, Unit::nanoseconds), source(run), from_where(run), doubt(run, *fetch, *recompute)));
  }
  return notes;
}

}  // namespace kv
