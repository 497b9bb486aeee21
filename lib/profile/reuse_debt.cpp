#include "profile/reuse_debt.hpp"

#include <algorithm>

namespace kv {

ReuseDebt::ReuseDebt(const ReuseTable& table, std::uint32_t requests)
    : table_(table), requests_(requests), owed_(table.capacities.size()), gain_(table.capacities.size()) {
  for (const ReuseTable::Part& part : table.parts) {
    std::vector<double>& rates = rates_.emplace_back();
    double hits = 0;
    for (const std::uint64_t bin : part.hits) {
      hits += static_cast<double>(bin);
      rates.push_back(part.refs == 0 ? 0 : hits / static_cast<double>(part.refs));
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

void ReuseDebt::settle() {
  double gained = 0;
  for (std::size_t i = 0; i < owed_.size(); ++i) {
    gained += gain_[i];
    owed_[i] -= gained;
  }
}

}  // namespace kv
