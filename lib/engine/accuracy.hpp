#pragma once
#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "codec/codec.hpp"
#include "engine/engine.hpp"

namespace kv {

/// Prompts whose prefix goes through a codec while the rest is computed behind it.
struct AccuracyPlan {
  std::uint64_t prompts = 4;
  Tokens prefix = Tokens(256), continued = Tokens(64);
  std::uint64_t seed = 1;             ///< of random tokens
  std::vector<std::uint32_t> tokens;  ///< to cut prompts from instead, one behind the other, from the front again
};

/// What one codec does to the logits of every computed position, beside those behind KV that no codec saw.
struct CodecAccuracy {
  std::string codec;
  bool lossless = false;                            ///< the codec's claim for this dtype
  std::uint64_t positions = 0;                      ///< compared
  bool identical = true;                            ///< every logit, bit by bit
  double max_abs = 0;                               ///< largest distance of any logit
  double mean_abs = 0;                              ///< over all logits
  double kl_divergence = 0;                         ///< nats, mean over positions
  double top1_agreement = 0;                        ///< share of positions at which the same token wins
  double perplexity = 0, reference_perplexity = 0;  ///< of the prompts' own next tokens
  double ratio = 0;                                 ///< payload bytes / body bytes
  /// Of a claim of no loss.
  bool holds() const { return !lossless || identical; }
};

/// Values are those of `geometry`, of the engine's shape. Once `stop` is set, what was compared until then is returned.
Result<std::vector<CodecAccuracy>> measure_accuracy(
    Engine& engine, const KvGeometry& geometry, std::span<const CodecSpec> codecs, const AccuracyPlan& plan,
    const std::atomic<bool>& stop, const std::function<void(std::size_t done, std::size_t all)>& progress = {});

/// Token ids separated by white space or commas, each below `vocab`. Fails (bad_input) with the place.
Result<std::vector<std::uint32_t>> parse_token_ids(std::string_view text, std::uint32_t vocab, const std::string& name);

}  // namespace kv
