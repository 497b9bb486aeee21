#include "prefill/profile_fit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>
#include <set>

#include "base/parse.hpp"
#include "base/random.hpp"
#include "prefill/least_squares.hpp"
#include "prefill/work.hpp"

namespace kv {
namespace {

constexpr unsigned kThree = 0b0111, kFour = 0b1111;  // without and with the term of cached tokens
constexpr std::size_t kFewestLengths = 4;            // three unknowns, and one to see whether they fit
constexpr double kMostSpread = 2;                    // of the middle half of a point's repeats
constexpr double kFall = 2.0 / 3, kLonger = 1.25;
constexpr double kWorthATerm = 0.95;
constexpr std::size_t kBootstraps = 200;

double as_double(Tokens tokens) { return static_cast<double>(tokens.count()); }

/// One point: the median of its measurements.
struct Cell {
  Tokens prompt, cached;
  double ttft_s = 0;
  NonNegativeFit::Row row{};  // each term / ttft_s: the fit of 1 is the one of least relative error
};

/// Nearest rank of sorted values.
double quantile(const std::vector<double>& sorted, double q) {
  const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(sorted.size())));
  return sorted[std::clamp<std::size_t>(rank, 1, sorted.size()) - 1];
}

std::string point_text(Tokens prompt, Tokens cached) {
  return cached == Tokens(0) ? fmt::format("{} tokens", prompt.count())
                             : fmt::format("{} tokens of which {} are cached", prompt.count(), cached.count());
}

std::string time_text(double s) { return format_duration(from_seconds(s)); }

constexpr const char* kOneAtATime = "measure one request at a time, warmed up: with --max-concurrency 1 in vLLM";

Result<std::vector<Cell>> cells_of(const PrefillProfile& profile, const Model& model, const std::string& name) {
  std::map<std::pair<Tokens, Tokens>, std::vector<double>> repeats;  // cached, prompt
  for (const PrefillPoint& point : profile.points) {
    repeats[{point.cached, point.prompt}].push_back(seconds(point.ttft));
  }
  std::vector<Cell> cells;
  for (auto& [at, times] : repeats) {
    std::sort(times.begin(), times.end());
    const double low = quantile(times, 0.25), high = quantile(times, 0.75);
    if (high > kMostSpread * low) {
      return error(Code::bad_input,
                   fmt::format("{}: contradictory: {} took {} and {}, {:.1f} times as long", name,
                               point_text(at.second, at.first), time_text(low), time_text(high), high / low),
                   kOneAtATime);
    }
    Cell cell{at.second, at.first, quantile(times, 0.5), {}};
    const Tokens fresh = cell.prompt - cell.cached;
    cell.row = {1, as_double(fresh), prefill_flops(model, cell.cached, fresh).attention, as_double(cell.cached)};
    for (double& value : cell.row) value /= cell.ttft_s;
    cells.push_back(cell);
  }
  return cells;
}

/// Times that fall with length, all else equal: cells are in order of cached, then prompt.
Result<void> check_order(const std::vector<Cell>& cells, const std::string& name) {
  const Cell* slowest = nullptr;
  for (const Cell& cell : cells) {
    if (slowest == nullptr || slowest->cached != cell.cached) slowest = &cell;
    if (cell.ttft_s < kFall * slowest->ttft_s &&
        as_double(cell.prompt - cell.cached) > kLonger * as_double(slowest->prompt - slowest->cached)) {
      return error(Code::bad_input,
                   fmt::format("{}: contradictory: {} took {}, but {} took {}", name,
                               point_text(slowest->prompt, slowest->cached), time_text(slowest->ttft_s),
                               point_text(cell.prompt, cell.cached), time_text(cell.ttft_s)),
                   kOneAtATime);
    }
    if (cell.ttft_s > slowest->ttft_s) slowest = &cell;
  }
  return {};
}

PrefillTerms terms_of(const NonNegativeFit::Row& x) { return {x[0], x[1], x[2], x[3]}; }

double predicted(const NonNegativeFit::Row& x, const Cell& cell) {
  double relative = 0;
  for (std::size_t i = 0; i < x.size(); ++i) relative += x[i] * cell.row[i];
  return relative;  // of the time measured
}

/// Each point predicted by all others.
void leave_one_out(const std::vector<Cell>& cells, const NonNegativeFit& all, unsigned allowed, PrefillFit& out) {
  std::vector<double> ratios;
  for (const Cell& cell : cells) {
    NonNegativeFit others = all;
    others.add(cell.row, -1);
    const auto fitted = others.solve(allowed);
    const double relative = fitted ? predicted(fitted->x, cell) : 0;
    if (relative > 0) ratios.push_back(1 / relative);
  }
  if (ratios.empty()) return;
  std::sort(ratios.begin(), ratios.end());
  out.margin_low = std::min(1.0, quantile(ratios, 0.05));
  out.margin_high = std::max(1.0, quantile(ratios, 0.95));
}

