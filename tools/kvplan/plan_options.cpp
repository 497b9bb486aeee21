#include "plan_options.hpp"

#include <fmt/format.h>

#include <charconv>

#include "base/parse.hpp"
#include "plan/options.hpp"
#include "sim/routing.hpp"

namespace kvtool {
namespace {

using kv::Code;
using kv::error;
using kv::Result;

constexpr const char* kRange = "RANGE";

std::string known_kinds() {
  std::string out;
  for (const kv::CacheKindRow& row : kv::cache_kinds()) out += (out.empty() ? "" : ", ") + std::string(row.name);
  return out;
}

std::string known_routings() {
  std::string out;
  for (const kv::RoutingRow& row : kv::routings()) out += (out.empty() ? "" : ", ") + std::string(row.name);
  return out;
}

void add_summary_group(CLI::App& command, SummaryOptions& o) {
  const std::string group = "Instead of a workload";
  const auto add = [&](const char* name, std::string& text, const char* help) {
    command.add_option(name, text, help)->type_name(kRange)->group(group);
  };
  add("--requests-per-second", o.requests_per_second, "With a workload: at this pace instead of its own");
  add("--input-tokens", o.input_tokens, "Of every prompt");
  add("--output-tokens", o.output_tokens, "That are generated for it");
  add("--shared-prefix", o.shared_prefix, "Tokens at the beginning that prompts have in common, where they have");
  add("--hit-rate", o.hit_rate,
      "Share of input tokens that a cache that keeps everything would find, as 0.5..0.7; with a workload: instead of "
      "its own, and no more");
  command.add_option("--prefixes", o.prefixes, "Different shared prefixes, the k-th used 1/k as often as the first")
      ->transform(count())
      ->check(CLI::Range(1U, 1'000'000U))
      ->capture_default_str()
      ->group(group);
}

void add_fleet_group(CLI::App& command, PlanOptions& o, bool scale) {
  const std::string group = "Fleet";
  if (scale) {
    command.add_option("--gpus", o.scale_gpus, "Sizes of the fleet: a,b,c")
        ->delimiter(',')
        ->allow_extra_args(false)
        ->capture_default_str()
        ->group(group);
    command.add_option("--traffic", o.scale_traffic, "Times what keeps such a fleet as busy as planned: 1x,4x")
        ->delimiter(',')
        ->allow_extra_args(false)
        ->capture_default_str()
        ->group(group);
  } else {
    command.add_option("--gpus", o.gpus, "GPUs of the fleet that serves the workload")
        ->transform(count())
        ->check(CLI::Range(1U, 1'000'000U))
        ->required()
        ->group(group);
  }
  command.add_option("--committed", o.committed_gpus, "GPUs that are paid for whether needed or not")
      ->transform(count())
      ->check(CLI::Range(0U, 1'000'000U))
      ->capture_default_str()
      ->group(group);
  command.add_option("--engine-cache", o.engine_cache, "An instance's own prefix cache in HBM: auto, off, 20GiB")
      ->capture_default_str()
      ->group(group);
  command.add_option("--host-cache", o.host_cache, "KV that each instance keeps in host memory already, as 200GB")
      ->group(group);
  command.add_option("--routing", o.routing, "Who decides which instance serves a request: " + known_routings())
      ->capture_default_str()
      ->group(group);
}

void add_fetch_group(CLI::App& command, PlanOptions& o) {
  const std::string group = "The way to a shared store";
  command.add_option("--backend-profile", o.fetch.profiles, "What kvbench probe wrote with --profile")
      ->type_name("FILE")
      ->expected(1)
      ->group(group);
  command.add_option("--latency", o.fetch.latency, "From looking a prefix up to its first byte; default: 1ms")
      ->group(group);
  command
      .add_option("--bandwidth", o.fetch.bandwidth,
                  "Stored bytes that one instance gets; default: 25Gbps for each of its GPUs")
      ->group(group);
  command.add_option("--decode-bandwidth", o.fetch.decode_bandwidth, "Payload that its codec threads decode, as 4GB/s")
      ->group(group);
  command.add_flag("--always-fetch", o.always_fetch, "Fetch every hit, also where computing it is faster")
      ->group(group);
  command.add_option("--run", o.run, "A report of kvbench run: its error rate and codec's ratio are taken")
      ->type_name("FILE")
      ->group(group);
}

void add_cache_group(CLI::App& command, PlanOptions& o) {
  const std::string group = "Cache";
  command.add_option("--kinds", o.kinds, "Kinds to choose from: " + known_kinds() + "; default: all")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->group(group);
  command.add_option("--codec", o.codec, "Stored as (see: kvbench list codecs); measured on a payload like KV")
      ->capture_default_str()
      ->group(group);
  command.add_option("--cache-size", o.cache_size, "Of KV as stored, as 2TB; default: the size that leaves most")
      ->group(group);
  command.add_option("--target-hit-rate", o.target_hit_rate, "By the cache, to find the size for")
      ->capture_default_str()
      ->group(group);
  command.add_option("--replicas", o.replicas, "Copies beside the first")
      ->transform(count())
      ->check(CLI::Range(0U, 1U))
      ->capture_default_str()
      ->group(group);
  command.add_option("--cross-zone-share", o.cross_zone_share, "Of reads and writes that cross zones")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str()
      ->group(group);
  command.add_option("--node", o.node, "Rented machine of the price file; default: the cheapest that does")
      ->group(group);
  command.add_option("--managed-node", o.managed_node, "Likewise, of a provider's service")->group(group);
  command.add_option("--server", o.server, "Likewise, of your own")->group(group);
}

void add_input_group(CLI::App& command, PlanOptions& o, bool scale) {
  const std::string group = "Figures that nobody knows exactly: 3, 2..4 or 2..3..4";
  for (std::size_t i = 0; i < kv::kPlanInputs; ++i) {
    const kv::PlanInputRow& row = kv::plan_inputs()[i];
    if (row.option.empty() || (scale && row.figure == &kv::Scenario::traffic)) continue;
    command.add_option(std::string(row.option), o.inputs[i], std::string(row.summary))->type_name(kRange)->group(group);
  }
  command.add_option("--draws", o.draws, "From those ranges, for quantiles")
      ->transform(count())
      ->check(CLI::Range(1U, 1'000'000U))
      ->capture_default_str()
      ->group(group);
}

void add_money_group(CLI::App& command, PlanOptions& o) {
  const std::string group = "Money and targets";
  command.add_option("--prices", o.prices, "A price file of your own (see: kvplan prices)")
      ->type_name("FILE")
      ->group(group);
  command
      .add_option("--slo-ttft", o.slo_ttft,
                  "Time to first token that users take; default: three times what 19 of 20 prompts take an idle engine")
      ->group(group);
  command.add_option("--slo-share", o.slo_share, "Of requests that must be within it")
      ->capture_default_str()
      ->group(group);
  command.add_option("--threads", o.threads, "Simulations at a time; 0: one a core")
      ->transform(count())
      ->check(CLI::Range(0U, 1024U))
      ->capture_default_str()
      ->group(group);
}

Result<double> parse_figure(std::string_view text, const char* option) {
  double value = 0;
  const bool percent = text.ends_with('%');
  std::string_view digits = percent ? text.substr(0, text.size() - 1) : text;
  if (digits.ends_with('x')) digits.remove_suffix(1);
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (problem == std::errc() && end == digits.data() + digits.size() && value >= -1e18 && value <= 1e18) {
    return percent ? value / 100 : value;
  }
  if (const auto counted = kv::parse_count(text)) return static_cast<double>(*counted);
  return error(Code::bad_input, fmt::format("{}: {} is no figure", option, kv::quote(text)),
               "a number, or a range like 2..4, or low, typical and high like 2..3..4");
}

}  // namespace

Result<kv::Uncertain> parse_range(const std::string& text, const char* option) {
  std::vector<double> parts;
  std::string_view rest = text;
  while (true) {
    const auto dots = rest.find("..");
    const auto value = parse_figure(rest.substr(0, dots), option);
    if (!value) return error(value);
    parts.push_back(*value);
    if (dots == std::string_view::npos) break;
    rest.remove_prefix(dots + 2);
  }
  const kv::Uncertain out{parts.front(), parts.size() == 3 ? parts[1] : (parts.front() + parts.back()) / 2,
                          parts.back()};
  if (parts.size() > 3 || out.low > out.typical || out.typical > out.high) {
    return error(Code::bad_input, fmt::format("{}: {} is no range", option, kv::quote(text)),
                 "low..high, or low..typical..high");
  }
  return out;
}

void add_plan_options(CLI::App& command, PlanOptions& o, bool scale) {
  add_workload_options(command, o.workload, false);
  add_summary_group(command, o.summary);
  add_model_options(command, o.kv);
  add_engine_options(command, o.engine);
  add_fleet_group(command, o, scale);
  add_fetch_group(command, o);
  add_cache_group(command, o);
  add_input_group(command, o, scale);
  add_money_group(command, o);
  if (!scale) {
    command.add_option("--emit", o.emit, "Write the plan's server and connector configuration into this directory")
        ->type_name("DIR");
  }
  add_output_options(command, o.output);
}

}  // namespace kvtool
