#pragma once
#include <cstdint>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "prefill/prefill.hpp"

namespace kv {

/// What one decode step of an engine takes: a token for each of n sequences, which have S tokens of KV together:
///   batch_s[n - 1] + n x sequence_s + S x context_token_s.
struct DecodeCost {
  std::vector<double> batch_s{};  ///< by n: weights read once, matrices of n tokens, communication, overhead; rising
  double sequence_s = 0;          ///< of each sequence, however long: windows of sliding layers, states of linear ones
  double context_token_s = 0;     ///< KV of a token read

  /// 1 <= sequences <= batch_s.size().
  double step_s(std::uint64_t sequences, double context_tokens) const {
    return batch_s[sequences - 1] + static_cast<double>(sequences) * sequence_s + context_tokens * context_token_s;
  }
};

/// The same batch_s at every batch size up to `sequences`: weights bound it.
DecodeCost flat_decode(double batch_s, double sequence_s, double context_token_s, std::uint32_t sequences);

/// From the roofline of modelled_times(), for up to `sequences` at once: batch_s[n - 1] is its linear part,
/// communication and overhead of n fresh tokens. The attention of one token behind a context is a straight line beyond
/// every window, whose slope is context_token_s and whose rest is sequence_s: contexts shorter than a window are
/// charged the whole window. Overhead is that of a forward pass of prefill, which engines shorten with CUDA graphs: an
/// upper bound. config.tp 0: the smallest that fits. Fails (bad_input) as make_modelled_prefill() does.
Result<DecodeCost> modelled_decode(const PrefillConfig& config, std::uint32_t sequences);

/// A forward pass over prompts' pieces and decoding sequences together: `fresh` tokens of prompts, of which each sees
/// so many in front of it that all see `pairs` (pairs of a fresh token with one in front, itself counted half), beside
/// `decoding` sequences' one token each. It is charged as the prefill of fresh + decoding tokens of one prompt behind
/// as much cached context as makes the pairs equal: the pass reads weights and pays its overhead once, FLOPs of
/// matrices and attention are exact. Many short prompts have fewer pairs than one prompt of as many tokens, which
/// counts then: too many by the attention within a token budget. The KV that decoding reads comes on top (DecodeCost).
/// fresh >= 1.
double pass_s(const Prefill& prefill, double pairs, std::uint64_t fresh, std::uint64_t decoding);

}  // namespace kv
