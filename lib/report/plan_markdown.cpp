#include "report/plan_markdown.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>

#include "report/plan_phases.hpp"
#include "report/render_parts.hpp"

namespace kv {
namespace {

/// A column of a table made from the rows of a list.
struct Item {
  const char *heading, *path;
  Unit unit;
};

std::string figure(const Json& row, const Item& item) {
  if (item.unit == Unit::usd) return money_text(number_at(row, item.path));
  const Json* value = find(row, item.path);
  // Whole numbers below 0, as GPUs that are saved, and what no unit knows.
  if (item.unit == Unit::amount && value != nullptr && value->is_number() && value->get<double>() < -999) {
    return "-" + figure_text(-value->get<double>(), Unit::amount);
  }
  std::string text = figure_text(value, item.unit);
  return text.empty() ? "-" : text;
}

std::string list_table(const Json& rows, std::initializer_list<Item> items) {
  if (rows.empty()) return {};
  Table table;
  table.rows.resize(rows.size());
  for (const Item& item : items) {
    table.columns.push_back({item.heading, item.unit == Unit::text ? Align::left : Align::right, 0});
    for (std::size_t i = 0; i < rows.size(); ++i) table.rows[i].push_back(figure(rows[i], item));
  }
  return markdown_table(table) + "\n";
}

std::string bullets(const Json& texts) {
  std::string out;
  for (const Json& text : texts) out += "- " + markdown_text(figure_text(&text, Unit::text)) + "\n";
  return out.empty() ? out : out + "\n";
}

bool has(const Json& document, const char* section) {
  const Json* value = find(document, section);
  return value != nullptr && (value->is_object() || (value->is_array() && !value->empty()));
}

std::string title(const Json& d) {
  std::string out = "# Plan of a KV cache";
  if (const std::string model = text_at(d, "engine.model"); !model.empty()) {
    out += fmt::format(": {} on {} {}", markdown_text(model), figure_text(find(d, "engine.gpus"), Unit::count),
                       markdown_text(text_at(d, "engine.gpu")));
  }
  return out + "\n\n";
}

std::string decision(const Json& d) {
  const std::string verdict = text_at(d, "roi.verdict");
  if (verdict.empty()) return {};
  std::string out = "**Decision: ";
  if (verdict == "yes") {
    out += "yes, build it.**";
  } else if (verdict == "no") {
    out += "no. Do not build it.**";
  } else {
    out += markdown_text(verdict) + ". Build nothing until the figures below are known.**";
  }
  if (const std::string words = text_at(d, "roi.in_words"); !words.empty()) out += " " + markdown_text(words);
  out += "\n\n";
  const Json& reasons = list_at(d, "roi.reasons");
  return reasons.empty() ? out : out + "Reasons:\n\n" + bullets(reasons);
}

/// "without -> with" of one figure.
std::string from_to(const Json& d, const char* before, const char* after, Unit unit) {
  return figure_text(find(d, before), unit) + " -> " + figure_text(find(d, after), unit);
}

void add_size(Table& table, const Json& d) {
  const auto line = [&](const char* name, std::string value) { table.rows.push_back({name, std::move(value)}); };
  if (has(d, "demand")) {
    line("requests", figure_text(find(d, "demand.requests_per_s"), Unit::per_s));
    line("input tokens", figure_text(find(d, "demand.input_tokens_per_s"), Unit::per_s));
    line("hits that no cache can exceed, by tokens",
         figure_text(find(d, "demand.ceiling_token_hit_rate"), Unit::ratio));
  }
  if (has(d, "size")) {
    line("way of keeping it", figure_text(find(d, "size.kind"), Unit::text));
    line("KV kept", fmt::format("{} tokens, {} stored", figure_text(find(d, "size.tokens"), Unit::count),
                                figure_text(find(d, "size.stored_bytes"), Unit::bytes)));
    line("memory, all copies", figure_text(find(d, "size.memory_all_copies_bytes"), Unit::bytes));
    line("hits of the cache, beside the engines' own",
         fmt::format("{}; the engines alone {}", figure_text(find(d, "size.token_hit_rate"), Unit::ratio),
                     figure_text(find(d, "size.baseline_hit_rate"), Unit::ratio)));
  }
  if (has(d, "nodes")) {
    line("machines",
         fmt::format("{} of {}; {} binds", figure_text(find(d, "nodes.machines"), Unit::count),
                     figure_text(find(d, "nodes.on"), Unit::text), figure_text(find(d, "nodes.binding"), Unit::text)));
  }
}

void add_return(Table& table, const Json& d) {
  const auto line = [&](const char* name, std::string value) { table.rows.push_back({name, std::move(value)}); };
  if (has(d, "latency")) {
    line("TTFT, mean, without -> with (simulated)",
         from_to(d, "latency.without.ttft_ns.mean", "latency.with.ttft_ns.mean", Unit::nanoseconds));
    line("TTFT, P95", from_to(d, "latency.without.ttft_ns.p95", "latency.with.ttft_ns.p95", Unit::nanoseconds));
  }
  if (has(d, "roi")) {
    const auto gpus = number_at(d, "roi.saved_gpus");
    line("GPUs saved", gpus ? fmt::format("{:g}", *gpus) : "-");
    line("saving in the first month", money_text(number_at(d, "roi.monthly_saving_usd")));
    line("effort, once", money_text(number_at(d, "roi.one_off_usd")));
    const auto days = number_at(d, "roi.payback_days");
    line("payback", days ? figure_text(days, Unit::amount) + " days" : "never");
    line("left after 12 months, effort paid", money_text(number_at(d, "roi.net_12_months_usd")));
  }
  if (has(d, "uncertainty")) {
    line("the same, 80 % of the draws",
         fmt::format("{} to {}; above 0 in {} of them", money_text(number_at(d, "uncertainty.net_12_months_usd.p10")),
                     money_text(number_at(d, "uncertainty.net_12_months_usd.p90")),
                     figure_text(find(d, "uncertainty.chance_of_gain"), Unit::ratio)));
  }
}

std::string glance(const Json& d) {
  Table table{{{"figure", Align::left, 0}, {"value", Align::left, 0}}, {}};
  add_size(table, d);
  add_return(table, d);
  return table.rows.empty() ? std::string() : "## Figures at a glance\n\n" + markdown_table(table) + "\n";
}

std::string options(const Json& d) {
  std::string table = list_table(list_at(d, "cost.options"), {{"kind", "kind", Unit::text},
                                                              {"on", "on", Unit::text},
                                                              {"zones", "zones", Unit::text},
                                                              {"chosen", "chosen", Unit::flag},
                                                              {"KV stored", "bytes", Unit::bytes},
                                                              {"hits", "token_hit_rate", Unit::ratio},
                                                              {"machines", "machines", Unit::count},
                                                              {"a month", "usd_per_month", Unit::usd},
                                                              {"saves a month", "monthly_saving_usd", Unit::usd},
                                                              {"net 12 months", "net_12_months_usd", Unit::usd},
                                                              {"payback, days", "payback_days", Unit::amount},
                                                              {"why not", "trouble", Unit::text}});
  return table.empty() ? table : "## Options\n\nEach at the size that leaves most; -: not known, or never.\n\n" + table;
}

std::string rent(const Json& d) {
  std::string table = list_table(list_at(d, "rent.tiers"), {{"kept in", "tier", Unit::text},
                                                            {"on", "on", Unit::text},
                                                            {"$ a GB-hour", "usd_per_gb_hour", Unit::usd},
                                                            {"break-even reuse", "breakeven_reuse_s", Unit::seconds},
                                                            {"reuses inside", "share_inside", Unit::ratio},
                                                            {"size that leaves most", "best_bytes", Unit::bytes},
                                                            {"net an hour", "best_net_usd_per_hour", Unit::usd}});
  if (table.empty()) return table;
  return "## Rent\n\nA block that is used again sooner than the break-even reuse interval is cheaper to keep than to "
         "compute "
         "again (-: its rent is free; 0 ns: reading it costs more than computing it).\n\n" +
         table;
}

std::string scale(const Json& d) {
  std::string table = list_table(list_at(d, "scale"), {{"GPUs", "gpus", Unit::count},
                                                       {"traffic", "traffic", Unit::factor},
                                                       {"needed without", "gpus_without", Unit::count},
                                                       {"needed with", "gpus_with", Unit::count},
                                                       {"kind", "kind", Unit::text},
                                                       {"on", "on", Unit::text},
                                                       {"machines", "machines", Unit::count},
                                                       {"binds", "binding", Unit::text},
                                                       {"network", "network_bytes_per_s", Unit::bytes_per_s},
                                                       {"a month", "usd_per_month", Unit::usd},
                                                       {"net 12 months", "net_12_months_usd", Unit::usd}});
  return table.empty() ? table : "## At scale\n\n" + table;
}

std::string rule(const Json& d) {
  if (!has(d, "decision")) return {};
  std::string out =
      fmt::format("## The checklist's rule\n\nFor {} GPUs it says: {} ({}). The numbers {}.\n\n",
                  figure_text(find(d, "decision.gpus"), Unit::count), markdown_text(text_at(d, "decision.summary")),
                  markdown_text(text_at(d, "decision.band")), flag_at(d, "decision.agree") ? "agree" : "do not");
  out += bullets(list_at(d, "decision.explanation"));
  if (const std::string leaving = bullets(list_at(d, "decision.leaving")); !leaving.empty()) {
    out += "To leave the band:\n\n" + leaving;
  }
  std::string budgets =
      list_table(list_at(d, "decision.budgets"), {{"budget a month", "usd_per_month", Unit::usd},
                                                  {"keeps", "bytes", Unit::bytes},
                                                  {"tokens", "tokens", Unit::count},
                                                  {"hits", "token_hit_rate", Unit::ratio},
                                                  {"GPU time saved", "saved_usd_per_month", Unit::usd}});
  return budgets.empty() ? out : out + "What a budget buys on rented machines:\n\n" + budgets;
}

/// A target's figure in the unit of its metric.
std::string target_text(const std::string& metric, std::optional<double> value) {
  if (!value) return "-";
  if (metric.find("days") != std::string::npos) return figure_text(value, Unit::amount) + " days";
  if (metric.find("times") != std::string::npos) return figure_text(value, Unit::factor);
  return figure_text(value, Unit::ratio);
}

std::string metrics(const Json& d) {
  Table table{{{"level", Align::left, 0},
               {"metric", Align::left, 0},
               {"target"},
               {"this plan"},
               {"status", Align::left, 0},
               {"best possible"},
               {"why", Align::left, 0}},
              {}};
  for (const Json& row : list_at(d, "targets")) {
    const std::string metric = text_at(row, "metric");
    const std::string bound = target_text(metric, number_at(row, "bound"));
    table.rows.push_back({text_at(row, "level"), metric, (flag_at(row, "at_most") ? "below " : "at least ") + bound,
                          target_text(metric, number_at(row, "value")), text_at(row, "status"),
                          target_text(metric, number_at(row, "best_possible")), text_at(row, "reason")});
  }
  return table.rows.empty() ? std::string() : "## Success metrics\n\n" + markdown_table(table) + "\n";
}

std::string months(const Json& d) {
  const Json& rows = list_at(d, "roi.months");
  if (rows.empty()) return {};
  Table table{{{"month"}, {"GPUs without"}, {"GPUs with"}, {"cache"}, {"saving"}, {"left so far"}}, {}};
  std::optional<double> left = number_at(d, "roi.one_off_usd");
  if (left) left = -*left;
  for (const Json& row : rows) {
    const auto saving = number_at(row, "saving_usd");
    left = left && saving ? std::optional(*left + *saving) : std::nullopt;
    table.rows.push_back({figure_text(find(row, "month"), Unit::count), money_text(number_at(row, "baseline_usd")),
                          money_text(number_at(row, "cached_gpu_usd")), money_text(number_at(row, "cache_usd")),
                          money_text(saving), money_text(left)});
  }
  return fmt::format("## Cost by month\n\nEffort of {} is paid first.\n\n",
                     money_text(number_at(d, "roi.one_off_usd"))) +
         markdown_table(table) + "\n";
}

std::string grounds(const Json& d) {
  std::string out;
  if (const std::string texts = bullets(list_at(d, "assumptions")); !texts.empty()) out += "## Assumptions\n\n" + texts;
  if (const std::string texts = bullets(list_at(d, "warnings")); !texts.empty()) out += "## Warnings\n\n" + texts;
  const std::string prices = text_at(d, "prices");
  if (!prices.empty()) {
    out += fmt::format("Prices: {}, of {}. Seed {}.\n", markdown_text(prices), text_at(d, "price_date"),
                       figure_text(find(d, "seed"), Unit::count));
  }
  return out;
}

}  // namespace

std::string render_plan_markdown(const Json& d) {
  const std::string verdict = text_at(d, "roi.verdict");
  std::string out = title(d) + decision(d) + glance(d) + options(d) + rent(d) + scale(d) + rule(d);
  // A size, or a table at scale, is no plan to carry out.
  if (!verdict.empty()) out += verdict == "yes" ? build_phases(d) : wait_phases(d);
  out += metrics(d);
  if (verdict == "yes") out += plan_risks(d) + rollback_text(d);
  return out + months(d) + grounds(d);
}

}  // namespace kv
