#include "sim/decode_cost.hpp"

#include <algorithm>
#include <cmath>

#include "prefill/modelled.hpp"

namespace kv {

DecodeCost flat_decode(double batch_s, double sequence_s, double context_token_s, std::uint32_t sequences) {
  return {std::vector<double>(sequences, batch_s), sequence_s, context_token_s};
}

Result<DecodeCost> modelled_decode(const PrefillConfig& config, std::uint32_t sequences) {
  const Result<std::unique_ptr<Prefill>> checked = make_modelled_prefill(config);
  if (!checked) return error(checked);
  PrefillConfig c = config;
  if (c.utilisation == 0) c.utilisation = c.gpu.prefill_utilisation;
  if (c.tp == 0) {
    const Result<std::uint32_t> smallest = smallest_tp(c.model, c.gpu, c.pp, c.weight_dtype);
    if (!smallest) return error(smallest);
    c.tp = *smallest;
  }
  DecodeCost cost;
  cost.batch_s.reserve(sequences);
  for (std::uint32_t n = 1; n <= sequences; ++n) {
    const PrefillTimes times = modelled_times(c, Tokens(0), Tokens(n));
    cost.batch_s.push_back(times.linear_s + times.communication_s + times.overhead_s);
  }
  // Two places behind every window, far enough apart that the slope is not a difference of rounding errors.
  const std::uint64_t near = std::max<std::uint64_t>(2ULL * c.model.window, 1 << 16), far = 4 * near;
  const double near_s = modelled_times(c, Tokens(near), Tokens(1)).attention_s;
  const double far_s = modelled_times(c, Tokens(far), Tokens(1)).attention_s;
  cost.context_token_s = std::max(0.0, (far_s - near_s) / static_cast<double>(far - near));
  cost.sequence_s = std::max(0.0, near_s - cost.context_token_s * static_cast<double>(near));
  return cost;
}

double pass_s(const Prefill& prefill, double pairs, std::uint64_t fresh, std::uint64_t decoding) {
  const auto tokens = static_cast<double>(fresh + decoding);
  const double cached = std::max(0.0, std::round(pairs / tokens - tokens / 2));
  return seconds(prefill.cost(Tokens(static_cast<std::uint64_t>(cached)), Tokens(fresh + decoding)));
}

}  // namespace kv
