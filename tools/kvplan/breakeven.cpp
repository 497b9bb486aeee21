#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>

#include "breakeven_options.hpp"
#include "commands.hpp"
#include "report/break_even_document.hpp"
#include "stored_share.hpp"

namespace kvtool {
namespace {

using kv::error;
using kv::Result;

constexpr std::uint64_t kUsualBlock = 512;
constexpr double kRoundTrips = 2;  // of a fetch before its first byte: the lookup's and the first value's
constexpr std::array kSweptRtts_ms{0.1, 0.5, 1.0, 5.0, 10.0, 50.0};
constexpr std::array kSweptRates_gbit{10.0, 25.0, 50.0, 100.0, 200.0, 400.0};

/// A model on a GPU; rows point into it.
struct Case {
  Engine engine;
  std::unique_ptr<kv::KvGeometry> geometry;
};

/// All that the rows rest on, and the document that is being made.
struct Survey {
  std::vector<Case> cases;
  std::vector<kv::PromptHit> prompts;
  kv::BreakEvenContext document;
};

void warn(Survey& survey, const std::string& text) {
  auto& warnings = survey.document.warnings;
  if (!text.empty() && std::find(warnings.begin(), warnings.end(), text) == warnings.end()) warnings.push_back(text);
}

Result<kv::Tokens> look_at_workload(const BreakEvenOptions& o, Survey& survey) {
  if (o.workload.path.empty()) return kv::Tokens(o.workload.block_size.value_or(kUsualBlock));
  const auto input = load_workload(o.workload);
  if (!input) return error(input);
  survey.prompts = kv::ideal_prefixes(input->workload);
  survey.document.workload = kv::summarize(input->workload);
  survey.document.workload_path = o.workload.path;
  for (const std::string& text : input->warnings) warn(survey, text);
  if (input->sample_error) warn(survey, sample_note(*input->sample_error));
  return input->workload.block_size();
}

Result<void> add_case(const BreakEvenOptions& o, const std::string& model, const std::string& gpu,
                      kv::Tokens block_size, Survey& survey) {
  ModelOptions kv_asked = o.kv;
  kv_asked.model = model;
  EngineOptions engine_asked = o.engine;
  engine_asked.gpu = gpu;
  auto engine = make_engine(kv_asked, engine_asked);
  if (!engine) return error(engine);
  auto options = kv_options(kv_asked);
  if (!options) return error(options);
  options->tp = engine->tp;
  auto geometry = kv::KvGeometry::make(engine->model, *options, block_size);
  if (!geometry) return error(geometry);
  if (engine->does_not_fit) warn(survey, engine->does_not_fit->message + ": " + engine->does_not_fit->hint);
  for (const std::string& text : engine->prefill->cautions()) warn(survey, text);
  kv::Tokens longest(std::max(o.prefix + o.behind, o.longest));
  if (survey.document.workload) {
    longest = std::max(longest, kv::Tokens(survey.document.workload->max_input_tokens));
  }
  warn(survey, extrapolation_warning(*engine->prefill, longest));
  survey.cases.push_back({std::move(*engine), std::make_unique<kv::KvGeometry>(std::move(*geometry))});
  return {};
}

kv::BreakEvenRow row_of(const BreakEvenOptions& o, const Case& at, const std::string& codec,
                        const CodecFigures& figures, const Survey& survey) {
  kv::BreakEvenRow row;
  row.model = at.engine.model.name;
  row.gpu = at.engine.gpu.name;
  row.codec = codec;
  row.weight_dtype = kv::weight_dtype_row(at.engine.weight_dtype).name;
  kv::BreakEvenQuestion& q = row.question;
  q.engine.prefill = at.engine.prefill.get();
  q.engine.geometry = at.geometry.get();
  q.engine.tp = at.engine.tp;
  q.engine.pp = at.engine.pp;
  q.engine.hbm_bytes_per_s = at.engine.gpu.hbm_bytes_per_s;
  q.cost.stored_per_payload = figures.stored_share;
  if (figures.decode_bytes_per_s) {
    q.cost.decode_bytes_per_s = *figures.decode_bytes_per_s;
    row.decode_source =
        o.fetch.decode_bandwidth.empty() ? "measured on this machine, one thread" : "--decode-bandwidth";
  }
  q.cost.upload_bytes_per_s = at.engine.gpu.pcie_bytes_per_s;
  q.cost.overlapped = !o.one_after_other;
  q.prefix = kv::Tokens(o.prefix);
  q.behind = kv::Tokens(o.behind);
  q.longest = kv::Tokens(o.longest);
  q.prompts = survey.prompts;
  return row;
}

void add_sweep(const kv::BreakEvenRow& like, Survey& survey) {
  for (const double rtt_ms : kSweptRtts_ms) {
    for (const double gbit : kSweptRates_gbit) {
      kv::BreakEvenRow row = like;
      row.backend = "sweep";
      row.backend_source = fmt::format("a round trip of {} ms, {} Gb/s", rtt_ms, gbit);
      row.question.cost.latency = kv::from_seconds(kRoundTrips * rtt_ms / 1e3);
      row.question.cost.bytes_per_s = gbit * 1e9 / 8;
      row.question.latency_known = row.question.wire_known = true;
      row.answer = kv::answer(row.question);
      survey.document.sweep.push_back(std::move(row));
    }
  }
}

Result<void> add_rows(const BreakEvenOptions& o, const std::string& codec, Survey& survey) {
  const auto dtype = kv_options(o.kv);
  if (!dtype) return error(dtype);
  const auto given = decode_rate_given(o.fetch);
  if (!given) return error(given);
  auto figures = codec_figures(codec, dtype->dtype, !*given);
  if (!figures) return error(figures);
  if (*given) {
    figures->decode_bytes_per_s = *given;
  } else if (figures->decode_bytes_per_s) {
    warn(survey, fmt::format("{} is taken to be decoded at {:.2g} GB/s, by one thread as measured here: say what your "
                             "engine's reach with --decode-bandwidth",
                             codec, *figures->decode_bytes_per_s / 1e9));
  }
  const auto paths = fetch_paths(o.fetch, codec, survey.document.warnings);
  if (!paths) return error(paths);
  for (const Case& at : survey.cases) {
    const kv::BreakEvenRow like = row_of(o, at, codec, *figures, survey);
    for (const FetchPath& path : *paths) {
      kv::BreakEvenRow row = like;
      row.backend = path.backend;
      row.backend_source = path.source;
      row.question.latency_known = path.latency.has_value();
      row.question.wire_known = path.bytes_per_s.has_value();
      row.question.cost.latency = path.latency.value_or(kv::Duration(0));
      if (path.bytes_per_s) row.question.cost.bytes_per_s = *path.bytes_per_s;
      row.answer = kv::answer(row.question);
      survey.document.rows.push_back(std::move(row));
    }
    if (!o.no_sweep) add_sweep(like, survey);
  }
  return {};
}

Result<void> look_at_all(const BreakEvenOptions& o, Survey& survey) {
  const auto block_size = look_at_workload(o, survey);
  if (!block_size) return error(block_size);
  for (const std::string& model : o.models) {
    for (const std::string& gpu : o.gpus) {
      if (auto ok = add_case(o, model, gpu, *block_size, survey); !ok) return ok;
    }
  }
  for (const std::string& codec : o.codecs) {
    if (auto ok = add_rows(o, codec, survey); !ok) return ok;
  }
  return {};
}

int breakeven(const CLI::App& command, const BreakEvenOptions& o, const std::vector<std::string>& command_line) {
  const auto format = kv::parse_format(o.output.format);
  if (!format) return fail(format.error());
  if (!o.output.path.empty()) {
    if (const auto writable = check_output(o.output.path); !writable) return fail(writable.error());
  }
  Survey survey;
  survey.document.command_line = command_line;
  survey.document.config = options_in_effect(command);
  if (const auto done = look_at_all(o, survey); !done) return fail(done.error());
  const kv::Json document = kv::make_break_even_document(survey.document);
  const kv::Style style = o.output.path.empty() ? terminal_style() : kv::Style{};
  const auto written = write_output(kv::render_break_even(document, *format, style), o.output.path);
  return written ? 0 : fail(written.error());
}

}  // namespace

void add_breakeven(CLI::App& app, const std::vector<std::string>& command_line, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("breakeven", "From which prefix on fetching KV beats recomputing it, and what it takes");
  const auto options = std::make_shared<BreakEvenOptions>();
  add_breakeven_options(*command, *options);
  command->callback(
      [command, options, command_line, &exit_code] { exit_code = breakeven(*command, *options, command_line); });
}

}  // namespace kvtool
