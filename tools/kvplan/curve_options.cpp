#include "curve_options.hpp"

#include <fmt/format.h>

#include <cmath>

#include "base/parse.hpp"
#include "policy/policy.hpp"

namespace kvtool {
namespace {

using kv::Code;
using kv::error;
using kv::Result;

void add_curve_group(CLI::App& command, CurveOptions& o) {
  const std::string group = "Curve";
  command.add_option("--policy", o.policies, "Who leaves first (see: kvbench list policies); several: a,b,c")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--capacity", o.capacities,
                  "Sizes to look at: blocks (1827), a share of the unique blocks (10%), or with --model bytes (8GiB); "
                  "default: a round series up to all of them")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->group(group);
  command.add_option("--ttl", o.ttls, "Times to live to look at, in the workload's time: 10s,5m,1h")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->group(group);
  command.add_option("--ttl-mode", o.ttl_mode, "Counted from the last use, or from when a block was stored")
      ->check(CLI::IsMember({"sliding", "fixed"}))
      ->capture_default_str()
      ->group(group);
  command.add_flag("--each-ttl", o.each_ttl, "Also every --capacity with every --ttl, by simulation")->group(group);
  command.add_option("--admit", o.admit, "Store a block at its K-th use only")
      ->transform(count())
      ->check(CLI::Range(1U, kv::kMostAdmit))
      ->capture_default_str()
      ->group(group);
  command.add_option("--target", o.targets, "Token hit rates to find the smallest cache for: 30%,0.35")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->group(group);
  command.add_option("--threads", o.threads, "Simulations at a time; 0: one a core")
      ->transform(count())
      ->check(CLI::Range(0U, 1024U))
      ->capture_default_str()
      ->group(group);
}

void add_size_group(CLI::App& command, CurveOptions& o) {
  const std::string group = "Model and KV";
  command.add_option("--bytes-per-token", o.bytes_per_token, "Instead of a model: what a token's KV takes")
      ->transform(count())
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 40))
      ->group(group);
  command
      .add_option("--codec", o.codec,
                  "Stored as (see: kvbench list codecs); its ratio is measured on a payload like KV")
      ->capture_default_str()
      ->group(group);
  command.add_option("--usd-per-gb-hour", o.usd_per_gb_hour, "Rent of 10^9 bytes of cache for an hour")
      ->check(CLI::Range(0.0, 1e9))
      ->group(group);
}

void add_sample_group(CLI::App& command, CurveOptions& o) {
  const std::string group = "Estimate from a sample of blocks (LRU, in fixed memory)";
  command.add_option("--rate", o.rate, "Share of the blocks to follow, as 0.01 or 1%")->group(group);
  command.add_option("--max-memory", o.max_memory, "Follow fewer where they would take more than this, as 64MiB")
      ->group(group);
  command.add_option("--slice", o.slice, "Follow the K-th of N shares that do not overlap, as 1/4; see kvplan merge")
      ->capture_default_str()
      ->group(group);
}

Result<kv::Blocks> capacity_of(const std::string& text, std::uint64_t unique_blocks,
                               std::optional<double> block_bytes) {
  if (const auto blocks = kv::parse_count(text)) {
    if (*blocks > 0) return kv::Blocks(*blocks);
    return error(Code::bad_input, "--capacity: a cache of 0 blocks holds nothing", "ask for at least 1");
  }
  if (text.ends_with('%')) {
    const auto share = kv::parse_ratio(text);
    if (!share) return in_option("--capacity", share.error());
    return kv::Blocks(std::max<std::uint64_t>(
        static_cast<std::uint64_t>(std::llround(*share * static_cast<double>(unique_blocks))), 1));
  }
  const auto bytes = kv::parse_bytes(text);
  if (!bytes) {
    return error(Code::bad_input, fmt::format("--capacity: {} is no size", kv::quote(text)),
                 "blocks like 1827, a share like 10%, or bytes like 8GiB");
  }
  if (!block_bytes) {
    return error(Code::bad_input, fmt::format("--capacity: {} are how many blocks?", kv::quote(text)),
                 "name the --model, or --bytes-per-token");
  }
  const auto blocks = static_cast<std::uint64_t>(static_cast<double>(bytes->count()) / *block_bytes);
  if (blocks == 0) {
    return error(Code::bad_input,
                 fmt::format("--capacity: {} hold not one block of {}", text,
                             kv::format_bytes(kv::Bytes(static_cast<std::uint64_t>(*block_bytes)))),
                 "ask for more");
  }
  return kv::Blocks(blocks);
}

}  // namespace

