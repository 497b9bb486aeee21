#include "plan/emit_servers.hpp"

#include <algorithm>
#include <cmath>

namespace kv {
namespace {

constexpr double kMiB = 1024.0 * 1024;

/// Settings, each under the reason for it.
class Settings {
 public:
  void note(std::string_view text) { out_.append("# ").append(text).append("\n"); }
  void blank() { out_ += '\n'; }
  void section(std::string_view title) {
    blank();
    note(fmt::format("---- {} ----", title));
  }
  /// `why` may have several lines.
  void set(std::string_view why, std::string_view line) {
    for (std::size_t begin = 0; begin <= why.size();) {
      const std::size_t end = std::min(why.find('\n', begin), why.size());
      note(why.substr(begin, end - begin));
      begin = end + 1;
    }
    out_.append(line).append("\n");
  }
  std::string text() && { return std::move(out_); }

 private:
  std::string out_;
};

double maxmemory(const EmitQuestion& q) { return std::floor(q.memory_bytes * kMaxmemoryShare); }

/// A quarter of the cores stays with the kernel's network work; beyond eight threads Redis gains little.
std::uint32_t io_threads(double vcpus) {
  if (vcpus < 4) return 1;
  return static_cast<std::uint32_t>(std::min(std::floor(vcpus * 0.75), 8.0));
}

std::string threads_reason(double vcpus) {
  if (vcpus <= 0) return "The machine's cores are not known: raise it to three quarters of them, 8 at most.";
  if (vcpus < 4)
    return fmt::format("Of {:.0f} vCPUs the network needs its share: threads would only take turns.", vcpus);
  return fmt::format("Copying values to and from sockets is the work: three quarters of {:.0f} vCPUs, 8 at most.",
                     vcpus);
}

/// Bytes of output that the server may hold for one client before it drops it.
struct BufferLimit {
  double hard = 0, soft = 0;
  std::string line(std::string_view who) const {
    return fmt::format("client-output-buffer-limit {} {} {} 60", who, integer_text(hard), integer_text(soft));
  }
};

/// Replies of a normal client count against maxmemory: one that does not read must not push the cache out, and one
/// that asks for a long prefix must get it.
BufferLimit reader_limit(const EmitQuestion& q) {
  const double most = std::max(q.memory_bytes / 8, 4 * q.largest_value_bytes);
  const double hard = std::min(std::max(64 * q.largest_value_bytes, 256 * kMiB), most);
  return {hard, std::floor(hard / 2)};
}

/// A replica's backlog does not count against maxmemory: it must fit what maxmemory leaves free.
BufferLimit replica_limit(const EmitQuestion& q) {
  const double most = std::max(q.memory_bytes / 10, 4 * q.largest_value_bytes);
  const double hard = std::min(std::max(q.memory_bytes / 20, 16 * q.largest_value_bytes), most);
  return {hard, std::floor(hard / 2)};
}

void add_head(Settings& out, const EmitQuestion& q, std::string_view what) {
  out.note(fmt::format("{} for a KV cache, written by kvplan.", what));
  const std::string machines =
      q.kind == "serverless"
          ? ""
          : fmt::format(", {} machine{}{}{}", q.machines, q.machines == 1 ? "" : "s",
                        q.machine.empty() ? "" : " of " + one_line(q.machine),
                        q.replicas == 0 ? "" : fmt::format(", {} replica of each primary among them", q.replicas));
  out.note(fmt::format("Plan: {}{}.", q.kind, machines));
  out.note(fmt::format("KV: {}, blocks of {} tokens, codec {}.",
                       q.model.empty() ? "model not named" : one_line(q.model), integer_text(q.block_tokens),
                       one_line(q.codec)));
  out.note("Everything in here can be computed again: losing it costs GPU time, never data.");
}

void add_memory(Settings& out, const EmitQuestion& q) {
  out.section("memory");
  out.set(fmt::format("{:.0f} % of the {:.1f} GiB that a machine has for us; the rest is fragmentation, buffers of "
                      "replicas and the process.",
                      kMaxmemoryShare * 100, q.memory_bytes / (1024 * kMiB)),
          "maxmemory " + integer_text(maxmemory(q)));
  out.set("Full is the normal state of a cache: the least recently used block goes, whether it has a TTL or not.",
          "maxmemory-policy allkeys-lru");
  out.set(
      "Looks at 10 keys instead of 5 to find the oldest: nearer to true LRU, and next to the copying of a value\n"
      "it costs nothing.",
      "maxmemory-samples 10");
  out.set("Freeing megabytes takes time: another thread does it, commands do not wait.", "lazyfree-lazy-eviction yes");
  out.set("The same for values whose TTL has passed,", "lazyfree-lazy-expire yes");
  out.set("for values that are overwritten,", "lazyfree-lazy-server-del yes");
  out.set("and for those that a client deletes.", "lazyfree-lazy-user-del yes");
  if (q.ttl_s) {
    out.note(
        fmt::format("The plan drops blocks {:.0f} s after their last use. No server setting does that: the client "
                    "must set it.",
                    *q.ttl_s));
    out.note("Without one, allkeys-lru keeps memory full, which costs nothing more on a machine that is paid for.");
  }
}

void add_disk(Settings& out) {
  out.section("disk");
  out.set("No snapshots: what is lost is computed again, and a fork would need memory for every page that changes.",
          "save \"\"");
  out.set("No log of writes: it would write every KV byte to disk.", "appendonly no");
}

void add_network(Settings& out, const EmitQuestion& q, CacheKind kind) {
  out.section("network");
  out.set("Where engines connect.", "port 6379");
  out.set(threads_reason(q.vcpus), fmt::format("io-threads {}", io_threads(q.vcpus)));
  // Valkey 8 reads by threads in any case and calls this option obsolete.
  if (kind != CacheKind::valkey)
    out.set("Stores come in by threads too, not only replies out.", "io-threads-do-reads yes");
  const double clients = std::max(10000.0, 2 * q.connections + 100);
  out.set(
      q.connections > 0
          ? fmt::format("The plan has {:.0f} connections to each machine; twice that during a rollout.", q.connections)
          : std::string("More than the plan needs; limits mistakes, not the cache."),
      "maxclients " + integer_text(clients));
  out.set("Engines that restart all at once connect all at once (net.core.somaxconn must allow it too).",
          "tcp-backlog " + integer_text(std::clamp(q.connections, 511.0, 65535.0)));
  out.set("Idle engines keep their connections: opening one costs a round trip that a request would wait for.",
          "timeout 0");
  out.set("Engines that vanished are noticed within minutes.", "tcp-keepalive 60");
  out.set(
      "A client that does not read its replies is dropped: they count against maxmemory and would push blocks out.\n"
      "64 values or 256 MiB at once, an eighth of the memory at most; half of it for a minute.",
      reader_limit(q).line("normal"));
  out.set("What a replica may lag behind before it must start over; this is in no maxmemory.",
          replica_limit(q).line("replica"));
  if (q.replicas == 0) return;
  const double backlog = std::max(64 * kMiB, 16 * q.largest_value_bytes);
  out.set("A replica that was away for a moment goes on where it was.", "repl-backlog-size " + integer_text(backlog));
  out.set("A new replica is filled through the socket: no snapshot on disk, on either side.", "repl-diskless-sync yes");
  out.set("Only where it holds nothing yet.", "repl-diskless-load on-empty-db");
}

void add_cluster(Settings& out) {
  out.section("cluster");
  out.set("Keys are spread over the primaries by hash slot.", "cluster-enabled yes");
  out.set("Kept by the server itself, one file a server.", "cluster-config-file nodes.conf");
  out.set("A node that copies large values for a while is not dead.", "cluster-node-timeout 15000");
  out.set("A lost primary is a share of misses, no outage: the other slots go on.", "cluster-require-full-coverage no");
  out.set("Blocks never change: what a node holds is right, also while it is cut off.",
          "cluster-allow-reads-when-down yes");
}

}  // namespace

std::string one_line(std::string_view text) {
  std::string out(text.substr(0, 200));
  std::replace_if(
      out.begin(), out.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return out;
}

std::string integer_text(double bytes) { return fmt::format("{:.0f}", std::floor(bytes)); }

bool is_cluster(CacheKind kind) {
  return kind == CacheKind::redis_cluster || kind == CacheKind::valkey || kind == CacheKind::own_servers;
}

std::string redis_conf(const EmitQuestion& q, CacheKind kind) {
  Settings out;
  add_head(out, q, kind == CacheKind::valkey ? "valkey.conf" : "redis.conf");
  add_memory(out, q);
  add_disk(out);
  add_network(out, q, kind);
  if (is_cluster(kind)) add_cluster(out);
  out.section("who may come in");
  out.note(
      "No password is in this file. Put `bind ADDRESS` and `requirepass ...` (or ACL users: `aclfile ...`) into a");
  out.note(
      "file that only the server may read, and include it. Until then protected mode, the default, turns away all");
  out.note("engines of other machines.");
  out.note("include /etc/redis/kv-cache-secrets.conf");
  return std::move(out).text();
}

Result<std::string> dragonfly_flags(const EmitQuestion& q) {
  constexpr double kLeastPerThread = 256 * kMiB;
  const double memory = maxmemory(q), room = std::floor(memory / kLeastPerThread);
  if (room < 1) {
    return error(Code::bad_input, fmt::format("emit: {} bytes are too few for Dragonfly", integer_text(memory)),
                 "it wants 256 MiB for each of its threads: choose a larger machine");
  }
  Settings out;
  add_head(out, q, "Flags of Dragonfly (dragonfly --flagfile=dragonfly.flags)");
  out.blank();
  out.set(fmt::format("{:.0f} % of the machine's memory for us. Eviction begins at 90 % of it.", kMaxmemoryShare * 100),
          "--maxmemory=" + integer_text(memory));
  out.set(
      "Evict when full; without it stores fail. It can only be set at the start. It is not LRU: blocks that were\n"
      "never read go first, so let a client read a block once after storing it.",
      "--cache_mode=true");
  if (q.vcpus > 0) {
    out.set("One thread a vCPU, each with 256 MiB at least.",
            fmt::format("--proactor_threads={:.0f}", std::clamp(std::floor(q.vcpus), 1.0, room)));
  }
  out.set("No snapshot when it ends: what is lost is computed again.", "--dbfilename=");
  out.set("Where engines connect.", "--port=6379");
  out.blank();
  out.note("It listens on all interfaces unless told: set --bind=ADDRESS of the cache's network.");
  out.note("No password is in this file: give it in the environment, as DFLY_requirepass.");
  return std::move(out).text();
}

std::string managed_parameters(const EmitQuestion& q) {
  const BufferLimit reader = reader_limit(q);
  Settings out;
  add_head(out, q, "Parameters of an ElastiCache parameter group (Valkey or Redis OSS 7)");
  out.note("One a line, as name value. Other providers call the same settings by Redis's own names.");
  out.blank();
  out.set("The provider keeps a quarter of each node; the plan counts with that. maxmemory itself cannot be set.",
          "reserved-memory-percent 25");
  out.set("Its default, volatile-lru, evicts only keys with a TTL: blocks have none, and stores would fail when full.",
          "maxmemory-policy allkeys-lru");
  out.set("Nearer to true LRU than the default of 3.", "maxmemory-samples 10");
  out.set("Freeing megabytes takes time: another thread does it.", "lazyfree-lazy-eviction yes");
  out.set("The same for values whose TTL has passed,", "lazyfree-lazy-expire yes");
  out.set("and for values that are overwritten.", "lazyfree-lazy-server-del yes");
  out.set("A client that does not read its replies is dropped before they push blocks out.",
          "client-output-buffer-limit-normal-hard-limit " + integer_text(reader.hard));
  out.set("The same, for a minute.", "client-output-buffer-limit-normal-soft-limit " + integer_text(reader.soft));
  out.set("So many seconds.", "client-output-buffer-limit-normal-soft-seconds 60");
  out.set("Idle engines keep their connections.", "timeout 0");
  out.set("Engines that vanished are noticed within minutes.", "tcp-keepalive 60");
  out.blank();
  out.note("Not parameters, but to be chosen when the cluster is made: automatic backups off (retention 0);");
  out.note(fmt::format("{} replica{} for each primary; cluster mode if there are several primaries; the engines' zone,",
                       q.replicas, q.replicas == 1 ? "" : "s"));
  out.note("for what crosses zones is billed by the GB. I/O threads and buffers of replicas are the provider's.");
  return std::move(out).text();
}

std::string serverless_limits(const EmitQuestion& q) {
  Settings out;
  add_head(out, q, "A serverless cache (ElastiCache Serverless)");
  out.note("It has no parameter group: nothing of the server can be set. What can be chosen, and what to know:");
  out.blank();
  if (q.memory_bytes > 0) {
    out.set("Bytes kept are billed by the hour: cap them at what the plan pays for. In GB (10^9 bytes), rounded up.",
            fmt::format("maximum-data-storage-gb {:.0f}", std::max(std::ceil(q.memory_bytes / 1e9), 1.0)));
  }
  out.note("Snapshots off (retention 0): what is lost is computed again.");
  out.note("Its policy is volatile-lru and cannot be changed: only keys with a TTL are evicted. A client that sets no");
  out.note("TTL fills it once, and stores fail from then on. Set one in the client.");
  if (q.ttl_s) out.note(fmt::format("The plan counts with {:.0f} s.", *q.ttl_s));
  out.note("Every KB that is read or written is billed: a policy that fetches only what pays matters more here");
  out.note("than anywhere. It speaks TLS only (rediss://), and takes at most 3,999 arguments a command.");
  return std::move(out).text();
}

}  // namespace kv
