#include "plan_setup.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/parse.hpp"
#include "plan_workload.hpp"
#include "report/document.hpp"
#include "report/report.hpp"
#include "stored_share.hpp"

namespace kvtool {
namespace {

using kv::Code;
using kv::error;
using kv::Result;

constexpr kv::Duration kUsualLatency = std::chrono::milliseconds(1);
constexpr double kUsualBytes_per_s = 25e9 / 8;
constexpr std::uint32_t kSlots = 256, kMostTp = 8;
constexpr kv::Uncertain kUsualBusy{0.5, 0.7, 0.8};
/// As lib/backend/resp cuts values, and its manifest, which a plan does not include.
constexpr double kChunkBytes = (1 << 20) - 4096, kManifestBytes = 24;

Result<void> find_prices(const PlanOptions& o, PlanSetup& setup) {
  auto prices = o.prices.empty() ? kv::default_prices() : kv::read_prices(o.prices);
  if (!prices) return o.prices.empty() ? error(prices) : in_option("--prices", prices.error());
  setup.prices = std::move(*prices);
  const auto today = std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now());
  if (const auto warning = kv::price_date_warning(setup.prices, today)) setup.warnings.push_back(*warning);
  return {};
}

/// Whether what the weights leave holds the KV of so long a prompt.
bool holds(const Engine& e, kv::Tokens prompt) {
  const double room = static_cast<double>(kv::engine_cache_bytes(e.model, e.gpu, e.gpus(), e.weight_dtype).count());
  const auto geometry = kv::KvGeometry::make(e.model, {}, kv::Tokens(1));
  return !geometry ||
         static_cast<double>(geometry->engine_block().count()) * static_cast<double>(prompt.count()) <= room;
}

/// The smallest tp that holds the weights and, beside them, the longest prompt: an engine that refuses requests is no
/// baseline. Where none does, the smallest that holds the weights.
Result<Engine> smallest_engine(const PlanOptions& o, std::uint32_t most_gpus, kv::Tokens longest) {
  auto smallest = make_engine(o.kv, o.engine);
  if (!smallest || o.kv.tp || holds(*smallest, longest)) return smallest;
  ModelOptions wider = o.kv;
  for (std::uint32_t tp = 2 * smallest->tp; tp * smallest->pp <= std::min(most_gpus, kMostTp * smallest->pp); tp *= 2) {
    wider.tp = tp;
    auto engine = make_engine(wider, o.engine);
    if (engine && !engine->does_not_fit && holds(*engine, longest)) return engine;
  }
  return smallest;
}

Result<void> find_engine(const PlanOptions& o, std::uint32_t most_gpus, PlanSetup& setup) {
  auto engine = smallest_engine(o, most_gpus, setup.demand.longest_input);
  if (!engine) return error(engine);
  setup.engine = std::move(*engine);
  if (setup.engine.does_not_fit) return tl::unexpected(*setup.engine.does_not_fit);
  if (!o.kv.tp) {
    setup.assumptions.push_back(
        fmt::format("an instance has {} GPU{}, the smallest power of two that holds the weights{}", setup.engine.gpus(),
                    setup.engine.gpus() == 1 ? "" : "s",
                    holds(setup.engine, setup.demand.longest_input) ? " and, beside them, the longest prompt" : ""));
  }
  auto options = kv_options(o.kv);
  if (!options) return error(options);
  options->tp = setup.engine.tp;
  auto geometry = kv::KvGeometry::make(setup.engine.model, *options, setup.workload.block_size());
  if (!geometry) return error(geometry);
  setup.geometry = std::make_unique<kv::KvGeometry>(std::move(*geometry));
  for (const std::string& text : setup.engine.prefill->cautions()) setup.warnings.push_back(text);
  const std::string beyond = extrapolation_warning(*setup.engine.prefill, setup.demand.longest_input);
  if (!beyond.empty()) setup.warnings.push_back(beyond);
  return {};
}

Result<kv::DecodeCost> decode_of(const PlanOptions& o, const PlanSetup& setup) {
  const auto options = kv_options(o.kv);
  if (!options) return error(options);
  kv::PrefillConfig config;
  config.model = setup.engine.model;
  config.gpu = setup.engine.gpu;
  config.tp = setup.engine.tp;
  config.pp = setup.engine.pp;
  config.utilisation = o.engine.utilisation.value_or(0);
  config.weight_dtype = setup.engine.weight_dtype;
  config.kv_dtype = options->dtype;
  return kv::modelled_decode(config, kSlots);
}

Result<kv::Blocks> blocks_of(const PlanSetup& setup, const std::string& text, const char* option) {
  if (text == "off" || text.empty()) return kv::Blocks(0);
  kv::Bytes bytes;
  if (text == "auto") {
    const Engine& e = setup.engine;
    bytes = kv::engine_cache_bytes(e.model, e.gpu, e.gpus(), e.weight_dtype);
  } else {
    const auto size = kv::parse_bytes(text);
    if (!size) return in_option(option, size.error());
    bytes = *size;
  }
  return kv::Blocks(bytes / setup.geometry->engine_block());
}

Result<void> find_fleet(const PlanOptions& o, std::optional<std::uint32_t> gpus, PlanSetup& setup) {
  kv::PlanBasis& b = setup.question.basis;
  b.gpus = b.fleet_gpus = gpus.value_or(setup.engine.gpus());
  b.tp = setup.engine.tp;
  b.pp = setup.engine.pp;
  b.committed_instances = o.committed_gpus / setup.engine.gpus();
  if (gpus && o.committed_gpus > *gpus) {
    return error(Code::bad_input, fmt::format("--committed: {} GPUs of a fleet of {}", o.committed_gpus, *gpus),
                 "give the whole fleet with --gpus");
  }
  auto decode = decode_of(o, setup);
  if (!decode) return error(decode);
  b.decode = std::move(*decode);
  const auto engine = blocks_of(setup, o.engine_cache, "--engine-cache");
  if (!engine) return error(engine);
  b.engine_cache = *engine;
  const auto host = blocks_of(setup, o.host_cache, "--host-cache");
  if (!host) return error(host);
  b.host_cache = *host;
  const auto routing = kv::routing_from_name(o.routing);
  if (!routing) {
    std::vector<std::string> names;
    for (const kv::RoutingRow& row : kv::routings()) names.emplace_back(row.name);
    const auto close = kv::nearest(o.routing, names);
    return error(Code::bad_input, fmt::format("--routing: unknown routing {}", kv::quote(o.routing)),
                 close ? fmt::format("did you mean {}?", *close) : fmt::format("one of {}", fmt::join(names, ", ")));
  }
  b.routing = *routing;
  return {};
}

Result<void> find_codec(const PlanOptions& o, PlanSetup& setup, double& stored_share, double& decode_bytes_per_s) {
  const auto dtype = kv_options(o.kv);
  if (!dtype) return error(dtype);
  const auto given = decode_rate_given(o.fetch);
  if (!given) return error(given);
  // Plans are the same on every machine: how fast a codec is here is not looked at.
  const auto figures = codec_figures(o.codec, dtype->dtype, false);
  if (!figures) return error(figures);
  stored_share = figures->stored_share;
  setup.stored_source = stored_share == 1 ? "nothing is compressed" : "measured on a payload like KV";
  decode_bytes_per_s = given->value_or(kv::FetchLinks::kNoLimit);
  if (stored_share != 1 && !*given) {
    setup.assumptions.push_back(
        fmt::format("{} is decoded faster than it is fetched: give --decode-bandwidth if it is not", o.codec));
  }
  return {};
}

Result<void> find_links(const PlanOptions& o, PlanSetup& setup, double stored_share, double decode_bytes_per_s) {
  const auto paths = fetch_paths(o.fetch, o.codec, setup.warnings);
  if (!paths) return error(paths);
  const FetchPath& path = paths->front();
  kv::PlanBasis& b = setup.question.basis;
  b.links.latency = path.latency.value_or(kUsualLatency);
  const double wire = path.bytes_per_s.value_or(kUsualBytes_per_s * setup.engine.gpus());
  const double upload = setup.engine.gpu.pcie_bytes_per_s * setup.engine.gpus();
  b.links.instance_bytes_per_s = std::min({wire, decode_bytes_per_s * stored_share, upload * stored_share});
  b.ops_per_s_per_node = path.ops_per_s.value_or(0);
  setup.links_source = path.source.empty() ? "assumed: 1 ms and 25 Gb/s for each GPU" : path.source;
  if (path.source.empty()) {
    setup.assumptions.emplace_back(
        "the way to a store takes 1 ms and 25 Gb/s for each GPU: give --backend-profile, or --latency and "
        "--bandwidth");
  }
  b.chunk_bytes = kChunkBytes;
  b.manifest_bytes = kManifestBytes;
  b.fetch_only_if_faster = !o.always_fetch;
  b.cross_zone_share = o.cross_zone_share;
  b.replicas = o.replicas;
  b.node = o.node;
  b.managed_node = o.managed_node;
  b.server = o.server;
  b.seed = o.workload.seed;
  return {};
}

/// Of a run: the first row that stored something somewhere.
Result<void> look_at_run(const PlanOptions& o, PlanSetup& setup, double& stored_share) {
  if (o.run.empty()) return {};
  const auto report = kv::read_report(o.run);
  if (!report) return in_option("--run", report.error());
  for (const kv::Json& run : kv::list_at(*report, "runs")) {
    const auto ratio = kv::number_at(run, "bytes.codec_ratio");
    const auto ops = kv::number_at(run, "errors.ops"), failed = kv::number_at(run, "errors.failed_ops");
    if (!ratio || !(*ratio > 0)) continue;
    if (ops && failed && *ops > 0) setup.question.measured_error_rate = std::clamp(*failed / *ops, 0.0, 1.0);
    if (kv::text_at(run, "codec") == o.codec) {
      stored_share = std::clamp(1 / *ratio, 1e-3, 100.0);
      setup.stored_source = "measured by " + o.run;
    }
    return {};
  }
  return error(Code::bad_input, fmt::format("--run: {}: no row of it stored anything", o.run),
               "give a report of kvbench run with a backend like redis://");
}

Result<void> find_size(const PlanOptions& o, PlanSetup& setup) {
  kv::EstimateQuestion& q = setup.question;
  if (!o.cache_size.empty()) {
    const auto bytes = kv::parse_bytes(o.cache_size);
    if (!bytes) return in_option("--cache-size", bytes.error());
    if (*bytes == kv::Bytes(0)) {
      return error(Code::bad_input, "--cache-size: a cache of 0 bytes holds nothing", "ask for more");
    }
    q.basis.cache_bytes = static_cast<double>(bytes->count());
  }
  const auto target = kv::parse_ratio(o.target_hit_rate);
  if (!target) return in_option("--target-hit-rate", target.error());
  q.basis.target_hit_rate = *target;
  if (o.kinds.empty()) {
    for (const kv::CacheKindRow& row : kv::cache_kinds()) q.kinds.push_back(&row);
  }
  for (const std::string& name : o.kinds) {
    const auto kind = kv::find_cache_kind(name);
    if (!kind) return in_option("--kinds", kind.error());
    if (std::find(q.kinds.begin(), q.kinds.end(), *kind) == q.kinds.end()) q.kinds.push_back(*kind);
  }
  q.draws = o.draws;
  q.threads = o.threads;
  if (o.slo_ttft.empty()) return {};
  kv::ServingSlo slo;
  const auto ttft = kv::parse_duration(o.slo_ttft);
  if (!ttft) return in_option("--slo-ttft", ttft.error());
  slo.ttft = *ttft;
  const auto share = kv::parse_ratio(o.slo_share);
  if (!share) return in_option("--slo-share", share.error());
  if (*share <= 0) return error(Code::bad_input, "--slo-share: 0 of the requests are always within it", "give 95%");
  slo.share = *share;
  q.slo = slo;
  return {};
}

Result<void> find_gpu_price(const PlanOptions& o, PlanSetup& setup, kv::Uncertain& usd) {
  if (!o.inputs[kv::plan_input(&kv::Scenario::gpu_usd_per_hour)].empty()) return {};
  const auto price = kv::find_price(setup.prices, setup.prices.gpus, setup.engine.gpu.name, "GPU");
  if (!price)
    return error(price.error().code, price.error().message, price.error().hint + "; or give --gpu-usd-per-hour");
  usd = (*price)->usd_per_hour;
  if (!(*price)->verified) {
    setup.warnings.push_back(fmt::format("the price of {} is not verified: {}", (*price)->name, (*price)->source));
  }
  return {};
}

/// What options say of each input; what they do not say is what the workload, the engine and prices tell.
Result<void> find_ranges(const PlanOptions& o, PlanSetup& setup, double stored_share) {
  kv::Scenario typical;
  typical.stored_per_payload = stored_share;
  // What a summary draws is no peak.
  typical.peak = o.workload.path.empty() ? 1 : std::max(setup.demand.peak_to_mean.value_or(1), 1.0);
  kv::PlanRanges& ranges = setup.question.ranges;
  ranges = kv::ranges_around(typical);
  const auto range = [&ranges](double kv::Scenario::*figure) -> kv::Uncertain& {
    return ranges[kv::plan_input(figure)];
  };
  range(&kv::Scenario::utilisation) = kUsualBusy;
  if (const auto margin = setup.engine.prefill->margin()) {
    range(&kv::Scenario::prefill_time) = {std::min(margin->low, 1.0), 1, std::max(margin->high, 1.0)};
  }
  if (auto ok = find_gpu_price(o, setup, range(&kv::Scenario::gpu_usd_per_hour)); !ok) return ok;
  if (auto ok = add_workload_ranges(o, setup.demand, ranges); !ok) return ok;
  for (std::size_t i = 0; i < kv::kPlanInputs; ++i) {
    if (o.inputs[i].empty()) continue;
    const std::string option(kv::plan_inputs()[i].option);
    const auto given = parse_range(o.inputs[i], option.c_str());
    if (!given) return error(given);
    const double per = kv::plan_inputs()[i].figure == &kv::Scenario::traffic ? setup.copies : 1;
    ranges[i] = {given->low / per, given->typical / per, given->high / per};
  }
  return kv::check_ranges(ranges);
}

}  // namespace

