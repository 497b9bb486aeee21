#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "prefill/profile_prefill.hpp"

/// Whatever a file holds: it is refused with a reason, or gives times that are finite and never fall with length.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(static_cast<const char*>(static_cast<const void*>(data)), size);
  const auto profile = kv::parse_prefill_profile(text, "input");
  if (!profile) return profile.error().message.empty() ? std::abort(), 0 : 0;
  const auto prefill = kv::make_profile_prefill(*profile, kv::models().front(), "input");
  if (!prefill) return prefill.error().message.empty() ? std::abort(), 0 : 0;
  const auto cost = [&](std::uint64_t cached, std::uint64_t fresh) {
    return (*prefill)->cost(kv::Tokens(cached), kv::Tokens(fresh));
  };
  if (cost(0, 1) < kv::Duration(0) || cost(0, 1000) < cost(0, 1) || cost(1 << 20, 1000) < cost(0, 1000)) std::abort();
  const auto margin = (*prefill)->margin();
  if (!margin || !std::isfinite(margin->low) || !std::isfinite(margin->high)) std::abort();
  if (margin->low > 1 || margin->high < 1) std::abort();
  return 0;
}
