#include "stored_share.hpp"

#include <algorithm>
#include <chrono>

#include "base/units.hpp"
#include "codec/codec.hpp"
#include "common/workload_input.hpp"
#include "probe/coding.hpp"
#include "replay/payload.hpp"

namespace kvtool {
namespace {

using kv::Result;

constexpr std::size_t kPayload = std::size_t{1} << 20;
constexpr kv::Duration kEnough = std::chrono::milliseconds(50);

/// The fastest of several: what disturbs a run makes it slower.
Result<double> decode_rate(kv::probe::Coding& coding) {
  double best_s = 1e9;
  const auto begin = std::chrono::steady_clock::now();
  for (auto now = begin; now - begin < kEnough;) {
    if (auto decoded = coding.decode(coding.value()); !decoded) return kv::error(decoded);
    const auto after = std::chrono::steady_clock::now();
    best_s = std::min(best_s, std::max(kv::seconds(after - now), 1e-9));
    now = after;
  }
  return static_cast<double>(coding.payload_bytes()) / best_s;
}

}  // namespace

Result<CodecFigures> codec_figures(const std::string& text, kv::Dtype dtype, bool timed) {
  const auto codec = kv::parse_codec(text);
  if (!codec) return in_option("--codec", codec.error());
  const auto fill = [](const kv::PayloadShape& shape, std::span<std::byte> payload) {
    kv::PayloadSource({&shape, 1}).fill({0, 1}, 0, shape, payload);
  };
  auto coding = kv::probe::Coding::make(*codec, kPayload, dtype, fill);
  if (!coding) return in_option("--codec", coding.error());
  CodecFigures out;
  if (coding->raw()) return out;
  out.stored_share = static_cast<double>(coding->value_bytes()) / static_cast<double>(coding->payload_bytes());
  if (!timed) return out;
  const auto rate = decode_rate(*coding);
  if (!rate) return in_option("--codec", rate.error());
  out.decode_bytes_per_s = *rate;
  return out;
}

}  // namespace kvtool
