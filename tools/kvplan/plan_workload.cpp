#include "plan_workload.hpp"

#include <fmt/format.h>

#include <cmath>

#include "base/parse.hpp"

namespace kvtool {
namespace {

using kv::Code;
using kv::error;
using kv::Result;
using kv::Uncertain;

/// Block references of all copies together: what is planned in two seconds.
constexpr double kMostRefs = 4e5;

/// A range over its typical figure.
Uncertain relative(const Uncertain& range) { return {range.low / range.typical, 1, range.high / range.typical}; }

Result<Uncertain> positive(const std::string& text, const char* option) {
  const auto range = parse_range(text, option);
  if (!range) return error(range);
  if (range->low > 0) return *range;
  return error(Code::bad_input, fmt::format("{}: must be above 0, but is {}", option, kv::quote(text)));
}

Result<void> make_workload(const PlanOptions& o, PlanSetup& setup) {
  const SummaryOptions& s = o.summary;
  if (s.requests_per_second.empty()) {
    return error(Code::bad_input, "--input-tokens: how many requests a second have them?",
                 "give --requests-per-second too");
  }
  kv::DemandSummary summary;
  const auto rate = positive(s.requests_per_second, "--requests-per-second");
  if (!rate) return error(rate);
  summary.requests_per_s = rate->typical;
  const auto tokens = [](const std::string& text, const char* option, kv::Tokens& out) -> Result<void> {
    if (text.empty()) return {};
    const auto range = parse_range(text, option);
    if (!range) return error(range);
    if (!(range->low >= 0 && range->typical <= 1e9)) {
      return error(Code::bad_input, fmt::format("{}: {} is no number of tokens", option, kv::quote(text)),
                   "give 0 to 1G");
    }
    out = kv::Tokens(static_cast<std::uint64_t>(std::llround(range->typical)));
    return {};
  };
  if (auto ok = tokens(s.input_tokens, "--input-tokens", summary.input); !ok) return ok;
  if (s.output_tokens.empty()) {
    return error(Code::bad_input, "--input-tokens: how many tokens are generated for them?",
                 "give --output-tokens too; 0 where only prompts are computed");
  }
  if (auto ok = tokens(s.output_tokens, "--output-tokens", summary.output); !ok) return ok;
  if (auto ok = tokens(s.shared_prefix, "--shared-prefix", summary.shared_prefix); !ok) return ok;
  if (!s.hit_rate.empty()) {
    const auto hits = parse_range(s.hit_rate, "--hit-rate");
    if (!hits) return error(hits);
    summary.token_hit_rate = hits->typical;
  }
  summary.prefixes = s.prefixes;
  summary.seed = o.workload.seed;
  if (o.workload.requests) summary.requests = *o.workload.requests;
  auto workload = kv::workload_of(summary);
  if (!workload) return error(workload);
  setup.workload = std::move(*workload);
  setup.assumptions.push_back(fmt::format(
      "without a trace: {} requests in blocks of {} tokens, arriving at random; {} of the input tokens are in {} "
      "shared "
      "prefixes of {} tokens, the k-th used 1/k as often as the first; all else occurs once; all prompts are equally "
      "long",
      summary.requests, setup.workload.block_size().count(), fmt::format("{:.1f} %", 100 * summary.token_hit_rate),
      summary.prefixes, summary.shared_prefix.count()));
  return {};
}

Result<void> load(const PlanOptions& o, PlanSetup& setup) {
  for (const auto& [text, option] : {std::pair(&o.summary.output_tokens, "--output-tokens"),
                                     std::pair(&o.summary.shared_prefix, "--shared-prefix")}) {
    if (!text->empty()) {
      return error(Code::bad_input, fmt::format("{}: the workload says it already", option),
                   "leave out the workload, or the option");
    }
  }
  auto input = load_workload(o.workload);
  if (!input) return error(input);
  setup.workload = std::move(input->workload);
  setup.summary = kv::summarize(setup.workload);
  for (const std::string& text : input->warnings) setup.warnings.push_back(text);
  if (input->sample_error) setup.warnings.push_back(sample_note(*input->sample_error));
  return {};
}

/// Of a trace: what a cache that keeps everything would find is known, and no cache finds more.
Result<Uncertain> hits_of(const std::string& text, const kv::Demand& demand, bool trace) {
  const auto range = parse_range(text, "--hit-rate");
  if (!range) return error(range);
  const double ceiling = demand.ceiling_token_hit_rate;
  if (!trace) return range->typical > 0 ? relative(*range) : Uncertain::exactly(1);
  if (range->high > ceiling || range->low < 0) {
    return error(
        Code::bad_input,
        fmt::format("--hit-rate: {} cannot be: no cache finds more than {:.1f} % of this workload's input tokens", text,
                    100 * ceiling),
        "leave it out, or give at most that");
  }
  if (ceiling <= 0) return Uncertain::exactly(1);
  return Uncertain{range->low / ceiling, range->typical / ceiling, range->high / ceiling};
}

/// Times the trace's own traffic, typically.
Result<double> multiple_of(const PlanOptions& o, const kv::Workload& workload) {
  const std::string& traffic = o.inputs[kv::plan_input(&kv::Scenario::traffic)];
  if (!traffic.empty()) {
    const auto range = positive(traffic, "--traffic");
    if (!range) return error(range);
    return range->typical;
  }
  if (o.workload.path.empty() || o.summary.requests_per_second.empty()) return 1.0;
  const auto rate = positive(o.summary.requests_per_second, "--requests-per-second");
  if (!rate) return error(rate);
  const double span_s = kv::span_of(workload);
  return span_s > 0 ? rate->typical * span_s / static_cast<double>(workload.size()) : 1.0;
}

/// More traffic is more of the workload beside it, as many as can be simulated in a moment.
Result<void> multiply(const PlanOptions& o, PlanSetup& setup) {
  const auto times = multiple_of(o, setup.workload);
  if (!times) return error(times);
  double refs = 1;
  for (std::size_t i = 0; i < setup.workload.size(); ++i) refs += static_cast<double>(setup.workload.blocks(i).size());
  const double copies = std::floor(std::min(*times, kMostRefs / refs) + 0.5);
  if (copies < 2) return {};
  setup.copies = static_cast<std::uint32_t>(copies);
  auto multiplied = kv::copies_of(setup.workload, setup.copies);
  if (!multiplied) return error(multiplied);
  setup.workload = std::move(*multiplied);
  setup.assumptions.push_back(
      fmt::format("{} such workloads beside one another share nothing and keep the same hours", setup.copies));
  return {};
}

}  // namespace

Result<void> find_workload(const PlanOptions& o, PlanSetup& setup) {
  if (o.workload.path.empty() && !o.summary.given()) {
    return error(Code::bad_input, "a plan needs a workload",
                 "name a trace, or give --requests-per-second, --input-tokens, --output-tokens, --shared-prefix and "
                 "--hit-rate");
  }
  if (!o.workload.path.empty() && o.summary.given()) {
    return error(Code::bad_input, "--input-tokens: the workload says it already",
                 "leave out the workload, or the option");
  }
  if (auto ok = o.workload.path.empty() ? make_workload(o, setup) : load(o, setup); !ok) return ok;
  if (auto ok = multiply(o, setup); !ok) return ok;
  auto demand = kv::demand_of(setup.workload);
  if (!demand) return error(demand);
  setup.demand = std::move(*demand);
  return {};
}

void assume_workload(PlanOptions& o, PlanSetup& setup) {
  o.summary.requests_per_second = "40";
  o.summary.input_tokens = "3000";
  o.summary.output_tokens = "300";
  o.summary.shared_prefix = "2000";
  o.summary.hit_rate = "0.5";
  setup.warnings.emplace_back(
      "no workload was given: the numbers are of one that is assumed (40 requests a second, 3000 tokens in, 300 out, "
      "half "
      "of the input in shared prefixes of 2000); name yours");
}

Result<void> add_workload_ranges(const PlanOptions& o, const kv::Demand& demand, kv::PlanRanges& ranges) {
  const SummaryOptions& s = o.summary;
  const auto range = [&ranges](double kv::Scenario::*figure) -> Uncertain& { return ranges[kv::plan_input(figure)]; };
  const bool trace = !o.workload.path.empty();
  if (!s.requests_per_second.empty()) {
    if (!o.inputs[kv::plan_input(&kv::Scenario::traffic)].empty()) {
      return error(Code::bad_input, "--traffic and --requests-per-second say the same thing twice", "give one of them");
    }
    const auto rate = positive(s.requests_per_second, "--requests-per-second");
    if (!rate) return error(rate);
    const double now = demand.requests_per_s;  // of all copies
    range(&kv::Scenario::traffic) =
        trace ? Uncertain{rate->low / now, rate->typical / now, rate->high / now} : relative(*rate);
  }
  if (!s.hit_rate.empty()) {
    const auto hits = hits_of(s.hit_rate, demand, trace);
    if (!hits) return error(hits);
    range(&kv::Scenario::hits) = *hits;
  }
  if (!s.input_tokens.empty()) {
    const auto input = positive(s.input_tokens, "--input-tokens");
    if (!input) return error(input);
    range(&kv::Scenario::prompt) = relative(*input);
  }
  if (!s.output_tokens.empty()) {
    const auto output = parse_range(s.output_tokens, "--output-tokens");
    if (!output) return error(output);
    if (output->typical > 0) range(&kv::Scenario::decode_time) = relative(*output);
  }
  return {};
}

}  // namespace kvtool