Result<std::unique_ptr<PlanSetup>> set_up_plan(const PlanOptions& asked, std::optional<std::uint32_t> gpus,
                                               bool may_assume) {
  PlanOptions o = asked;
  auto setup = std::make_unique<PlanSetup>();
  if (auto ok = find_prices(o, *setup); !ok) return error(ok);
  if (may_assume && o.workload.path.empty() && !o.summary.given()) assume_workload(o, *setup);
  if (auto ok = find_workload(o, *setup); !ok) return error(ok);
  if (auto ok = find_engine(o, gpus.value_or(kMostTp), *setup); !ok) return error(ok);
  double stored_share = 1, decode_bytes_per_s = 0;
  if (auto ok = find_codec(o, *setup, stored_share, decode_bytes_per_s); !ok) return error(ok);
  if (auto ok = look_at_run(o, *setup, stored_share); !ok) return error(ok);
  if (auto ok = find_fleet(o, gpus, *setup); !ok) return error(ok);
  if (auto ok = find_links(o, *setup, stored_share, decode_bytes_per_s); !ok) return error(ok);
  if (auto ok = find_size(o, *setup); !ok) return error(ok);
  if (auto ok = find_ranges(o, *setup, stored_share); !ok) return error(ok);
  kv::PlanBasis& b = setup->question.basis;
  b.workload = &setup->workload;
  b.demand = &setup->demand;
  b.prefill = setup->engine.prefill.get();
  b.geometry = setup->geometry.get();
  b.prices = &setup->prices;
  if (!gpus || b.fleet_gpus < b.gpus_per_instance()) return setup;
  const auto useful = kv::useful_gpus(b, kv::typical_scenario(setup->question.ranges));
  if (!useful) return error(useful);
  b.gpus = *useful;
  return setup;
}

}  // namespace kvtool
