#include "report/plan_phases.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/parse.hpp"
#include "report/render_parts.hpp"

namespace kv {
namespace {

constexpr double kErrorBound = 0.001;
/// Of the hits that the plan counts with: a replay starts cold, and has one engine where the fleet has several.
constexpr double kHitsBound = 0.8;
/// Of a replay for its hits alone: so few bytes stand for a token.
constexpr int kScaledBytes = 64;

/// One word for a shell, whatever is in it.
std::string shell_word(const std::string& text) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:,=+@%";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string::npos) return text;
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string first_text(const Json& document, std::initializer_list<const char*> paths, const char* otherwise) {
  for (const char* path : paths) {
    if (std::string text = text_at(document, path); !text.empty()) return text;
  }
  return otherwise;
}

/// How kvbench reaches what was planned.
struct Target {
  std::string kind, spec;
  std::string note;     // what kvbench cannot do there; may be empty
  bool server = false;  // that `kvbench probe` can measure
};

Target target_of(const Json& document) {
  Target out;
  out.kind = first_text(document, {"size.kind", "roi.kind"}, "");
  const bool several = number_at(document, "nodes.primaries").value_or(1) > 1;
  if (out.kind == "host-memory" || out.kind == "local-nvme" || out.kind == "vendor-platform") {
    out.spec = "local:";
    if (out.kind == "local-nvme") {
      out.note =
          "kvbench has no backend for drives: this measures hits and host memory; measure the drives themselves too.";
    } else if (out.kind == "vendor-platform") {
      out.note =
          "kvbench cannot reach a vendor's platform: this is what host memory does, which the platform must beat.";
    }
    return out;
  }
  out.server = true;
  out.spec = out.kind == "serverless" ? "rediss://HOST:6379" : "redis://HOST:6379";
  if (several && out.kind != "dragonfly") {
    out.note =
        "kvbench speaks to one server: start one machine of the plan without cluster-enabled for this, and measure "
        "that.";
  } else if (several) {
    out.note = "kvbench speaks to one server: measure one of them.";
  }
  return out;
}

/// `kvbench run` on the plan's workload, model, GPU and codec.
std::string run_command(const Json& d, const std::string& spec, const std::string& rest, const std::string& file,
                        bool with_codec = true) {
  std::string out = "kvbench run " + shell_word(first_text(d, {"workload.path"}, "YOUR_TRACE.jsonl"));
  out += " --backend " + shell_word(spec);
  const auto add = [&](const char* option, const std::string& value) {
    if (!value.empty()) out += fmt::format(" {} {}", option, shell_word(value));
  };
  add("--model", text_at(d, "engine.model"));
  add("--gpu", text_at(d, "engine.gpu"));
  if (const auto tp = number_at(d, "engine.tp")) add("--tp", fmt::format("{:.0f}", *tp));
  if (with_codec) add("--codec", text_at(d, "engine.codec"));
  return out + rest + " --format json -o " + file;
}

/// A command, what of its JSON must hold, and the same for a script.
class Gate {
 public:
  explicit Gate(std::string command) : command_(std::move(command)) {}
  void must(const std::string& words, const std::string& condition) {
    words_ += "- " + words + "\n";
    condition_ += (condition_.empty() ? "" : " and ") + condition;
  }
  std::string text(const std::string& file) const {
    return script(file) + "Must hold (jq exits 0):\n\n" + words_ + "\n";
  }
  /// Where the words were said before.
  std::string script(const std::string& file) const {
    return fmt::format("```sh\n{}\njq -e '{}' {}\n```\n\n", command_, condition_, file);
  }

