#include "probe_options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "base/parse.hpp"
#include "probe/peer_protocol.hpp"
#include "replay/payload.hpp"

namespace kvtool {
namespace {

using kv::Code;
using kv::error;
using kv::Result;
using kv::probe::Operation;

constexpr std::size_t kMostListed = 64;
constexpr std::uint64_t kMostDepth = 4096, kMostConnections = 256;

/// What kv::parse_... say, with the option in front.
template <class T>
Result<T> of_option(const char* option, Result<T> parsed) {
  if (parsed) return parsed;
  return error(parsed.error().code, fmt::format("{}: {}", option, parsed.error().message), parsed.error().hint);
}

/// "a,b,c", each read by `read`; no empty piece, no value twice.
template <class Read>
auto list_of(const char* option, const std::string& text, const Read& read)
    -> Result<std::vector<std::decay_t<decltype(*read(text))>>> {
  std::vector<std::decay_t<decltype(*read(text))>> out;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    auto value = of_option(option, read(text.substr(begin, end - begin)));
    if (!value) return error(value);
    out.push_back(std::move(*value));
    if (out.size() > kMostListed) return error(Code::bad_input, fmt::format("{}: over {} values", option, kMostListed));
    begin = end + 1;
  }
  return out;
}

Result<std::size_t> size_of(const std::string& text) {
  const auto bytes = kv::parse_bytes(text);
  if (!bytes) return error(bytes);
  return static_cast<std::size_t>(bytes->count());
}

template <std::uint64_t most>
Result<std::uint32_t> count_of(const std::string& text) {
  const auto count = kv::parse_count(text);
  if (!count) return error(count);
  if (*count == 0 || *count > most) {
    return error(Code::bad_input, fmt::format("{} is not between 1 and {}", kv::quote(text), most));
  }
  return static_cast<std::uint32_t>(*count);
}

Result<Operation> operation_of(const std::string& text) {
  const std::vector<std::string> names = {"get", "set", "exists"};  // in the order of Operation
  const auto found = std::find(names.begin(), names.end(), text);
  if (found != names.end()) return static_cast<Operation>(found - names.begin());
  const auto close = kv::nearest(text, names);
  return error(Code::bad_input, fmt::format("{} cannot be probed", kv::quote(text)),
               close ? fmt::format("did you mean {}?", *close) : "some of get, set, exists");
}

/// What a payload of the probe is: a stranger's block, made from its key as those of a replay are.
kv::probe::FillPayload fill_with(const kv::PayloadContent& content) {
  return [content](const kv::PayloadShape& shape, std::span<std::byte> payload) {
    kv::PayloadSource({&shape, 1}, content).fill({0, 1}, 0, shape, payload);
  };
}

Result<kv::Dtype> dtype_of(const ProbeOptions& o) {
  const auto dtype = kv::dtype_from_name(o.kv_dtype);
  if (!dtype) return error(Code::bad_input, fmt::format("--kv-dtype: {} is none", kv::quote(o.kv_dtype)));
  return *dtype;
}

template <class T>
bool take(Result<T> from, T& into, Result<kv::probe::Plan>& plan) {
  if (!plan) return false;
  if (!from) {
    plan = error(from);
    return false;
  }
  into = std::move(*from);
  return true;
}

}  // namespace

