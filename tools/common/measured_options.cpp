#include "common/measured_options.hpp"

#include <fmt/format.h>

#include "base/parse.hpp"
#include "common/workload_input.hpp"

namespace kvtool {
namespace {

using kv::Code;
using kv::error;
using kv::Result;

/// Where the shape is read.
std::string shape_source(const ModelOptions& asked, const MeasuredOptions& o) {
  return o.weights.empty() ? asked.model : o.weights + "/config.json";
}

Result<std::optional<kv::Dtype>> compute_dtype(const MeasuredOptions& o) {
  if (o.compute_dtype == "auto") return std::nullopt;
  const auto dtype = kv::dtype_from_name(o.compute_dtype);
  if (!dtype)
    return error(Code::bad_input, fmt::format("--compute-dtype: unknown type {}", kv::quote(o.compute_dtype)));
  return dtype;
}

}  // namespace

void add_measured_options(CLI::App& command, MeasuredOptions& o) {
  const std::string group = "Measured engine";
  command
      .add_option(
          "--weights", o.weights,
          "Weights that the engine computes with: a Hugging Face directory, whose config.json replaces --model; "
          "without: random ones")
      ->type_name("DIR")
      ->group(group);
  command.add_option("--compute-dtype", o.compute_dtype, "What it computes in; auto: what the device does fastest")
      ->check(CLI::IsMember({"auto", "fp32", "bf16", "fp16"}))
      ->capture_default_str()
      ->group(group);
  command.add_option("--engine-threads", o.threads, "Threads on a CPU; 0: one a core")
      ->check(CLI::Range(0U, 1024U))
      ->capture_default_str()
      ->group(group);
  command.add_option("--prefill-chunk", o.chunk, "Tokens that one forward pass computes at most")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 20))
      ->capture_default_str()
      ->group(group);
  command.add_option("--weights-seed", o.seed, "Seed of random weights")->capture_default_str()->group(group);
}

Result<kv::Model> measured_model(const ModelOptions& asked, const MeasuredOptions& o) {
  const std::string source = shape_source(asked, o);
  auto model = kv::find_model(source);
  if (!model) return in_option(o.weights.empty() ? "--model" : "--weights", model.error());
  if (const auto shape = kv::find_decoder_shape(source); !shape) {
    return in_option(o.weights.empty() ? "--model" : "--weights", shape.error());
  }
  if (asked.tp.value_or(1) != 1 || asked.pp != 1) {
    return error(Code::bad_input, "--tp, --pp: the measured engine is one rank on one device", "leave them out");
  }
  return model;
}

Result<std::uint32_t> measured_vocabulary(const ModelOptions& asked, const MeasuredOptions& o) {
  const auto shape = kv::find_decoder_shape(shape_source(asked, o));
  if (!shape) return error(shape);
  return shape->vocab;
}

Result<std::unique_ptr<kv::Engine>> make_measured_engine(const ModelOptions& asked, const MeasuredOptions& o,
                                                         kv::Tokens longest) {
  const std::string source = shape_source(asked, o);
  const auto model = kv::find_model(source);
  if (!model) return error(model);
  const auto decoder = kv::find_decoder_shape(source);
  if (!decoder) return error(decoder);
  const auto layout = kv_options(asked);
  if (!layout) return error(layout);
  const auto compute = compute_dtype(o);
  if (!compute) return error(compute);
  kv::EngineConfig config;
  config.model = *model;
  config.decoder = *decoder;
  config.kv_dtype = layout->dtype;
  config.compute = *compute;
  config.threads = o.threads;
  config.chunk = kv::Tokens(o.chunk);
  config.max_tokens = longest;
  config.seed = o.seed;
  config.weights = o.weights;
  return kv::Engine::make(config);
}

}  // namespace kvtool
