#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "report/curve_document.hpp"
#include "report/document.hpp"

/// Whatever a file holds: it is refused with a reason, or it can be shown, and merged or refused with its like.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(static_cast<const char*>(static_cast<const void*>(data)), size);
  const auto curve = kv::read_curve_text(text, "input");
  if (!curve) return curve.error().message.empty() ? std::abort(), 0 : 0;
  for (const kv::Format format : {kv::Format::table, kv::Format::csv, kv::Format::markdown}) {
    if (kv::render_curve(*curve, format).empty()) std::abort();
  }
  kv::Json other = *curve;
  if (const kv::Json* sample = kv::find(other, "config.resolved.sample"); sample != nullptr && sample->is_object()) {
    other["config"]["resolved"]["sample"]["slice"] = 7;
  }
  const auto merged = kv::merge_curves({*curve, other}, {"a", "b"});
  if (merged && kv::render_curve(*merged, kv::Format::table).empty()) std::abort();
  return 0;
}
