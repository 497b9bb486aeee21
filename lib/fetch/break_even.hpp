#pragma once
#include <limits>
#include <optional>

#include "model/kv_geometry.hpp"
#include "prefill/prefill.hpp"

namespace kv {

/// The engine that KV is brought to, as far as break-even needs it. What is pointed to outlives its use.
struct FetchEngine {
  const Prefill* prefill = nullptr;
  const KvGeometry* geometry = nullptr;
  std::uint32_t tp = 1, pp = 1;  ///< pp stages of a TP group each, which work on a prompt one after the other
  double hbm_bytes_per_s = 0;    ///< of one GPU

  std::uint32_t gpus() const { return tp * pp; }
};

/// What bringing stored KV to one engine costs. Rates are what all of its connections, codec threads and links reach
/// together, but for the upload's; an infinite one takes no time, a rate of 0 for ever.
struct FetchCost {
  static constexpr double kNoTime = std::numeric_limits<double>::infinity();

  Duration latency{0};                  ///< before the first byte: lookup and round trips
  double bytes_per_s = kNoTime;         ///< of stored bytes
  double stored_per_payload = 1;        ///< stored bytes of a payload byte: below 1 the codec compresses
  double decode_bytes_per_s = kNoTime;  ///< payload bytes out of the codec
  double upload_bytes_per_s = kNoTime;  ///< over one GPU's link; every GPU of the engine has one
  bool overlapped = false;  ///< transfer, decode and upload at once: the longest of them counts, not the sum
};

/// Time to bring the KV of a prefix of n tokens: KvGeometry::moved_prefix of it is transferred and decoded,
/// uploaded_prefix is copied into HBM. 0 for no tokens; 285 years at most.
Duration fetch_time(const FetchEngine& engine, const FetchCost& cost, Tokens prefix);

/// What the engine does not compute where the KV of `prefix` tokens is there: the prefill of a prompt with `behind`
/// more tokens less that of those alone; of the whole prefix for 0, which is what publications compare with.
Duration recompute_time(const Prefill& prefill, Tokens prefix, Tokens behind);

/// The shortest prefix, in whole blocks, from which on fetching takes less time than recomputing at every length up to
/// `limit`. A fixed latency makes short prefixes lose; windows and rooflines can make some longer ones lose again, so
/// the last loser decides. nullopt: even the longest loses.
std::optional<Tokens> break_even_prefix(const FetchEngine& engine, const FetchCost& cost, Tokens behind, Tokens limit);

struct NeededBandwidth {
  double per_engine_bytes_per_s = 0;  ///< of stored bytes: what a TP group, all its stages, must get
  double per_gpu_bytes_per_s = 0;
};
/// At which rate fetching a prefix takes as long as recomputing it, the rest of `cost` (bytes_per_s is not looked at)
/// being as it is. nullopt: no bandwidth is enough, because latency, decode and upload alone take that long.
std::optional<NeededBandwidth> bandwidth_needed(const FetchEngine& engine, const FetchCost& cost, Tokens prefix,
                                                Tokens behind);

/// GPU time that serving a prefix from the cache frees: recompute_time on the GPUs of one stage after the other, which
/// are free for other requests while the KV travels.
Duration saved_gpu_time(const FetchEngine& engine, Duration recomputation);

/// GPU time that decoding on the same GPUs loses to `uploaded` bytes (over all ranks) being written into HBM: a decode
/// step is bound by HBM, so that each GPU stands still for its bytes / bandwidth. An upper bound: HBM that has
/// bandwidth to spare loses nothing.
Duration decode_lost_gpu_time(const FetchEngine& engine, Bytes uploaded);

}  // namespace kv
