#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"

namespace kvtool {

/// Where KV is fetched from, as typed.
struct FetchOptions {
  std::vector<std::string> profiles;
  std::string latency, bandwidth, decode_bandwidth;
};

/// One way to the KV: what --backend-profile, or --latency and --bandwidth say of it.
struct FetchPath {
  std::string backend, source;
  std::optional<kv::Duration> latency;  ///< from the lookup to the first byte
  std::optional<double> bytes_per_s;    ///< of stored bytes, to one engine; nullopt: only the bandwidth needed is asked
  std::optional<double> ops_per_s = std::nullopt;  ///< the best rate of lookups that a probe saw
};
/// All of them, one that knows nothing where nothing was given. `codec`: a profile may have measured its values.
kv::Result<std::vector<FetchPath>> fetch_paths(const FetchOptions& options, const std::string& codec,
                                               std::vector<std::string>& warnings);
/// Of --decode-bandwidth.
kv::Result<std::optional<double>> decode_rate_given(const FetchOptions& options);

}  // namespace kvtool
