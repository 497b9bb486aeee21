#pragma once
#include <string>
#include <string_view>

#include "prefill/profile.hpp"

namespace kv {

inline constexpr std::size_t kMaxProfilePoints = std::size_t{1} << 20;

/// The two kinds of text behind parse_prefill_profile().
Result<PrefillProfile> parse_profile_json(std::string_view text, const std::string& name);
Result<PrefillProfile> parse_profile_csv(std::string_view text, const std::string& name);

/// A point of these figures, checked. `where` is said in front: "file:3", "file: points[2]".
Result<PrefillPoint> checked_point(double prompt, double cached, double ttft_ns, const std::string& where);

}  // namespace kv
