#pragma once
#include <optional>
#include <span>
#include <string_view>

#include "base/result.hpp"
#include "base/units.hpp"

namespace kv {

/// From tokens that should be kept to the memory that their servers must have. Pure; any number of threads may call.

/// How a server's allocator rounds a value up.
enum class ValueRounding {
  jemalloc,  ///< size classes a quarter of a power of two apart, as Redis and Valkey have on Linux
  none,      ///< large values as they are (mimalloc under Dragonfly; ElastiCache Serverless bills what is there)
};

/// What a server adds to a value of KV's size, in memory that counts against its maxmemory.
struct ValueStore {
  std::string_view name;
  ValueRounding rounding = ValueRounding::none;
  double value_header_bytes = 0;  ///< in front of and behind the value, within its allocation
  double entry_bytes = 0;         ///< object, entry of the table, short key
  double usable_share = 1;        ///< of maxmemory, until the first store is refused or evicts
  std::string_view source;
};
/// Redis, Valkey, Dragonfly, and "serverless", which adds nothing. Static data.
std::span<const ValueStore> value_stores();
/// Fails (bad_input) for an unknown name, suggesting the nearest.
Result<ValueStore> find_value_store(std::string_view name);

/// The smallest of jemalloc's size classes (64-bit, quantum 16) that holds `bytes`; that of 2^62 bytes at most.
double jemalloc_class(double bytes);

/// What a server holds for one value of `value_bytes`.
double held_bytes(const ValueStore& store, double value_bytes);

struct SizeQuestion {
  double tokens = 0;                   ///< that are kept, in the steady state of today's traffic
  double payload_bytes_per_token = 0;  ///< KvGeometry::stored() of a block / its tokens: model, dtype, TP
  double stored_per_payload = 1;       ///< the codec's ratio, measured or nominal: below 1 it compresses
  double tokens_per_block = 512;
  double values_per_block = 1;  ///< KvGeometry's parts: one value for each
  double most_value_bytes = 0;  ///< larger ones are cut into chunks of this; 0: are not
  double manifest_bytes = 0;    ///< of a value a block beside its KV, where values are cut; 0: there is none
  ValueStore store{};
  double fragmentation = 0.05;  ///< resident memory beyond what the allocator handed out (an assumption)
  double fork_share = 0;        ///< of the data that is copied while a snapshot is written; 0: persistence is off
  double replicas = 0;          ///< further copies
  double traffic = 1;           ///< times today's
  double shared_share = 0;      ///< of the working set, that all users share and that does not grow with them
};

/// Each step of the way. Bytes, of one copy where nothing else is said.
struct SizeAnswer {
  double tokens = 0;         ///< at the traffic asked for: shared x 1 + (1 - shared) x traffic
  double payload_bytes = 0;  ///< as the engine holds it
  double stored_bytes = 0;   ///< behind the codec: what travels
  double values = 0;         ///< keys in the server
  double value_bytes = 0;    ///< of a mean value
  double held_bytes = 0;     ///< by the server, with allocator and entries
  double overhead = 0;       ///< held / stored - 1
  double memory_bytes = 0;   ///< that machines must have for one copy: maxmemory, fragmentation, fork
  double memory_all_copies_bytes = 0;
};
/// Fails (bad_input) for figures that are negative, not finite or beyond reason.
Result<SizeAnswer> size_of(const SizeQuestion& question);

}  // namespace kv
