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
/// How many values a stage's layers of one kind make per rank: one with all of them, or one a layer.
enum class KvLayout { block, layer };

/// How an engine lays its KV out: decides what one block weighs, in how many values it is stored, and its key.
struct KvOptions {
  Dtype dtype = Dtype::bf16;
  std::uint32_t tp = 1, pp = 1;
  /// With tp > kv_heads (or MLA) ranks hold equal copies: dedup stores each once, naive stores one per rank.
  KvReplication replication = KvReplication::dedup;
  KvLayout layout = KvLayout::block;
  std::optional<std::uint64_t> bytes_per_token;  ///< scales payloads; the total over all shards
  std::string adapter, tenant_salt;
};

/// One value of a block: one purpose, of one shard, of one pipeline stage, and of one layer where the layout says so;
/// layers come in order then, all shards of a layer together. A block is complete when all its parts are
/// there. A block is told by the tokens `before` it in the prompt (blocks in front x block size) and those in it.
struct KvPart {
  enum class Kind {
    full,    ///< KV of the full-attention layers for every token of the block: a hit fetches it for all its blocks
    window,  ///< KV of the sliding layers: a hit fetches it for its last tail_blocks() blocks only
    state,   ///< state of the linear layers at the block's end: a hit fetches it for its last block only
  };
  Kind kind = Kind::full;
  PayloadShape per_token;  ///< shape of one token; of a state: the whole state (tokens = 1)
  /// window: 0: holds the block's own tokens (window > block size: neighbours share one window). Else it holds the
  /// last `window` tokens of the prompt up to the block's end, even where the block itself has fewer, so that the
  /// block alone is enough to resume behind it.
  std::uint64_t window = 0;
  std::uint32_t upload_copies = 1;  ///< ranks that need these bytes in their own memory

  bool tail() const { return kind != Kind::full; }
  std::uint64_t tokens(Tokens before, Tokens in_block) const;
  PayloadShape shape(Tokens before, Tokens in_block) const;
  Bytes bytes(Tokens before, Tokens in_block) const { return shape(before, in_block).bytes(); }
};

/// What the blocks of one model weigh, by purpose. Immutable once made: any number of threads may read it.
/// docs/models.md has the formulas and worked examples.
class KvGeometry {
 public:
  /// Fails (bad_input) if tp, pp, bytes_per_token or block_size do not fit the model, or layers and ranks would make
  /// more than 65,536 values a block.
  static Result<KvGeometry> make(const Model& model, const KvOptions& options, Tokens block_size);

  const std::vector<KvPart>& parts() const { return parts_; }
  KvLayout layout() const { return layout_; }
  Tokens block_size() const { return block_size_; }
  bool scaled() const { return scaled_; }
  Dtype dtype() const { return dtype_; }

  /// Bytes of all parts of a block: what storing it as a resumable block takes.
  Bytes stored(Tokens before, Tokens in_block) const;
  /// The most that any block, and any single part of one, can weigh.
  Bytes max_block() const;
  Bytes max_part() const;
  /// Blocks at the end of a hit on n tokens whose `part` is needed: all of them (full), the last one (state, or a
  /// window that fits a block), else as many as hold the last min(n, window) tokens.
  std::uint64_t needed_blocks(const KvPart& part, Tokens n) const;

  /// For a prefix of n tokens, stored over its ceil(n / block size) blocks; the largest figure of 64 bits where it
  /// would be more.
  Bytes stored_prefix(Tokens n) const;
  /// What a hit on all n tokens needs: full-attention KV of n tokens, the last min(n, window) tokens of the sliding
  /// layers, one state.
  Bytes fetched_prefix(Tokens n) const;
  /// What a hit on n tokens moves when parts travel whole (as in replay): fetched_prefix, and where window > block
  /// size up to a block more of the sliding layers, because the window may begin within a block.
  Bytes moved_prefix(Tokens n) const;
  /// What of moved_prefix(n) lies behind the first `have` blocks, which are there already.
  Bytes moved_behind(std::uint64_t have, Tokens n) const;
  /// fetched_prefix copied to the ranks' memories: counts every rank that needs the bytes.
  Bytes uploaded_prefix(Tokens n) const;

  /// 2 x layers x kv_heads x head_dim x bytes, or MLA's layers x (rank + rope) x bytes, as if every layer that keeps
  /// KV kept all of it (linear layers keep none); without shards, copies, quantization scales and scaling.
  Bytes nominal_per_token() const { return nominal_per_token_; }
  /// Real bytes that one rank group's HBM holds for a full resumable block: unscaled, every copy counted.
  Bytes engine_block() const { return engine_block_; }
  /// Names everything that makes two caches' bytes incompatible; part of every key.
  std::uint64_t fingerprint() const { return fingerprint_; }

 private:
  std::vector<KvPart> parts_;
  Tokens block_size_;
  bool scaled_ = false;
  Dtype dtype_ = Dtype::bf16;
  KvLayout layout_ = KvLayout::block;
  std::uint64_t window_ = 0, fingerprint_ = 0;
  Bytes nominal_per_token_, engine_block_;
};

}  // namespace kv
