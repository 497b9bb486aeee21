#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.hpp"

namespace kv {

/// What the kernel tells in text files, under a root that tests replace. At most 1 MiB of a file is read; one that is
/// missing or says something else yields nullopt.
class HostFiles {
 public:
  explicit HostFiles(std::string root = {}) : root_(std::move(root)) {}

  std::optional<std::string> read(const std::string& path) const;
  /// The first line without its end.
  std::optional<std::string> line(const std::string& path) const;
  /// The value behind `key` and a ':' or '=' or blanks, without quotes: cpuinfo, meminfo, os-release, vmstat.
  std::optional<std::string> value(const std::string& path, std::string_view key) const;
  std::optional<std::uint64_t> number(const std::string& path) const;
  std::optional<std::uint64_t> number(const std::string& path, std::string_view key) const;

 private:
  std::string root_;
};

/// Memory of the host, and what the process's cgroup (v1 or v2, any ancestor) leaves of it.
struct HostMemory {
  Bytes total, available;
};
HostMemory host_memory(const HostFiles& files);
/// CPUs that the cgroup's quota pays for; nullopt: no quota.
std::optional<double> cgroup_cpus(const HostFiles& files);

}  // namespace kv
