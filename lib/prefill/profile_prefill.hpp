#pragma once
#include "prefill/prefill.hpp"
#include "prefill/profile_fit.hpp"

namespace kv {

/// Times of an engine that somebody measured, config.argument's file, fitted by fit_profile(). They are `quoted`: kvkit
/// has not seen them measured. TP, GPU and weights are whatever the measured engine had. Fails (bad_input) for a
/// profile of another model than config.model.
Result<std::unique_ptr<Prefill>> make_profile_prefill(const PrefillConfig& config);
/// The same of a profile at hand, which `name` stands for.
Result<std::unique_ptr<Prefill>> make_profile_prefill(const PrefillProfile& profile, const Model& model,
                                                      const std::string& name);

}  // namespace kv
