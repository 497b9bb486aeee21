#include "engine/accuracy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <memory>

#include "base/parse.hpp"
#include "commands.hpp"
#include "common/measured_options.hpp"
#include "common/output.hpp"
#include "common/watch.hpp"
#include "common/workload_input.hpp"
#include "metrics/machine.hpp"
#include "report/accuracy_document.hpp"

namespace kvtool {
namespace {

using kv::error;
using kv::Result;

constexpr std::size_t kMaxTokenFile = 16 << 20;

struct AccuracyOptions {
  ModelOptions kv;
  MeasuredOptions measured;
  std::vector<std::string> codecs;
  std::uint64_t prompts = 4, prefix = 256, continued = 64, block_size = 16, seed = 1;
  std::string tokens;
  Output output;
};

void add_accuracy_options(CLI::App& command, AccuracyOptions& o) {
  const std::string group = "Prompts";
  command.add_option("--codec", o.codecs, "Codecs to compare (see: kvbench list codecs); repeat; default: all")
      ->allow_extra_args(false);
  add_output_options(command, o.output);
  o.kv.model = "small";
  add_model_options(command, o.kv);
  add_measured_options(command, o.measured);
  command.add_option("--prompts", o.prompts, "Prompts to compare")
      ->check(CLI::Range(1U, 100000U))
      ->capture_default_str()
      ->group(group);
  command.add_option("--prefix", o.prefix, "Tokens of each whose KV goes through the codec")
      ->check(CLI::Range(1U, 1U << 24))
      ->capture_default_str()
      ->group(group);
  command.add_option("--continued", o.continued, "Tokens that are computed behind it")
      ->check(CLI::Range(2U, 1U << 16))
      ->capture_default_str()
      ->group(group);
  command.add_option("--block-size", o.block_size, "Tokens per block")
      ->check(CLI::Range(1U, 1U << 20))
      ->capture_default_str()
      ->group(group);
  command
      .add_option(
          "--tokens", o.tokens,
          "Token ids to cut prompts from, with blanks or commas between, as your tokenizer gives them; without: "
          "random ones")
      ->type_name("FILE")
      ->group(group);
  command.add_option("--seed", o.seed, "Seed of random tokens")->capture_default_str()->group(group);
  command.footer(
      "Examples:\n"
      "  kvbench accuracy --model small\n"
      "  kvbench accuracy --weights ~/models/Qwen2.5-0.5B --tokens text.ids --codec fp8 --codec int8");
}

/// All that kvkit knows, compositions included, unless some were named; those that need a library that is not there are
/// left out with a word.
Result<std::vector<kv::CodecSpec>> codecs_of(const AccuracyOptions& o) {
  std::vector<std::string> names = o.codecs;
  if (names.empty()) {
    for (const kv::CodecRow& row : kv::codecs()) names.push_back(row.name);
    names.insert(names.end(), kv::codec_compositions().begin(), kv::codec_compositions().end());
  }
  std::vector<kv::CodecSpec> out;
  for (const std::string& name : names) {
    auto spec = kv::parse_codec(name);
    if (!spec) return in_option("--codec", spec.error());
    const auto twice =
        std::find_if(out.begin(), out.end(), [&](const auto& known) { return known.text == spec->text; });
    if (twice != out.end()) continue;
    if (const auto made = spec->make(); !made) {
      if (!o.codecs.empty()) return in_option("--codec", made.error());
      say(fmt::format("kvbench: {} is left out: {}\n", name, made.error().message));
      continue;
    }
    out.push_back(std::move(*spec));
  }
  return out;
}

Result<std::vector<std::uint32_t>> tokens_of(const AccuracyOptions& o, std::uint32_t vocab) {
  if (o.tokens.empty()) return std::vector<std::uint32_t>();
  std::ifstream in(o.tokens, std::ios::binary);
  std::string text(kMaxTokenFile + 1, '\0');
  if (in) in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad() || (in.gcount() == 0 && !in.eof())) {
    return error(kv::Code::bad_input, fmt::format("--tokens: {}: cannot be read", o.tokens));
  }
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > kMaxTokenFile) {
    return error(kv::Code::bad_input, fmt::format("--tokens: {}: larger than 16 MiB", o.tokens),
                 "a few thousand tokens are enough");
  }
  return kv::parse_token_ids(text, vocab, o.tokens);
}

