#include <fmt/format.h>

#include <memory>

#include "base/parse.hpp"
#include "commands.hpp"
#include "curve_options.hpp"
#include "report/curve_document.hpp"
#include "workload/block_size.hpp"

namespace kvtool {
namespace {

using kv::error;
using kv::Result;

struct Question {
  const CLI::App& command;
  const CurveOptions& options;
  const std::vector<std::string>& command_line;
  const kv::CurveRequest& request;
};

kv::WorkloadDocument head_of(const Question& q) {
  kv::WorkloadDocument head;
  head.schema = kv::kCurveSchema;
  head.tool = "kvplan";
  head.command_line = q.command_line;
  head.config = options_in_effect(q.command);
  head.path = q.options.workload.path;
  return head;
}

Result<kv::Json> document_of(kv::WorkloadDocument head, const kv::Curve& curve, const BlockBytes& bytes,
                             const Question& q) {
  return kv::make_curve_document({std::move(head), curve, bytes.bytes, q.options.usd_per_gb_hour, bytes.resolved});
}

Result<kv::Json> exact(const Question& q) {
  const auto input = load_workload(q.options.workload);
  if (!input) return error(input);
  const kv::Workload& workload = input->workload;
  const auto bytes = block_bytes(q.options, workload.block_size());
  if (!bytes) return error(bytes);
  kv::CurveRequest request = q.request;
  const auto capacities = capacities_of(q.options, workload.unique_blocks(), bytes->bytes);
  if (!capacities) return error(capacities);
  request.capacities = *capacities;
  kv::WorkloadDocument head = head_of(q);
  head.workload = kv::summarize(workload);
  head.ideal = kv::ideal_hits(workload);
  head.workload_extra = workload_notes(*input);
  head.warnings = input->warnings;
  if (input->sample_error) head.warnings.push_back(sample_note(*input->sample_error));
  return document_of(std::move(head), kv::make_curve(workload, request), *bytes, q);
}

/// That of the first requests: a stream cannot be asked twice, and the last blocks need it.
Result<kv::Tokens> block_size_of(const WorkloadOptions& o) {
  if (o.block_size) return kv::Tokens(*o.block_size);
  if (o.path == "-") {
    return error(kv::Code::bad_input, "a sample of standard input needs to know its block size",
                 "add --block-size 512");
  }
  constexpr std::uint64_t kEnough = 10'000;
  kv::BlockSizeFit fit;
  kv::ReadNotes notes;
  std::uint64_t lines = 0;
  const auto streamed = kv::stream_workload(o.path, {}, notes, [&](const kv::TraceLine& line) {
    fit.take(line.line, line.input, line.ids.size());
    return ++lines < kEnough;
  });
  if (!streamed) return error(streamed);
  if (*streamed) return **streamed;
  auto choice = fit.choice();
  if (!choice) return in_option("--block-size", choice.error());
  return *choice;
}

Result<void> check_sampled(const Question& q) {
  const auto refuse = [](const char* what) {
    return error(kv::Code::bad_input, fmt::format("--rate, --max-memory and --slice do not go with {}", what),
                 "leave them out: without them everything is exact");
  };
  const CurveOptions& o = q.options;
  if (o.policies != std::vector<std::string>{"lru"} || o.admit > 1)
    return refuse("policies other than lru, or --admit");
  if (!o.ttls.empty()) return refuse("--ttl");
  if (o.workload.sample != "1" || o.workload.skip > 0 || o.workload.requests) {
    return refuse("--sample, --skip or --requests");
  }
  return {};
}

Result<kv::Json> estimated(const Question& q) {
  if (const auto checked = check_sampled(q); !checked) return error(checked);
  const auto sample = block_sample(q.options);
  if (!sample) return error(sample);
  const auto block_size = block_size_of(q.options.workload);
  if (!block_size) return error(block_size);
  const auto bytes = block_bytes(q.options, *block_size);
  if (!bytes) return error(bytes);

  kv::SampledCurve curve(*sample);
  kv::WorkloadDocument head = head_of(q);
  kv::WorkloadSummary& sum = head.workload;
  kv::Duration first{}, last{};
  kv::ReadNotes notes;
  const kv::ReadOptions read{.block_size = *block_size, .lenient = q.options.workload.lenient};
  const auto streamed = kv::stream_workload(q.options.workload.path, read, notes, [&](const kv::TraceLine& line) {
    curve.add(line.ids, line.input, *block_size);
    if (sum.requests++ == 0) first = line.at;
    last = line.at;
    sum.output_tokens += line.output.count();
    sum.max_blocks = std::max<std::uint64_t>(sum.max_blocks, line.ids.size());
    sum.max_input_tokens = std::max(sum.max_input_tokens, line.input.count());
    return true;
  });
  if (!streamed) return error(streamed);
  if (curve.sampled_blocks() == 0) {
    return error(kv::Code::bad_input, fmt::format("none of {} blocks is in the sample", curve.block_refs()),
                 "raise --rate");
  }
  sum.input_tokens = curve.input_tokens();
  sum.block_refs = curve.block_refs();
  sum.block_size = block_size->count();
  sum.unique_blocks = static_cast<std::uint64_t>(curve.unique_blocks());
  sum.span_ms = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(last - first).count());
  head.workload_extra = {{"unique_blocks_estimated", true}, {"bad_lines", notes.bad_lines}};
  head.warnings.push_back(fmt::format(
      "estimated from {} blocks, {:.3g} of all: hit rates are within their ± at 19 of 20 capacities, unique blocks are "
      "about right",
      kv::format_count(curve.sampled_blocks()), curve.rate()));
  if (notes.bad_lines > 0) head.warnings.push_back(fmt::format("{} bad lines were skipped", notes.bad_lines));

  const auto capacities = capacities_of(q.options, sum.unique_blocks, bytes->bytes);
  if (!capacities) return error(capacities);
  BlockBytes resolved = *bytes;
  resolved.resolved["sample"] = {{"rate", curve.rate()},         {"blocks", curve.sampled_blocks()},
                                 {"refs", curve.sampled_refs()}, {"seed", sample->seed},
                                 {"slice", sample->slice + 1},   {"slices", sample->slices}};
  return document_of(std::move(head), kv::make_curve(curve, *capacities, q.request.targets), resolved, q);
}

int curve(const Question& question, const Output& output) {
  const auto format = kv::parse_format(output.format);
  if (!format) return fail(format.error());
  if (!output.path.empty()) {
    if (const auto writable = check_output(output.path); !writable) return fail(writable.error());
  }
  const auto document = question.options.sampled() ? estimated(question) : exact(question);
  if (!document) return fail(document.error());
  const kv::Style style = output.path.empty() ? terminal_style() : kv::Style{};
  const auto written = write_output(kv::render_curve(*document, *format, style), output.path);
  return written ? 0 : fail(written.error());
}

}  // namespace

void add_curve(CLI::App& app, const std::vector<std::string>& command_line, int& exit_code) {
  CLI::App* command = app.add_subcommand("curve", "Hits against cache size: for all sizes, policies and TTLs");
  const auto options = std::make_shared<CurveOptions>();
  add_curve_options(*command, *options);
  command->callback([command, options, command_line, &exit_code] {
    const auto request = curve_request(*options);
    exit_code = request ? curve({*command, *options, command_line, *request}, options->output) : fail(request.error());
  });
}

}  // namespace kvtool
