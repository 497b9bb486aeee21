#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "model/model.hpp"
#include "model/payload_shape.hpp"

namespace kv {

enum class KvReplication { dedup, naive };

/// How an engine lays its KV out: decides what one block weighs, in how many values it is stored, and its key.
struct KvOptions {
  Dtype dtype = Dtype::bf16;
  std::uint32_t tp = 1, pp = 1;
  /// With tp > kv_heads (or MLA) ranks hold equal copies: dedup stores each once, naive stores one per rank.
  KvReplication replication = KvReplication::dedup;
  std::optional<std::uint64_t> bytes_per_token;  ///< scales payloads; the total over all shards
  std::string adapter, tenant_salt;
};

/// One value of a block. A block is complete when all its parts are there.
struct KvPart {
  PayloadShape per_token;    ///< shape of a part with tokens = 1
  std::uint64_t window = 0;  ///< 0: keeps every token of its block; else only the last `window` of them
  Bytes fixed{};             ///< a state, independent of tokens; then per_token is unused
  bool tail = false;         ///< needed only at the end of a prefix hit (window or state), not for every block of it
  std::uint32_t upload_copies = 1;  ///< ranks that need these bytes in their own memory

  PayloadShape shape(Tokens in_block) const;
  Bytes bytes(Tokens in_block) const { return shape(in_block).bytes(); }
};

/// What the blocks of one model weigh, by purpose.
class KvGeometry {
 public:
  /// Fails (bad_input) if tp, pp or bytes_per_token do not fit the model.
  static Result<KvGeometry> make(const Model& model, const KvOptions& options, Tokens block_size);

  const std::vector<KvPart>& parts() const { return parts_; }
  Tokens block_size() const { return block_size_; }
  bool scaled() const { return scaled_; }
  Dtype dtype() const { return dtype_; }

  /// Bytes of all parts of a block of `tokens` tokens: what storing it as a resumable block takes.
  Bytes stored(Tokens tokens) const;
  /// Blocks at the end of a hit whose tail parts are needed: ceil(window / block size), at least 1 if there is a tail.
  std::uint64_t tail_blocks() const { return tail_blocks_; }
  /// For a prefix of n tokens: what is stored over its blocks, what a hit on all of it fetches (payload bytes on the
  /// wire), what is copied to the ranks' memories in all.
  Bytes stored_prefix(Tokens n) const;
  Bytes fetched_prefix(Tokens n) const;
  Bytes uploaded_prefix(Tokens n) const;
  /// 2 x layers x kv_heads x head_dim x bytes, or MLA's layers x (rank + rope) x bytes; unsharded and unscaled.
  Bytes nominal_per_token() const { return nominal_per_token_; }
  /// Real (unscaled, unreplicated) KV bytes that one rank group's HBM holds for a full block.
  Bytes engine_block() const { return engine_block_; }
  std::uint64_t fingerprint() const { return fingerprint_; }

 private:
  std::vector<KvPart> parts_;
  Tokens block_size_;
  bool scaled_ = false;
  Dtype dtype_ = Dtype::bf16;
  std::uint64_t tail_blocks_ = 0, fingerprint_ = 0;
  Bytes nominal_per_token_, engine_block_;
};

}  // namespace kv