void bootstrap(const std::vector<Cell>& cells, unsigned allowed, PrefillFit& out) {
  Random random(1);
  std::array<std::vector<double>, NonNegativeFit::kTerms> drawn;
  for (std::size_t b = 0; b < kBootstraps; ++b) {
    NonNegativeFit fit;
    for (std::size_t i = 0; i < cells.size(); ++i) fit.add(cells[random.below(cells.size())].row);
    const auto fitted = fit.solve(allowed);
    if (!fitted) continue;
    for (std::size_t t = 0; t < drawn.size(); ++t) drawn[t].push_back(fitted->x[t]);
  }
  NonNegativeFit::Row low{}, high{};
  for (std::size_t t = 0; t < drawn.size(); ++t) {
    if (drawn[t].empty()) continue;
    std::sort(drawn[t].begin(), drawn[t].end());
    low[t] = quantile(drawn[t], 0.025);
    high[t] = quantile(drawn[t], 0.975);
  }
  out.low = terms_of(low);
  out.high = terms_of(high);
}

void describe(const std::vector<Cell>& cells, const NonNegativeFit::Row& x, PrefillFit& out) {
  std::vector<double> residuals;
  out.shortest_fresh = cells.front().prompt - cells.front().cached;
  for (const Cell& cell : cells) {
    const Tokens fresh = cell.prompt - cell.cached;
    residuals.push_back(std::abs(predicted(x, cell) - 1));
    out.shortest_fresh = std::min(out.shortest_fresh, fresh);
    out.longest_fresh = std::max(out.longest_fresh, fresh);
    out.longest_prompt = std::max(out.longest_prompt, cell.prompt);
    out.most_cached = std::max(out.most_cached, cell.cached);
  }
  std::sort(residuals.begin(), residuals.end());
  out.median_residual = quantile(residuals, 0.5);
  out.p95_residual = quantile(residuals, 0.95);
}

std::string letters_and_digits(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0) out += static_cast<char>(std::tolower(byte));
  }
  return out;
}

/// A short name, as "tiny", stands in too many others to mean anything there.
bool is_within(const std::string& whole, const std::string& part) {
  constexpr std::size_t kTelling = 6;
  return part.size() >= kTelling && whole.find(part) != std::string::npos;
}

}  // namespace

double PrefillTerms::seconds(const Model& model, Tokens cached, Tokens fresh) const {
  return fixed_s + per_fresh_token_s * as_double(fresh) +
         per_attention_flop_s * prefill_flops(model, cached, fresh).attention + per_cached_token_s * as_double(cached);
}

Result<PrefillFit> fit_profile(const PrefillProfile& profile, const Model& model, const std::string& name) {
  PrefillFit out;
  std::set<Tokens> lengths;
  for (const PrefillPoint& point : profile.points) lengths.insert(point.prompt - point.cached);
  if (lengths.size() < kFewestLengths) {
    return error(Code::bad_input,
                 fmt::format("{}: too few points: {} lengths that were computed, {} at least are needed", name,
                             lengths.size(), kFewestLengths),
                 "measure prompts of 256, 1024, 4096 and 16384 tokens, or of what your workload has");
  }
  const auto cells = cells_of(profile, model, name);
  if (!cells) return error(cells);
  if (auto ok = check_order(*cells, name); !ok) return error(ok);
  NonNegativeFit all;
  for (const Cell& cell : *cells) all.add(cell.row);
  auto fitted = all.solve(kThree);
  if (!fitted) return error(Code::bad_input, fmt::format("{}: no times can be fitted to these points", name));
  unsigned allowed = kThree;
  const auto with_cached = all.solve(kFour);
  const bool exact = fitted->squares < 1e-9 * static_cast<double>(cells->size());
  if (!exact && with_cached && with_cached->x[3] > 0 && with_cached->squares < kWorthATerm * fitted->squares) {
    fitted = with_cached;
    allowed = kFour;
  }
  out.terms = terms_of(fitted->x);
  out.measurements = profile.points.size();
  out.points = cells->size();
  out.lengths = lengths.size();
  describe(*cells, fitted->x, out);
  leave_one_out(*cells, all, allowed, out);
  bootstrap(*cells, allowed, out);
  return out;
}

bool same_model(const std::string& profile_model, const std::string& model) {
  const std::string a = letters_and_digits(profile_model), b = letters_and_digits(model);
  return a.empty() || a == b || is_within(a, b) || is_within(b, a);
}

}  // namespace kv
