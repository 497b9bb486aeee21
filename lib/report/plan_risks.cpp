#include <fmt/format.h>

#include "report/plan_phases.hpp"
#include "report/render_parts.hpp"

namespace kv {
namespace {

constexpr std::size_t kInputsNamed = 3;

struct Answer {
  std::string_view binding, mitigation;
};
constexpr Answer kAnswers[] = {
    {"memory",
     "watch evictions and hit rate; add a primary when traffic grows, or store fewer bytes (a codec, fp8 KV)"},
    {"bandwidth",
     "watch the hottest machine's NIC at its lasting rate; add primaries, or store fewer bytes a token; fetch only "
     "what pays"},
    {"operations", "watch commands a second and the server's CPU; add primaries or io-threads, or use larger values"},
    {"failure headroom",
     "after a loss the others are at their bound: alarm at once, replace the machine within the hour"},
    {"fewest", "none: the kind of store needs so many, and they have room"},
};

class Risks {
 public:
  void add(std::string risk, std::string mitigation) {
    table_.rows.push_back({std::move(risk), std::move(mitigation)});
  }
  std::string text() const {
    return table_.rows.empty() ? std::string() : "## Risks\n\n" + markdown_table(table_) + "\n";
  }

 private:
  Table table_{{{"risk", Align::left, 0}, {"mitigation", Align::left, 0}}, {}};
};

void add_machines(Risks& risks, const Json& d) {
  const std::string binding = text_at(d, "nodes.binding");
  for (const Answer& answer : kAnswers) {
    if (answer.binding != binding) continue;
    risks.add(fmt::format("{} binds: the fullest machine uses {} of its memory, the hottest {} of its bandwidth",
                          binding, figure_text(find(d, "nodes.memory_used"), Unit::ratio),
                          figure_text(find(d, "nodes.bandwidth_used"), Unit::ratio)),
              std::string(answer.mitigation));
  }
  const auto loss = number_at(d, "nodes.without_replica.rewarm_gpu_s_per_loss");
  if (number_at(d, "nodes.replicas").value_or(1) > 0 || !loss) return;
  const auto replica = number_at(d, "nodes.with_replica.usd_per_month"),
             none = number_at(d, "nodes.without_replica.usd_per_month");
  risks.add(fmt::format("no replicas: a lost machine costs up to {} of GPU time to compute again, {} a month expected",
                        figure_text(loss, Unit::seconds),
                        figure_text(find(d, "nodes.without_replica.rewarm_gpu_s_per_month"), Unit::seconds)),
            replica && none
                ? fmt::format("accept it: KV can be computed again; a replica of each costs {} a month more",
                              money_text(*replica - *none))
                : "accept it: KV can be computed again");
}

void add_inputs(Risks& risks, const Json& d) {
  std::size_t named = 0;
  for (const Json& row : list_at(d, "uncertainty.tornado")) {
    if (named++ == kInputsNamed) break;
    risks.add(fmt::format("{} is {} to {}: twelve months leave {} at one end, {} at the other", text_at(row, "input"),
                          figure_text(find(row, "low"), Unit::amount), figure_text(find(row, "high"), Unit::amount),
                          money_text(number_at(row, "net_at_low_usd")), money_text(number_at(row, "net_at_high_usd"))),
              "measure or contract it, and plan again with what you found, before the rollout");
  }
  for (const Json& row : list_at(d, "changes")) {
    const auto turns = number_at(row, "turns_at");
    if (!turns) continue;
    risks.add(fmt::format("{} at {}, where {} is planned, turns the verdict", text_at(row, "input"),
                          figure_text(turns, Unit::amount), figure_text(find(row, "typical"), Unit::amount)),
              "look at it every month, and plan again when it is half-way there");
  }
}

void add_data(Risks& risks, const Json& d) {
  for (const Json& row : list_at(d, "cost.options")) {
    if (!flag_at(row, "chosen") || flag_at(row, "verified")) continue;
    risks.add(fmt::format("the price of {} was not read at its source", figure_text(find(row, "on"), Unit::text)),
              "get a quote, put it with its date into a price file of your own, and plan again");
  }
  if (text_at(d, "workload.path").empty()) {
    risks.add("the workload is a summary, no trace", "record a trace and plan again with it");
  }
  if (flag_at(d, "demand.still_warming")) {
    risks.add(fmt::format("extrapolated: hits still rise at the end of the trace, which spans {}",
                          figure_text(find(d, "demand.span_s"), Unit::seconds)),
              "record a longer trace: size and hits both grow with it");
  }
  for (const Json& text : list_at(d, "warnings")) {
    risks.add(figure_text(&text, Unit::text), "clear it up, or accept it in writing, before staging");
  }
}

}  // namespace

std::string plan_risks(const Json& document) {
  Risks risks;
  add_machines(risks, document);
  add_inputs(risks, document);
  add_data(risks, document);
  return risks.text();
}

std::string rollback_text(const Json& document) {
  std::string out =
      "## Rollback\n\nNothing is lost by turning the cache off: all of it is computed again.\n\n"
      "1. Roll back when a gate fails, when P95 TTFT with the cache is above that without for 15 minutes, or when more "
      "than " +
      figure_text(error_bound(document), Unit::ratio) +
      " of the requests fail.\n"
      "2. Start the engines of the last step again without `--kv-transfer-config`; then those of the step before it. "
      "Each "
      "keeps its own prefix cache.\n"
      "3. When no engine is connected any more, stop the servers and end their rent.\n";
  const auto saved = number_at(document, "roi.saved_gpus");
  if (saved && *saved > 0) {
    out += fmt::format(
        "4. Give the {} saved GPUs back only when 100 % has held for two weeks: until then a rollback needs them.\n",
        figure_text(saved, Unit::count));
  }
  return out + "\n";
}

}  // namespace kv
