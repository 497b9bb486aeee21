#include "report/field_rows.hpp"

namespace kv {
namespace {

Json ns(const std::optional<Duration>& time) { return time ? rounded(seconds(*time) * 1e9) : Json(nullptr); }

Json tokens(Tokens count) { return count == Tokens(0) ? Json(nullptr) : Json(count.count()); }

Json optional_rate(const std::optional<NeededBandwidth>& needed, double NeededBandwidth::*which) {
  return needed ? rounded((*needed).*which) : Json(nullptr);
}

/// Null for rows whose payloads are scaled: their times are not TTFT.
Get timed(Get get) {
  return measured([get = std::move(get)](const Figures& f) { return f.run.scaled ? Json(nullptr) : get(f); });
}

Get total_ns(double Repetition::*total_s) {
  return measured([total_s](const Figures& f) { return rounded(f.merged.*total_s * 1e9); });
}

void add_policy(Rows& rows) {
  rows.context("fetch.policy", Unit::text, "what of a hit is fetched: always, never, adaptive or hedged[:BUDGET]",
               [](const Figures& f) { return Json(f.run.fetch.text); });
  rows.context("fetch.decides_by_time", Unit::flag,
               "hits and bytes of this row depend on how fast things were: none of them is portable",
               [](const Figures& f) { return Json(f.run.fetch.decides_by_time()); });
  const auto exact = [&rows](std::string key, Unit unit, std::string meaning, std::uint64_t Counts::*member) {
    rows.exact(std::move(key), unit, Better::neither, std::move(meaning), count_of(member));
  };
  exact("fetch.declined_requests", Unit::count, "requests of which the policy recomputed what the backend had",
        &Counts::declined_requests);
  exact("fetch.declined_block_hits", Unit::count, "blocks of such hits", &Counts::declined_block_hits);
  exact("fetch.declined_token_hits", Unit::count, "input tokens of such hits", &Counts::declined_token_hits);
  const auto local = [&rows](std::string key, Unit unit, std::string meaning, std::uint64_t Counts::*member) {
    rows.local("fetch." + std::move(key), unit, Better::neither, std::move(meaning), count_of(member), "", true);
  };
  local("explored_requests", Unit::count, "requests that an adaptive policy fetched to learn what fetches take",
        &Counts::explored_requests);
  local("hedges_started", Unit::count, "fetches that took longer than their budget, so that recomputation began",
        &Counts::hedges_started);
  local("hedges_recomputed", Unit::count, "of them: recomputation ended first; their hits count as declined",
        &Counts::hedges_recomputed);
  local("late_bytes", Unit::bytes, "payload that was moved for those, in vain", &Counts::late_bytes);
}

void add_gpu_time(Rows& rows) {
  rows.local("fetch.hedge_wasted_gpu_ns", Unit::nanoseconds, Better::lower,
             "GPU time of recomputations that a fetch came before, over all samples",
             total_ns(&Repetition::hedge_wasted_gpu_s));
  rows.local("fetch.saved_gpu_ns", Unit::nanoseconds, Better::higher,
             "GPU time of prefill that was not done, over all samples; the GPUs are free while KV travels; null: "
             "measured on a CPU",
             [get = total_ns(&Repetition::saved_gpu_s)](const Figures& f) {
               return f.run.engine && !f.run.engine->is_cuda ? Json(nullptr) : get(f);
             });
  rows.local(
      "fetch.decode_lost_gpu_ns", Unit::nanoseconds, Better::lower,
      "GPU time that decoding loses to the uploaded bytes at most, over all samples: bytes / HBM bandwidth; null: "
      "measured on a CPU",
      timed([](const Figures& f) { return ns(f.run.break_even.decode_lost_gpu); }));
}

void add_regret(Rows& rows) {
  const auto regret = [&rows](std::string key, Unit unit, std::string meaning, Get get) {
    rows.local("fetch.regret." + std::move(key), unit, Better::lower, std::move(meaning), timed(std::move(get)));
  };
  const auto of_samples = [](double (*what)(const Histogram&)) {
    return [what](const Figures& f) {
      return f.merged.regret.count() == 0 ? Json(nullptr) : rounded(what(f.merged.regret));
    };
  };
  regret("mean_ns", Unit::nanoseconds,
         "mean TTFT above the better of fetching and recomputing, of requests that the backend had something for",
         of_samples([](const Histogram& h) { return h.mean(); }));
  regret("p50_ns", Unit::nanoseconds, "median of the same",
         of_samples([](const Histogram& h) { return static_cast<double>(h.quantile(0.5)); }));
  regret("p99_ns", Unit::nanoseconds, "99th percentile of the same",
         of_samples([](const Histogram& h) { return static_cast<double>(h.quantile(0.99)); }));
  regret("share", Unit::ratio, "of these requests' TTFT that is regret",
         [](const Figures& f) { return quotient(f.merged.regret.sum() / 1e9, f.merged.judged_ttft_s); });
  rows.local("fetch.regret.judged_requests", Unit::count, Better::neither,
             "requests with a hit of which both ways are known or predicted; null regret: none",
             timed(count_of(&Counts::judged_requests)), "", true);
  rows.local("fetch.regret.predicted_requests", Unit::count, Better::neither,
             "of them: fetching is the predictor's figure, because it was not done",
             timed(count_of(&Counts::predicted_requests)), "", true);
  rows.local("fetch.regret.wrong_requests", Unit::count, Better::lower,
             "of them: took more than 0.1 % longer than the other way", timed(count_of(&Counts::wrong_requests)), "",
             true);
  rows.local("fetch.regret.wrong_share", Unit::ratio, Better::lower, "wrong_requests / judged_requests",
             timed(share_of(&Counts::wrong_requests, &Counts::judged_requests)));
}

std::string outcome(const RowBreakEven& row) {
  if (!row.line) return "";
  return row.prefix ? "wins" : "loses";
}

void add_break_even(Rows& rows) {
  const auto figure = [&rows](std::string key, Unit unit, Better better, std::string meaning,
                              std::function<Json(const RowBreakEven&)> get) {
    rows.local("breakeven." + std::move(key), unit, better, std::move(meaning),
               timed([get = std::move(get)](const Figures& f) { return get(f.run.break_even); }));
  };
  rows.context("breakeven.outcome", Unit::text,
               "wins: from prefix_tokens on fetching takes less time than recomputing; loses: at no length up to "
               "limit_tokens; null: too few fetches of different sizes to tell",
               timed([](const Figures& f) { return text_or_null(outcome(f.run.break_even)); }));
  figure("prefix_tokens", Unit::count, Better::lower,
         "shortest prefix, in whole blocks, from which on this row's fetches beat recomputation",
         [](const RowBreakEven& b) { return b.prefix ? Json(b.prefix->count()) : Json(nullptr); });
  figure("limit_tokens", Unit::count, Better::neither, "the longest prompt: what was looked at",
         [](const RowBreakEven& b) { return tokens(b.limit); });
  figure("fetches", Unit::count, Better::neither, "whole fetches that the line is fitted to, a sample of many",
         [](const RowBreakEven& b) { return Json(b.fetches); });
  figure("fetch_fixed_ns", Unit::nanoseconds, Better::lower,
         "what a fetch takes whatever its size, the median lookup included; fitted (Theil-Sen)",
         [](const RowBreakEven& b) { return b.line ? rounded(b.line->fixed_s * 1e9) : Json(nullptr); });
  figure("fetch_bytes_per_s", Unit::bytes_per_s, Better::higher,
         "payload bytes a second beyond it, of one worker: transfer, decode and upload; fitted",
         [](const RowBreakEven& b) { return b.line ? rate(1, b.line->s_per_byte) : Json(nullptr); });
  figure("reference_tokens", Unit::count, Better::neither,
         "the mean hit, in whole blocks: what the next figures are of",
         [](const RowBreakEven& b) { return tokens(b.reference); });
  figure("behind_tokens", Unit::count, Better::neither, "rest of a mean prompt behind it",
         [](const RowBreakEven& b) { return tokens(b.behind); });
  figure("reference_fetch_ns", Unit::nanoseconds, Better::lower, "fetching it takes, by the fit",
         [](const RowBreakEven& b) { return ns(b.reference_fetch); });
  figure("reference_recompute_ns", Unit::nanoseconds, Better::neither, "recomputing it takes, by prefill.provenance",
         [](const RowBreakEven& b) { return ns(b.reference_recompute); });
  figure("needed_per_gpu_bytes_per_s", Unit::bytes_per_s, Better::lower,
         "stored bytes a second and GPU at which a network without latency, and nothing else, takes as long",
         [](const RowBreakEven& b) { return optional_rate(b.needed, &NeededBandwidth::per_gpu_bytes_per_s); });
  figure("needed_per_engine_bytes_per_s", Unit::bytes_per_s, Better::lower, "the same of all GPUs of the engine",
         [](const RowBreakEven& b) { return optional_rate(b.needed, &NeededBandwidth::per_engine_bytes_per_s); });
  figure("needed_with_latency_per_gpu_bytes_per_s", Unit::bytes_per_s, Better::lower,
         "the same behind fetch_fixed_ns; null: no bandwidth is enough", [](const RowBreakEven& b) {
           return optional_rate(b.needed_behind_latency, &NeededBandwidth::per_gpu_bytes_per_s);
         });
  figure("needed_with_latency_per_engine_bytes_per_s", Unit::bytes_per_s, Better::lower,
         "the same of all GPUs of the engine", [](const RowBreakEven& b) {
           return optional_rate(b.needed_behind_latency, &NeededBandwidth::per_engine_bytes_per_s);
         });
}

void add_winners(Rows& rows) {
  rows.local("breakeven.won_requests", Unit::count, Better::higher, "requests whose TTFT was below the baseline's",
             timed(count_of(&Counts::won_requests)), "", true);
  rows.local("breakeven.won_request_share", Unit::ratio, Better::higher, "of all requests",
             timed(share_of(&Counts::won_requests, &Counts::requests)));
  rows.local("breakeven.won_token_share", Unit::ratio, Better::higher,
             "tokens that the backend served to them, of all input tokens",
             timed(share_of(&Counts::won_token_hits, &Counts::input_tokens)));
  rows.local("breakeven.saved_ns", Unit::nanoseconds, Better::higher,
             "time below always recomputing, summed over the requests that won, over all samples",
             timed(total_ns(&Repetition::won_s)));
  rows.local("breakeven.lost_ns", Unit::nanoseconds, Better::lower,
             "time above it, summed over the others: lookups in vain and fetches that took longer",
             timed(total_ns(&Repetition::lost_s)));
}

}  // namespace

void add_fetch(Rows& rows) {
  add_policy(rows);
  add_gpu_time(rows);
  add_regret(rows);
  add_break_even(rows);
  add_winners(rows);
}

}  // namespace kv
