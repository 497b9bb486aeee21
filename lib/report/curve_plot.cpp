#include "report/curve_plot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "report/document.hpp"
#include "report/text.hpp"

namespace kv {
namespace {

constexpr std::size_t kRows = 12, kLabel = 7;
constexpr const char* kMarks[] = {"*", "o", "+", "x", "#", "@", "%", "&", "="};

struct Mark {
  double capacity, rate;
  std::string policy;
};

std::vector<Mark> marks_of(const Json& document, const char* list) {
  std::vector<Mark> marks;
  for (const Json& point : list_at(document, list)) {
    const auto capacity = number_at(point, "capacity_blocks"), rate = number_at(point, "token_hit_rate");
    if (capacity && rate && *capacity >= 1) marks.push_back({*capacity, *rate, text_at(point, "policy")});
  }
  return marks;
}

/// Rates up to here are shown: a round figure above the highest.
double top_of(double highest) {
  for (const double top : {0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8}) {
    if (highest <= top) return top;
  }
  return 1;
}

std::string legend(const std::vector<std::string>& policies) {
  if (policies.size() < 2) return {};
  std::string text(kLabel, ' ');
  for (std::size_t i = 0; i < policies.size(); ++i) {
    text += fmt::format("  {} {}", kMarks[i % std::size(kMarks)], printable(policies[i]));
  }
  return text + "\n";
}

}  // namespace

std::string curve_plot(const Json& document, std::size_t width) {
  const std::vector<Mark> marks = marks_of(document, "points");
  const auto by_capacity = [](const Mark& a, const Mark& b) { return a.capacity < b.capacity; };
  const auto [first, last] = std::minmax_element(marks.begin(), marks.end(), by_capacity);
  if (marks.size() < 3 || !(first->capacity < last->capacity)) return {};
  const double ideal = number_at(document, "ideal.token_hit_rate").value_or(0);
  double highest = ideal;
  for (const Mark& mark : marks) highest = std::max(highest, mark.rate);
  const double top = top_of(highest);
  const std::size_t columns = std::clamp<std::size_t>(width, 40, 100) - kLabel - 2;
  const auto row_of = [&](double rate) {
    return kRows - 1 - static_cast<std::size_t>(std::lround(std::clamp(rate / top, 0.0, 1.0) * (kRows - 1)));
  };
  std::vector<std::string> rows(kRows, std::string(columns, ' '));
  if (ideal > 0) rows[row_of(ideal)].assign(columns, '-');
  std::vector<std::string> policies;
  const double smallest = first->capacity, span = std::log(last->capacity / smallest);
  const auto column_of = [&](const Mark& mark) {
    const double x = std::clamp(std::log(mark.capacity / smallest) / span, 0.0, 1.0);
    return static_cast<std::size_t>(std::lround(x * static_cast<double>(columns - 1)));
  };
  for (const Mark& mark : marks_of(document, "outline")) rows[row_of(mark.rate)][column_of(mark)] = '.';
  for (const Mark& mark : marks) {
    auto at = std::find(policies.begin(), policies.end(), mark.policy);
    if (at == policies.end()) at = policies.insert(policies.end(), mark.policy);
    rows[row_of(mark.rate)][column_of(mark)] =
        *kMarks[static_cast<std::size_t>(at - policies.begin()) % std::size(kMarks)];
  }
  std::string out = "\n";
  for (std::size_t row = 0; row < kRows; ++row) {
    const double rate = top * static_cast<double>(kRows - 1 - row) / (kRows - 1);
    const std::string label = row % 3 == 0 || row + 1 == kRows ? fmt::format("{:.1f}%", 100 * rate) : "";
    out += padded(label, kLabel, Align::right) + " |" + rows[row].substr(0, rows[row].find_last_not_of(' ') + 1) + "\n";
  }
  const std::string from = fmt::format("{:.0f}", first->capacity), to = fmt::format("{:.0f} blocks", last->capacity);
  out += std::string(kLabel + 1, ' ') + "+" + std::string(columns, '-') + "\n" + std::string(kLabel + 2, ' ') + from +
         std::string(columns - std::min(columns, from.size() + to.size()), ' ') + to + "\n";
  return out + legend(policies) + (ideal > 0 ? std::string(kLabel + 2, ' ') + "--- what no cache exceeds\n" : "");
}

}  // namespace kv
