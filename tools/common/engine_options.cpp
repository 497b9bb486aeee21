#include "common/engine_options.hpp"

#include <fmt/format.h>

#include "base/parse.hpp"
#include "common/workload_input.hpp"

namespace kvtool {
namespace {

std::string known_weight_dtypes() {
  std::string known;
  for (const kv::WeightDtypeRow& row : kv::weight_dtypes())
    known += (known.empty() ? "" : ", ") + std::string(row.name);
  return known;
}

}  // namespace

void add_engine_options(CLI::App& command, EngineOptions& o, bool with_gpu) {
  const std::string group = "Engine";
  if (with_gpu) {
    command.add_option("--gpu", o.gpu, "GPU that prefill is modelled on (see: kvbench list gpus)")
        ->capture_default_str()
        ->group(group);
  }
  command.add_option("--prefill", o.prefill, "Source of prefill times, as a SPEC (see: kvbench list prefills)")
      ->type_name("SPEC")
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--weight-dtype", o.weight_dtype,
                  "How the engine holds its weights (" + known_weight_dtypes() +
                      "): their size, traffic and speed; KV has --kv-dtype")
      ->capture_default_str()
      ->group(group);
  command.add_option("--utilisation", o.utilisation, "Share of the GPU's peak in prefill; default: the catalogue's")
      ->check(CLI::Range(0.001, 1.0))
      ->group(group);
}

kv::Result<Engine> make_engine(const ModelOptions& kv, const EngineOptions& o) {
  Engine engine;
  auto model = kv::find_model(kv.model);
  if (!model) return in_option("--model", model.error());
  auto gpu = kv::find_gpu(o.gpu);
  if (!gpu) return in_option("--gpu", gpu.error());
  const auto weights = kv::weight_dtype_from_name(o.weight_dtype);
  if (!weights) {
    return kv::error(kv::Code::bad_input, fmt::format("--weight-dtype: unknown type {}", kv::quote(o.weight_dtype)),
                     "known: " + known_weight_dtypes());
  }
  const auto options = kv_options(kv);
  if (!options) return kv::error(options);
  engine.model = std::move(*model);
  engine.gpu = std::move(*gpu);
  engine.pp = kv.pp;
  engine.weight_dtype = *weights;
  if (kv.tp) {
    engine.tp = *kv.tp;
    const auto fits = kv::check_memory(engine.model, engine.gpu, engine.tp, engine.pp, engine.weight_dtype);
    if (!fits) engine.does_not_fit = fits.error();
  } else {
    const auto tp = kv::smallest_tp(engine.model, engine.gpu, engine.pp, engine.weight_dtype);
    if (!tp) return kv::error(tp);
    engine.tp = *tp;
  }
  kv::PrefillConfig config;
  config.model = engine.model;
  config.gpu = engine.gpu;
  config.tp = engine.tp;
  config.pp = engine.pp;
  config.utilisation = o.utilisation.value_or(0);
  config.weight_dtype = engine.weight_dtype;
  config.kv_dtype = options->dtype;
  auto prefill = kv::make_prefill(o.prefill, std::move(config));
  if (!prefill) return in_option("--prefill", prefill.error());
  engine.prefill = std::move(*prefill);
  return engine;
}

std::string extrapolation_warning(const kv::Prefill& prefill, kv::Tokens longest_prompt) {
  const auto range = prefill.range();
  if (!range) return {};
  if (longest_prompt > range->prompt) {
    return fmt::format(
        "prefill times are extrapolated: prompts have up to {} tokens, the measurements behind them up to {}",
        kv::format_count(longest_prompt.count()), kv::format_count(range->prompt.count()));
  }
  // Where nothing cached was measured at all, cautions() says so; a little beyond is not worth a word.
  if (range->cached == kv::Tokens(0) || longest_prompt <= 2 * range->cached) return {};
  return fmt::format(
      "prefill times behind long hits are extrapolated: prompts have up to {} tokens, and at most {} were cached in "
      "the "
      "measurements",
      kv::format_count(longest_prompt.count()), kv::format_count(range->cached.count()));
}

}  // namespace kvtool
