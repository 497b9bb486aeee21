#include <fmt/format.h>

#include <cmath>
#include <set>

#include "report/curve_document.hpp"
#include "report/document.hpp"
#include "report/json_text.hpp"

namespace kv {
namespace {

constexpr const char* kHowToMake = "make one with: kvplan curve WORKLOAD --rate 1% --slice 1/4 --format json -o FILE";
/// What has to be equal for two samples to be of one workload and one family.
constexpr const char* kSame[] = {
    "workload.requests", "workload.block_refs",           "workload.input_tokens",          "workload.block_size",
    "config.seed",       "config.resolved.sample.slices", "config.resolved.bytes_per_block"};

std::string shown(const Json* value) { return value == nullptr ? "missing" : value->dump(); }

Result<void> check_points(const Json& document, const std::string& name) {
  const Json& points = list_at(document, "points");
  for (std::size_t i = 0; i < points.size(); ++i) {
    for (const char* key :
         {"capacity_blocks", "block_hit_rate", "token_hit_rate", "block_hit_rate_error", "token_hit_rate_error"}) {
      const auto value = number_at(points[i], key);
      if (!value || !(*value >= 0) || *value > 1e18) {
        return error(Code::bad_input, fmt::format("{}: .points[{}].{} is not an estimate", name, i, key), kHowToMake);
      }
    }
  }
  return {};
}

Result<void> check_pair(const Json& first, const Json& other, const std::string& first_name, const std::string& name) {
  for (const char* path : kSame) {
    const Json *a = find(first, path), *b = find(other, path);
    if (shown(a) == shown(b)) continue;
    return error(
        Code::bad_input,
        fmt::format("{} and {} do not belong together: {} is {} and {}", first_name, name, path, shown(a), shown(b)),
        "only samples of one workload, made with one seed, can be merged");
  }
  const Json &a = list_at(first, "points"), &b = list_at(other, "points");
  bool same = a.size() == b.size();
  for (std::size_t i = 0; same && i < a.size(); ++i) {
    same = number_at(a[i], "capacity_blocks") == number_at(b[i], "capacity_blocks");
  }
  if (same) return {};
  return error(Code::bad_input, fmt::format("{} and {} hold points of different capacities", first_name, name),
               "make each with the same --capacity, as counts of blocks");
}

/// Samples with more blocks count for more: their variance is lower in proportion.
std::vector<double> weights_of(const std::vector<Json>& documents) {
  std::vector<double> weights;
  double sum = 0;
  for (const Json& document : documents) {
    weights.push_back(number_at(document, "config.resolved.sample.blocks").value_or(1));
    sum += weights.back();
  }
  for (double& weight : weights) weight /= sum;
  return weights;
}

double mean(const std::vector<Json>& documents, const std::vector<double>& weights, std::size_t point,
            const char* key) {
  double sum = 0;
  for (std::size_t d = 0; d < documents.size(); ++d) {
    sum += weights[d] * number_at(list_at(documents[d], "points")[point], key).value_or(0);
  }
  return sum;
}

double error_of_mean(const std::vector<Json>& documents, const std::vector<double>& weights, std::size_t point,
                     const char* key) {
  double squares = 0;
  for (std::size_t d = 0; d < documents.size(); ++d) {
    const double part = weights[d] * number_at(list_at(documents[d], "points")[point], key).value_or(0);
    squares += part * part;
  }
  return std::sqrt(squares);
}

void merge_points(const std::vector<Json>& documents, Json& merged) {
  const std::vector<double> weights = weights_of(documents);
  const double refs = number_at(merged, "workload.block_refs").value_or(0);
  const double tokens = number_at(merged, "workload.input_tokens").value_or(0);
  Json& points = merged["points"];
  for (std::size_t i = 0; i < points.size(); ++i) {
    const double blocks = mean(documents, weights, i, "block_hit_rate"),
                 hits = mean(documents, weights, i, "token_hit_rate");
    points[i]["block_hit_rate"] = finite(blocks);
    points[i]["token_hit_rate"] = finite(hits);
    points[i]["block_hits"] = static_cast<std::uint64_t>(std::llround(blocks * refs));
    points[i]["token_hits"] = static_cast<std::uint64_t>(std::llround(hits * tokens));
    points[i]["token_hits_per_gb"] = nullptr;
    for (const char* key : {"block_hit_rate_error", "token_hit_rate_error"}) {
      points[i][key] = finite(error_of_mean(documents, weights, i, key));
    }
  }
}

}  // namespace

Result<Json> read_curve_text(std::string_view text, const std::string& name) {
  auto document = read_json_text(text, name, kHowToMake);
  if (!document) return document;
  if (text_at(*document, "schema") != kCurveSchema) {
    return error(Code::bad_input, fmt::format("{}: is no curve of schema {}", name, kCurveSchema), kHowToMake);
  }
  for (const char* object : {"workload", "config", "tool"}) {
    const Json* value = find(*document, object);
    if (value == nullptr || !value->is_object()) {
      return error(Code::bad_input, fmt::format("{}: .{} must be an object", name, object), kHowToMake);
    }
  }
  if (const auto checked = check_points(*document, name); !checked) return error(checked);
  return document;
}

Result<Json> read_curve(const std::string& path) {
  const auto text = read_text_file(path);
  return text ? read_curve_text(*text, path) : error(text);
}

Result<Json> merge_curves(const std::vector<Json>& documents, const std::vector<std::string>& names) {
  std::set<double> slices;
  double blocks = 0, refs = 0, rate = 0, unique = 0;
  for (std::size_t i = 0; i < documents.size(); ++i) {
    const Json& document = documents[i];
    if (const auto checked = check_pair(documents.front(), document, names.front(), names[i]); !checked) {
      return error(checked);
    }
    const auto slice = number_at(document, "config.resolved.sample.slice");
    if (!slice || !slices.insert(*slice).second) {
      return error(Code::bad_input, fmt::format("{}: its slice of the blocks is there already, or not told", names[i]),
                   "give each machine a --slice of its own, as 1/4 to 4/4");
    }
    const double held = number_at(document, "config.resolved.sample.blocks").value_or(0);
    blocks += held;
    refs += number_at(document, "config.resolved.sample.refs").value_or(0);
    rate += number_at(document, "config.resolved.sample.rate").value_or(0);
    unique += held * number_at(document, "workload.unique_blocks").value_or(0);
  }
  Json merged = documents.front();
  merge_points(documents, merged);
  if (blocks > 0) merged["workload"]["unique_blocks"] = static_cast<std::uint64_t>(std::llround(unique / blocks));
  merged["config"]["resolved"]["sample"].update(
      {{"blocks", blocks}, {"refs", refs}, {"rate", rate}, {"slice", nullptr}, {"merged", documents.size()}});
  merged["outline"] = merged["knees"] = merged["targets"] = merged["ttl_points"] = merged["capacity_ttl_points"] =
      Json::array();
  merged["warnings"] = {fmt::format("merged from {} samples, {:.3g} of all blocks together", documents.size(), rate)};
  return merged;
}

}  // namespace kv
