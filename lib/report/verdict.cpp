#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "report/document.hpp"

namespace kv {
namespace {

// Means closer than this are called equal: two runs of the same thing differ by as much.
constexpr double kNoticeable = 0.02;

struct Judged {
  const Json* run;
  double speedup, hit_rate;
};

std::string text_of(const Json& run, std::string_view path, Unit unit) {
  return figure_text(number_at(run, path), unit);
}

std::string name_of(const Json& run, const Json& runs) {
  std::string name = text_at(run, "backend");
  std::size_t same = 0;
  for (const Json& other : runs) same += text_at(other, "backend") == name;
  return same > 1 ? name + " with " + text_at(run, "codec") : name;
}

/// null: caches nothing; it is there to measure kvbench itself.
bool is_null(const Json& run) { return text_at(run, "backend").compare(0, 5, "null:") == 0; }

/// device: is the engine's own cache, measured against an engine without one: not to be ranked with backends that
/// stand behind such a cache.
bool is_engine_cache(const Json& run) { return text_at(run, "backend").compare(0, 7, "device:") == 0; }

/// Rows that were measured, in order.
std::vector<Judged> measured_rows(const Json& report) {
  std::vector<Judged> rows;
  for (const Json& run : list_at(report, "runs")) {
    const auto hits = number_at(run, "hits.token_hit_rate");
    if (!text_at(run, "skipped").empty() || !hits || is_null(run)) continue;
    rows.push_back({&run, number_at(run, "speedup.ratio_of_means").value_or(0), *hits});
  }
  const auto behind =
      std::stable_partition(rows.begin(), rows.end(), [](const Judged& r) { return !is_engine_cache(*r.run); });
  if (behind != rows.begin()) rows.erase(behind, rows.end());
  return rows;
}

const Judged* best_of(const std::vector<Judged>& rows, double Judged::*by) {
  const Judged* best = nullptr;
  for (const Judged& row : rows) {
    if (best == nullptr || row.*by > best->*by) best = &row;
  }
  return best;
}

std::string served(const Judged& row) {
  const double engine = number_at(*row.run, "engine_hits.token_hit_rate").value_or(0);
  const std::string share = figure_text(row.hit_rate, Unit::ratio);
  if (engine > 0) {
    return fmt::format("{} of the input tokens, on top of the {} that the engine's own cache had", share,
                       figure_text(engine, Unit::ratio));
  }
  return fmt::format("{} of the input tokens", share);
}

/// "mean TTFT (prefill modelled)": never lets a computed time pass for a measured one.
std::string ttft_name(const Json& run) {
  const std::string prefill = text_at(run, "prefill.provenance"), upload = text_at(run, "upload.provenance");
  if (prefill.empty() || prefill == "measured") return "mean TTFT";
  const std::string what = upload == prefill ? "prefill and upload" : "prefill";
  return fmt::format("mean TTFT ({} {})", what, prefill);
}

std::string saving_sentence(const Judged& best, const std::string& name, std::size_t of) {
  const Json& run = *best.run;
  const std::string from = text_of(run, "ttft.baseline.mean_ns", Unit::nanoseconds);
  const std::string to = text_of(run, "ttft.with_cache.mean_ns", Unit::nanoseconds);
  const std::string even = of > 1 ? "even the best, " + name + "," : name;
  const std::string ttft = ttft_name(run);
  const bool equal = std::abs(best.speedup - 1) <= kNoticeable;
  const std::string change =
      equal ? fmt::format("{} stayed at {}", ttft, to) : fmt::format("{} went from {} to {}", ttft, from, to);
  if (best.hit_rate == 0) {
    const double engine = number_at(run, "engine_hits.token_hit_rate").value_or(0);
    const std::string beyond = engine > 0
                                   ? fmt::format(" beyond the {} of the input tokens that the engine's own cache had",
                                                 figure_text(engine, Unit::ratio))
                                   : "";
    return fmt::format("No: {} had nothing to serve{}; {}.", even, beyond, change);
  }
  if (best.speedup > 1 && !equal) {
    return fmt::format("{} cut {} from {} to {} ({}), serving {}.",
                       of > 1 ? fmt::format("The best of {}, {},", of, name) : name, ttft, from, to,
                       figure_text(best.speedup, Unit::factor), served(best));
  }
  return fmt::format("No: {} does not help: {}, although it served {}.", even, change, served(best));
}

std::string cost_sentence(const Json& run) {
  const double repetitions = static_cast<double>(list_at(run, "repetitions").size());
  std::string cost = fmt::format("It fetched {} and stored {}", text_of(run, "bytes.fetched_bytes", Unit::bytes),
                                 text_of(run, "bytes.stored_bytes", Unit::bytes));
  if (repetitions > 1) cost += " per repetition";
  if (number_at(run, "bytes.unstored_bytes").value_or(0) > 0) {
    cost += fmt::format(", left {} without room", text_of(run, "bytes.unstored_bytes", Unit::bytes));
  }
  if (const auto lag = number_at(run, "store_lag.mean_ns")) {
    cost += fmt::format(", and storing took another {} per request behind its first token",
                        figure_text(lag, Unit::nanoseconds));
  }
  return cost + ".";
}

/// How many, and how much at worst: a lookup that finds nothing costs a microsecond, a useless fetch a second.
std::string slower_sentence(const Json& run) {
  const auto slower = number_at(run, "speedup.slower_requests"), requests = number_at(run, "requests");
  if (!slower || !requests || *requests <= 0) return {};
  if (*slower <= 0) return "It made no request slower.";
  const double worst = number_at(run, "speedup.min").value_or(0);
  std::string by;
  if (worst > 0 && worst < 1) {
    const double longer = 1 / worst - 1;
    by = longer < 0.01 ? ", each by less than 1%" : ", the worst by " + figure_text(longer, Unit::ratio);
    if (longer >= 1) by = fmt::format(", the worst took {} its time", figure_text(1 / worst, Unit::factor));
  }
  return fmt::format("It made {} of {} requests ({}) slower{}.", figure_text(slower, Unit::count),
                     figure_text(requests, Unit::count), figure_text(*slower / *requests, Unit::ratio), by);
}

/// Hits are all that a scaled run can say.
std::string scaled_verdict(const Judged& best, const std::string& name, std::size_t of) {
  const std::string lead = of > 1 ? fmt::format("The best of {}, {},", of, name) : name;
  return fmt::format(
      "{} served {}. Payloads were scaled down, so only hits are judged, not times: "
      "run without --bytes-per-token, on fewer requests, to see TTFT.",
      lead, served(best));
}

/// Things to hear before any praise.
std::string trouble(const Json& report) {
  double corrupt = 0, failed_ops = 0, failed_requests = 0;
  for (const Json& run : list_at(report, "runs")) {
    corrupt += number_at(run, "errors.corrupt_values").value_or(0);
    failed_ops += number_at(run, "errors.failed_ops").value_or(0);
    failed_requests += number_at(run, "errors.failed_requests").value_or(0);
  }
  std::string text;
  if (flag_at(report, "interrupted")) text += "The run was interrupted: this is what had been measured until then. ";
  if (corrupt > 0) {
    text +=
        fmt::format("{} values came back corrupt: trust no figure of that row. ", figure_text(corrupt, Unit::count));
  }
  if (failed_ops + failed_requests > 0) {
    text += fmt::format("{} operations and {} requests failed. ", figure_text(failed_ops, Unit::count),
                        figure_text(failed_requests, Unit::count));
  }
  return text;
}

}  // namespace

std::string verdict(const Json& report) {
  const std::vector<Judged> rows = measured_rows(report);
  const std::string before = trouble(report);
  if (rows.empty()) return before + "No backend that caches was measured, so there is nothing to judge.";
  std::vector<Judged> timed;
  for (const Judged& row : rows) {
    if (!flag_at(*row.run, "scaled") && row.speedup > 0) timed.push_back(row);
  }
  const Judged& best = timed.empty() ? *best_of(rows, &Judged::hit_rate) : *best_of(timed, &Judged::speedup);
  const std::string name = name_of(*best.run, list_at(report, "runs"));
  if (timed.empty()) return before + scaled_verdict(best, name, rows.size());
  std::string text = before + saving_sentence(best, name, timed.size()) + " " + cost_sentence(*best.run);
  const std::string slower = slower_sentence(*best.run);
  return slower.empty() ? text : text + " " + slower;
}

}  // namespace kv
