#pragma once
#include <memory>
#include <string>

#include "base/toml_keys.hpp"
#include "profile/fitted_profile.hpp"
#include "profile/generator.hpp"

namespace kv {

/// What a published profile may weigh.
inline constexpr std::size_t kMaxFittedBytes = std::size_t{64} << 10;
/// Bounds of what is read, and so of what can be fitted.
inline constexpr std::uint64_t kMostFittedRequests = std::uint64_t{1} << 22;
inline constexpr std::uint64_t kMostFittedMinutes = std::uint64_t{10} * 366 * 24 * 60;  // ten years
inline constexpr std::uint64_t kMostFittedBlocks = std::uint64_t{1} << 22;              // of one prompt

/// TOML: the table [fitted], explained by comments. parse_fitted_text gives the same profile.
std::string format_fitted(const FittedProfile& profile);

/// Reads the table [fitted] of a document: every figure in its range, sums that agree, blocks that can be counted.
Result<FittedProfile> read_fitted(const TomlValue& root);
/// The same, as the row of profile_kinds() needs it.
Result<std::unique_ptr<Generator>> parse_fitted(const TomlValue& root);

/// Keys of [fitted], for `kvtrace gen --keys`.
const std::vector<TomlKey<FittedProfile>>& fitted_keys();

/// What is wrong with a profile as a whole: sums, order, blocks that cannot be counted; empty: nothing.
std::string fault_of(const FittedProfile& profile);

}  // namespace kv
