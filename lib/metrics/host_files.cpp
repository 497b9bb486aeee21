#include "metrics/host_files.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <sstream>

namespace kv {
namespace {

constexpr std::size_t kMostRead = 1 << 20;

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n\"");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n\"") - first + 1);
}

/// The leading digits, whatever follows ("16384 kB").
std::optional<std::uint64_t> leading_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc()) return std::nullopt;
  return value;
}

/// Directories of the process's cgroup and of its ancestors, for one controller ("" means v2's unified tree).
std::vector<std::string> cgroup_directories(const HostFiles& files, std::string_view controller) {
  const std::string mount = controller.empty()
                                ? "/sys/fs/cgroup"
                                : "/sys/fs/cgroup/" + std::string(controller.substr(0, controller.find(',')));
  std::istringstream lines(files.read("/proc/self/cgroup").value_or(""));
  std::string path;
  for (std::string line; std::getline(lines, line);) {  // hierarchy:controllers:path
    const auto first = line.find(':');
    const auto second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    if (line.substr(first + 1, second - first - 1) == controller) path = line.substr(second + 1);
  }
  std::vector<std::string> directories;
  for (; path.size() > 1; path.resize(path.rfind('/'))) directories.push_back(mount + path);
  directories.push_back(mount);  // also where a container sees its own group
  return directories;
}

struct CgroupFiles {
  std::string_view controller, limit, usage, inactive_key;
};
constexpr CgroupFiles kCgroups[] = {
    {"", "/memory.max", "/memory.current", "inactive_file"},
    {"memory", "/memory.limit_in_bytes", "/memory.usage_in_bytes", "total_inactive_file"},
};

}  // namespace

std::optional<std::string> HostFiles::read(const std::string& path) const {
  std::ifstream in(root_ + path, std::ios::binary);
  if (!in) return std::nullopt;
  std::string text;
  std::array<char, 4096> piece;  // most such files are a line
  while (text.size() < kMostRead && (in.read(piece.data(), piece.size()), in.gcount() > 0)) {
    text.append(piece.data(), static_cast<std::size_t>(in.gcount()));
  }
  return text;
}

std::optional<std::string> HostFiles::line(const std::string& path) const {
  const auto text = read(path);
  if (!text) return std::nullopt;
  return std::string(trimmed(text->substr(0, text->find('\n'))));
}

std::optional<std::string> HostFiles::value(const std::string& path, std::string_view key) const {
  const auto text = read(path);
  if (!text) return std::nullopt;
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    if (line.compare(0, key.size(), key) != 0) continue;
    const auto rest = line.find_first_not_of(" \t", key.size());
    if (rest == std::string::npos) continue;
    const bool marked = line[rest] == ':' || line[rest] == '=';
    if (!marked && rest == key.size()) continue;  // only a longer key
    return std::string(trimmed(std::string_view(line).substr(rest + marked)));
  }
  return std::nullopt;
}

std::optional<std::uint64_t> HostFiles::number(const std::string& path) const {
  const auto text = line(path);
  return text ? leading_number(*text) : std::nullopt;
}

std::optional<std::uint64_t> HostFiles::number(const std::string& path, std::string_view key) const {
  const auto text = value(path, key);
  return text ? leading_number(*text) : std::nullopt;
}

HostMemory host_memory(const HostFiles& files) {
  constexpr std::uint64_t kKiB = 1024;
  std::uint64_t total = files.number("/proc/meminfo", "MemTotal").value_or(0) * kKiB;
  std::uint64_t available = files.number("/proc/meminfo", "MemAvailable").value_or(0) * kKiB;
  for (const CgroupFiles& cgroup : kCgroups) {
    for (const std::string& directory : cgroup_directories(files, cgroup.controller)) {
      const auto limit = files.number(directory + std::string(cgroup.limit));  // v2 says "max" for none
      if (!limit || *limit == 0) continue;
      total = total == 0 ? *limit : std::min(total, *limit);
      // Page cache that nobody uses is given back before the limit bites.
      const std::uint64_t used = files.number(directory + std::string(cgroup.usage)).value_or(0);
      const std::uint64_t idle = files.number(directory + "/memory.stat", cgroup.inactive_key).value_or(0);
      const std::uint64_t held = used - std::min(used, idle);
      available = std::min(available, *limit - std::min(*limit, held));
    }
  }
  return {Bytes(total), Bytes(std::min(available, total))};
}

std::optional<double> cgroup_cpus(const HostFiles& files) {
  std::optional<double> least;
  const auto consider = [&](std::optional<std::uint64_t> quota, std::optional<std::uint64_t> period) {
    if (!quota || !period || *quota == 0 || *period == 0) return;
    const double cpus = static_cast<double>(*quota) / static_cast<double>(*period);
    least = least ? std::min(*least, cpus) : cpus;
  };
  for (const std::string& directory : cgroup_directories(files, "")) {
    const std::string text = files.line(directory + "/cpu.max").value_or("max");  // "200000 100000" or "max 100000"
    const auto blank = text.find(' ');
    if (blank != std::string::npos) consider(leading_number(text), leading_number(text.substr(blank + 1)));
  }
  for (const char* controller : {"cpu", "cpu,cpuacct"}) {
    for (const std::string& directory : cgroup_directories(files, controller)) {
      consider(files.number(directory + "/cpu.cfs_quota_us"),
               files.number(directory + "/cpu.cfs_period_us"));  // -1: none
    }
  }
  return least;
}

}  // namespace kv
