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

/// Whether a fetch policy recomputed hits, so that a request which was served nothing may have found something.
bool declined(const Json& run) { return number_at(run, "fetch.declined_requests").value_or(0) > 0; }

std::string saving_sentence(const Judged& best, const std::string& name, std::size_t of) {
  const Json& run = *best.run;
  const std::string from = text_of(run, "ttft.baseline.mean_ns", Unit::nanoseconds);
  const std::string to = text_of(run, "ttft.with_cache.mean_ns", Unit::nanoseconds);
  const std::string even = of > 1 ? "even the best, " + name + "," : name;
  const std::string ttft = ttft_name(run);
  const bool equal = std::abs(best.speedup - 1) <= kNoticeable;
  const std::string change =
      equal ? fmt::format("{} stayed at {}", ttft, to) : fmt::format("{} went from {} to {}", ttft, from, to);
  if (best.hit_rate == 0 && declined(run)) {
    return fmt::format("No: {} served nothing, for the fetch policy ({}) let all that it had be recomputed; {}.", even,
                       text_at(run, "fetch.policy"), change);
  }
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

/// "1 request", "60 requests", "the requests" where the number is not known.
std::string number_of_requests(std::optional<double> count) {
  if (!count) return "the requests";
  return figure_text(count, Unit::count) + (*count == 1 ? " request" : " requests");
}

std::string cost_sentence(const Json& run) {
  const double repetitions = static_cast<double>(list_at(run, "repetitions").size());
  std::string cost = fmt::format("It fetched {} and stored {}", text_of(run, "bytes.fetched_bytes", Unit::bytes),
                                 text_of(run, "bytes.stored_bytes", Unit::bytes));
  if (repetitions > 1) cost += " per repetition";
  if (number_at(run, "bytes.unstored_refused_bytes").value_or(0) > 0) {
    const bool alone = number_at(run, "workers").value_or(1) <= 1;
    cost += fmt::format(", had no room for {}{}", text_of(run, "bytes.unstored_refused_bytes", Unit::bytes),
                        alone ? "" : " (or another request was storing it)");
  }
  if (number_at(run, "bytes.unstored_failed_bytes").value_or(0) > 0) {
    cost += fmt::format(", failed to store {}", text_of(run, "bytes.unstored_failed_bytes", Unit::bytes));
  }
  if (const auto lag = number_at(run, "store_lag.mean_ns")) {
    cost += fmt::format(", and storing took another {} on average behind the first token of {} that stored",
                        figure_text(lag, Unit::nanoseconds), number_of_requests(number_at(run, "store_lag.count")));
  }
  return cost + ".";
}

/// Over all repetitions, as the times are.
struct Slower {
  double slower = 0, without_hit = 0, requests = 0, most_tokens = 0;
  bool known = false, declined = false;
};

Slower count_slower(const Json& run) {
  Slower sum;
  const auto add = [&sum](const Json& one) {
    const auto slower = number_at(one, "speedup.slower_requests"), requests = number_at(one, "requests");
    if (!slower || !requests) return false;
    sum.slower += *slower;
    sum.requests += *requests;
    sum.without_hit += number_at(one, "speedup.slower_without_hit").value_or(0);
    sum.most_tokens = std::max(sum.most_tokens, number_at(one, "speedup.slower_most_token_hits").value_or(0));
    return true;
  };
  sum.declined = declined(run);
  const Json& repetitions = list_at(run, "repetitions");
  sum.known = !repetitions.empty() && std::all_of(repetitions.begin(), repetitions.end(), add);
  return sum;
}

/// Which they were: those that found nothing, and those that found too little to be worth fetching.
std::string kind_of_slower(const Slower& s) {
  const std::string tokens = figure_text(s.most_tokens, Unit::count) + (s.most_tokens == 1 ? " token" : " tokens");
  const bool one = s.slower == 1;
  std::string nothing = "found nothing there";
  if (s.declined) nothing = one ? "was served nothing from there" : "were served nothing from there";
  if (s.without_hit >= s.slower) return (one ? "; it " : "; all of them ") + nothing;
  if (s.without_hit > 0) {
    return fmt::format("; {} of them {}, the others at most {}", figure_text(s.without_hit, Unit::count), nothing,
                       tokens);
  }
  return fmt::format("; {} served {}{} from there", one ? "it was" : "they were", one ? "" : "at most ", tokens);
}

/// How many, how much at worst and which: a lookup that finds nothing costs a microsecond, a useless fetch a second.
std::string slower_sentence(const Json& run) {
  const Slower s = count_slower(run);
  if (!s.known || s.requests <= 0) return {};
  const bool repeated = list_at(run, "repetitions").size() > 1;
  if (s.slower <= 0) return repeated ? "It made no request slower in any repetition." : "It made no request slower.";
  const double worst = number_at(run, "speedup.min").value_or(0);
  std::string by;
  if (worst > 0 && worst < 1) {
    const double longer = 1 / worst - 1;
    by = longer < 0.01 ? ", each by less than 1%" : ", the worst by " + figure_text(longer, Unit::ratio);
    if (longer >= 1) by = fmt::format(", the worst took {} its time", figure_text(1 / worst, Unit::factor));
  }
  return fmt::format("It made {} of {} requests ({}) slower{}{}{}.", figure_text(s.slower, Unit::count),
                     figure_text(s.requests, Unit::count), figure_text(s.slower / s.requests, Unit::ratio),
                     repeated ? " over all repetitions" : "", by, kind_of_slower(s));
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
