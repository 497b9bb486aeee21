#include "plan/emit.hpp"

#include <algorithm>
#include <cmath>

#include "plan/checks.hpp"
#include "plan/emit_servers.hpp"

namespace kv {
namespace {

constexpr double kGiB = 1024.0 * 1024 * 1024;
/// What Redis and Valkey take as one value, and Dragonfly.
constexpr double kMostRedisValue = 512.0 * 1024 * 1024, kMostDragonflyValue = 2 * kGiB;
/// LMCache's own default, also the memory through which it stages what it sends to a store.
constexpr double kStagingGib = 5;

Result<const CacheKindRow*> find_kind(const std::string& name) {
  std::vector<std::string> names;
  for (const CacheKindRow& row : cache_kinds()) {
    if (row.name == name) return &row;
    names.emplace_back(row.name);
  }
  const auto close = nearest(name, names);
  return error(Code::bad_input, fmt::format("emit: {} is no kind of cache", quote(name)),
               close ? fmt::format("did you mean {}?", *close) : fmt::format("known: {}", fmt::join(names, ", ")));
}

bool is_local(CacheKind kind) { return kind == CacheKind::host_memory || kind == CacheKind::local_nvme; }

/// Whether memory_bytes are needed, and how large a value the server takes; 0: there is no such limit.
struct Needs {
  bool memory = false;
  double most_value_bytes = 0;
};
Needs needs_of(CacheKind kind) {
  switch (kind) {
    case CacheKind::dragonfly:
      return {true, kMostDragonflyValue};
    case CacheKind::managed:
    case CacheKind::redis:
    case CacheKind::redis_cluster:
    case CacheKind::valkey:
    case CacheKind::own_servers:
      return {true, kMostRedisValue};
    case CacheKind::serverless:
      return {false, kMostRedisValue};
    case CacheKind::host_memory:
    case CacheKind::local_nvme:
      return {true, 0};
    case CacheKind::vendor_platform:
      break;
  }
  return {};
}

Result<void> check_question(const EmitQuestion& q, CacheKind kind) {
  const Needs needs = needs_of(kind);
  const double least = needs.memory ? 16.0 * 1024 * 1024 : 0;
  const auto checked = check_figures("emit", {{"memory of a machine", q.memory_bytes, least, 1e18},
                                              {"vCPUs", q.vcpus, 0, 1e5},
                                              {"the largest value", q.largest_value_bytes, 0, 1e15},
                                              {"connections", q.connections, 0, 1e9},
                                              {"the TTL", q.ttl_s.value_or(0), 0, 1e12},
                                              {"tokens of a block", q.block_tokens, 1, 1e9},
                                              {"tensor-parallel ranks", static_cast<double>(q.tp), 1, 65536}});
  if (!checked) return error(checked);
  if (needs.most_value_bytes > 0 && q.largest_value_bytes > needs.most_value_bytes) {
    return error(
        Code::bad_input,
        fmt::format("emit: values of {} bytes are larger than a {} server takes", integer_text(q.largest_value_bytes),
                    q.kind),
        fmt::format("at most {} bytes: cut them, as chunk= of a backend does", integer_text(needs.most_value_bytes)));
  }
  if (needs.memory && !is_local(kind) && 4 * q.largest_value_bytes > q.memory_bytes) {
    return error(Code::bad_input,
                 fmt::format("emit: a machine of {} bytes is too small for values of {} bytes",
                             integer_text(q.memory_bytes), integer_text(q.largest_value_bytes)),
                 "choose a larger machine, or smaller values");
  }
  return {};
}

/// vLLM's own blocks have 16 tokens; LMCache's chunks are whole numbers of them.
double chunk_tokens(const EmitQuestion& q) {
  const double tokens = std::floor(q.block_tokens);
  return tokens >= 16 && std::fmod(tokens, 16) == 0 ? tokens : 256;
}

/// One decimal, rounded down: LMCache takes 2^30 bytes for a GB, and each tensor-parallel rank takes its own.
std::string gib_a_rank(const EmitQuestion& q) {
  const double gib = q.memory_bytes / kGiB / q.tp;
  return fmt::format("{:.1f}", std::max(std::floor(gib * 10) / 10, 0.1));
}

void add_remote(std::string& out, const EmitQuestion& q, CacheKind kind) {
  out += fmt::format(
      "\n# The store. Put your host in, and where it wants a password {}.\n"
      "# With a password in it this file is a secret: mount it as one.\n",
      kind == CacheKind::valkey ? "valkey_username and valkey_password below" : "write redis://:PASSWORD@HOST:6379");
  switch (kind) {
    case CacheKind::redis_cluster:
    case CacheKind::own_servers:
      out += "remote_url: \"redis-cluster://HOST1:6379,HOST2:6379,HOST3:6379\"\n";
      break;
    case CacheKind::valkey:
      out +=
          "remote_url: \"valkey://HOST:6379\"\n"
          "# Needs the package valkey-glide, 2.0 or later.\n"
          "extra_config:\n  valkey_mode: \"cluster\"\n";
      break;
    case CacheKind::serverless:
      out += "remote_url: \"rediss://HOST:6379\"\n";
      break;
    default:
      out += "remote_url: \"redis://HOST:6379\"\n";
  }
  out +=
      "# Bytes as the engine has them. \"cachegen\" is smaller and lossy: measure what it does to answers first.\n"
      "remote_serde: \"naive\"\n";
  if (q.codec != "raw") {
    out += fmt::format("# The plan's codec, {}, is kvkit's own: LMCache has none of that name. See README.txt.\n",
                       one_line(q.codec));
  }
}

std::string lmcache_yaml(const EmitQuestion& q, CacheKind kind) {
  std::string out = fmt::format(
      "# LMCache's configuration, written by kvplan for {} with {}.\n"
      "# The engine finds it by LMCACHE_CONFIG_FILE; LMCACHE_... variables are then not read.\n\n"
      "# Tokens of one value: {}.\nchunk_size: {}\n",
      one_line(q.model.empty() ? "a model" : q.model), q.kind,
      chunk_tokens(q) == std::floor(q.block_tokens) ? "the plan's blocks"
                                                    : "LMCache's default; the plan's blocks are no multiple of 16",
      integer_text(chunk_tokens(q)));
  const bool host = kind == CacheKind::host_memory;
  out +=
      host ? "\n# Idle memory of this machine is the cache.\nlocal_cpu: true\n"
           : "\n# Host memory in front of the store: what was used last is found without the wire.\nlocal_cpu: true\n";
  out += fmt::format(
      "# In GB of 2^30 bytes, for each of the {} tensor-parallel rank{} of an instance.{}\n"
      "max_local_cpu_size: {}\n",
      q.tp, q.tp == 1 ? "" : "s", host ? "" : "\n# LMCache's default; what goes to the store passes it.",
      host ? gib_a_rank(q) : fmt::format("{:.1f}", kStagingGib));
  if (kind == CacheKind::local_nvme) {
    out += fmt::format(
        "\n# The drives. Put your own directory in.\nlocal_disk: \"file:///mnt/nvme/kv-cache\"\n"
        "# In GB, likewise for each rank.\nmax_local_disk_size: {}\n",
        gib_a_rank(q));
  }
  if (!is_local(kind)) add_remote(out, q, kind);
  return out;
}

std::string readme_of_server(CacheKind kind) {
  switch (kind) {
    case CacheKind::redis:
      return "redis.conf                  the server: redis-server redis.conf, or /etc/redis/redis.conf. Tested with\n"
             "                            Redis 7.0: it starts, and says these settings back.\n";
    case CacheKind::redis_cluster:
    case CacheKind::own_servers:
      return "redis.conf                  each server, replicas too: redis-server redis.conf. Then once, for all:\n"
             "                            redis-cli --cluster create HOST:6379 ... --cluster-replicas N\n"
             "                            Tested with Redis 7.0: it starts, and says these settings back.\n"
             "                            NOT every version of LMCache knows redis-cluster:// (lmcache.yaml).\n";
    case CacheKind::valkey:
      return "valkey.conf                 each server: valkey-server valkey.conf, then valkey-cli --cluster create "
             "...\n"
             "                            Tested with Redis 7.0; NOT verified with Valkey, which shares these "
             "settings.\n";
    case CacheKind::dragonfly:
      return "dragonfly.flags             each server: dragonfly --flagfile=dragonfly.flags. Names are from "
             "Dragonfly's\n"
             "                            documentation; NOT started by kvkit's tests, for Debian has no package of "
             "it.\n"
             "                            The plan spreads keys over all servers. LMCache's remote_url names one:\n"
             "                            with several, give each group of engines its own, which share nothing.\n";
    case CacheKind::managed:
      return "elasticache-parameters.txt  a parameter group of the cluster. Names are from ElastiCache's "
             "documentation;\n"
             "                            NOT tried on the service.\n";
    case CacheKind::serverless:
      return "serverless-limits.txt       what to choose in the console. Facts are from ElastiCache's documentation;\n"
             "                            NOT tried on the service.\n";
    default:
      return {};
  }
}

std::string readme_of_engines(const EmitQuestion& q) {
  std::string out =
      "vllm-kv-transfer.json       vllm serve MODEL --kv-transfer-config \"$(cat vllm-kv-transfer.json)\"\n"
      "lmcache.yaml                LMCACHE_CONFIG_FILE=/path/lmcache.yaml in the environment of each engine. Names "
      "are\n"
      "                            from LMCache's documentation; NOT run by kvkit's tests.\n"
      "\n"
      "Set PYTHONHASHSEED=0 in every engine: keys are made by a hash that otherwise differs from process to process,\n"
      "and nothing is ever found (LMCache pull request 2597).\n"
      "Each tensor-parallel rank takes max_local_cpu_size for itself (LMCache issue 2901), and pinned memory may be\n"
      "rounded up to a power of two (issue 1147): watch the host's memory when an engine starts.\n";
  if (q.codec != "raw") {
    out += fmt::format(
        "\nThe plan was made with codec {}. LMCache stores what the engine has: plan again with --codec raw, or let\n"
        "the engine hold smaller KV (vllm serve --kv-cache-dtype fp8, kvplan --kv-dtype fp8_e4m3).\n",
        one_line(q.codec));
  }
  return out;
}

std::string readme(const EmitQuestion& q, CacheKind kind) {
  std::string out = fmt::format("What kvplan wrote for a KV cache of kind {}, and where it goes\n\n", q.kind);
  if (kind == CacheKind::vendor_platform) {
    return out +
           "Nothing but this page: a platform comes with its vendor's own configuration. Of the nearest free "
           "software,\n"
           "NVIDIA Dynamo documents KVBM, and runs LMCache's connector too.\n";
  }
  out += readme_of_server(kind) + readme_of_engines(q);
  return out + "\nNo file holds a password. Replace every HOST. Before users come: kvbench run on your own trace.\n";
}

Result<std::optional<EmittedFile>> server_file(const EmitQuestion& q, CacheKind kind) {
  switch (kind) {
    case CacheKind::redis:
    case CacheKind::redis_cluster:
    case CacheKind::own_servers:
      return EmittedFile{"redis.conf", redis_conf(q, kind)};
    case CacheKind::valkey:
      return EmittedFile{"valkey.conf", redis_conf(q, kind)};
    case CacheKind::dragonfly: {
      auto flags = dragonfly_flags(q);
      if (!flags) return error(flags);
      return EmittedFile{"dragonfly.flags", std::move(*flags)};
    }
    case CacheKind::managed:
      return EmittedFile{"elasticache-parameters.txt", managed_parameters(q)};
    case CacheKind::serverless:
      return EmittedFile{"serverless-limits.txt", serverless_limits(q)};
    default:
      return std::nullopt;
  }
}

}  // namespace

Result<std::vector<EmittedFile>> emit_configuration(const EmitQuestion& q) {
  const auto row = find_kind(q.kind);
  if (!row) return error(row);
  const CacheKind kind = (*row)->kind;
  if (const auto checked = check_question(q, kind); !checked) return error(checked);
  std::vector<EmittedFile> out;
  auto server = server_file(q, kind);
  if (!server) return error(server);
  if (*server) out.push_back(std::move(**server));
  if (kind != CacheKind::vendor_platform) {
    out.push_back({"vllm-kv-transfer.json", "{\"kv_connector\":\"LMCacheConnectorV1\",\"kv_role\":\"kv_both\"}\n"});
    out.push_back({"lmcache.yaml", lmcache_yaml(q, kind)});
  }
  out.push_back({"README.txt", readme(q, kind)});
  return out;
}

}  // namespace kv
