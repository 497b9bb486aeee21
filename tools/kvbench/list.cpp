#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backend/registry.hpp"
#include "base/parse.hpp"
#include "codec/codec.hpp"
#include "commands.hpp"
#include "common/output.hpp"
#include "import/registry.hpp"
#include "model/model.hpp"
#include "policy/policy.hpp"
#include "prefill/prefill.hpp"
#include "report/document.hpp"
#include "report/text.hpp"

namespace kvtool {
namespace {

using kv::Json;

/// One thing that can be named: all of it for JSON, and what the table's columns show of it.
struct Item {
  Json json;
  std::vector<std::string> cells;
};
struct Listing {
  std::string name, summary;
  std::vector<std::string> columns;
  std::vector<Item> (*items)();
};

Json options_of(std::span<const kv::OptionRow> rows) {
  Json options = Json::array();
  for (const kv::OptionRow& row : rows) {
    options.push_back({{"key", row.key},
                       {"kind", kv::option_kind_name(row.kind)},
                       {"default", row.preset.empty() ? Json(nullptr) : Json(row.preset)},
                       {"summary", row.summary}});
  }
  return options;
}

std::vector<Item> list_backends() {
  std::vector<Item> items;
  for (const kv::BackendRow& row : kv::backends()) {
    const Json json = {
        {"name", row.scheme}, {"summary", row.summary}, {"example", row.example}, {"options", options_of(row.options)}};
    items.push_back({json, {row.scheme + ":", row.summary, row.example}});
  }
  return items;
}

std::vector<Item> list_codecs() {
  std::vector<Item> items;
  for (const kv::CodecRow& row : kv::codecs()) {
    const Json json = {{"name", row.name}, {"summary", row.summary}, {"options", options_of(row.options)}};
    items.push_back({json, {row.name, row.summary}});
  }
  for (const std::string& text : kv::codec_compositions()) {
    const std::string summary = "a composition worth knowing";
    items.push_back({{{"name", text}, {"summary", summary}, {"options", Json::array()}}, {text, summary}});
  }
  return items;
}

/// "8.03B", "1.04T", "15.2M".
std::string params_text(double params) {
  for (const auto& [unit, size] : {std::pair{'T', 1e12}, {'B', 1e9}}) {
    if (params >= 0.9995 * size) return fmt::format("{:.3g}{}", params / size, unit);
  }
  return fmt::format("{:.3g}M", params / 1e6);
}

std::string attention_text(const kv::Model& model) {
  if (model.mla) return fmt::format("MLA {}+{}", model.mla->kv_lora_rank, model.mla->rope_dim);
  std::string text = fmt::format("{} x {}", model.kv_heads, model.head_dim);
  if (model.sliding_layers > 0) text += fmt::format(", {} layers of window {}", model.sliding_layers, model.window);
  if (model.linear_layers > 0) text += fmt::format(", {} linear layers", model.linear_layers);
  return text;
}

std::vector<Item> list_models() {
  std::vector<Item> items;
  for (const kv::Model& m : kv::models()) {
    Json json = {{"name", m.name},         {"params", m.params},     {"active_params", m.active_params},
                 {"layers", m.layers},     {"hidden", m.hidden},     {"heads", m.heads},
                 {"kv_heads", m.kv_heads}, {"head_dim", m.head_dim}, {"sliding_layers", m.sliding_layers},
                 {"window", m.window},     {"mla", nullptr},         {"linear_layers", m.linear_layers},
                 {"source", m.source}};
    if (m.mla) json["mla"] = {{"kv_lora_rank", m.mla->kv_lora_rank}, {"rope_dim", m.mla->rope_dim}};
    items.push_back({json, {m.name, params_text(m.params), std::to_string(m.layers), attention_text(m), m.source}});
  }
  return items;
}

std::vector<Item> list_gpus() {
  std::vector<Item> items;
  const auto known = [](std::optional<double> value) { return value ? Json(*value) : Json(nullptr); };
  for (const kv::Gpu& g : kv::gpus()) {
    const auto rate = [](std::optional<double> value) { return kv::figure_text(value, kv::Unit::bytes_per_s); };
    const Json json = {{"name", g.name},
                       {"bf16_flops", g.bf16_flops},
                       {"fp8_flops", known(g.fp8_flops)},
                       {"int8_flops", known(g.int8_flops)},
                       {"fp4_flops", known(g.fp4_flops)},
                       {"memory_bytes", g.memory.count()},
                       {"hbm_bytes_per_s", g.hbm_bytes_per_s},
                       {"pcie_bytes_per_s", g.pcie_bytes_per_s},
                       {"nvlink_bytes_per_s", known(g.nvlink_bytes_per_s)},
                       {"prefill_utilisation", g.prefill_utilisation},
                       {"utilisation_low", g.utilisation_low},
                       {"utilisation_high", g.utilisation_high},
                       {"utilisation_measured", g.utilisation_measured},
                       {"source", g.source}};
    items.push_back({json,
                     {g.name, fmt::format("{:.4g} TFLOP/s", g.bf16_flops / 1e12), kv::format_bytes(g.memory),
                      rate(g.hbm_bytes_per_s), rate(g.pcie_bytes_per_s), rate(g.nvlink_bytes_per_s),
                      fmt::format("{:.0f}% ({:.0f}-{:.0f}%){}", 100 * g.prefill_utilisation, 100 * g.utilisation_low,
                                  100 * g.utilisation_high, g.utilisation_measured ? "" : ", assumed")}});
  }
  return items;
}

std::vector<Item> list_prefills() {
  std::vector<Item> items;
  for (const kv::PrefillRow& row : kv::prefills()) {
    const std::string shown = row.argument.empty() ? row.name : row.name + ":" + row.argument;
    items.push_back({{{"name", row.name}, {"argument", row.argument}, {"summary", row.summary}}, {shown, row.summary}});
  }
  return items;
}

std::vector<Item> list_policies() {
  std::vector<Item> items;
  for (const kv::PolicyRow& row : kv::policies()) {
    const Json json = {{"name", row.name}, {"summary", row.summary}, {"source", row.source}, {"online", row.online()}};
    items.push_back({json, {row.name, row.summary, row.source}});
  }
  return items;
}

std::vector<Item> list_formats() {
  std::vector<Item> items;
  for (const kv::ImportFormat& row : kv::import_formats()) {
    const Json json = {
        {"name", row.name}, {"summary", row.summary}, {"keeps", row.keeps}, {"options", options_of(row.options)}};
    items.push_back({json, {row.name, row.summary}});
  }
  return items;
}

std::vector<Item> list_fields() {
  std::vector<Item> items;
  for (const kv::Field& field : kv::fields()) {
    items.push_back({{{"name", field.path}, {"summary", field.meaning}}, {field.path, field.meaning}});
  }
  return items;
}

const std::vector<Listing>& listings() {
  static const std::vector<Listing> kListings = {
      {"backends", "where values can live: --backend SPEC", {"name", "summary", "example"}, list_backends},
      {"codecs", "payload to stored value: --codec SPEC", {"name", "summary"}, list_codecs},
      {"policies",
       "which block leaves first: local:?policy=NAME, kvplan curve --policy NAME",
       {"name", "summary", "source"},
       list_policies},
      {"models", "catalogue of models: --model NAME", {"name", "params", "layers", "kv", "source"}, list_models},
      {"gpus",
       "catalogue of GPUs: --gpu NAME",
       {"name", "bf16", "memory", "hbm", "pcie", "nvlink", "utilisation"},
       list_gpus},
      {"prefills", "what recomputation costs: --prefill SPEC", {"name", "summary"}, list_prefills},
      {"formats", "what kvtrace import reads: --from NAME", {"name", "summary"}, list_formats},
      {"fields", "the figures of a report's rows", {"name", "summary"}, list_fields},
  };
  return kListings;
}

/// Below an item: its options, one a line.
std::string option_lines(const Json& item) {
  kv::Table table;
  table.columns = {{"", kv::Align::left}, {"", kv::Align::left}, {"", kv::Align::left}, {"", kv::Align::left}};
  for (const Json& option : kv::list_at(item, "options")) {
    const std::string preset = kv::text_at(option, "default");
    table.rows.push_back({"    " + kv::text_at(option, "key"), kv::text_at(option, "kind"),
                          preset.empty() ? preset : "default " + preset, kv::text_at(option, "summary")});
  }
  std::string out;
  for (const std::string& row : kv::lay_out(table, 1000).rows) out += row + "\n";
  return out;
}

std::string table_text(const Listing& listing, const std::vector<Item>& items, std::size_t width) {
  kv::Table table;
  for (const std::string& column : listing.columns) {
    table.columns.push_back({column, kv::Align::left, column == listing.columns.back() ? std::size_t{20} : 0});
  }
  for (const Item& item : items) table.rows.push_back(item.cells);
  const kv::TableLines lines = kv::lay_out(table, width);
  std::string out = lines.headings.front() + "\n";
  for (std::size_t i = 0; i < items.size(); ++i) out += lines.rows[i] + "\n" + option_lines(items[i].json);
  return out;
}

std::string json_text(const std::vector<Item>& items) {
  Json list = Json::array();
  for (const Item& item : items) list.push_back(item.json);
  return list.dump(2) + "\n";
}

kv::Result<const Listing*> find_listing(const std::string& name) {
  std::vector<std::string> names;
  for (const Listing& listing : listings()) {
    if (listing.name == name) return &listing;
    names.push_back(listing.name);
  }
  const auto close = kv::nearest(name, names);
  return kv::error(kv::Code::bad_input, fmt::format("cannot list '{}'", kv::printable(name)),
                   close ? fmt::format("did you mean {}?", *close) : fmt::format("one of {}", fmt::join(names, ", ")));
}

int list(const std::string& name, const Output& output) {
  const auto listing = find_listing(name);
  if (!listing) return fail(listing.error());
  if (output.format != "table" && output.format != "json") {
    return fail({kv::Code::bad_input, fmt::format("list knows no format '{}'", kv::printable(output.format)),
                 "one of table, json"});
  }
  const kv::Style style = output.path.empty() ? terminal_style() : kv::Style{};
  const std::vector<Item> items = (*listing)->items();
  const std::string text = output.format == "json" ? json_text(items) : table_text(**listing, items, style.width);
  const auto written = write_output(text, output.path);
  return written ? 0 : fail(written.error());
}

}  // namespace

void add_list(CLI::App& app, int& exit_code) {
  struct Options {
    std::string name;
    Output output;
  };
  CLI::App* command = app.add_subcommand("list", "What can be named on a command line, with options and defaults");
  const auto options = std::make_shared<Options>();
  std::string help = "One of:";
  for (const Listing& listing : listings()) help += fmt::format("\n  {} - {}", listing.name, listing.summary);
  command->add_option("WHAT", options->name, help)->required();
  add_output_options(*command, options->output, "table, json");
  command->footer("Example:\n  kvbench list backends");
  command->callback([options, &exit_code] { exit_code = list(options->name, options->output); });
}

}  // namespace kvtool
