#include "metrics/machine.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "metrics/host_files.hpp"

namespace {

/// A made-up host: files under a temporary directory.
class FakeHost {
 public:
  FakeHost() {
    std::string name = (std::filesystem::temp_directory_path() / "kvkit-host-XXXXXX").string();
    root_ = mkdtemp(name.data());
    put("/proc/meminfo", "MemTotal:       16777216 kB\nMemFree:  1 kB\nMemAvailable:   8388608 kB\n");
  }
  ~FakeHost() { std::filesystem::remove_all(root_); }
  FakeHost(const FakeHost&) = delete;
  FakeHost& operator=(const FakeHost&) = delete;

  void put(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }
  kv::HostFiles files() const { return kv::HostFiles(root_); }

 private:
  std::string root_;
};

kv::Machine a_machine() {
  kv::Machine machine;
  machine.cpu = "Imaginary 9000";
  machine.kernel = "6.1.0";
  machine.build_type = "release";
  machine.cores = machine.host_cores = 4;
  machine.memory = kv::Bytes(kv::operator""_GiB(16));
  return machine;
}

}  // namespace

TEST_SUITE("machine") {
  using namespace kv;

  TEST_CASE("without a cgroup limit memory is the host's") {
    const FakeHost host;
    CHECK(host_memory(host.files()).total == 16_GiB);
    CHECK(host_memory(host.files()).available == 8_GiB);
  }

  TEST_CASE("a version 2 cgroup limits memory, and what it holds beyond page cache is not available") {
    const FakeHost host;
    host.put("/proc/self/cgroup", "0::/a/b\n");
    host.put("/sys/fs/cgroup/a/b/memory.max", "max\n");
    host.put("/sys/fs/cgroup/a/memory.max", "4294967296\n");  // the parent's limit holds for the child
    host.put("/sys/fs/cgroup/a/memory.current", "3221225472\n");
    host.put("/sys/fs/cgroup/a/memory.stat", "anon 5\ninactive_file 1073741824\n");
    CHECK(host_memory(host.files()).total == 4_GiB);
    CHECK(host_memory(host.files()).available == 2_GiB);  // 4 - (3 - 1)
  }

  TEST_CASE("a version 1 cgroup does so as well, and no limit there is a huge number") {
    const FakeHost host;
    host.put("/proc/self/cgroup", "5:cpuset:/x\n4:memory:/job\n0::/\n");
    host.put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    host.put("/sys/fs/cgroup/memory/job/memory.limit_in_bytes", "2147483648\n");
    host.put("/sys/fs/cgroup/memory/job/memory.usage_in_bytes", "536870912\n");
    CHECK(host_memory(host.files()).total == 2_GiB);
    CHECK(host_memory(host.files()).available == 2_GiB - Bytes(536870912));
  }

  TEST_CASE("a cgroup that is already over its limit leaves nothing, not a wrapped number") {
    const FakeHost host;
    host.put("/proc/self/cgroup", "0::/\n");
    host.put("/sys/fs/cgroup/memory.max", "1048576\n");
    host.put("/sys/fs/cgroup/memory.current", "2097152\n");
    CHECK(host_memory(host.files()).available == Bytes(0));
  }

  TEST_CASE("cores: the least quota of the cgroup and its ancestors, none if there is none") {
    const FakeHost host;
    CHECK_FALSE(cgroup_cpus(host.files()));
    host.put("/proc/self/cgroup", "3:cpu,cpuacct:/job\n0::/a\n");
    host.put("/sys/fs/cgroup/cpu.max", "max 100000\n");
    CHECK_FALSE(cgroup_cpus(host.files()));
    host.put("/sys/fs/cgroup/a/cpu.max", "350000 100000\n");
    CHECK(cgroup_cpus(host.files()) == 3.5);
    host.put("/sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "-1\n");
    host.put("/sys/fs/cgroup/cpu/job/cpu.cfs_period_us", "100000\n");
    CHECK(cgroup_cpus(host.files()) == 3.5);
    host.put("/sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "150000\n");
    CHECK(cgroup_cpus(host.files()) == 1.5);
  }

  TEST_CASE("damaged files of the kernel tell nothing and harm nothing") {
    const FakeHost host;
    host.put("/proc/self/cgroup", "no colons here\n:\n::\n0::\n");
    host.put("/proc/meminfo", "MemTotal: lots\nMemAvailable");
    host.put("/sys/fs/cgroup/cpu.max", "1");
    CHECK(host_memory(host.files()).total == Bytes(0));
    CHECK_FALSE(cgroup_cpus(host.files()));
  }

  TEST_CASE("values are read behind ':', '=' and blanks, without quotes, and never of a longer key") {
    const FakeHost host;
    host.put("/f", "model name\t: Some CPU\nPRETTY_NAME=\"Debian 12\"\npswpinned 9\npswpin 42\n");
    CHECK(host.files().value("/f", "model name") == "Some CPU");
    CHECK(host.files().value("/f", "PRETTY_NAME") == "Debian 12");
    CHECK(host.files().number("/f", "pswpin") == 42);
    CHECK_FALSE(host.files().value("/f", "absent"));
    CHECK_FALSE(host.files().value("/absent", "model name"));
  }

  TEST_CASE("this machine is described") {
    const Machine machine = describe_machine();
    CHECK(machine.cores >= 1);
    CHECK(machine.host_cores >= machine.cores);
    CHECK(machine.memory > Bytes(0));
    CHECK(machine.available_memory <= machine.memory);
    CHECK(machine.memory == machine_memory());
    CHECK_FALSE(machine.kernel.empty());
    CHECK_FALSE(machine.compiler.empty());
    CHECK_FALSE(machine.version.empty());
    CHECK(machine.fingerprint.size() == 16);
    CHECK(machine.fingerprint == describe_machine().fingerprint);
  }

  TEST_CASE("the fingerprint tells CPU, cores, memory and major kernel apart, and nothing smaller") {
    const std::string base = machine_fingerprint(a_machine());
    const auto changed = [](auto change) {
      Machine machine = a_machine();
      change(machine);
      return machine_fingerprint(machine);
    };
    CHECK(changed([](Machine& m) { m.cpu = "Imaginary 9001"; }) != base);
    CHECK(changed([](Machine& m) { m.cores = 5; }) != base);
    CHECK(changed([](Machine& m) { m.memory = 15_GiB; }) != base);
    CHECK(changed([](Machine& m) { m.kernel = "7.1.0"; }) != base);
    CHECK(changed([](Machine& m) { m.kernel = "6.2.9-rc1"; }) == base);
    CHECK(changed([](Machine& m) { m.memory = 16_GiB - 100_MiB; }) == base);
    CHECK(changed([](Machine& m) { m.load_1m = 3; }) == base);
  }

  TEST_CASE("what makes times doubtful is said, and only that") {
    CHECK(machine_warnings(a_machine()).empty());
    const auto warned = [](auto change, const char* word) {
      Machine machine = a_machine();
      change(machine);
      const auto warnings = machine_warnings(machine);
      return warnings.size() == 1 && warnings[0].find(word) != std::string::npos;
    };
    CHECK(warned([](Machine& m) { m.build_type = "debug"; }, "debug build"));
    CHECK(warned([](Machine& m) { m.build_type = "relwithdebinfo+thread"; }, "relwithdebinfo+thread build"));
    CHECK(warned([](Machine& m) { m.cpu_governor = "powersave"; }, "powersave"));
    CHECK(warned([](Machine& m) { m.swapping = true; }, "swapping"));
    CHECK(warned([](Machine& m) { m.load_1m = 2.5; }, "load average 2.5"));
    Machine fine = a_machine();
    fine.cpu_governor = "performance";
    fine.load_1m = 1.9;
    CHECK(machine_warnings(fine).empty());
  }
}
