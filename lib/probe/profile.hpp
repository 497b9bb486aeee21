#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/units.hpp"

namespace kv::probe {

/// How long one value takes: t(n) = latency + n / bandwidth, one at a time on one connection; and what several at once
/// reach. Residuals are relative to the time measured: (model - measured) / measured.
struct WireModel {
  std::string operation, codec;  ///< "GET", "raw"
  double latency_ns = 0;
  double bandwidth_bytes_per_s = 0;
  double max_relative_residual = 0, rms_relative_residual = 0;
  std::uint32_t sizes = 0;                      ///< that it was fitted to
  double least_bytes = 0, most_bytes = 0;       ///< of them: beyond, the model is a guess
  std::optional<double> pipelined_bytes_per_s;  ///< the best rate of any depth and number of connections

  Duration time(Bytes value) const {
    return from_seconds(latency_ns / 1e9 + static_cast<double>(value.count()) / bandwidth_bytes_per_s);
  }
};

/// What a probe says of a wire and its server, for replay and planning: read_profile (report/probe_document.hpp) reads
/// it.
struct Profile {
  std::string made_at, backend, transport, server_name, server_version, machine_fingerprint;
  bool on_this_host = false;  ///< the server shared the client's machine
  std::optional<double> rtt_ns;
  std::optional<double> exists_per_s;  ///< the best rate of lookups
  Bytes chunk;
  std::vector<WireModel> models;

  /// nullptr: not measured.
  const WireModel* model(const std::string& operation, const std::string& codec) const {
    for (const WireModel& one : models) {
      if (one.operation == operation && one.codec == codec) return &one;
    }
    return nullptr;
  }
};

}  // namespace kv::probe
