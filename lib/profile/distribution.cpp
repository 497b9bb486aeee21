#include "profile/distribution.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "base/portable_math.hpp"
#include "profile/draws.hpp"

namespace kv {
namespace {

constexpr double kMost = 1e12;
constexpr std::size_t kMostPoints = 1000;

using Key = TomlKey<Distribution>;

Key min_key() { return number_key("min", &Distribution::min, "the key's own", "what less is set to", 0, kMost); }
Key max_key() { return number_key("max", &Distribution::max, "the key's own", "what more is set to", 0, kMost); }
Key mean_key(std::string preset) {
  return number_key("mean", &Distribution::mean, std::move(preset), "before min and max", 1e-9, kMost);
}

Result<void> read_points(const TomlValue& value, Distribution& out) {
  const auto array = read_as_array(value, kMostPoints);
  if (!array) return error(array);
  for (const TomlValue& item : **array) {
    const auto pair = read_as_array(item, 2);
    if (!pair) return error(pair);
    if ((*pair)->size() != 2) return item.wrong("a point is [share, value]");
    const auto share = read_number((**pair)[0], 0, 1);
    if (!share) return error(share);
    const auto at = read_number((**pair)[1], 0, kMost);
    if (!at) return error(at);
    if (!out.points.empty() && (*share <= out.points.back().share || *at < out.points.back().value)) {
      return item.wrong("shares must rise from point to point, and values must not fall");
    }
    out.points.push_back({*share, *at});
  }
  if (out.points.size() < 2 || out.points.front().share != 0 || out.points.back().share != 1) {
    return value.wrong("the first point is of share 0 (the minimum), the last of share 1 (the maximum)",
                       "points = [[0, 10], [0.5, 120], [0.9, 800], [1, 4000]]");
  }
  return {};
}

Result<void> finish_lognormal(const TomlValue& value, Distribution& out) {
  if ((out.median > 0) == (out.mean > 0)) return value.wrong("needs either median or mean");
  if (out.mean > 0) out.median = out.mean / portable_exp(out.sigma * out.sigma / 2);
  return {};
}

Result<void> finish_geometric(const TomlValue& value, Distribution& out) {
  if (out.mean < 1) return value.wrong("the mean of a geometric distribution is at least 1");
  return {};
}

double draw_constant(const Distribution& d, Random&) { return d.value; }
double draw_uniform(const Distribution& d, Random& random) { return d.min + (d.max - d.min) * random.uniform(); }
double draw_lognormal(const Distribution& d, Random& random) {
  return d.median * portable_exp(d.sigma * draw_normal(random));
}
double draw_exponential_of(const Distribution& d, Random& random) { return d.mean * draw_exponential(random); }

/// The number of trials up to the first success of probability 1 / mean, by inversion.
double draw_geometric(const Distribution& d, Random& random) {
  const double u = draw_exponential(random);
  return d.mean <= 1 ? 1 : 1 + std::floor(u / -portable_log(1 - 1 / d.mean));
}

double draw_quantiles(const Distribution& d, Random& random) {
  const double u = random.uniform();
  const auto above = std::upper_bound(d.points.begin() + 1, d.points.end() - 1, u,
                                      [](double share, const Distribution::Point& p) { return share < p.share; });
  const Distribution::Point &a = *(above - 1), &b = *above;
  return a.value + (b.value - a.value) * ((u - a.share) / (b.share - a.share));
}

std::vector<DistributionRow> make_rows() {
  std::vector<DistributionRow> rows;
  rows.push_back({"constant",
                  "always the same; a bare number says it too",
                  {type_key<Distribution>("which distribution"),
                   number_key("value", &Distribution::value, kRequired, "it", 0, kMost)},
                  nullptr,
                  draw_constant});
  rows.push_back({"uniform",
                  "evenly from min to max",
                  {type_key<Distribution>("which distribution"), min_key(), max_key()},
                  nullptr,
                  draw_uniform});
  rows.push_back({"lognormal",
                  "its logarithm is normal: prompts and answers are much like it",
                  {type_key<Distribution>("which distribution"),
                   number_key("median", &Distribution::median, "from mean", "half are below", 1e-9, kMost),
                   mean_key("from median"),
                   number_key("sigma", &Distribution::sigma, kRequired, "deviation of the natural logarithm", 0, 5),
                   min_key(), max_key()},
                  finish_lognormal,
                  draw_lognormal});
  rows.push_back({"exponential",
                  "waiting times without memory",
                  {type_key<Distribution>("which distribution"), mean_key(kRequired), min_key(), max_key()},
                  nullptr,
                  draw_exponential_of});
  rows.push_back({"geometric",
                  "how often something happens that may end each time with the same probability; at least 1",
                  {type_key<Distribution>("which distribution"), mean_key(kRequired), min_key(), max_key()},
                  finish_geometric,
                  draw_geometric});
  rows.push_back({"quantiles",
                  "empirical: straight between points [share, value], from share 0 to share 1",
                  {type_key<Distribution>("which distribution"),
                   Key{"points", kRequired, "[[0, 10], [0.5, 120], [1, 4000]]", read_points}, min_key(), max_key()},
                  nullptr,
                  draw_quantiles});
  return rows;
}

}  // namespace

std::span<const DistributionRow> distributions() {
  static const std::vector<DistributionRow> rows = make_rows();
  return rows;
}

Distribution Distribution::constant(double value) {
  Distribution out;
  out.row = distributions().data();
  out.value = out.min = out.max = value;
  return out;
}

double Distribution::draw(Random& random) const { return std::clamp(row->draw(*this, random), min, max); }

Result<Distribution> read_distribution(const TomlValue& value, Range range) {
  if (!std::holds_alternative<TomlValue::Table>(value.data)) {
    const auto number = read_number(value, range.lowest, range.highest);
    if (!number) return error(Code::bad_input, number.error().message, "or a table: { type = \"lognormal\", ... }");
    return Distribution::constant(*number);
  }
  const TomlValue* type = value.find("type");
  if (type == nullptr)
    return value.wrong("the key type is missing", "{ type = \"lognormal\", median = 200, sigma = 1 }");
  const auto name = read_text(*type);
  if (!name) return error(name);
  const auto row = find_row(*type, distributions(), *name);
  if (!row) return error(row);

  Distribution out;
  out.row = *row;
  out.min = range.lowest;
  out.max = range.highest;
  if (const auto read = read_table<Distribution>(value, (*row)->keys, out); !read) return error(read);
  if ((*row)->finish != nullptr) {
    if (const auto finished = (*row)->finish(value, out); !finished) return error(finished);
  }
  if (out.min < range.lowest || out.max > range.highest || out.min > out.max) {
    return value.wrong(fmt::format("min {} and max {} must be in order and from {} to {}", out.min, out.max,
                                   range.lowest, range.highest));
  }
  return out;
}

}  // namespace kv
