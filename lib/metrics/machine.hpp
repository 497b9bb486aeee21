#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/units.hpp"

namespace kv {

/// Where a report was made. `fingerprint` tells machines apart on which local times may be compared.
struct Machine {
  std::string cpu, os, kernel, compiler, build_type, git_revision, version, fingerprint;
  std::uint32_t cores = 0;
  Bytes memory, available_memory;
  double load_1m = 0;
  std::optional<std::string> cpu_governor;
  bool swapping = false;
};
Machine describe_machine();
/// Physical memory, or the cgroup's limit where that is lower.
Bytes machine_memory();
/// What of it could be used now: MemAvailable, or what the cgroup leaves where that is lower.
Bytes available_memory();

/// What deserves a line in warnings[]: debug build, CPU scaling, swapping, a loaded host.
std::vector<std::string> machine_warnings(const Machine& machine);

/// Physical bounds of the same run, bytes per second; null where it could not be measured.
struct Limits {
  std::optional<double> memory_copy, tcp, unix_socket;
};
/// At most `budget` in all; single-threaded copy, and one stream over loopback with sender and receiver on this host.
Limits measure_limits(Duration budget);

}  // namespace kv
