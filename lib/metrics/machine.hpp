#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/units.hpp"

namespace kv {

/// Where a report was made. `fingerprint` tells machines apart on which local times may be compared: a hash of CPU
/// model, cores, memory in whole GiB and major kernel version.
struct Machine {
  std::string cpu, os, kernel, compiler, build_type, git_revision, version, fingerprint;
  std::uint32_t cores = 0;       ///< that this process may use: affinity and cgroup quota
  std::uint32_t host_cores = 0;  ///< online; what load_1m is shared over
  Bytes memory, available_memory;
  double load_1m = 0;
  std::optional<std::string> cpu_governor;
  bool swapping = false;  ///< tasks wait for memory now; for a whole run compare swapped_pages() before and after
};
/// Takes well under a millisecond; a figure that the host does not tell stays empty or 0.
Machine describe_machine();
/// Physical memory, or the cgroup's limit where that is lower.
Bytes machine_memory();
/// What of it could be used now: MemAvailable, or what the cgroup leaves where that is lower.
Bytes available_memory();
/// Pages that the host has moved to and from swap since it booted; 0 where it does not tell.
std::uint64_t swapped_pages();
std::string machine_fingerprint(const Machine& machine);

/// What deserves a line in warnings[]: debug build, CPU scaling, swapping, a loaded host.
std::vector<std::string> machine_warnings(const Machine& machine);

/// Physical bounds of the same run, bytes per second; null where it could not be measured.
struct Limits {
  std::optional<double> memory_copy, tcp, unix_socket;
};
/// At most `budget` in all; single-threaded copy between buffers beyond every cache, and one stream of
/// 1 MiB pieces over loopback with sender and receiver on this host. The best slice counts: a limit is what the
/// machine can do, not what was left of it.
Limits measure_limits(Duration budget);

}  // namespace kv
