#include "replay/replay.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "backend/registry.hpp"
#include "base/random.hpp"
#include "replay/engine_cache.hpp"
#include "replay/memory_fit.hpp"
#include "replay/pipeline.hpp"
#include "replay/row_break_even.hpp"

namespace kv {
namespace {

struct Worker {
  std::unique_ptr<Session> session;
  std::unique_ptr<Pipeline> pipeline;
};

/// Everything that one replay's repetitions have in common.
struct Run {
  Backend& backend;
  const ReplayPlan& plan;
  ReplayControl& control;
  PayloadSource payloads;
  std::vector<std::uint32_t> engine;
  std::uint64_t space;  // of the keys; a new one where the last could not be emptied, so that no leftover is a hit
};

void keep_example(RunResult& result, const std::string& example) {
  if (result.error_examples.size() < kMaxErrorExamples) result.error_examples.push_back(example);
}

/// Each once, though every repetition may bring it.
void keep_warnings(RunResult& result, const std::vector<std::string>& warnings) {
  for (const std::string& warning : warnings) {
    const auto known = std::find(result.warnings.begin(), result.warnings.end(), warning);
    if (known == result.warnings.end()) result.warnings.push_back(warning);
  }
}

Result<std::vector<Worker>> open_workers(Run& run) {
  std::vector<Worker> workers(run.plan.workers);
  for (Worker& worker : workers) {
    auto session = run.backend.open();
    if (!session) return error(session);
    auto codec = run.plan.codec.make();
    if (!codec) return error(codec);
    worker.session = std::move(*session);
    worker.pipeline =
        std::make_unique<Pipeline>(run.plan, run.backend, *worker.session, std::move(*codec), run.payloads, run.space);
  }
  return workers;
}

/// Requests [from, to) over all workers, each taking the next one; the first worker is the caller's own thread.
void serve_range(Run& run, std::vector<Worker>& workers, std::size_t from, std::size_t to, bool record) {
  std::atomic<std::size_t> next = from;
  const auto work = [&](Worker& worker) {
    for (std::size_t i = next++; i < to && !run.control.stop; i = next++) {
      worker.pipeline->serve(i, run.engine[i], record, run.control.stop);
      ++run.control.requests_done;
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t w = 1; w < workers.size(); ++w) threads.emplace_back(work, std::ref(workers[w]));
  work(workers[0]);
  for (std::thread& thread : threads) thread.join();
}

std::optional<std::uint64_t> since(std::optional<std::uint64_t> before, std::optional<std::uint64_t> after) {
  return before && after ? std::optional(*after - *before) : std::nullopt;
}

LifetimeCounts since(const LifetimeCounts& before, const LifetimeCounts& after) {
  LifetimeCounts out;
  for (const auto count : {&LifetimeCounts::expired_lookups, &LifetimeCounts::lost_lookups, &LifetimeCounts::renewals,
                           &LifetimeCounts::expired_values, &LifetimeCounts::evicted_values}) {
    out.*count = since(before.*count, after.*count);
  }
  return out;
}

/// What the backend counted between two looks. Unknown figures stay unknown.
void count_backend(Counts& counts, const BackendStats& before, const BackendStats& after) {
  counts.insertions = after.insertions - before.insertions;
  counts.evictions = since(before.evictions, after.evictions);
  counts.lifetimes = since(before.lifetimes, after.lifetimes);
  counts.wire_in_bytes = after.wire_in_bytes - before.wire_in_bytes;
  counts.orphan_bytes = after.orphan_bytes - before.orphan_bytes;
  counts.wire_out_bytes = after.wire_out_bytes - before.wire_out_bytes;
}

Result<Repetition> repeat_once(Run& run, RunResult& result) {
  auto workers = open_workers(run);
  if (!workers) return error(workers);
  const std::size_t end = std::min<std::size_t>(run.plan.limit.value_or(~0ULL), run.plan.workload->size());
  const std::size_t warmup = std::min<std::size_t>(run.plan.warmup, end);
  serve_range(run, *workers, 0, warmup, false);
  const auto before = run.backend.stats();
  const auto start = std::chrono::steady_clock::now();
  serve_range(run, *workers, warmup, end, true);
  Repetition out;
  out.wall_s = seconds(std::chrono::steady_clock::now() - start);
  for (const Worker& worker : *workers) {
    out.merge(worker.pipeline->recorded());
    for (const std::string& example : worker.pipeline->error_examples()) keep_example(result, example);
  }
  const auto after = run.backend.stats();
  if (before && after) {
    count_backend(out.counts, *before, *after);
    keep_warnings(result, after->warnings);
  } else {
    result.warnings.push_back("the backend's own counters could not be read: " +
                              (before ? after : before).error().message);
  }
  out.interrupted = run.control.stop;
  return out;
}

/// A server that was started for this run takes what is left in it along.
void clear_at_last(Run& run, RunResult& result) {
  const auto cleared = run.backend.clear();
  if (cleared || result.server.spawned) return;
  result.warnings.push_back(
      fmt::format("keys of this run (name space {}) could not be removed and stay until their time to live ends: {}; "
                  "to be rid of them now, delete them by hand",
                  run.plan.name_space, cleared.error().message));
}

/// All repetitions; fails only if not even the first could begin.
Result<void> repeat(Run& run, RunResult& result) {
  bool clean = true;
  for (std::uint32_t r = 0; r < run.plan.repetitions && !run.control.stop; ++r) {
    auto repetition = repeat_once(run, result);
    if (!repetition) {
      if (r == 0) return error(repetition);
      // What was measured before the backend went away is kept, and the loss is counted.
      Counts& last = result.repetitions.back().counts;
      ++last.ops;
      ++last.failed_ops;
      result.warnings.push_back(fmt::format("repetition {} could not begin: {}", r + 1, repetition.error().message));
      keep_example(result, "repetition not begun: " + repetition.error().message);
      break;
    }
    result.repetitions.push_back(std::move(*repetition));
    const auto cleared = run.backend.clear();
    clean = cleared.has_value();
    if (clean || r + 1 == run.plan.repetitions) continue;
    run.space = mix64(run.space, r);
    result.warnings.push_back(
        fmt::format("what repetition {} stored could not be removed and takes room from the next: {}", r + 1,
                    cleared.error().message));
  }
  if (!clean) clear_at_last(run, result);  // once more: the server may be back by now
  return {};
}

Needs needs_of(const ReplayPlan& plan, const Codec& codec) {
  Needs needs;
  needs.name_space = plan.name_space;
  needs.parts = static_cast<std::uint32_t>(plan.geometry->parts().size());
  needs.unique_blocks = plan.workload->unique_blocks();
  needs.sessions = plan.workers;
  needs.replay_bytes =
      kProgramMemory.count() + plan.payload.held().count() + plan.workers * Pipeline::memory_bytes(plan, codec);
  for (const KvPart& part : plan.geometry->parts()) {
    // A full block weighs most: a window ends at the block's end, so it is whole from the first block on at the latest.
    const std::size_t bound = codec.bound(part.shape(plan.workload->block_size(), plan.workload->block_size()));
    needs.max_body_bytes = std::max(needs.max_body_bytes, bound);
    needs.max_block_bytes += bound;
  }
  return needs;
}

}  // namespace

Result<Duration> harness_overhead(const ReplayPlan& plan, std::uint64_t requests) {
  auto null = parse_backend("null:").and_then(make_backend);
  if (!null) return error(null);
  ReplayPlan alone = plan;
  alone.workers = 1;
  alone.warmup = 0;
  alone.repetitions = 1;
  alone.limit = requests;
  alone.engine = nullptr;
  ReplayControl control;
  const auto result = replay(**null, alone, control);
  if (!result) return error(result);
  const Repetition& only = result->repetitions.front();
  return from_seconds(only.wall_s / static_cast<double>(std::max<std::uint64_t>(only.counts.requests, 1)));
}

Result<void> check_engine_fits(const ReplayPlan& plan) {
  if (plan.engine == nullptr) return {};
  const auto& parts = plan.geometry->parts();
  const bool plain = std::all_of(parts.begin(), parts.end(), [&plan](const KvPart& part) {
    const Model& m = plan.engine->model();
    return part.kind == KvPart::Kind::full && part.per_token.planes == 2 &&
           part.per_token.channels == std::uint64_t{m.kv_heads} * m.head_dim;
  });
  std::uint64_t layers = 0;
  for (const KvPart& part : parts) layers += part.per_token.layers;
  if (!plain || layers != plan.engine->model().layers || plan.geometry->scaled() ||
      plan.geometry->dtype() != plan.engine->info().kv) {
    return error(Code::bad_input, "the measured engine has KV of one rank, of real size, without windows or states",
                 "leave out --tp, --pp and --bytes-per-token, or use --prefill modelled");
  }
  if (plan.workers != 1) {
    return error(Code::bad_input, "the measured engine serves one request at a time", "use --mode closed:1");
  }
  for (std::size_t i = 0; i < plan.workload->size(); ++i) {
    if ((*plan.workload)[i].input <= plan.engine->max_tokens()) continue;
    return error(Code::bad_input, fmt::format("request {} has {} tokens, but the engine was made for {}", i + 1,
                                              (*plan.workload)[i].input.count(), plan.engine->max_tokens().count()));
  }
  return {};
}

Result<RunResult> replay(Backend& backend, const ReplayPlan& plan, ReplayControl& control) {
  const auto codec = plan.codec.make();
  if (!codec) return error(codec);
  if (auto fits = check_engine_fits(plan); !fits) return error(fits);
  Needs needs = needs_of(plan, **codec);
  needs.stop = &control.stop;
  if (auto started = backend.start(needs); !started) return error(started);

  std::vector<PayloadShape> shapes;
  for (const KvPart& part : plan.geometry->parts()) shapes.push_back(part.per_token);
  const Blocks engine = backend.capabilities().device_memory ? Blocks(0) : plan.engine_cache;
  Run run{backend,
          plan,
          control,
          PayloadSource(shapes, plan.payload),
          engine_hits(*plan.workload, engine),
          plan.geometry->fingerprint()};

  RunResult result;
  result.codec = plan.codec.text;
  result.capabilities = backend.capabilities();
  result.server = backend.server();
  result.scaled = plan.geometry->scaled();
  result.workers = plan.workers;
  result.overlaps = Pipeline::overlaps(plan, **codec);
  if (engine != Blocks(0)) result.engine_cache = plan.geometry->engine_block() * engine.count();
  result.prefill_provenance = provenance_name(plan.prefill->provenance());
  result.prefill_device = plan.prefill->device();
  result.prefill_utilisation = plan.prefill->utilisation();
  result.prefill_margin = plan.prefill->margin();
  result.upload_provenance = result.capabilities.device_memory ? "none" : "modelled";
  result.fetch = plan.fetch;
  if (plan.engine != nullptr) {
    result.engine = plan.engine->info();
    result.prefill_provenance = result.upload_provenance = provenance_name(Provenance::measured);
    result.prefill_device = result.engine->device;
  }
  if (auto done = repeat(run, result); !done) return error(done);
  result.break_even = row_break_even(plan, result);
  return result;
}

}  // namespace kv
