#include "fetch_path.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/parse.hpp"
#include "base/rate.hpp"
#include "common/workload_input.hpp"
#include "report/probe_document.hpp"

namespace kvtool {
namespace {

using kv::Code;
using kv::error;
using kv::Result;

FetchPath path_of(const kv::probe::Profile& profile, const kv::probe::WireModel& get, const std::string& file) {
  // A lookup's round trip, then the first value's.
  const double lookup_ns = profile.rtt_ns.value_or(get.latency_ns);
  return {profile.backend.empty() ? file : profile.backend, "probe profile " + file,
          kv::from_seconds(std::min((lookup_ns + get.latency_ns) / 1e9, 9e9)),
          get.pipelined_bytes_per_s.value_or(get.bandwidth_bytes_per_s), profile.exists_per_s};
}

Result<FetchPath> path_in(const std::string& file, const std::string& codec, std::vector<std::string>& warnings) {
  const auto profile = kv::read_profile(file);
  if (!profile) return in_option("--backend-profile", profile.error());
  const kv::probe::WireModel* get = profile->model("GET", codec);
  if (get == nullptr) get = profile->model("GET", "raw");
  if (get == nullptr) {
    return error(Code::bad_input, fmt::format("--backend-profile: {}: has no GET, which is what fetching does", file),
                 "make it anew: kvbench probe SPEC --ops get --sizes 64KiB,1MiB --profile FILE");
  }
  const auto warn = [&warnings](std::string text) {
    if (std::find(warnings.begin(), warnings.end(), text) == warnings.end()) warnings.push_back(std::move(text));
  };
  if (profile->on_this_host) {
    warn(
        fmt::format("{} was made on the server's own machine: there is no network in its latency and bandwidth", file));
  }
  if (!get->pipelined_bytes_per_s) {
    warn(fmt::format("{} has no depth or connections beyond one: fetching several values at once may be faster", file));
  }
  return path_of(*profile, *get, file);
}

}  // namespace

Result<std::vector<FetchPath>> fetch_paths(const FetchOptions& o, const std::string& codec,
                                           std::vector<std::string>& warnings) {
  std::vector<FetchPath> out;
  for (const std::string& file : o.profiles) {
    auto path = path_in(file, codec, warnings);
    if (!path) return error(path);
    out.push_back(std::move(*path));
  }
  if (!o.latency.empty() || !o.bandwidth.empty()) {
    FetchPath given{"given", "--latency and --bandwidth", std::nullopt, std::nullopt, std::nullopt};
    if (!o.latency.empty()) {
      const auto latency = kv::parse_duration(o.latency);
      if (!latency) return in_option("--latency", latency.error());
      given.latency = *latency;
    }
    if (!o.bandwidth.empty()) {
      const auto rate = kv::parse_rate(o.bandwidth);
      if (!rate) return in_option("--bandwidth", rate.error());
      given.bytes_per_s = *rate;
      if (!given.latency) given.source = "--bandwidth, no latency";
    } else {
      given.source = "--latency, no bandwidth";
    }
    out.push_back(std::move(given));
  }
  if (out.empty()) out.push_back({});
  return out;
}

Result<std::optional<double>> decode_rate_given(const FetchOptions& o) {
  if (o.decode_bandwidth.empty()) return std::optional<double>();
  const auto rate = kv::parse_rate(o.decode_bandwidth);
  if (!rate) return in_option("--decode-bandwidth", rate.error());
  return std::optional<double>(*rate);
}

}  // namespace kvtool
