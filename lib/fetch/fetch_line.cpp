#include "fetch/fetch_line.hpp"

#include <algorithm>
#include <vector>

namespace kv {
namespace {

/// The lower one of an even number. Reorders; not empty.
double median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>((values.size() - 1) / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

double size(const FetchSample& sample) { return static_cast<double>(sample.bytes); }

}  // namespace

std::optional<FetchLine> fit_fetches(std::span<const FetchSample> samples) {
  if (samples.empty()) return std::nullopt;
  std::vector<double> values;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    for (std::size_t j = i + 1; j < samples.size(); ++j) {
      if (samples[i].bytes == samples[j].bytes) continue;
      values.push_back((seconds(samples[i].took) - seconds(samples[j].took)) / (size(samples[i]) - size(samples[j])));
    }
  }
  const bool one_size = values.empty();
  if (one_size) {
    for (const FetchSample& s : samples) values.push_back(seconds(s.took) / size(s));
  }
  FetchLine line;
  line.s_per_byte = std::max(0.0, median(values));
  if (one_size) return line;
  values.clear();
  for (const FetchSample& s : samples) values.push_back(seconds(s.took) - line.s_per_byte * size(s));
  line.fixed_s = std::max(0.0, median(values));
  return line;
}

void FetchLog::add(const FetchSample& sample) {
  if (seen_++ % every_ != 0) return;
  samples_.push_back(sample);
  if (samples_.size() < kMost) return;
  thin();
  every_ *= 2;
}

void FetchLog::merge(const FetchLog& other) {
  samples_.insert(samples_.end(), other.samples_.begin(), other.samples_.end());
  while (samples_.size() > kMost) thin();
}

/// Drops every second one.
void FetchLog::thin() {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < samples_.size(); i += 2) samples_[kept++] = samples_[i];
  samples_.resize(kept);
}

}  // namespace kv
