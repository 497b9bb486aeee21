#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>

#include "base/parse.hpp"
#include "commands.hpp"
#include "common/watch.hpp"
#include "emit.hpp"
#include "plan_setup.hpp"
#include "report/plan_document.hpp"

namespace kvtool {
namespace {

using kv::Code;
using kv::error;
using kv::PlanPart;
using kv::Result;

/// A plan's command: which part of it is shown.
struct PartRow {
  const char* name;
  PlanPart part;
  const char* summary;
};
constexpr std::array kParts{
    PartRow{"estimate", PlanPart::estimate,
            "Size, nodes, time to first token, cost and return of a cache, and a verdict"},
    PartRow{"size", PlanPart::size, "How large a cache is worth having, on what, and where"},
    PartRow{"roi", PlanPart::roi,
            "What each kind of cache costs and saves, how sure that is, and what would change it"},
    PartRow{"decide", PlanPart::decide, "The usual rule of thumb by GPUs beside what the numbers say"},
    PartRow{"scale", PlanPart::scale, "The same for fleets from a few GPUs to thousands"},
};

kv::PlanContext context_of(const CLI::App& command, const PlanOptions& o, const PlanSetup& setup, PlanPart part,
                           const std::vector<std::string>& command_line) {
  kv::PlanContext c;
  c.command_line = command_line;
  c.config = options_in_effect(command);
  c.workload_path = o.workload.path;
  c.workload = setup.summary;
  c.model = setup.engine.model.name;
  c.gpu = setup.engine.gpu.name;
  c.weight_dtype = kv::weight_dtype_row(setup.engine.weight_dtype).name;
  c.codec = o.codec;
  c.stored_per_payload_source = setup.stored_source;
  c.links_source = setup.links_source;
  c.prefill_device = setup.engine.prefill->device();
  c.basis = &setup.question.basis;
  c.ranges = &setup.question.ranges;
  c.part = part;
  c.assumptions = setup.assumptions;
  c.warnings = setup.warnings;
  c.seed = setup.question.basis.seed;
  return c;
}

Result<std::vector<std::uint32_t>> fleets_of(const std::vector<std::string>& texts) {
  std::vector<std::uint32_t> out;
  for (const std::string& text : texts) {
    const auto count = kv::parse_count(text);
    if (!count) return in_option("--gpus", count.error());
    if (*count == 0 || *count > 10'000'000) {
      return error(Code::bad_input, fmt::format("--gpus: {} is no size of a fleet", kv::quote(text)), "1 to 10M");
    }
    out.push_back(static_cast<std::uint32_t>(*count));
  }
  return out;
}

Result<std::vector<double>> multiples_of(const std::vector<std::string>& texts) {
  std::vector<double> out;
  for (const std::string& text : texts) {
    const auto times = parse_range(text, "--traffic");
    if (!times) return error(times);
    if (!times->exact() || times->low <= 0 || times->low > 1e4) {
      return error(Code::bad_input, fmt::format("--traffic: {} is no multiple", kv::quote(text)), "write 1x,4x");
    }
    out.push_back(times->typical);
  }
  return out;
}

/// The workload over as many instances as it needs.
Result<std::vector<kv::ScaleRow>> scaled(const PlanOptions& o, PlanSetup& setup, kv::FleetStudy& study,
                                         const std::atomic<bool>& stop) {
  const auto gpus = fleets_of(o.scale_gpus);
  if (!gpus) return error(gpus);
  const auto traffic = multiples_of(o.scale_traffic);
  if (!traffic) return error(traffic);
  kv::EstimateQuestion& q = setup.question;
  const kv::Scenario scenario = kv::typical_scenario(q.ranges);
  const auto alone = kv::place_fleet(setup.workload, kv::fleet_of(q.basis, 1), nullptr, false, &stop);
  if (!alone) return error(alone);
  const kv::GpuDemand busy{alone->prefill_gpus * scenario.peak, alone->decode_gpus * scenario.peak};
  const auto needed = kv::instances_needed(busy, {q.basis.gpus_per_instance(), scenario.utilisation, 0, 0});
  if (!needed) return error(needed);
  q.basis.gpus = q.basis.fleet_gpus =
      static_cast<std::uint32_t>(std::min(*needed, 4096.0)) * q.basis.gpus_per_instance();
  auto studied = kv::study_fleet(q.basis, 1, scenario.stored_per_payload, q.threads, &stop);
  if (!studied) return error(studied);
  study = std::move(*studied);
  return kv::plan_at_scale(q.basis, study, q.kinds, scenario, *gpus, *traffic);
}

struct Planned {
  kv::Estimate estimate;
  kv::FleetStudy study;  ///< of a plan at scale
};

Result<void> plan(const PlanOptions& o, PlanSetup& setup, Planned& planned, kv::PlanContext& context) {
  std::atomic<bool> stop = false;
  const Watch watch(stop, [] { return std::string("planning"); });
  if (context.part == PlanPart::scale) {
    auto rows = scaled(o, setup, planned.study, stop);
    if (!rows) return error(rows);
    context.scale = std::move(*rows);
    return {};
  }
  auto made = kv::estimate(setup.question, &stop);
  if (!made) return error(made);
  planned.estimate = std::move(*made);
  context.estimate = &planned.estimate;
  return {};
}

int run(const CLI::App& command, const PlanOptions& o, PlanPart part, const std::vector<std::string>& command_line) {
  const auto format = kv::parse_format(o.output.format);
  if (!format) return fail(format.error());
  if (!o.output.path.empty()) {
    if (const auto writable = check_output(o.output.path); !writable) return fail(writable.error());
  }
  const auto setup = set_up_plan(o, o.gpus, part == PlanPart::decide);
  if (!setup) return fail(setup.error());
  Planned planned;
  kv::PlanContext context = context_of(command, o, **setup, part, command_line);
  if (const auto done = plan(o, **setup, planned, context); !done) return fail(done.error());
  if (!o.emit.empty()) {
    const auto emitted = emit_plan(o, **setup, planned.estimate);
    if (!emitted) return fail(emitted.error());
    for (const std::string& path : *emitted) say(fmt::format("wrote {}\n", path));
  }
  const kv::Json document = kv::make_plan_document(context);
  const kv::Style style = o.output.path.empty() ? terminal_style() : kv::Style{};
  const auto written = write_output(kv::render_plan(document, *format, style), o.output.path);
  return written ? 0 : fail(written.error());
}

}  // namespace

void add_plans(CLI::App& app, const std::vector<std::string>& command_line, int& exit_code) {
  for (const PartRow& row : kParts) {
    CLI::App* command = app.add_subcommand(row.name, row.summary);
    const auto options = std::make_shared<PlanOptions>();
    const PlanPart part = row.part;
    // Five commands of sixty options: those of the others are not made, so that --help comes at once.
    const auto named = [&](const std::string& word) { return word == row.name || word.starts_with("--config"); };
    if (std::none_of(command_line.begin(), command_line.end(), named)) continue;
    add_plan_options(*command, *options, part == PlanPart::scale);
    command->footer(fmt::format(
        "Examples:\n"
        "  kvplan {0} trace.jsonl --model llama-3.1-70b --gpu h100 {1}\n"
        "  kvplan {0} --requests-per-second 40 --input-tokens 3000 --output-tokens 300 --shared-prefix 2000 "
        "--hit-rate 0.5..0.6 {1}\n"
        "Prices are those of a dated file: kvplan prices prints it, --prices takes yours.",
        row.name, part == PlanPart::scale ? "--gpus 8,64,512 --traffic 1x,4x" : "--gpus 64"));
    command->callback([command, options, part, command_line, &exit_code] {
      exit_code = run(*command, *options, part, command_line);
    });
  }
}

void add_prices(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("prices", "Print the price file that plans use, to begin one of your own with");
  const auto path = std::make_shared<std::string>();
  command->add_option("-o,--output", *path, "File; default: stdout")->type_name("FILE");
  command->footer("Example:\n  kvplan prices -o prices.toml");
  command->callback([path, &exit_code] {
    const auto written = write_output(std::string(kv::default_price_text()), *path);
    exit_code = written ? 0 : fail(written.error());
  });
}

}  // namespace kvtool
