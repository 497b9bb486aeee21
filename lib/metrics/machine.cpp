#include "metrics/machine.hpp"

#include <fmt/format.h>
#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/parse.hpp"
#include "base/version.hpp"
#include "metrics/host_files.hpp"

namespace kv {
namespace {

constexpr const char* kCompiler =
#if defined(__clang__)
    "clang " __clang_version__;
#else
    "gcc " __VERSION__;
#endif

std::string kernel_release() {
  utsname name{};
  return uname(&name) == 0 ? name.release : "";
}

std::uint32_t usable_cores(const HostFiles& files) {
  cpu_set_t set;
  CPU_ZERO(&set);
  const long online = sysconf(_SC_NPROCESSORS_ONLN);
  const int allowed = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : static_cast<int>(online);
  const double quota = cgroup_cpus(files).value_or(allowed);
  return static_cast<std::uint32_t>(std::max(1.0, std::min<double>(allowed, std::ceil(quota))));
}

std::string cpu_model(const HostFiles& files) {
  for (const char* key : {"model name", "Model", "cpu model", "Hardware"}) {  // x86, arm boards, mips, older arm
    if (auto model = files.value("/proc/cpuinfo", key)) return *model;
  }
  utsname name{};
  return uname(&name) == 0 ? name.machine : "";
}

double leading_double(std::string_view text) {
  double value = 0;
  return std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc() ? value : 0;
}

/// Pressure stall information: the share of the last ten seconds in which some task waited for memory.
bool memory_pressure(const HostFiles& files) {
  constexpr std::string_view kStart = "avg10=";
  const std::string some = files.value("/proc/pressure/memory", "some").value_or("");
  return some.compare(0, kStart.size(), kStart) == 0 && leading_double(some.substr(kStart.size())) >= 1.0;
}

}  // namespace

Machine describe_machine() {
  const HostFiles files;
  const Version built = version();
  const HostMemory memory = host_memory(files);
  Machine machine;
  machine.cpu = cpu_model(files);
  machine.os = files.value("/etc/os-release", "PRETTY_NAME").value_or("");
  machine.kernel = kernel_release();
  machine.compiler = kCompiler;
  machine.build_type = built.build_type;
  machine.git_revision = built.revision;
  machine.version = built.version;
  machine.cores = usable_cores(files);
  machine.host_cores = static_cast<std::uint32_t>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
  machine.memory = memory.total;
  machine.available_memory = memory.available;
  machine.load_1m = leading_double(files.line("/proc/loadavg").value_or(""));
  machine.cpu_governor = files.line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
  machine.swapping = memory_pressure(files);
  machine.fingerprint = machine_fingerprint(machine);
  return machine;
}

Bytes machine_memory() { return host_memory(HostFiles()).total; }
Bytes available_memory() { return host_memory(HostFiles()).available; }

std::uint64_t swapped_pages() {
  const HostFiles files;
  return files.number("/proc/vmstat", "pswpin").value_or(0) + files.number("/proc/vmstat", "pswpout").value_or(0);
}

std::string machine_fingerprint(const Machine& machine) {
  const std::uint64_t gib = (machine.memory + Bytes(1_GiB / 2)) / 1_GiB;
  const std::string text =
      fmt::format("{}|{}|{}|{}", machine.cpu, machine.cores, gib, machine.kernel.substr(0, machine.kernel.find('.')));
  return fmt::format("{:016x}", XXH3_64bits(text.data(), text.size()));
}

std::vector<std::string> machine_warnings(const Machine& machine) {
  std::vector<std::string> warnings;
  if (machine.build_type != "release" && machine.build_type != "relwithdebinfo") {
    warnings.push_back(fmt::format("{} build: times are not those of an optimised kvkit; use make build",
                                   machine.build_type.empty() ? "untyped" : machine.build_type));
  }
  if (machine.cpu_governor && *machine.cpu_governor != "performance") {
    warnings.push_back(
        fmt::format("CPU frequency governor is '{}': clocks may change during the run; "
                    "'performance' gives steadier times",
                    *machine.cpu_governor));
  }
  if (machine.swapping) warnings.emplace_back("the host is swapping or short of memory: times include waiting for it");
  const double busy = machine.host_cores == 0 ? 0 : machine.load_1m / machine.host_cores;
  if (busy > 0.5) {
    warnings.push_back(fmt::format("load average {:.1f} on {} cores: other work competes for the CPU", machine.load_1m,
                                   machine.host_cores));
  }
  return warnings;
}

}  // namespace kv
