#include <fmt/format.h>

#include <algorithm>

#include "sim/serving.hpp"

namespace kv {
namespace {

constexpr double kLongest_s = 9e9;  // that still fits a Duration
constexpr std::uint32_t kMostInstances = 65'536;
constexpr std::uint64_t kMostTokens = UINT32_MAX;

Result<void> check_rate(std::string_view whose, double rate) {
  if (rate >= 1) return {};  // false for what is no number
  return error(Code::bad_input, fmt::format("{} bandwidth of {} bytes/s is too low to fetch anything", whose, rate),
               "give bytes a second, at least 1; leave it away if it is no limit");
}

Result<void> check_decode(const DecodeCost& decode) {
  const auto bad = [](double s) { return !(s >= 0 && s <= kLongest_s); };
  for (std::size_t i = 0; i < decode.batch_s.size(); ++i) {
    if (!bad(decode.batch_s[i])) continue;
    return error(Code::bad_input,
                 fmt::format("a decode step of {} sequences takes {} s, which is no time", i + 1, decode.batch_s[i]));
  }
  if (bad(decode.sequence_s) || bad(decode.context_token_s)) {
    return error(Code::bad_input, fmt::format("decoding takes {} s a sequence and {} s a token of context: no times",
                                              decode.sequence_s, decode.context_token_s));
  }
  return {};
}

}  // namespace

Result<void> check_serving_options(const ServingOptions& o) {
  if (o.instances == 0 || o.instances > kMostInstances) {
    return error(Code::bad_input, fmt::format("{} instances cannot be simulated", o.instances),
                 fmt::format("give 1 to {}", kMostInstances));
  }
  const std::uint64_t budget = o.token_budget.count();
  if (budget == 0 || budget > kMostTokens) {
    return error(Code::bad_input, fmt::format("a token budget of {} a step is not within 1 to {}", budget, kMostTokens),
                 "8192 is usual on large GPUs");
  }
  if (o.slots == 0) return error(Code::bad_input, "an instance with 0 slots serves nobody", "256 are usual");
  const std::uint64_t used = std::min<std::uint64_t>(o.slots, budget);
  if (!o.decode.batch_s.empty() && o.decode.batch_s.size() < used) {
    return error(Code::bad_input,
                 fmt::format("decode steps are known for {} sequences, but an instance has {} slots",
                             o.decode.batch_s.size(), used),
                 "ask flat_decode() or modelled_decode() for as many sequences as there are slots");
  }
  if (!(o.slo.share > 0 && o.slo.share <= 1)) {
    return error(Code::bad_input, fmt::format("a share of {} of all requests is not within 0 to 1", o.slo.share));
  }
  if (o.links.latency < Duration(0)) return error(Code::bad_input, "a fetch's latency is below 0");
  if (auto rate = check_rate("an instance's", o.links.instance_bytes_per_s); !rate) return rate;
  if (auto rate = check_rate("the store's", o.links.server_bytes_per_s); !rate) return rate;
  if (auto rate = check_rate("a fetch's", o.links.flow_bytes_per_s); !rate) return rate;
  return check_decode(o.decode);
}

}  // namespace kv
