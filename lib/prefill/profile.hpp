#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"

namespace kv {

inline constexpr const char* kPrefillSchema = "kvkit.prefill/1";

/// One measurement of an engine: how long a prompt took to its first token, of which `cached` tokens were there
/// already.
struct PrefillPoint {
  Tokens prompt, cached;
  Duration ttft;
  bool operator==(const PrefillPoint&) const = default;
};

/// What somebody measured of an engine, as `--prefill profile:FILE` reads it and `kvbench calibrate` writes it.
struct PrefillProfile {
  std::string model;   ///< empty: the file does not say
  std::string engine;  ///< where and with what it was measured; empty: the file does not say
  std::vector<PrefillPoint> points;
};

/// The document of schema kPrefillSchema.
nlohmann::ordered_json make_profile_document(const PrefillProfile& profile);

/// Reads one of three forms, told by content; `name` stands for the text in messages:
/// - the document of make_profile_document();
/// - the JSON of `vllm bench serve --save-result --save-detailed` (input_lens, ttfts; model_id), each request a point
///   with nothing cached, failed requests left out;
/// - CSV with a header that names prompt_tokens, ttft_ms or ttft_ns or ttft_s, and cached_tokens if there are any.
/// Bounded: at most 1,048,576 points, prompts of 2^30 tokens and 10^6 seconds. Fails (bad_input) with the place.
Result<PrefillProfile> parse_prefill_profile(std::string_view text, const std::string& name);
/// The same of a file of at most 64 MiB.
Result<PrefillProfile> read_prefill_profile(const std::string& path);

}  // namespace kv
