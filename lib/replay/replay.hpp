#pragma once
#include <atomic>
#include <optional>

#include "backend/backend.hpp"
#include "codec/codec.hpp"
#include "engine/engine.hpp"
#include "fetch/policy.hpp"
#include "model/kv_geometry.hpp"
#include "prefill/prefill.hpp"
#include "replay/overlap.hpp"
#include "replay/payload_content.hpp"
#include "replay/result.hpp"
#include "workload/workload.hpp"

namespace kv {

/// What to replay and how; everything that is pointed to outlives the replay and is only read.
struct ReplayPlan {
  const Workload* workload = nullptr;
  const KvGeometry* geometry = nullptr;
  const Prefill* prefill = nullptr;
  /// Computes every request where given, with the cache and without; `prefill` then only predicts. One worker, one rank
  /// and payloads of real size without windows or states: see check_engine_fits().
  Engine* engine = nullptr;
  std::uint64_t check_logits = 0;  ///< requests with a hit whose logits are checked; needs an engine
  Gpu gpu;                         ///< whose links upload and download are modelled on
  std::uint32_t gpus = 1;          ///< of the engine, all ranks of all stages: each has a link
  std::uint32_t pp = 1;            ///< stages among them, which work on a prompt one after the other
  FetchPolicy fetch;
  CodecSpec codec;
  PayloadContent payload;
  Blocks engine_cache;        ///< 0: off
  std::uint32_t workers = 1;  ///< closed loop: each serves one request after the other
  std::uint64_t warmup = 0;   ///< leading requests that are served but not measured; their errors count
  std::uint32_t repetitions = 1;
  std::optional<std::uint64_t> limit;  ///< stop after this many requests
  bool verify = true;
  Overlap overlap = Overlap::automatic;
  Bytes window = 32_MiB;  ///< of payload that a worker holds at once; at least one value
  std::string name_space = "run";
};

/// How the caller watches and stops a replay from another thread or a signal handler.
struct ReplayControl {
  std::atomic<bool> stop = false;
  std::atomic<std::uint64_t> requests_done = 0;
};

/// What the replay itself costs per request: wall time on null:, over at most `requests` of them.
Result<Duration> harness_overhead(const ReplayPlan& plan, std::uint64_t requests);

/// Whether the engine can serve such a plan; fails (bad_input) saying why not.
Result<void> check_engine_fits(const ReplayPlan& plan);

/// Starts `backend` and replays the workload against it, `repetitions` times, each on an empty name space, which is
/// cleared again at the end; where it cannot be, the next repetition uses other keys, so that no leftover is a hit.
/// Blocks until done or stopped; a stopped replay returns what it has, flagged, without the requests that were under
/// way. Failed operations are counted, not returned: an Error means that nothing could be measured. Fills everything of
/// the RunResult but the spec's text and the labels that only the caller knows.
Result<RunResult> replay(Backend& backend, const ReplayPlan& plan, ReplayControl& control);

}  // namespace kv
