#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "report/probe_document.hpp"

/// Whatever a file holds: it is refused, or every model in it can be computed with.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(static_cast<const char*>(static_cast<const void*>(data)), size);
  const auto profile = kv::read_profile_text(text, "input");
  if (!profile) return profile.error().message.empty() ? std::abort(), 0 : 0;
  for (const kv::probe::WireModel& model : profile->models) {
    if (!std::isfinite(model.latency_ns) || !(model.bandwidth_bytes_per_s > 0)) std::abort();
  }
  return 0;
}
