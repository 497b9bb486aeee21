#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "plan/options.hpp"

namespace kv {

/// Configuration of what a plan chose, as texts that a team puts into place: of the servers, and of the engines that
/// use them. Nothing is written to disk here. Pure; any number of threads may call.

struct EmittedFile {
  std::string name;  ///< without directories: "redis.conf"
  std::string text;
};

/// What a plan decided. Figures that a kind has no use for are not looked at.
struct EmitQuestion {
  std::string kind;     ///< a cache_kinds() name
  std::string machine;  ///< entry of the price file, for comments; may be empty
  /// Of one machine, behind the provider's reserve; of host-memory and local-nvme: of one engine instance;
  /// of serverless: all that may be kept, 0: not capped.
  double memory_bytes = 0;
  std::uint64_t machines = 1;  ///< replicas among them
  std::uint32_t replicas = 0;
  double vcpus = 0;                ///< of a machine; 0: not known, one thread
  double largest_value_bytes = 0;  ///< that is stored under one key, codec included
  double connections = 0;          ///< to each machine, from all engines; 0: not known
  std::optional<double> ttl_s;     ///< that the plan counts with; servers have no setting for it
  std::string model;
  std::uint32_t tp = 1;
  double block_tokens = 512;
  std::string codec = "raw";
};

/// Share of a machine's usable memory that a server may fill: what SizeQuestion::fragmentation leaves. The rest is for
/// what its maxmemory does not count: fragmentation, buffers of replicas, the process itself.
inline constexpr double kMaxmemoryShare = 0.95;

/// By kind: redis.conf (redis, redis-cluster, valkey, own-servers), dragonfly.flags, elasticache-parameters.txt
/// (managed), serverless-limits.txt; for each of these, host-memory and local-nvme also vllm-kv-transfer.json and
/// lmcache.yaml; always README.txt, which says what goes where and what was not verified. Every setting has its reason
/// in a comment above it. No file holds a password or a real host name. redis.conf is tested with Redis 7.0; names of
/// LMCache, ElastiCache and Dragonfly are from their documentation. Fails (bad_input) for an unknown kind, figures that
/// are negative or not finite, a machine too small to serve, values larger than a server takes.
Result<std::vector<EmittedFile>> emit_configuration(const EmitQuestion& question);

}  // namespace kv
