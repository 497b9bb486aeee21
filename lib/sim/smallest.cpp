#include "sim/smallest.hpp"

#include <algorithm>

namespace kv {
namespace {

class Search {
 public:
  Search(const ServingOptions& options, const Prefill& prefill, const RequestsFor& requests_for,
         const std::atomic<bool>* stop)
      : options_(options), prefill_(prefill), requests_for_(requests_for), stop_(stop) {}

  /// Whether so many meet the SLO. Keeps the result if they are the best answer so far.
  Result<bool> meets(std::uint32_t instances) {
    options_.instances = instances;
    Result<ServingResult> result = simulate_serving(options_, prefill_, requests_for_(instances), stop_);
    if (!result) return error(result);
    const bool meets = result->meets(options_.slo);
    found_.tried.push_back({instances, result->slo_share(), meets});
    last_ = *std::move(result);
    return meets;
  }
  void take_last(std::optional<std::uint32_t> instances) {
    found_.instances = instances;
    found_.result = std::move(last_);
  }
  SmallestInstances& found() { return found_; }

 private:
  ServingOptions options_;
  const Prefill& prefill_;
  const RequestsFor& requests_for_;
  const std::atomic<bool>* stop_;
  ServingResult last_;
  SmallestInstances found_;
};

/// The next larger numbers, one by one, until two in a row meet the SLO; `most` alone counts, too.
Result<void> confirm(Search& search, std::uint32_t most) {
  for (std::uint32_t next = *search.found().instances + 1; next <= most; ++next) {
    const Result<bool> meets = search.meets(next);
    if (!meets) return error(meets);
    const bool held = search.found().instances.has_value();
    if (*meets && held) return {};
    if (*meets) {
      search.take_last(next);
    } else if (held || next == most) {
      search.found().monotone = false;
      search.take_last(std::nullopt);
    }
  }
  return {};
}

}  // namespace

Result<SmallestInstances> smallest_instances(const ServingOptions& options, const Prefill& prefill,
                                             const RequestsFor& requests_for, std::uint32_t most,
                                             const std::atomic<bool>* stop) {
  if (most == 0) return error(Code::bad_input, "0 instances at most serve nobody", "give at least 1");
  Search search(options, prefill, requests_for, stop);
  std::uint32_t misses = 0, meets = 0;  // the largest known to miss, the smallest known to meet
  for (std::uint32_t next = 1; meets == 0;
       next = static_cast<std::uint32_t>(std::min<std::uint64_t>(2ULL * next, most))) {
    const Result<bool> met = search.meets(next);
    if (!met) return error(met);
    if (*met) {
      meets = next;
      search.take_last(next);
    } else if (next == most) {
      search.take_last(std::nullopt);
      return std::move(search.found());
    } else {
      misses = next;
    }
  }
  while (meets - misses > 1) {
    const std::uint32_t middle = misses + (meets - misses) / 2;
    const Result<bool> met = search.meets(middle);
    if (!met) return error(met);
    if (*met) {
      meets = middle;
      search.take_last(middle);
    } else {
      misses = middle;
    }
  }
  if (const Result<void> confirmed = confirm(search, most); !confirmed) return error(confirmed);
  return std::move(search.found());
}

}  // namespace kv