Result<kv::KvGeometry> geometry_of(const AccuracyOptions& o, const kv::Model& model) {
  auto options = kv_options(o.kv);
  if (!options) return error(options);
  return kv::KvGeometry::make(model, *options, kv::Tokens(o.block_size));
}

/// Those of the reference, of the codec, and LibTorch's own on their way.
Result<void> check_logits_fit(const AccuracyOptions& o, std::uint32_t vocab) {
  constexpr std::uint64_t kCopies = 4;
  const kv::Bytes needed(kCopies * o.continued * vocab * sizeof(float));
  const kv::Bytes half = kv::available_memory() / 2;
  if (needed <= half) return {};
  return error(
      kv::Code::unavailable,
      fmt::format("--continued: logits behind {} tokens take {}, more than half of the memory that is available",
                  o.continued, kv::format_bytes(needed)),
      "lower --continued and raise --prompts");
}

struct Measured {
  kv::AccuracyContext context;
  int exit_code = 0;
};

Result<Measured> measure(const AccuracyOptions& o) {
  const auto model = measured_model(o.kv, o.measured);
  if (!model) return error(model);
  const auto codecs = codecs_of(o);
  if (!codecs) return error(codecs);
  const auto geometry = geometry_of(o, *model);
  if (!geometry) return error(geometry);
  const auto vocab = measured_vocabulary(o.kv, o.measured);
  if (!vocab) return error(vocab);
  auto tokens = tokens_of(o, *vocab);
  if (!tokens) return error(tokens);
  if (auto fits = check_logits_fit(o, *vocab); !fits) return error(fits);
  std::atomic<bool> stop = false;
  Counted counted;
  const Watch watch(stop, [&counted] { return counted.text("comparisons", "starting the engine"); });
  auto engine = make_measured_engine(o.kv, o.measured, kv::Tokens(o.prefix + o.continued));
  if (!engine) return error(engine);
  Measured out;
  kv::AccuracyContext& c = out.context;
  c.plan = {o.prompts, kv::Tokens(o.prefix), kv::Tokens(o.continued), o.seed, std::move(*tokens)};
  c.model = model->name;
  c.engine = (*engine)->info();
  c.tokens = o.tokens.empty() ? fmt::format("random, seed {}", o.seed) : o.tokens;
  auto measured = kv::measure_accuracy(**engine, *geometry, *codecs, c.plan, stop, std::ref(counted));
  if (!measured) return error(measured);
  c.codecs = std::move(*measured);
  c.interrupted = stop;
  if (stop) c.plan.prompts = kv::ceil_div(counted.done.load(), std::max<std::size_t>(codecs->size(), 1));
  for (const kv::CodecAccuracy& codec : c.codecs) {
    if (codec.holds()) continue;
    say(fmt::format("kvbench: {} claims to lose nothing, but its logits differ by up to {:.3g}\n", codec.codec,
                    codec.max_abs));
    out.exit_code = 1;
  }
  if (stop) out.exit_code = 130;
  return out;
}

int accuracy(const CLI::App& command, const AccuracyOptions& o, const std::vector<std::string>& command_line) {
  const auto format = kv::parse_format(o.output.format);
  if (!format) return fail(format.error());
  if (!o.output.path.empty()) {
    if (const auto writable = check_output(o.output.path); !writable) return fail(writable.error());
  }
  auto measured = measure(o);
  if (!measured) return fail(measured.error());
  measured->context.command_line = command_line;
  measured->context.config = options_in_effect(command);
  const kv::Json document = kv::make_accuracy_document(measured->context);
  const kv::Style style = o.output.path.empty() ? terminal_style() : kv::Style{};
  const auto written = write_output(kv::render_accuracy(document, *format, style), o.output.path);
  return written ? measured->exit_code : std::max(measured->exit_code, fail(written.error()));
}

}  // namespace

void add_accuracy(CLI::App& app, const std::vector<std::string>& command_line, int& exit_code) {
  CLI::App* command = app.add_subcommand("accuracy", "What each codec does to a model's logits");
  const auto options = std::make_shared<AccuracyOptions>();
  add_accuracy_options(*command, *options);
  command->callback(
      [command, options, command_line, &exit_code] { exit_code = accuracy(*command, *options, command_line); });
}

}  // namespace kvtool