void add_probe_options(CLI::App& command, ProbeOptions& o) {
  command.add_option("spec", o.spec, "The server, as a SPEC: redis://HOST, redis+unix:///PATH, spawn+redis:")
      ->required()
      ->type_name("SPEC");
  const auto list = [&command](const char* name, std::string& into, const char* help) {
    command.add_option(name, into, help)->capture_default_str()->type_name("LIST");
  };
  list("--sizes", o.sizes, "Sizes of values; so many MiB above the chunk mean so many whole chunks");
  list("--depths", o.depths, "Operations under way on each connection");
  list("--connections", o.connections, "Connections, all driven by one thread");
  list("--codecs", o.codecs, "Codecs, encoding and decoding in the time measured (see: kvbench list codecs)");
  list("--ops", o.ops, "Some of get, set, exists");
  command.add_option("--kv-dtype", o.kv_dtype, "Element type of what codecs encode")->capture_default_str();
  command
      .add_option("--payload", o.payload,
                  "What payloads are made of: kv (like KV), zeros, noise, or a safetensors file or one of raw elements")
      ->capture_default_str()
      ->type_name("kv|zeros|noise|FILE");
  command.add_option("--time-budget", o.time_budget, "For the whole sweep")->capture_default_str();
  command.add_option("--min-time", o.min_time, "At least so long on the server for each point")->capture_default_str();
  command.add_option("--repetitions", o.repetitions, "Of each point; medians count")
      ->check(CLI::Range(5U, 1000U))
      ->capture_default_str();
  command.add_option("--peer", o.peer, "Where kvbench peer --listen runs, beside a server on another machine")
      ->type_name("HOST:PORT");
  command.add_option("--profile", o.profile, "Also write the profile alone to this file")->type_name("FILE");
  add_output_options(command, o.output);
  command.footer(
      "Examples:\n"
      "  kvbench probe spawn+redis:?transport=tcp --sizes 64KiB,1MiB,16MiB --connections 1,4\n"
      "  kvbench probe redis://cache.internal --peer cache.internal:7654 --profile wire.json\n"
      "Passwords come from KVKIT_REDIS_PASSWORD, the peer's token from KVKIT_PEER_TOKEN.");
}

Result<kv::PayloadContent> payload_of(const ProbeOptions& o) {
  const auto dtype = dtype_of(o);
  if (!dtype) return error(dtype);
  const kv::PayloadShape shape{
      .dtype = *dtype, .layers = 1, .planes = 2, .tokens = 1, .channels = kv::probe::kPayloadChannels};
  return of_option("--payload", kv::parse_payload(o.payload, *dtype, {&shape, 1}));
}

std::vector<std::string> warnings_of(const kv::probe::Plan& plan, const kv::PayloadContent& payload) {
  std::vector<std::string> warnings = payload.notes;
  const bool raw = std::all_of(plan.codecs.begin(), plan.codecs.end(), [&plan](const kv::CodecSpec& spec) {
    const auto codec = spec.make();
    return codec && (*codec)->identity({.dtype = plan.dtype, .planes = 2});
  });
  if (!raw && !payload.ratio_warning().empty()) warnings.push_back(payload.ratio_warning());
  return warnings;
}

Result<kv::probe::Plan> plan_of(const ProbeOptions& o, const kv::PayloadContent& payload) {
  Result<kv::probe::Plan> out;
  kv::probe::Plan& plan = *out;
  const auto codec = [](const std::string& text) { return kv::parse_codec(text); };
  kv::Duration budget{}, least{};
  const bool ok = take(kv::parse_backend(o.spec), plan.backend, out) &&
                  take(list_of("--sizes", o.sizes, size_of), plan.sizes, out) &&
                  take(list_of("--depths", o.depths, count_of<kMostDepth>), plan.depths, out) &&
                  take(list_of("--connections", o.connections, count_of<kMostConnections>), plan.connections, out) &&
                  take(list_of("--codecs", o.codecs, codec), plan.codecs, out) &&
                  take(list_of("--ops", o.ops, operation_of), plan.operations, out) &&
                  take(of_option("--time-budget", kv::parse_duration(o.time_budget)), budget, out) &&
                  take(of_option("--min-time", kv::parse_duration(o.min_time)), least, out);
  if (!ok) return out;
  const auto dtype = dtype_of(o);
  if (!dtype) return error(dtype);
  if (!o.peer.empty()) {
    auto peer = of_option("--peer", kv::net::parse_host_port(o.peer));
    if (!peer) return error(peer);
    plan.peer = std::move(*peer);
  }
  if (const char* token = std::getenv("KVKIT_PEER_TOKEN")) plan.peer_token = token;
  if (plan.backend.options.has("chunk")) plan.chunk_bytes = plan.backend.options.bytes("chunk").count();
  plan.dtype = *dtype;
  plan.fill = fill_with(payload);
  plan.budget = budget;
  plan.least_per_point = least;
  plan.repetitions = o.repetitions;
  return out;
}

}  // namespace kvtool