void add_curve_options(CLI::App& command, CurveOptions& o) {
  add_workload_options(command, o.workload);
  add_curve_group(command, o);
  add_model_options(command, o.kv);
  add_size_group(command, o);
  add_sample_group(command, o);
  add_output_options(command, o.output);
  command.footer(
      "Examples:\n"
      "  kvplan curve workloads/chat.jsonl --model llama-3.1-8b\n"
      "  kvplan curve trace.jsonl --policy lru,sieve,belady --capacity 1%,5%,20%\n"
      "  kvplan curve trace.jsonl --ttl 1m,5m,1h --target 30%\n"
      "  kvplan curve huge.jsonl.zst --rate 1% --block-size 512");
}

namespace {

/// Belady's choice knows the future uses of blocks, and neither when they expire nor which are admitted.
Result<void> check_clairvoyant(const kv::CurveRequest& request) {
  for (const kv::PolicyRow* policy : request.policies) {
    if (policy->online() || (request.admit <= 1 && !request.ttls_at_capacities)) continue;
    return error(Code::bad_input, fmt::format("--policy: {} goes with neither --admit nor --each-ttl", policy->name),
                 "it bounds every policy's hits as it is: ask for it in a run of its own");
  }
  return {};
}

}  // namespace

Result<kv::CurveRequest> curve_request(const CurveOptions& o) {
  kv::CurveRequest request;
  for (const std::string& name : o.policies) {
    const kv::PolicyRow* row = kv::find_policy(name);
    if (row == nullptr) {
      std::vector<std::string> names;
      for (const kv::PolicyRow& known : kv::policies()) names.push_back(known.name);
      const auto close = kv::nearest(name, names);
      return error(Code::bad_input, fmt::format("--policy: unknown policy {}", kv::quote(name)),
                   close ? fmt::format("did you mean {}?", *close) : fmt::format("one of {}", fmt::join(names, ", ")));
    }
    request.policies.push_back(row);
  }
  for (const std::string& text : o.ttls) {
    const auto ttl = kv::parse_duration(text);
    if (!ttl) return in_option("--ttl", ttl.error());
    request.ttls.push_back(*ttl);
  }
  for (const std::string& text : o.targets) {
    const auto target = kv::parse_ratio(text);
    if (!target) return in_option("--target", target.error());
    request.targets.push_back(*target);
  }
  request.ttl_mode = o.ttl_mode == "fixed" ? kv::TtlMode::fixed : kv::TtlMode::sliding;
  request.admit = o.admit;
  request.ttls_at_capacities = o.each_ttl;
  request.threads = o.threads;
  if (o.each_ttl && o.ttls.empty()) {
    return error(Code::bad_input, "--each-ttl: there is no --ttl", "name some, as --ttl 5m,1h");
  }
  if (const auto checked = check_clairvoyant(request); !checked) return error(checked);
  return request;
}

Result<kv::BlockSample> block_sample(const CurveOptions& o) {
  kv::BlockSample sample{.rate = 1, .seed = o.workload.seed};
  if (!o.rate.empty()) {
    const auto rate = kv::parse_ratio(o.rate);
    if (!rate) return in_option("--rate", rate.error());
    sample.rate = *rate;
  }
  const auto slash = o.slice.find('/');
  const auto slice = kv::parse_count(o.slice.substr(0, slash));
  const auto slices = slash == std::string::npos ? slice : kv::parse_count(o.slice.substr(slash + 1));
  if (slash == std::string::npos || !slice || !slices || *slice == 0 || *slice > *slices || *slices > 1'000'000) {
    return error(Code::bad_input, fmt::format("--slice: {} is none", kv::quote(o.slice)), "write it like 2/4");
  }
  sample.slice = static_cast<std::uint32_t>(*slice - 1);
  sample.slices = static_cast<std::uint32_t>(*slices);
  if (o.rate.empty()) sample.rate /= sample.slices;
  const auto memory = kv::parse_bytes(o.max_memory.empty() ? "256MiB" : o.max_memory);
  if (!memory) return in_option("--max-memory", memory.error());
  sample.max_blocks = std::min<std::uint64_t>(memory->count() / kv::SampledCurve::kMostBytesPerBlock, 1U << 29);
  if (const auto checked = kv::check_sample(sample); !checked) return error(checked);
  return sample;
}

Result<std::vector<kv::Blocks>> capacities_of(const CurveOptions& o, std::uint64_t unique_blocks,
                                              std::optional<double> block_bytes) {
  std::vector<kv::Blocks> out;
  for (const std::string& text : o.capacities) {
    const auto capacity = capacity_of(text, unique_blocks, block_bytes);
    if (!capacity) return error(capacity);
    out.push_back(*capacity);
  }
  return out.empty() ? kv::usual_capacities(unique_blocks) : out;
}

}  // namespace kvtool
