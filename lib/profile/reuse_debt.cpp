#include "profile/reuse_debt.hpp"

#include <algorithm>
#include <cmath>

#include "profile/tolerances.hpp"

namespace kv {

ReuseDebt::ReuseDebt(const ReuseTable& table, const std::vector<std::uint32_t>& blocks)
    : table_(table),
      requests_(static_cast<std::uint32_t>(blocks.size())),
      owed_(table.capacities.size()),
      gain_(table.capacities.size()) {
  double refs = 0, planned = 0;
  std::vector<double> of_part(table.parts.size());
  for (std::size_t i = 0; i < blocks.size() && !of_part.empty(); ++i)
    of_part[i * of_part.size() / requests_] += blocks[i];
  for (const double part : of_part) planned += part;
  for (const ReuseTable::Part& part : table.parts) refs += static_cast<double>(part.refs);
  for (std::size_t p = 0; p < table.parts.size(); ++p) {
    std::vector<double>& rates = rates_.emplace_back();
    double hits = 0;
    for (const std::uint64_t bin : table.parts[p].hits) {
      hits += static_cast<double>(bin);
      // A part may have come out with shorter prompts than in the trace: its hits count all the same.
      rates.push_back(hits * planned / (refs * std::max(of_part[p], 1.0)));
    }
  }
}

void ReuseDebt::owe(std::uint32_t request, std::uint32_t blocks) {
  if (rates_.empty()) return;
  const std::vector<double>& rates = rates_[std::uint64_t{request} * rates_.size() / requests_];
  for (std::size_t i = 0; i < owed_.size(); ++i) owed_[i] += rates[i] * blocks;
}

void ReuseDebt::add(std::uint32_t from, std::uint32_t to) {
  const auto& sizes = table_.capacities;
  auto bin = static_cast<std::size_t>(std::lower_bound(sizes.begin(), sizes.end(), from) - sizes.begin());
  for (; bin < sizes.size() && from <= to; ++bin) {
    const std::uint32_t end = std::min(to, sizes[bin]);
    gain_[bin] += end - from + 1;
    from = end + 1;
  }
}

double ReuseDebt::after() const {
  double sum = 0, gained = 0;
  for (std::size_t i = 0; i < owed_.size(); ++i) {
    gained += gain_[i];
    const double left = owed_[i] - gained;
    sum += left * left;
  }
  return sum;
}

double ReuseDebt::error(std::uint64_t refs) const {
  if (owed_.empty()) return 0;
  double most = 0;
  for (const double owed : owed_) most = std::max(most, std::abs(owed));
  const double worst = std::max(most / kCurveTolerance, std::abs(owed_.back()) / kIdealTolerance);
  return worst / static_cast<double>(std::max<std::uint64_t>(refs, 1));
}

void ReuseDebt::settle() {
  double gained = 0;
  for (std::size_t i = 0; i < owed_.size(); ++i) {
    gained += gain_[i];
    owed_[i] -= gained;
  }
}

}  // namespace kv
