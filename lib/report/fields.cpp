#include "report/fields.hpp"

#include <cmath>
#include <vector>

#include "report/document.hpp"

namespace kv {
namespace {

using Get = std::function<Json(const Figures&)>;

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}
Json or_null(const std::optional<Bytes>& value) { return value ? Json(value->count()) : Json(nullptr); }

Json quotient(double part, double whole) { return whole > 0 ? finite(part / whole) : Json(nullptr); }

/// Nanoseconds and rates carry one digit behind the point; more would be noise in every diff.
Json rounded(double value) { return finite(std::round(value * 10) / 10); }

Json rate(double amount, double seconds) { return seconds > 0 ? rounded(amount / seconds) : Json(nullptr); }

/// Null for a row that was not measured; else what `get` says.
Get measured(Get get) {
  return [get = std::move(get)](const Figures& f) { return f.measured ? get(f) : Json(nullptr); };
}

Get count_of(std::uint64_t Counts::*member) {
  return measured([member](const Figures& f) { return Json(f.counts.*member); });
}

Get share_of(std::uint64_t Counts::*part, std::uint64_t Counts::*whole) {
  return measured([part, whole](const Figures& f) {
    return quotient(static_cast<double>(f.counts.*part), static_cast<double>(f.counts.*whole));
  });
}

/// Null where nothing was moved: there is no rate then, not even 0.
Get rate_of(std::uint64_t Counts::*amount, double Repetition::*time) {
  return measured([amount, time](const Figures& f) {
    const std::uint64_t moved = f.merged.counts.*amount;
    return moved == 0 ? Json(nullptr) : rate(static_cast<double>(moved), f.merged.*time);
  });
}

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

/// Collects rows; each of these shapes is one kind of figure.
class Rows {
 public:
  void add(Field field) { fields_.push_back(std::move(field)); }

  void identity(std::string path, std::string heading, std::string meaning, Get get) {
    add({std::move(path), Unit::text, Role::identity, Better::neither, true, false, std::move(heading),
         std::move(meaning), std::move(get)});
  }
  void context(std::string path, Unit unit, std::string meaning, Get get) {
    add({std::move(path), unit, Role::context, Better::neither, false, false, "", std::move(meaning), std::move(get)});
  }
  /// Exact and the same on any machine.
  void exact(std::string path, Unit unit, Better better, std::string meaning, Get get, std::string heading = "") {
    add({std::move(path), unit, Role::metric, better, true, true, std::move(heading), std::move(meaning),
         std::move(get)});
  }
  /// Depends on the machine.
  void local(std::string path, Unit unit, Better better, std::string meaning, Get get, std::string heading = "",
             bool per_repetition = false) {
    add({std::move(path), unit, Role::metric, better, false, per_repetition, std::move(heading), std::move(meaning),
         std::move(get)});
  }

  std::vector<Field> take() { return std::move(fields_); }

