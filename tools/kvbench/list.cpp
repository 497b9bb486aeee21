#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "backend/registry.hpp"
#include "base/parse.hpp"
#include "codec/codec.hpp"
#include "commands.hpp"
#include "common.hpp"
#include "model/model.hpp"
#include "prefill/prefill.hpp"
#include "report/document.hpp"
#include "report/text.hpp"

namespace kvbench {
namespace {

using kv::Json;

/// What can be listed, as a list of objects: the JSON output as it stands, and the table by its columns.
struct Listing {
  std::string name, summary;
  std::vector<std::string> columns;  ///< keys that the table shows
  Json (*items)();
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

Json list_backends() {
  Json items = Json::array();
  for (const kv::BackendRow& row : kv::backends()) {
    items.push_back({{"name", row.scheme + ":"},
                     {"summary", row.summary},
                     {"example", row.example},
                     {"options", options_of(row.options)}});
  }
  return items;
}

Json list_codecs() {
  Json items = Json::array();
  for (const kv::CodecRow& row : kv::codecs()) {
    items.push_back({{"name", row.name}, {"summary", row.summary}, {"options", options_of(row.options)}});
  }
  return items;
}

std::string attention_of(const kv::Model& model) {
  if (model.mla) return fmt::format("MLA {}+{}", model.mla->kv_lora_rank, model.mla->rope_dim);
  std::string text = fmt::format("{} x {}", model.kv_heads, model.head_dim);
  if (model.sliding_layers > 0) text += fmt::format(", {} layers of window {}", model.sliding_layers, model.window);
  if (model.linear_layers > 0) text += fmt::format(", {} linear layers", model.linear_layers);
  return text;
}

Json list_models() {
  Json items = Json::array();
  for (const kv::Model& model : kv::models()) {
    items.push_back({{"name", model.name},
                     {"params", fmt::format("{:.3g}B", model.params / 1e9)},
                     {"layers", model.layers},
                     {"kv", attention_of(model)},
                     {"source", model.source}});
  }
  return items;
}

Json list_gpus() {
  Json items = Json::array();
  for (const kv::Gpu& gpu : kv::gpus()) {
    items.push_back({{"name", gpu.name},
                     {"bf16", fmt::format("{:.4g} TFLOP/s", gpu.bf16_flops / 1e12)},
                     {"memory", kv::format_bytes(gpu.memory)},
                     {"hbm", kv::figure_text(gpu.hbm_bytes_per_s, kv::Unit::bytes_per_s)},
                     {"pcie", kv::figure_text(gpu.pcie_bytes_per_s, kv::Unit::bytes_per_s)},
                     {"nvlink", kv::figure_text(gpu.nvlink_bytes_per_s, kv::Unit::bytes_per_s)},
                     {"utilisation", fmt::format("{:.0f}%{}", 100 * gpu.prefill_utilisation,
                                                 gpu.utilisation_measured ? "" : " (assumed)")},
                     {"source", gpu.source}});
  }
  return items;
}

Json list_prefills() {
  Json items = Json::array();
  for (const kv::PrefillRow& row : kv::prefills()) items.push_back({{"name", row.name}, {"summary", row.summary}});
  return items;
}

Json list_fields() {
  Json items = Json::array();
  for (const kv::Field& field : kv::fields()) items.push_back({{"name", field.path}, {"summary", field.meaning}});
  return items;
}

const std::vector<Listing>& listings() {
  static const std::vector<Listing> kListings = {
      {"backends", "where values can live: --backend SPEC", {"name", "summary", "example"}, list_backends},
      {"codecs", "payload to stored value: --codec SPEC", {"name", "summary"}, list_codecs},
      {"models", "catalogue of models: --model NAME", {"name", "params", "layers", "kv", "source"}, list_models},
      {"gpus",
       "catalogue of GPUs: --gpu NAME",
       {"name", "bf16", "memory", "hbm", "pcie", "nvlink", "utilisation"},
       list_gpus},
      {"prefills", "what recomputation costs: --prefill NAME", {"name", "summary"}, list_prefills},
      {"fields", "the figures of a report's rows", {"name", "summary"}, list_fields},
  };
  return kListings;
}

std::string cell(const Json& item, const std::string& key) {
  const Json& value = item.at(key);
  return value.is_string() ? value.get<std::string>() : value.dump();
}

/// Below an item: its options, one a line.
std::string option_lines(const Json& item) {
  kv::Table table;
  table.columns = {{"", kv::Align::left}, {"", kv::Align::left}, {"", kv::Align::left}, {"", kv::Align::left}};
  for (const Json& option : kv::list_at(item, "options")) {
    const std::string preset = option.at("default").is_null() ? "" : "default " + cell(option, "default");
    table.rows.push_back({"    " + cell(option, "key"), cell(option, "kind"), preset, cell(option, "summary")});
  }
  std::string out;
  for (const std::string& row : kv::lay_out(table, 1000).rows) out += row + "\n";
  return out;
}

std::string table_text(const Listing& listing, const Json& items, std::size_t width) {
  kv::Table table;
  for (const std::string& column : listing.columns) {
    table.columns.push_back({column, kv::Align::left, column == listing.columns.back() ? std::size_t{20} : 0});
  }
  for (const Json& item : items) {
    std::vector<std::string> row;
    for (const std::string& column : listing.columns) row.push_back(cell(item, column));
    table.rows.push_back(std::move(row));
  }
  const kv::TableLines lines = kv::lay_out(table, width);
  std::string out = lines.headings.front() + "\n";
  for (std::size_t i = 0; i < lines.rows.size(); ++i) out += lines.rows[i] + "\n" + option_lines(items[i]);
  return out;
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
  const Json items = (*listing)->items();
  const std::string text = output.format == "json" ? items.dump(2) + "\n" : table_text(**listing, items, style.width);
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

}  // namespace kvbench
