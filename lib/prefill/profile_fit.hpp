#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "model/model.hpp"
#include "prefill/profile.hpp"

namespace kv {

/// Four terms of the time of a prefill, each of which is at least 0.
struct PrefillTerms {
  double fixed_s = 0;               ///< of every request
  double per_fresh_token_s = 0;     ///< weights
  double per_attention_flop_s = 0;  ///< x prefill_flops(model, cached, fresh).attention: fresh x (cached + fresh / 2)
  double per_cached_token_s = 0;    ///< reading cached KV; 0 where the data do not ask for it

  double seconds(const Model& model, Tokens cached, Tokens fresh) const;
};

/// What a profile says of an engine: the modelled engine's form with coefficients of its own.
struct PrefillFit {
  PrefillTerms terms;
  PrefillTerms low, high;  ///< of each coefficient alone: 95 % of 200 bootstrap fits (fixed seed) lie between
  double median_residual = 0, p95_residual = 0;  ///< |fit / measured - 1| over the points
  /// Measured / predicted where each point is predicted by a fit to all others: the 5th and 95th percentile, 1
  /// included.
  double margin_low = 1, margin_high = 1;
  std::size_t measurements = 0, points = 0, lengths = 0;  ///< distinct (prompt, cached) pairs, distinct fresh lengths
  Tokens shortest_fresh, longest_fresh, longest_prompt, most_cached;
};

/// Least squares of relative errors with coefficients that are not negative, over the medians of repeated points. The
/// term of cached tokens is kept where it lowers the sum of squares by 5 % at least. Fails (bad_input), naming `name`
/// and the points, where there are fewer than 4 lengths, where the middle half of a point's repeats spans more than a
/// factor of 2, or where times fall with length: by a third or more, over prompts at least a quarter longer.
Result<PrefillFit> fit_profile(const PrefillProfile& profile, const Model& model, const std::string& name);

/// Whether the profile is of this model, by names: letters and digits of the one within the other, case ignored, as
/// "meta-llama/Llama-3.1-8B-Instruct" is of llama-3.1-8b; names of fewer than six must be equal. A profile that does
/// not say passes.
bool same_model(const std::string& profile_model, const std::string& model);

}  // namespace kv