 private:
  std::vector<Field> fields_;
};

void add_identity(Rows& rows) {
  rows.identity("backend", "backend", "SPEC of the backend, secrets removed",
                [](const Figures& f) { return Json(f.run.backend); });
  rows.identity("codec", "codec", "SPEC of the codec", [](const Figures& f) { return Json(f.run.codec); });
  rows.context("server.name", Unit::text, "server software; null where there is none",
               [](const Figures& f) { return text_or_null(f.run.server.name); });
  rows.context("server.version", Unit::text, "its version",
               [](const Figures& f) { return text_or_null(f.run.server.version); });
  rows.context("server.allocator", Unit::text, "memory allocator of the server",
               [](const Figures& f) { return or_null(f.run.server.allocator); });
  rows.context("server.io_threads", Unit::count, "threads that the server reads and writes sockets with",
               [](const Figures& f) { return or_null(f.run.server.io_threads); });
  rows.context("server.eviction_policy", Unit::text, "what the server does when its memory is full",
               [](const Figures& f) { return or_null(f.run.server.eviction_policy); });
  rows.context("server.persistence", Unit::text, "whether the server also writes to disk",
               [](const Figures& f) { return or_null(f.run.server.persistence); });
  rows.context("server.max_memory_bytes", Unit::bytes, "the server's own memory limit",
               [](const Figures& f) { return or_null(f.run.server.max_memory); });
  rows.context("server.spawned", Unit::flag, "started by kvbench for this run",
               [](const Figures& f) { return Json(f.run.server.spawned); });
  rows.context("device", Unit::text, "device that the backend keeps blocks on (cpu: a stand-in for a GPU)",
               [](const Figures& f) { return text_or_null(f.run.capabilities.device); });
  rows.context("capacity_bytes", Unit::bytes, "what the backend can hold, where it knows",
               [](const Figures& f) { return or_null(f.run.capabilities.capacity); });
  rows.context("scaled", Unit::flag, "payloads were scaled down: hits and counts hold, times are not TTFT",
               [](const Figures& f) { return Json(f.run.scaled); });
  rows.context("workers", Unit::count, "requests in flight at once (closed loop)",
               [](const Figures& f) { return Json(f.run.workers); });
  rows.context("engine_cache_bytes", Unit::bytes, "HBM of the engine's own prefix cache; null: off",
               [](const Figures& f) { return or_null(f.run.engine_cache); });
  rows.context("skipped", Unit::text, "why the row could not run; its figures are null then",
               [](const Figures& f) { return or_null(f.run.skipped); });
}

void add_hits(Rows& rows) {
  rows.exact("requests", Unit::count, Better::neither, "measured requests of one repetition (warm-up excluded)",
             count_of(&Counts::requests));
  rows.exact("hits.block_hits", Unit::count, Better::higher, "blocks that the backend served as a prefix hit",
             count_of(&Counts::block_hits));
  rows.exact("hits.block_refs", Unit::count, Better::neither, "blocks that the requests named",
             count_of(&Counts::block_refs));
  rows.exact("hits.block_hit_rate", Unit::ratio, Better::higher, "block_hits / block_refs",
             share_of(&Counts::block_hits, &Counts::block_refs));
  rows.exact("hits.token_hits", Unit::count, Better::higher, "input tokens that the backend served",
             count_of(&Counts::token_hits));
  rows.exact("hits.input_tokens", Unit::count, Better::neither, "input tokens of the requests",
             count_of(&Counts::input_tokens));
  rows.exact("hits.token_hit_rate", Unit::ratio, Better::higher, "token_hits / input_tokens",
             share_of(&Counts::token_hits, &Counts::input_tokens), "hits\nbackend");
  rows.exact("hits.requests_with_hit", Unit::count, Better::higher, "requests that the backend served some of",
             count_of(&Counts::requests_with_hit));
  rows.exact("hits.insertions", Unit::count, Better::neither, "blocks stored completely",
             count_of(&Counts::insertions));
  rows.exact("hits.evictions", Unit::count, Better::lower, "blocks that left to make room; null: not told",
             measured([](const Figures& f) { return or_null(f.counts.evictions); }));
  rows.exact("engine_hits.block_hits", Unit::count, Better::neither, "blocks found in the engine's own cache",
             count_of(&Counts::engine_block_hits));
  rows.exact("engine_hits.token_hits", Unit::count, Better::neither, "input tokens found in the engine's own cache",
             count_of(&Counts::engine_token_hits));
  rows.exact("engine_hits.token_hit_rate", Unit::ratio, Better::neither, "engine token_hits / input_tokens",
             share_of(&Counts::engine_token_hits, &Counts::input_tokens), "hits\nengine");
  rows.exact("engine_hits.requests_with_hit", Unit::count, Better::neither,
             "requests that found something in the engine's own cache", count_of(&Counts::engine_requests_with_hit));
}

void add_bytes(Rows& rows) {
  const auto bytes = [&rows](std::string key, Better better, std::string meaning, std::uint64_t Counts::*member) {
    rows.exact("bytes." + std::move(key), Unit::bytes, better, std::move(meaning), count_of(member));
  };
  bytes("fetched_bytes", Better::neither, "payload fetched from the backend", &Counts::fetched_bytes);
  bytes("stored_bytes", Better::lower, "payload stored in the backend", &Counts::stored_bytes);
  bytes("unstored_bytes", Better::lower, "payload that found no room", &Counts::unstored_bytes);
  bytes("engine_bytes", Better::neither, "payload in the backend that the engine's own cache made needless",
        &Counts::engine_bytes);
  bytes("unneeded_bytes", Better::neither, "windows and states inside a hit, of which only the last is fetched",
        &Counts::unneeded_bytes);
  bytes("uploaded_bytes", Better::neither, "copied into the memory of all ranks", &Counts::uploaded_bytes);
  bytes("verified_bytes", Better::neither, "fetched payload that was compared with what had been stored",
        &Counts::verified_bytes);
  bytes("stored_value_bytes", Better::lower, "what the stored payload weighs encoded, headers included",
        &Counts::stored_value_bytes);
  rows.exact("bytes.codec_ratio", Unit::factor, Better::higher, "stored_bytes / stored_value_bytes",
             share_of(&Counts::stored_bytes, &Counts::stored_value_bytes));
  bytes("wire_in_bytes", Better::lower, "received through sockets, protocol included; 0: none", &Counts::wire_in_bytes);
  bytes("wire_out_bytes", Better::lower, "sent through sockets, protocol included; 0: none", &Counts::wire_out_bytes);
}

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
  rows.context("upload.provenance", Unit::text, "modelled or measured upload and download",
               [](const Figures& f) { return text_or_null(f.run.upload_provenance); });
  rows.context("prefill.provenance", Unit::text, "modelled, measured or quoted prefill",
               [](const Figures& f) { return text_or_null(f.run.prefill_provenance); });
  rows.context("prefill.device", Unit::text, "where the prefill is done, or assumed to be done",
               [](const Figures& f) { return text_or_null(f.run.prefill_device); });
}

