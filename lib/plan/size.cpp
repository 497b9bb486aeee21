#include "plan/size.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "base/parse.hpp"
#include "plan/checks.hpp"

namespace kv {
namespace {

constexpr double kMostBytes = 1e21;

Result<void> check_question(const SizeQuestion& q) {
  return check_figures("size", {{"tokens", q.tokens, 0, 1e15},
                                {"payload bytes of a token", q.payload_bytes_per_token, 0, 1e9},
                                {"stored bytes of a payload byte", q.stored_per_payload, 1e-6, 100},
                                {"tokens of a block", q.tokens_per_block, 1, 1e9},
                                {"values of a block", q.values_per_block, 1, 65536},
                                {"the largest value", q.most_value_bytes, 0, kMostBytes},
                                {"a manifest's bytes", q.manifest_bytes, 0, 1e9},
                                {"the store's header", q.store.value_header_bytes, 0, 1e6},
                                {"the store's entry", q.store.entry_bytes, 0, 1e6},
                                {"the store's usable share", q.store.usable_share, 0.01, 1},
                                {"fragmentation", q.fragmentation, 0, 10},
                                {"the share copied by a fork", q.fork_share, 0, 1},
                                {"replicas", q.replicas, 0, 100},
                                {"traffic", q.traffic, 0, 1e6},
                                {"the shared share", q.shared_share, 0, 1}});
}

/// One value of a block: how many pieces it is kept in, and what they take together.
struct Pieces {
  double count = 0, held_bytes = 0;
};

/// Full chunks, and the rest as one piece: an upper bound, as lib/backend/resp cuts it so that 2 % of it are lost at
/// most.
Pieces pieces_of(double bytes, double most, const ValueStore& store) {
  if (bytes <= 0) return {};
  if (most <= 0 || bytes <= most) return {1, held_bytes(store, bytes)};
  const double full = std::floor(bytes / most), rest = bytes - full * most;
  Pieces out{full, full * held_bytes(store, most)};
  if (rest >= 1) {
    out.count += 1;
    out.held_bytes += held_bytes(store, rest);
  }
  return out;
}

}  // namespace

std::span<const ValueStore> value_stores() {
  // Redis 7.0 with jemalloc: MEMORY USAGE of a value of 1,048,560 bytes is 1,048,632 and of 1,048,576 is 1,310,776: 10
  // bytes of sds header and terminator within the class, and 56 for the object (16), the table's entry (24) and a short
  // key (16). Valkey 8.0 allocates alike. Dragonfly 1.40 held 2,049 values of 1 MiB in 2 GiB; with values of 64 KiB it
  // refuses the first at 80 % of maxmemory, and in cache mode evicts from 90 % on.
  static constexpr std::array stores{
      ValueStore{"redis", ValueRounding::jemalloc, 10, 56, 1, "MEMORY USAGE of Redis 7.0.15"},
      ValueStore{"valkey", ValueRounding::jemalloc, 10, 56, 1, "as Redis: Valkey 8.0.1 was measured alike"},
      ValueStore{"dragonfly", ValueRounding::none, 0, 64, 0.8, "Dragonfly 1.40.1; entry: an assumption"},
      ValueStore{"serverless", ValueRounding::none, 0, 0, 1, "billed by what is there"},
  };
  return stores;
}

Result<ValueStore> find_value_store(std::string_view name) {
  std::vector<std::string> names;
  for (const ValueStore& store : value_stores()) {
    if (store.name == name) return store;
    names.emplace_back(store.name);
  }
  const auto close = nearest(name, names);
  return error(Code::bad_input, fmt::format("unknown store {}", quote(name)),
               (close ? fmt::format("did you mean {}? ", *close) : std::string()) +
                   fmt::format("known: {}", fmt::join(names, ", ")));
}

double jemalloc_class(double bytes) {
  constexpr double kQuantum = 16, kFewest = 128, kLargest = 0x1p62;
  if (bytes <= 8) return bytes > 0 ? 8 : 0;
  if (bytes <= kFewest) return std::ceil(bytes / kQuantum) * kQuantum;
  if (bytes >= kLargest) return kLargest;
  int exponent = 0;  // 2^(exponent - 1) < bytes <= 2^exponent, in four steps
  const double fraction = std::frexp(bytes, &exponent);
  if (fraction == 0.5) --exponent;
  const double step = std::ldexp(1.0, exponent - 3);
  return std::ceil(bytes / step) * step;
}

double held_bytes(const ValueStore& store, double value_bytes) {
  const double allocated = value_bytes + store.value_header_bytes;
  return (store.rounding == ValueRounding::jemalloc ? jemalloc_class(allocated) : allocated) + store.entry_bytes;
}

Result<SizeAnswer> size_of(const SizeQuestion& q) {
  if (const auto checked = check_question(q); !checked) return error(checked);
  SizeAnswer out;
  out.tokens = q.tokens * (q.shared_share + (1 - q.shared_share) * q.traffic);
  out.payload_bytes = out.tokens * q.payload_bytes_per_token;
  out.stored_bytes = out.payload_bytes * q.stored_per_payload;
  const double blocks = out.tokens / q.tokens_per_block;
  const double block_bytes = q.tokens_per_block * q.payload_bytes_per_token * q.stored_per_payload;
  const Pieces value = pieces_of(block_bytes / q.values_per_block, q.most_value_bytes, q.store);
  const Pieces manifest = pieces_of(q.manifest_bytes, 0, q.store);
  out.values = blocks * (value.count * q.values_per_block + manifest.count);
  out.held_bytes = blocks * (value.held_bytes * q.values_per_block + manifest.held_bytes);
  if (out.values > 0) out.value_bytes = (out.stored_bytes + blocks * q.manifest_bytes) / out.values;
  if (out.stored_bytes > 0) out.overhead = out.held_bytes / out.stored_bytes - 1;
  out.memory_bytes = out.held_bytes / q.store.usable_share * (1 + q.fragmentation) * (1 + q.fork_share);
  out.memory_all_copies_bytes = out.memory_bytes * (1 + q.replicas);
  return out;
}

}  // namespace kv