 private:
  std::string command_, words_, condition_;
};

void must_be_clean(Gate& gate, double most_failed) {
  gate.must(
      "`.interrupted` is false, and in every row of `.runs[]` `.skipped` is null, `.errors.failed_requests` and "
      "`.errors.corrupt_values` are 0;",
      ".interrupted == false and all(.runs[]; .skipped == null and .errors.failed_requests == 0 and "
      ".errors.corrupt_values == 0)");
  if (most_failed <= 0) {
    gate.must("`.errors.failed_ops` is 0;", "all(.runs[]; .errors.failed_ops == 0)");
  } else {
    gate.must(fmt::format("`.errors.failed_ops` is at most {:g} of `.errors.ops`;", most_failed),
              fmt::format("all(.runs[]; .errors.failed_ops <= {:g} * .errors.ops)", most_failed));
  }
}

void must_win(Gate& gate) {
  gate.must(
      "`.breakeven.outcome` is \"wins\": from some prefix on, fetching beats computing (null: too few fetches, "
      "replay more requests);",
      "all(.runs[]; .breakeven.outcome == \"wins\")");
}

void must_keep_slo(Gate& gate, const Json& d) {
  const auto slo = number_at(d, "latency.slo_ttft_ns");
  if (!slo) return;
  const char* quantile = number_at(d, "latency.slo_share").value_or(0.95) <= 0.95 ? "p95" : "p99";
  gate.must(fmt::format("`.ttft.with_cache.{}_ns` is at most {:.0f} ({}), the plan's limit.", quantile, *slo,
                        figure_text(slo, Unit::nanoseconds)),
            fmt::format("all(.runs[]; .ttft.with_cache.{}_ns <= {:.0f})", quantile, *slo));
}

std::string hits_gate(const Json& d, const Target& target) {
  const auto blocks = number_at(d, "size.blocks"), tokens = number_at(d, "demand.block_tokens");
  const auto own = number_at(d, "size.token_hit_rate"), engine = number_at(d, "size.baseline_hit_rate");
  if (!target.server || !blocks || !tokens || !own || !engine) return {};
  const double capacity = std::max(*blocks * *tokens * kScaledBytes, 1.0);
  if (!(capacity < 1e15)) return {};
  const std::string spec = fmt::format("local:?capacity={:.0f}", capacity);
  Gate gate(run_command(d, spec, fmt::format(" --bytes-per-token {}", kScaledBytes), "hits.json", false));
  const double bound = std::floor(kHitsBound * (*own + *engine) * 1e4) / 1e4;
  gate.must(
      fmt::format("`.hits.token_hit_rate` + `.engine_hits.token_hit_rate` is at least {:g}: {:.0f} % of the {} that "
                  "the plan counts with, for a replay starts cold and has one engine.",
                  bound, kHitsBound * 100, figure_text(*own + *engine, Unit::ratio)),
      fmt::format("all(.runs[]; .hits.token_hit_rate + .engine_hits.token_hit_rate >= {:g})", bound));
  return fmt::format("The whole trace at {} bytes a token, in a cache of the planned size, for its hits alone:\n\n",
                     kScaledBytes) +
         gate.text("hits.json");
}

std::string local_phase(const Json& d, const Target& target) {
  const std::string spec = target.server ? "spawn+redis:" : target.spec;
  Gate gate(run_command(d, spec, fmt::format(" --bytes-per-token {}", kScaledBytes), "local.json"));
  must_be_clean(gate, 0);
  return "### Phase 1: local test\n\nOn one machine, nothing rented: is every byte that comes back the one that was "
         "stored?\n\n" +
         gate.text("local.json") + hits_gate(d, target);
}

std::string probe_gate(const Json& d, const Target& target) {
  const auto egress = number_at(d, "nodes.egress_bytes_per_s"), share = number_at(d, "nodes.hottest_share");
  if (!target.server || !egress || !share) return {};
  const double needed = std::ceil(*egress * *share);
  Gate gate(fmt::format("kvbench probe {} --profile wire.json --format json -o probe.json", shell_word(target.spec)));
  gate.must(
      fmt::format("`.best.get.bytes_per_s` is at least {:.0f} ({}): what the hottest machine sends at the busiest "
                  "time. One client may not reach it alone: then probe from several engine hosts at once, and add up.",
                  needed, figure_text(needed, Unit::bytes_per_s)),
      fmt::format(".interrupted == false and .best.get.bytes_per_s >= {:.0f}", needed));
  return "From a host of the engines, with the configuration of the plan (`--emit` writes it):\n\n" +
         gate.text("probe.json") + "`wire.json` goes back into the plan, as --backend-profile: its network was " +
         markdown_text(first_text(d, {"engine.links_source"}, "assumed")) + ".\n\n";
}

std::string staging_phase(const Json& d, const Target& target) {
  Gate gate(run_command(d, target.spec, " --requests 1000", "staging.json"));
  must_be_clean(gate, error_bound(d));
  must_win(gate);
  must_keep_slo(gate, d);
  const auto machines = number_at(d, "nodes.machines");
  std::string out = "### Phase 2: staging\n\n";
  if (machines) {
    out += fmt::format("Set up {} {}. ", *machines == 1 ? "the" : "one",
                       markdown_text(first_text(d, {"nodes.on"}, "machine of the plan")));
  }
  if (!target.note.empty()) out += target.note;
  return out + (out.ends_with("\n\n") ? "" : "\n\n") + probe_gate(d, target) + gate.text("staging.json");
}

std::string rollout_phases(const Json& d, const Target& target) {
  std::string out =
      "### Phases 3 to 6: rollout\n\nBefore each step, from a host of the engines that have the cache already, beside "
      "live "
      "traffic. The replay puts its own blocks into the store: choose a quiet hour. On live traffic, for a day at each "
      "step: "
      "P95 TTFT of the engines with the cache is not above that of the engines without, and at most " +
      figure_text(error_bound(d), Unit::ratio) +
      " of the requests fail. Of the replay must hold what must hold in staging.\n\n";
  const auto instances = number_at(d, "engine.instances");
  int phase = 3;
  for (const int share : {5, 25, 50, 100}) {
    const std::string file = fmt::format("rollout-{}.json", share);
    out += fmt::format("#### Phase {}: {} %", phase++, share);
    if (instances) {
      out += fmt::format(" ({} of {} instances)", figure_text(std::ceil(*instances * share / 100), Unit::count),
                         figure_text(instances, Unit::count));
    }
    Gate gate(run_command(d, target.spec, " --requests 500", file));
    must_be_clean(gate, error_bound(d));
    must_win(gate);
    must_keep_slo(gate, d);
    out += "\n\n" + gate.script(file);
  }
  return out;
}

/// The inputs that move the answer most, in a sentence.
std::string doubtful_inputs(const Json& d) {
  std::string names;
  std::size_t count = 0;
  for (const Json& row : list_at(d, "uncertainty.tornado")) {
    if (count++ == 3) break;
    names += (names.empty() ? "" : ", ") + markdown_text(text_at(row, "input"));
  }
  return names.empty() ? names : "The inputs that move the answer most: " + names + ".\n\n";
}

}  // namespace

std::string money_text(std::optional<double> usd) {
  if (!usd || !std::isfinite(*usd)) return "-";
  const double size = std::min(std::abs(*usd), 1e18);
  const bool cents = size < 100 && size != std::floor(size);
  const std::string digits = cents ? fmt::format("{:.{}f}", size, size < 0.1 ? 4 : 2)
                                   : format_count(static_cast<std::uint64_t>(std::llround(size)));
  return (*usd < 0 ? "-$" : "$") + digits;
}

double error_bound(const Json& document) {
  for (const Json& row : list_at(document, "targets")) {
    if (text_at(row, "metric") == "error rate") return number_at(row, "bound").value_or(kErrorBound);
  }
  return kErrorBound;
}

std::string build_phases(const Json& document) {
  const Target target = target_of(document);
  std::string out = "## Phases\n\n";
  if (text_at(document, "workload.path").empty()) {
    out +=
        "This plan was made from a summary. Record a trace of your own first (`kvtrace import` reads logs), put it in "
        "the "
        "place of YOUR_TRACE.jsonl, and plan again with it.\n\n";
  }
  return out + local_phase(document, target) + staging_phase(document, target) + rollout_phases(document, target);
}

std::string wait_phases(const Json& document) {
  std::string out =
      "## Phases\n\n### Phase 1: do not build\n\nThe engines keep their own prefix cache; there is nothing to set up "
      "or to "
      "rent.\n\n### Phase 2: measure what decides\n\n" +
      doubtful_inputs(document) + "What this workload finds in a cache that holds all of it:\n\n";
  Gate gate(run_command(document, "local:", fmt::format(" --bytes-per-token {}", kScaledBytes), "measure.json"));
  must_be_clean(gate, 0);
  out += gate.text("measure.json") +
         "Then plan again with `--run measure.json`. If there is a server already, its wire:\n\n```sh\nkvbench probe "
         "redis://HOST:6379 --profile wire.json --format json -o probe.json\n```\n\nand plan again with "
         "`--backend-profile wire.json`.\n\n### Phase 3: ask again\n\n";
  Table table{{{"input", Align::left, 0}, {"what it is", Align::left, 0}, {"as planned"}, {"the verdict turns at"}},
              {}};
  for (const Json& row : list_at(document, "changes")) {
    table.rows.push_back({text_at(row, "input"), text_at(row, "summary"),
                          figure_text(find(row, "typical"), Unit::amount),
                          figure_text(find(row, "turns_at"), Unit::amount)});
  }
  if (table.rows.empty()) return out + "When traffic, prices, the model or the GPUs change.\n\n";
  return out + "When one of these has moved so far, the others as planned (-: no value of it alone is enough):\n\n" +
         markdown_table(table) + "\n";
}

}  // namespace kv
