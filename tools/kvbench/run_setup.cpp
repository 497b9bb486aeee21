#include "run_setup.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <random>

#include "common/watch.hpp"
#include "engine/engine_prefill.hpp"
#include "metrics/machine.hpp"
#include "replay/memory_fit.hpp"

namespace kvtool {
namespace {

using kv::Bytes;
using kv::Code;
using kv::Result;

Result<std::uint32_t> parse_mode(const std::string& mode) {
  constexpr std::string_view closed = "closed:";
  if (mode.rfind(closed, 0) == 0) {
    const auto workers = kv::parse_count(std::string_view(mode).substr(closed.size()));
    if (workers && *workers >= 1 && *workers <= 1024) return static_cast<std::uint32_t>(*workers);
  }
  return kv::error(Code::bad_input, fmt::format("--mode: '{}' is not a mode", mode),
                   "write closed:N with N from 1 to 1024");
}

Result<void> check_warmup(const RunOptions& o, const RunSetup& setup) {
  if (o.warmup >= setup.input.workload.size()) {
    return kv::error(
        Code::bad_input,
        fmt::format("--warmup {} leaves nothing to measure of {} requests", o.warmup, setup.input.workload.size()),
        "lower --warmup or keep more --requests");
  }
  return {};
}

/// Options that would do nothing say so.
Result<void> check_measured(const RunOptions& o) {
  if (is_measured(o)) {
    if (o.payload != RunOptions().payload || o.bytes_per_token) {
      return kv::error(Code::bad_input, "--payload, --bytes-per-token: with --prefill measured KV is the engine's own",
                       "leave them out");
    }
    if (o.overlap == "on" || o.engine.weight_dtype != EngineOptions().weight_dtype || o.engine.utilisation) {
      return kv::error(Code::bad_input,
                       "--overlap on, --weight-dtype, --utilisation: the measured engine has no use for them",
                       "leave them out; --compute-dtype says what it multiplies");
    }
    if (o.mode != RunOptions().mode) {
      return kv::error(Code::bad_input, "--mode: the measured engine serves one request at a time",
                       "leave it out, or use --prefill modelled");
    }
    return {};
  }
  const MeasuredOptions preset;
  const bool asked = o.check_logits != 0 || !o.measured.weights.empty() ||
                     o.measured.compute_dtype != preset.compute_dtype || o.measured.threads != preset.threads ||
                     o.measured.chunk != preset.chunk || o.measured.seed != preset.seed;
  if (!asked) return {};
  return kv::error(Code::bad_input,
                   "--check-logits and the options of the measured engine need an engine that computes",
                   "add --prefill measured");
}

/// The engine of this machine: one rank, of which the GPU's figures tell nothing.
Result<void> find_measured_engine(const RunOptions& o, RunSetup& setup) {
  auto model = measured_model(o.kv, o.measured);
  if (!model) return kv::error(model);
  auto gpu = kv::find_gpu(o.engine.gpu);
  if (!gpu) return in_option("--gpu", gpu.error());
  setup.engine.model = std::move(*model);
  setup.engine.gpu = std::move(*gpu);
  return {};
}

Result<void> start_measured_engine(const RunOptions& o, kv::Tokens longest, RunSetup& setup) {
  longest = std::max(longest, kv::Tokens(2));  // that two lengths can be timed
  std::atomic<bool> stop = false;
  Counted counted;
  const Watch watch(stop, [&counted] { return counted.text("prefills to predict by", "starting the engine"); });
  auto engine = make_measured_engine(o.kv, o.measured, longest);
  if (!engine) return kv::error(engine);
  setup.computes = std::move(*engine);
  auto prefill = kv::predict_prefill(*setup.computes, setup.engine.model, longest, stop, std::ref(counted));
  if (!prefill) return kv::error(prefill);
  setup.engine.prefill = std::move(*prefill);
  const auto cautions = setup.engine.prefill->cautions();
  setup.warnings.insert(setup.warnings.end(), cautions.begin(), cautions.end());
  return {};
}

Result<void> find_engine(const RunOptions& o, RunSetup& setup) {
  if (is_measured(o)) return find_measured_engine(o, setup);
  auto engine = make_engine(o.kv, o.engine);
  if (!engine) return kv::error(engine);
  setup.engine = std::move(*engine);
  const auto& unfit = setup.engine.does_not_fit;
  // A cache that is named says what the weights leave.
  if (unfit && o.engine_cache == "auto") setup.warnings.push_back(unfit->message + ": " + unfit->hint);
  const auto cautions = setup.engine.prefill->cautions();
  setup.warnings.insert(setup.warnings.end(), cautions.begin(), cautions.end());
  return {};
}

/// Whether every codec stores a payload's own bytes, so that a worker holds them once.
bool all_in_place(const RunSetup& setup, kv::Dtype dtype) {
  return std::all_of(setup.codecs.begin(), setup.codecs.end(), [&](const kv::CodecSpec& spec) {
    const auto codec = spec.make();
    return codec && (*codec)->identity({.dtype = dtype}) &&
           (setup.engine.model.linear_layers == 0 ||
            (*codec)->identity({.dtype = setup.engine.model.linear_state_dtype}));
  });
}

Result<void> choose_payload(const RunOptions& o, kv::Dtype dtype, RunSetup& setup) {
  std::vector<kv::PayloadShape> shapes;
  for (const kv::KvPart& part : setup.geometry->parts()) shapes.push_back(part.per_token);
  auto payload = kv::parse_payload(o.payload, dtype, shapes);
  if (!payload) return in_option("--payload", payload.error());
  setup.payload = std::move(*payload);
  if (is_measured(o)) return {};  // what is stored is the engine's own
  setup.warnings.insert(setup.warnings.end(), setup.payload.notes.begin(), setup.payload.notes.end());
  const std::string warning = setup.payload.ratio_warning();
  if (!warning.empty() && !all_in_place(setup, dtype)) setup.warnings.push_back(warning);
  return {};
}

Result<void> lay_out(const RunOptions& o, RunSetup& setup) {
  auto asked = kv_options(o.kv);
  if (!asked) return kv::error(asked);
  kv::KvOptions& options = *asked;
  const kv::Dtype dtype = options.dtype;
  options.tp = setup.engine.tp;
  options.bytes_per_token = o.bytes_per_token;
  options.adapter = o.adapter;
  options.tenant_salt = o.tenant_salt;
  setup.overlap = o.overlap == "auto" ? kv::Overlap::automatic : o.overlap == "on" ? kv::Overlap::on : kv::Overlap::off;
  const auto fit = kv::fit_memory(setup.engine.model, options, setup.input.workload.block_size(), setup.workers,
                                  all_in_place(setup, dtype), setup.overlap, kv::machine_memory() / 4);
  if (!fit) return kv::error(fit);
  options.bytes_per_token = setup.bytes_per_token = fit->bytes_per_token;
  setup.window = fit->window;
  if (!fit->overlap) setup.overlap = kv::Overlap::off;
  if (options.bytes_per_token && is_measured(o)) {
    return kv::error(Code::unavailable, "there is no memory for windows of payloads of real size",
                     "use a smaller --block-size, or --layout layer");
  }
  if (options.bytes_per_token != o.bytes_per_token) {
    setup.warnings.push_back(
        fmt::format("payloads of real size, in windows of {} workers and a backend, would exceed a quarter of the "
                    "memory: scaled to "
                    "{} bytes per token",
                    setup.workers, *options.bytes_per_token));
  }
  auto geometry = kv::KvGeometry::make(setup.engine.model, options, setup.input.workload.block_size());
  if (!geometry) return kv::error(geometry);
  setup.geometry = std::move(*geometry);
  if (auto ok = choose_payload(o, dtype, setup); !ok) return ok;

  Bytes engine;
  if (o.engine_cache == "auto" && is_measured(o)) {
    engine = Bytes();
  } else if (o.engine_cache == "auto") {
    engine =
        kv::engine_cache_bytes(setup.engine.model, setup.engine.gpu, setup.engine.gpus(), setup.engine.weight_dtype);
  } else if (o.engine_cache != "off") {
    const auto size = kv::parse_bytes(o.engine_cache);
    if (!size)
      return kv::error(size.error().code, "--engine-cache: " + size.error().message, "auto, off or a size like 20GiB");
    engine = *size;
  }
  setup.engine_cache = kv::Blocks(engine / setup.geometry->engine_block());
  if (o.engine_cache != "off" && !(o.engine_cache == "auto" && is_measured(o)) && setup.engine_cache == kv::Blocks(0)) {
    setup.warnings.push_back(fmt::format(
        "--engine-cache {}: {} hold not one block of {}, so the baseline recomputes every prompt and speedups are high",
        o.engine_cache, kv::format_bytes(engine), kv::format_bytes(setup.geometry->engine_block())));
  }
  return {};
}

Result<void> find_targets(const RunOptions& o, RunSetup& setup) {
  std::vector<std::string> texts = o.backends;
  const bool defaults = texts.empty();
  if (defaults) texts = {"null:", "local:", "spawn+redis:"};
  for (const std::string& text : texts) {
    auto spec = kv::parse_backend(text);
    if (!spec) return in_option("--backend", spec.error());
    // Made once to check its options before anything is measured.
    if (auto made = kv::make_backend(*spec); !made) return in_option("--backend", made.error());
    setup.targets.push_back({std::move(*spec), defaults});
  }
  for (const std::string& text : o.codecs) {
    auto codec = kv::parse_codec(text);
    if (!codec) return in_option("--codec", codec.error());
    setup.codecs.push_back(std::move(*codec));
  }
  return {};
}

std::string unique_name() {
  std::random_device device;
  return fmt::format("{:08x}{:08x}", device(), device());
}

}  // namespace

Result<RunSetup> set_up(const RunOptions& options) {
  RunSetup setup;
  if (auto ok = check_measured(options); !ok) return kv::error(ok);
  const auto workers = parse_mode(options.mode);
  if (!workers) return kv::error(workers);
  setup.workers = *workers;
  auto fetch = kv::parse_fetch_policy(options.fetch);
  if (!fetch) return in_option("--fetch", fetch.error());
  setup.fetch = std::move(*fetch);
  if (auto ok = find_targets(options, setup); !ok) return kv::error(ok);
  if (auto ok = find_engine(options, setup); !ok) return kv::error(ok);
  auto input = load_workload(options.workload);
  if (!input) return kv::error(input);
  setup.input = std::move(*input);
  setup.warnings.insert(setup.warnings.begin(), setup.input.warnings.begin(), setup.input.warnings.end());
  if (auto ok = check_warmup(options, setup); !ok) return kv::error(ok);
  const kv::Tokens longest(kv::summarize(setup.input.workload).max_input_tokens);
  if (is_measured(options)) {
    if (auto ok = start_measured_engine(options, longest, setup); !ok) return kv::error(ok);
  }
  const std::string beyond = extrapolation_warning(*setup.engine.prefill, longest);
  if (!beyond.empty()) setup.warnings.push_back(beyond);
  if (auto ok = lay_out(options, setup); !ok) return kv::error(ok);
  if (auto ok = kv::check_engine_fits(plan_of(setup, options, setup.codecs.front())); !ok) return kv::error(ok);
  return setup;
}

kv::ReplayPlan plan_of(const RunSetup& setup, const RunOptions& options, const kv::CodecSpec& codec) {
  kv::ReplayPlan plan;
  plan.workload = &setup.input.workload;
  plan.geometry = &*setup.geometry;
  plan.prefill = setup.engine.prefill.get();
  plan.engine = setup.computes.get();
  plan.check_logits = options.check_logits;
  plan.gpu = setup.engine.gpu;
  plan.gpus = setup.engine.gpus();
  plan.pp = setup.engine.pp;
  plan.fetch = setup.fetch;
  plan.codec = codec;
  plan.payload = setup.payload;
  plan.engine_cache = setup.engine_cache;
  plan.workers = setup.workers;
  plan.window = setup.window;
  plan.overlap = setup.overlap;
  plan.warmup = options.warmup;
  plan.repetitions = options.repetitions;
  plan.verify = !options.no_verify;
  plan.name_space = unique_name();
  return plan;
}

}  // namespace kvtool
