#include <fmt/format.h>

#include <algorithm>

#include "report/plan_view.hpp"

namespace kv {
namespace {

std::string figure(const Json& row, const char* path, Unit unit) { return figure_text(find(row, path), unit); }
std::string usd(const Json& row, const char* path) { return dollars_text(number_at(row, path)); }

/// A price from memory has a question mark.
std::string on_text(const Json& row) {
  const std::string on = text_at(row, "on");
  return on.empty() ? "-" : on + (flag_at(row, "verified") ? "" : " ?");
}

bool spread(const Json& option) { return text_at(option, "zones") == "spread over three"; }

std::string spared(const Json& option) {
  const auto without = number_at(option, "gpus_without"), with = number_at(option, "gpus_with");
  return without && with ? fmt::format("{:.0f}", *without - *with) : "-";
}

std::string gpus_text(const Json& row) {
  return figure(row, "gpus_without", Unit::count) + " > " + figure(row, "gpus_with", Unit::count);
}

/// Free rent waits for ever, and where reading costs as much as computing nothing is worth keeping.
std::string interval_text(const Json& tier) {
  const auto interval = number_at(tier, "breakeven_reuse_s");
  if (!interval) return "any";
  return *interval > 0 ? figure_text(interval, Unit::seconds) : "none";
}

}  // namespace

Table options_table(const Json& document) {
  Table out{{{"", Align::left, 0},
             {"kind", Align::left, 0},
             {"on", Align::left, 8},
             {"KV", Align::right, 0},
             {"hits", Align::right, 0},
             {"ma-\nchines", Align::right, 0},
             {"$ a\nmonth", Align::right, 0},
             {"GPUs\nspared", Align::right, 0},
             {"net, 12\nmonths", Align::right, 0},
             {"payback", Align::right, 0}},
            {}};
  for (const Json& row : list_at(document, "cost.options")) {
    if (spread(row)) continue;
    out.rows.push_back({flag_at(row, "chosen") ? "*" : "", text_at(row, "kind"), on_text(row),
                        figure(row, "bytes", Unit::bytes), figure(row, "token_hit_rate", Unit::ratio),
                        figure(row, "machines", Unit::count), usd(row, "usd_per_month"), spared(row),
                        usd(row, "net_12_months_usd"), payback_text(row)});
  }
  return out;
}

std::string options_notes(const Json& document) {
  std::string out, zones;
  for (const Json& row : list_at(document, "cost.options")) {
    const std::string trouble = text_at(row, "trouble");
    if (spread(row)) {
      zones += fmt::format("{}{} {}", zones.empty() ? "" : ", ", text_at(row, "kind"), usd(row, "usd_per_month"));
    } else if (!trouble.empty()) {
      out += fmt::format("{}{}: {}", out.empty() ? "cannot be had: " : "; ", text_at(row, "kind"), trouble);
    }
  }
  if (!zones.empty()) out += (out.empty() ? "" : "; ") + ("a month if spread over three zones: " + zones);
  return out;
}

Table rent_table(const Json& document) {
  Table out{{{"rent in", Align::left, 0},
             {"on", Align::left, 8},
             {"$ a GB\nand hour", Align::right, 0},
             {"break-even\nreuse", Align::right, 0},
             {"reuses\ninside", Align::right, 0},
             {"best\nTTL", Align::right, 0},
             {"best\nsize", Align::right, 0},
             {"leaves\n$ / h", Align::right, 0},
             {"all kept:\n$ / h", Align::right, 0},
             {"saves\n$ / h", Align::right, 0}},
            {}};
  for (const Json& row : list_at(document, "rent.tiers")) {
    out.rows.push_back({text_at(row, "tier"), on_text(row), usd(row, "usd_per_gb_hour"), interval_text(row),
                        figure(row, "share_inside", Unit::ratio), figure(row, "ttl_s", Unit::seconds),
                        number_at(row, "best_bytes") ? figure(row, "best_bytes", Unit::bytes) : "none",
                        usd(row, "best_net_usd_per_hour"), usd(row, "fullest_rent_usd_per_hour"),
                        usd(row, "fullest_saved_usd_per_hour")});
  }
  return out;
}

Table where_table(const Json& document) {
  Table out{{{"hits with routing", Align::left, 0}}, {}};
  std::vector<std::string> places;
  for (const Json& row : list_at(document, "where")) {
    const std::string kept = text_at(row, "kept");
    if (std::find(places.begin(), places.end(), kept) != places.end()) continue;
    places.push_back(kept);
    out.columns.push_back({kept, Align::right, 0});
  }
  // Not every place was looked at with every routing, nor are a routing's rows together.
  for (const Json& row : list_at(document, "where")) {
    const std::string routing = text_at(row, "routing"), kept = text_at(row, "kept");
    const auto of_routing = [&routing](const std::vector<std::string>& line) { return line.front() == routing; };
    auto line = std::find_if(out.rows.begin(), out.rows.end(), of_routing);
    if (line == out.rows.end()) {
      out.rows.emplace_back(out.columns.size(), "-").front() = routing;
      line = out.rows.end() - 1;
    }
    const auto place = std::find(places.begin(), places.end(), kept) - places.begin();
    (*line)[static_cast<std::size_t>(place) + 1] = figure(row, "hit_rate", Unit::ratio);
  }
  return out;
}

Table bands_table(const Json& document) {
  Table out{{{"", Align::left, 0},
             {"from\nGPUs", Align::right, 0},
             {"the rule says", Align::left, 0},
             {"kinds", Align::left, 12},
             {"$ a month", Align::left, 0},
             {"days of\nwork", Align::left, 0}},
            {}};
  for (const Json& row : list_at(document, "decision.bands")) {
    const auto high = number_at(row, "usd_high");
    out.rows.push_back({flag_at(row, "applies") ? "*" : "", figure(row, "from_gpus", Unit::count), text_at(row, "band"),
                        figure(row, "says", Unit::texts),
                        usd(row, "usd_low") + (high ? " to " + dollars_text(high) : " on"),
                        fmt::format("{:.3g} to {:.3g}", number_at(row, "days_low").value_or(0),
                                    number_at(row, "days_high").value_or(0))});
  }
  return out;
}

Table budgets_table(const Json& document) {
  Table out{{{"budget\na month", Align::right, 0},
             {"buys", Align::right, 0},
             {"tokens", Align::right, 0},
             {"hits", Align::right, 0},
             {"GPU time saved\na month", Align::right, 0}},
            {}};
  for (const Json& row : list_at(document, "decision.budgets")) {
    out.rows.push_back({usd(row, "usd_per_month"), figure(row, "bytes", Unit::bytes),
                        figure(row, "tokens", Unit::count), figure(row, "token_hit_rate", Unit::ratio),
                        usd(row, "saved_usd_per_month")});
  }
  return out;
}

Table scale_table(const Json& document) {
  Table out{{{"GPUs", Align::right, 0},
             {"traffic", Align::right, 0},
             {"GPUs\nneeded", Align::right, 0},
             {"kind", Align::left, 0},
             {"ma-\nchines", Align::right, 0},
             {"KV", Align::right, 0},
             {"network", Align::right, 0},
             {"binds", Align::left, 0},
             {"$ a\nmonth", Align::right, 0},
             {"net, 12\nmonths", Align::right, 0}},
            {}};
  for (const Json& row : list_at(document, "scale")) {
    const std::string binding = text_at(row, "binding");
    out.rows.push_back({figure(row, "gpus", Unit::count), figure(row, "traffic", Unit::factor), gpus_text(row),
                        text_at(row, "kind"), figure(row, "machines", Unit::count),
                        figure(row, "cache_bytes", Unit::bytes), figure(row, "network_bytes_per_s", Unit::bytes_per_s),
                        binding.empty() ? "-" : binding, usd(row, "usd_per_month"), usd(row, "net_12_months_usd")});
  }
  return out;
}

}  // namespace kv
