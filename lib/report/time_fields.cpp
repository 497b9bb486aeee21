#include <cmath>
#include <vector>

#include "report/field_rows.hpp"

namespace kv {
namespace {

/// Null without samples.
Get statistic(std::function<const Histogram&(const Figures&)> of, std::function<double(const Histogram&)> what) {
  return measured([of = std::move(of), what = std::move(what)](const Figures& f) {
    const Histogram& samples = of(f);
    return samples.count() == 0 ? Json(nullptr) : rounded(what(samples));
  });
}

struct Statistic {
  std::string key, meaning;
  double (*value)(const Histogram&);
};
const Statistic kMean{"mean_ns", "mean", [](const Histogram& h) { return h.mean(); }};
const Statistic kP50{"p50_ns", "median", [](const Histogram& h) { return static_cast<double>(h.quantile(0.5)); }};
const Statistic kP90{"p90_ns", "90th percentile",
                     [](const Histogram& h) { return static_cast<double>(h.quantile(0.9)); }};
const Statistic kP95{"p95_ns", "95th percentile",
                     [](const Histogram& h) { return static_cast<double>(h.quantile(0.95)); }};
const Statistic kP99{"p99_ns", "99th percentile",
                     [](const Histogram& h) { return static_cast<double>(h.quantile(0.99)); }};
const Statistic kP999{"p999_ns", "99.9th percentile",
                      [](const Histogram& h) { return static_cast<double>(h.quantile(0.999)); }};
const Statistic kMax{"max_ns", "maximum", [](const Histogram& h) { return static_cast<double>(h.max()); }};

void add_ttft(Rows& rows) {
  struct Side {
    std::string name, meaning;
    Histogram Repetition::*samples;
  };
  for (const Side& side : {Side{"with_cache", "time to first token", &Repetition::ttft},
                           Side{"baseline", "time to first token", &Repetition::ttft_baseline}}) {
    for (const Statistic& s : {kMean, kP50, kP90, kP95, kP99, kP999, kMax}) {
      const bool baseline = side.name == "baseline";
      std::string heading;
      if (s.key == kMean.key) heading = baseline ? "baseline\nmean" : "TTFT\nmean";
      if (s.key == kP95.key && !baseline) heading = "TTFT\np95";
      rows.local("ttft." + side.name + "." + s.key, Unit::nanoseconds, baseline ? Better::neither : Better::lower,
                 s.meaning + " " + side.meaning,
                 statistic([m = side.samples](const Figures& f) -> const Histogram& { return f.merged.*m; }, s.value),
                 heading, s.key == kMean.key || s.key == kP95.key);
    }
  }
}

Json ratio_of(const Figures& f, double (*statistic)(const Histogram&)) {
  if (f.merged.ttft.count() == 0 || f.merged.ttft_baseline.count() == 0) return nullptr;
  return quotient(statistic(f.merged.ttft_baseline), statistic(f.merged.ttft));
}

Json speedup_quantile(const Figures& f, double q) {
  const Histogram& ratios = f.merged.speedup_millionths;
  return ratios.count() == 0 ? Json(nullptr) : Json(static_cast<double>(ratios.quantile(q)) / 1e6);
}

void add_speedup(Rows& rows) {
  rows.local("speedup.ratio_of_means", Unit::factor, Better::higher, "baseline mean TTFT / mean TTFT: the headline",
             measured([](const Figures& f) { return ratio_of(f, kMean.value); }), "speedup", true);
  rows.local("speedup.geomean", Unit::factor, Better::higher, "geometric mean of the requests' own speedups",
             measured([](const Figures& f) {
               const auto samples = static_cast<double>(f.merged.speedup_millionths.count());
               return samples > 0 ? finite(std::exp(f.merged.log_speedup_sum / samples)) : Json(nullptr);
             }));
  rows.local("speedup.min", Unit::factor, Better::higher, "the lowest speedup of a request: below 1 it was slower",
             measured([](const Figures& f) {
               const Histogram& ratios = f.merged.speedup_millionths;
               return ratios.count() == 0 ? Json(nullptr) : Json(static_cast<double>(ratios.min()) / 1e6);
             }));
  rows.local("speedup.p5", Unit::factor, Better::higher, "speedup that 5 % of the requests do not exceed",
             measured([](const Figures& f) { return speedup_quantile(f, 0.05); }));
  rows.local("speedup.p50", Unit::factor, Better::higher, "speedup that half of the requests do not exceed",
             measured([](const Figures& f) { return speedup_quantile(f, 0.5); }));
  rows.local("speedup.p95", Unit::factor, Better::higher, "speedup that 95 % of the requests do not exceed",
             measured([](const Figures& f) { return speedup_quantile(f, 0.95); }));
  rows.local("speedup.ratio_of_p95", Unit::factor, Better::higher, "baseline p95 TTFT / p95 TTFT",
             measured([](const Figures& f) { return ratio_of(f, kP95.value); }));
  rows.local("speedup.slower_requests", Unit::count, Better::lower,
             "requests that the backend made slower by more than 0.1 %, of the first repetition",
             count_of(&Counts::slower_requests), "slower", true);
  rows.local("speedup.slower_without_hit", Unit::count, Better::lower,
             "of them: the backend served nothing, so that looking was all it did",
             count_of(&Counts::slower_without_hit), "", true);
  rows.local("speedup.slower_most_token_hits", Unit::count, Better::neither,
             "the most tokens that the backend served to one of them", measured([](const Figures& f) {
               return f.counts.slower_requests > 0 ? Json(f.counts.slower_most_token_hits) : Json(nullptr);
             }),
             "", true);
}

/// What doing phases at once won: without overlap, wall time is their sum.
void add_overlap(Rows& rows, const std::string& name, std::vector<Phase> phases, double Repetition::*wall_s,
                 std::uint64_t Counts::*moved, const std::string& meaning) {
  const auto sum_ns = [phases = std::move(phases)](const Figures& f) {
    double sum = 0;
    for (const Phase phase : phases) sum += f.merged.phases[static_cast<std::size_t>(phase)].sum();
    return sum;
  };
  rows.local(name + ".wall_ns", Unit::nanoseconds, Better::lower, meaning,
             measured([wall_s](const Figures& f) { return rounded(f.merged.*wall_s * 1e9); }));
  rows.local(name + ".phases_ns", Unit::nanoseconds, Better::lower, "sum of its phases' times, some at the same time",
             measured([sum_ns](const Figures& f) { return rounded(sum_ns(f)); }));
  rows.local(name + ".overlap", Unit::factor, Better::higher,
             "phases_ns / wall_ns: what doing them at once won; null: nothing was moved",
             measured([sum_ns, wall_s, moved](const Figures& f) {
               return f.merged.counts.*moved > 0 ? quotient(sum_ns(f) / 1e9, f.merged.*wall_s) : Json(nullptr);
             }));
}

/// Of a model, and null of what was measured.
void add_prefill_margin(Rows& rows) {
  const auto of_margin = [](auto member) {
    return [member](const Figures& f) {
      return f.run.prefill_margin ? Json((*f.run.prefill_margin).*member) : Json(nullptr);
    };
  };
  rows.context("prefill.utilisation", Unit::ratio, "share of the GPU's peak at which prefill is modelled",
               [](const Figures& f) { return or_null(f.run.prefill_utilisation); });
  rows.context("prefill.margin_low", Unit::factor, "a real prefill may take as little as this times what is said",
               of_margin(&PrefillMargin::low));
  rows.context("prefill.margin_high", Unit::factor, "a real prefill may take as much as this times what is said",
               of_margin(&PrefillMargin::high));
  rows.context("prefill.margin_method", Unit::text, "what that margin rests on", of_margin(&PrefillMargin::method));
}

void add_phases(Rows& rows) {
  for (std::size_t phase = 0; phase < kPhases; ++phase) {
    const std::string path = "phases." + std::string(phase_name(static_cast<Phase>(phase))) + ".";
    const auto samples = [phase](const Figures& f) -> const Histogram& { return f.merged.phases[phase]; };
    rows.local(path + "count", Unit::count, Better::neither, "samples of this phase",
               measured([samples](const Figures& f) { return Json(samples(f).count()); }));
    rows.local(path + "total_ns", Unit::nanoseconds, Better::lower, "time spent in this phase, over all samples",
               measured([samples](const Figures& f) { return rounded(samples(f).sum()); }));
    for (const Statistic& s : {kP50, kP99, kMax}) {
      rows.local(path + s.key, Unit::nanoseconds, Better::lower, s.meaning + " of the samples",
                 statistic(samples, s.value));
    }
  }
  add_overlap(rows, "fetch", {Phase::transfer_in, Phase::decode, Phase::upload}, &Repetition::fetch_wall_s,
              &Counts::fetched_bytes, "time of fetching, over all samples, as the time to first token contains it");
  add_overlap(rows, "store", {Phase::download, Phase::encode, Phase::transfer_out}, &Repetition::store_wall_s,
              &Counts::stored_bytes, "time of storing, over all samples");
  rows.context("overlap", Unit::flag, "values were coded while others were transferred, by a second thread a worker",
               [](const Figures& f) { return Json(f.run.overlaps); });
  rows.context("upload.provenance", Unit::text, "modelled or measured upload and download",
               [](const Figures& f) { return text_or_null(f.run.upload_provenance); });
  rows.context("prefill.provenance", Unit::text, "modelled, measured or quoted prefill",
               [](const Figures& f) { return text_or_null(f.run.prefill_provenance); });
  rows.context("prefill.device", Unit::text, "where the prefill is done, or assumed to be done",
               [](const Figures& f) { return text_or_null(f.run.prefill_device); });
  add_prefill_margin(rows);
}

void add_rates(Rows& rows) {
  const auto lag = [](const Figures& f) -> const Histogram& { return f.merged.store_lag; };
  for (const Statistic& s : {kMean, kP50, kP95, kP99, kMax}) {
    rows.local("store_lag." + s.key, Unit::nanoseconds, Better::lower,
               s.meaning + " time from the first token until the request's blocks are stored", statistic(lag, s.value));
  }
  rows.local("store_lag.count", Unit::count, Better::neither, "requests that stored something",
             measured([lag](const Figures& f) { return Json(lag(f).count()); }));
  rows.local("store_lag.occupancy", Unit::ratio, Better::lower,
             "share of the workers' busy time that is store lag; null: nothing was stored",
             measured([lag](const Figures& f) {
               return lag(f).count() > 0 ? quotient(lag(f).sum() / 1e9, f.merged.busy_s) : Json(nullptr);
             }));
  rows.local("store_lag.bytes_per_s", Unit::bytes_per_s, Better::higher, "the same as throughput.stored_bytes_per_s",
             rate_of(&Counts::stored_bytes, &Repetition::store_s));
  rows.local("throughput.requests_per_s", Unit::per_s, Better::higher,
             "requests x workers / busy time: TTFT and storing of all requests, modelled phases included",
             measured([](const Figures& f) {
               return rate(static_cast<double>(f.merged.counts.requests) * f.run.workers, f.merged.busy_s);
             }),
             "", true);
  rows.local(
      "throughput.fetched_bytes_per_s", Unit::bytes_per_s, Better::higher,
      "payload fetched x workers / time in transfer_in or decode, both at once counted once: all workers together",
      rate_of(&Counts::fetched_bytes, &Repetition::fetch_s), "fetch\nGB/s", true);
  rows.local(
      "throughput.stored_bytes_per_s", Unit::bytes_per_s, Better::higher,
      "payload stored x workers / time in encode or transfer_out, both at once counted once: all workers together",
      rate_of(&Counts::stored_bytes, &Repetition::store_s), "store\nGB/s", true);
  rows.local("throughput.wall_ns", Unit::nanoseconds, Better::lower,
             "elapsed, over all repetitions: making and verifying payloads included, modelled phases not",
             measured([](const Figures& f) { return rounded(f.merged.wall_s * 1e9); }), "", true);
}

}  // namespace

void add_times(Rows& rows) {
  add_ttft(rows);
  add_speedup(rows);
  add_phases(rows);
  add_rates(rows);
}

}  // namespace kv
