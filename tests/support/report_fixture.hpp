#pragma once
#include <cmath>
#include <string>
#include <vector>

#include "report/report.hpp"

namespace kv::test {

inline Duration ms(std::int64_t n) { return std::chrono::milliseconds(n); }

/// Four requests whose figures can be worked out by hand: TTFT 100, 200, 300, 400 ms against a baseline of 400, 400,
/// 300, 500 ms, so speedups 4, 2, 1, 1.25; 30 of 100 blocks from the backend, 10 from the engine.
inline Repetition four_requests() {
  Repetition r;
  const std::int64_t with[] = {100, 200, 300, 400}, without[] = {400, 400, 300, 500};
  for (int i = 0; i < 4; ++i) {
    r.ttft.record(ms(with[i]));
    r.ttft_baseline.record(ms(without[i]));
    r.speedup_millionths.record(static_cast<std::uint64_t>(without[i] * 1000000 / with[i]));
    r.log_speedup_sum += std::log(static_cast<double>(without[i]) / static_cast<double>(with[i]));
    r.phases[static_cast<std::size_t>(Phase::prefill)].record(ms(60));
    r.phases[static_cast<std::size_t>(Phase::transfer_in)].record(ms(40));
    r.phases[static_cast<std::size_t>(Phase::transfer_out)].record(ms(5));
    r.store_lag.record(ms(5 + i));
  }
  Counts& c = r.counts;
  c.requests = 4, c.block_refs = 100, c.block_hits = 30, c.engine_block_hits = 10;
  c.input_tokens = 1600, c.token_hits = 480, c.engine_token_hits = 160;
  c.requests_with_hit = 3, c.engine_requests_with_hit = 2, c.insertions = 60, c.evictions = 7;
  c.fetched_bytes = 3000, c.stored_bytes = 6000, c.unstored_bytes = 500, c.engine_bytes = 400, c.unneeded_bytes = 100;
  c.unstored_refused_bytes = 450, c.unstored_present_bytes = 30, c.unstored_failed_bytes = 20;
  c.stored_value_bytes = 3200, c.uploaded_bytes = 3100, c.wire_in_bytes = 3500, c.wire_out_bytes = 3600;
  c.ops = 90, c.verified_bytes = 3000;
  r.busy_s = 2.0, r.store_s = 0.5, r.fetch_s = 0.25, r.wall_s = 3.0;
  r.fetch_wall_s = 0.1, r.store_wall_s = 0.02;  // the phases add up to 160 and 20 ms
  return r;
}

inline RunResult a_run(const std::string& backend = "local:?capacity=8GiB") {
  RunResult run;
  run.backend = backend;
  run.codec = "raw";
  run.workers = 2;
  run.engine_cache = 54_GiB;
  run.prefill_provenance = "modelled";
  run.prefill_device = "H100 x1 (modelled, 45 % utilisation)";
  run.prefill_utilisation = 0.45;
  run.prefill_margin = PrefillMargin{0.7, 1.25, "cited utilisations"};
  run.upload_provenance = "modelled";
  run.harness_overhead_ns_per_request = 3123.4;
  run.repetitions.push_back(four_requests());
  return run;
}

inline RunResult a_redis_run() {
  RunResult run = a_run("redis://cache.example:6379/0?ttl=1h");
  run.server = {"redis", "7.0.15", "jemalloc-5.2.1", "noeviction", "none", 1, 8_GiB, false};
  run.capabilities.remote = true;
  run.repetitions[0].counts.evictions.reset();
  return run;
}

inline RunResult a_skipped_run() {
  RunResult run;
  run.backend = "spawn+redis:";
  run.codec = "raw";
  run.skipped = "no redis-server is installed";
  return run;
}

inline ReportContext a_context() {
  ReportContext c;
  c.command_line = {"kvbench", "run", "chat.jsonl"};
  c.config = {{"model", "llama-3.1-8b"}, {"kv-dtype", "bf16"}};
  c.workload = {4, 3536999, 1600, 400, 16, 100, 70, 40, 640};
  c.workload_path = "workloads/chat.jsonl";
  c.workload_extra = {{"lines", 5}, {"bad_lines", 1}};
  c.machine.cpu = "Imaginary 9000";
  c.machine.os = "Debian GNU/Linux 12 (bookworm)";
  c.machine.kernel = "6.1.0-18-amd64";
  c.machine.compiler = "gcc 12.2.0";
  c.machine.build_type = "release";
  c.machine.git_revision = "3110240bf1";
  c.machine.version = "0.1.0";
  c.machine.fingerprint = "0123456789abcdef";
  c.machine.cores = c.machine.host_cores = 2;
  c.machine.memory = 24_GiB;
  c.machine.available_memory = 20_GiB;
  c.machine.load_1m = 0.1;
  c.limits = {8.2e9, 4.1e9, 6.0e9};
  c.started_at = std::chrono::system_clock::from_time_t(1767225600);  // 2026-01-01, by date -d @1767225600
  return c;
}

}  // namespace kv::test
