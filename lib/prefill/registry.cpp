#include <fmt/format.h>

#include <vector>

#include "base/parse.hpp"
#include "prefill/modelled.hpp"
#include "prefill/profile_prefill.hpp"

namespace kv {

std::string_view provenance_name(Provenance provenance) {
  switch (provenance) {
    case Provenance::modelled:
      return "modelled";
    case Provenance::measured:
      return "measured";
    case Provenance::quoted:
      return "quoted";
  }
  return "unknown";
}

namespace {

Result<std::unique_ptr<Prefill>> computed_elsewhere(const PrefillConfig&) {
  return error(Code::bad_input, "'measured' computes, which only `kvbench run` does",
               "measure once with `kvbench calibrate -o FILE`, then say profile:FILE");
}

}  // namespace

std::span<const PrefillRow> prefills() {
  static const std::vector<PrefillRow> rows{
      {"modelled", "", "roofline of FLOPs, traffic and communication on a catalogue GPU, with its margin",
       make_modelled_prefill},
      {std::string(kMeasuredPrefill), "",
       "computes each prompt here, with the cache and without: a decoder in LibTorch", computed_elsewhere},
      {"profile", "FILE", "what you measured of your own server: kvkit.prefill/1, CSV or vLLM's bench JSON, fitted",
       make_profile_prefill},
  };
  return rows;
}

Result<std::unique_ptr<Prefill>> make_prefill(const std::string& spec, PrefillConfig config) {
  const std::size_t colon = spec.find(':');
  const std::string name = spec.substr(0, colon);
  config.argument = colon == std::string::npos ? std::string() : spec.substr(colon + 1);
  std::vector<std::string> names;
  for (const PrefillRow& row : prefills()) {
    if (row.name != name) {
      names.push_back(row.name);
      continue;
    }
    if (row.argument.empty() && colon != std::string::npos) {
      return error(Code::bad_input, fmt::format("'{}' takes nothing behind its name", name), "write " + name);
    }
    if (!row.argument.empty() && config.argument.empty()) {
      return error(Code::bad_input, fmt::format("'{}' needs its {}", name, row.argument),
                   fmt::format("write {}:{}", name, row.argument));
    }
    return row.make(config);
  }
  const auto close = nearest(name, names);
  return error(Code::bad_input, fmt::format("unknown source {}", quote(name)),
               close ? fmt::format("did you mean {}?", *close) : "see: kvbench list prefills");
}

}  // namespace kv