void add_rates(Rows& rows) {
  const auto lag = [](const Figures& f) -> const Histogram& { return f.merged.store_lag; };
  for (const Statistic& s : {kMean, kP50, kP95, kP99, kMax}) {
    rows.local("store_lag." + s.key, Unit::nanoseconds, Better::lower,
               s.meaning + " time from the first token until the request's blocks are stored", statistic(lag, s.value));
  }
  rows.local("store_lag.occupancy", Unit::ratio, Better::lower, "share of the workers' busy time spent storing",
             measured([](const Figures& f) { return quotient(f.merged.store_s, f.merged.busy_s); }));
  rows.local("store_lag.bytes_per_s", Unit::bytes_per_s, Better::higher, "the same as throughput.stored_bytes_per_s",
             rate_of(&Counts::stored_bytes, &Repetition::store_s));
  rows.local("throughput.requests_per_s", Unit::per_s, Better::higher,
             "requests / (busy time / workers); modelled phases take no busy time", measured([](const Figures& f) {
               return rate(static_cast<double>(f.merged.counts.requests) * f.run.workers, f.merged.busy_s);
             }),
             "", true);
  rows.local("throughput.fetched_bytes_per_s", Unit::bytes_per_s, Better::higher,
             "payload fetched / time in transfer_in and decode", rate_of(&Counts::fetched_bytes, &Repetition::fetch_s),
             "fetch\nGB/s", true);
  rows.local("throughput.stored_bytes_per_s", Unit::bytes_per_s, Better::higher,
             "payload stored / time in encode and transfer_out", rate_of(&Counts::stored_bytes, &Repetition::store_s),
             "store\nGB/s", true);
}

void add_trouble(Rows& rows) {
  const auto errors = [&rows](std::string key, Better better, std::string meaning, std::uint64_t Counts::*member,
                              std::string heading) {
    rows.local("errors." + std::move(key), Unit::count, better, std::move(meaning), count_of(member),
               std::move(heading), true);
  };
  errors("failed_requests", Better::lower, "requests that got no first token, over all repetitions",
         &Counts::failed_requests, "failed\nrequests");
  errors("failed_ops", Better::lower, "backend operations that failed; the request was recomputed", &Counts::failed_ops,
         "failed\nops");
  errors("ops", Better::neither, "backend operations, over all repetitions", &Counts::ops, "");
  errors("corrupt_values", Better::lower, "values that came back other than they were stored", &Counts::corrupt_values,
         "corrupt\nvalues");
  rows.context("errors.examples", Unit::texts, "the first few errors, keys named",
               [](const Figures& f) { return Json(f.run.error_examples); });
  rows.context("harness.overhead_ns_per_request", Unit::nanoseconds,
               "what kvbench itself takes per request, measured with null: in the same run", [](const Figures& f) {
                 const auto& overhead = f.run.harness_overhead_ns_per_request;
                 return overhead ? rounded(*overhead) : Json(nullptr);
               });
  rows.add({"interrupted", Unit::flag, Role::context, Better::neither, true, true, "",
            "stopped before its last request", [](const Figures& f) { return Json(f.merged.interrupted); }});
}

std::vector<Field> make_fields() {
  Rows rows;
  add_identity(rows);
  add_hits(rows);
  add_bytes(rows);
  add_ttft(rows);
  add_speedup(rows);
  add_phases(rows);
  add_rates(rows);
  add_trouble(rows);
  return rows.take();
}

}  // namespace

std::span<const Field> fields() {
  static const std::vector<Field> kFields = make_fields();
  return kFields;
}

}  // namespace kv
