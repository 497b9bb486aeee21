#include "model/kv_geometry.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "model/kv_fingerprint.hpp"

namespace kv {
namespace {

// Far above anything real, so that no product of these overflows 64 bits for prompts of up to 2^32 tokens.
constexpr std::uint64_t kMaxBlockTokens = 1 << 24;
constexpr std::uint64_t kMaxBytesPerToken = 1 << 28;
constexpr std::uint64_t kMaxStateBytes = std::uint64_t{1} << 38;
constexpr std::uint32_t kMaxRanks = 1024;

/// Bytes of quantization scales that travel with each token, of one head (or MLA latent) in one layer's K or V.
/// int8: one fp32 scale per token and head (vLLM int8_per_token_head). fp8: none, since vLLM and llm-compressor
/// calibrate one static scale per tensor or head, which is kept with the model's weights.
std::uint64_t scale_bytes(Dtype dtype) { return dtype == Dtype::int8 ? 4 : 0; }

/// The i-th of n shares of `total`, as equal as whole numbers can be, the larger ones first.
std::uint64_t share(std::uint64_t total, std::uint64_t n, std::uint64_t i) { return total / n + (i < total % n); }

/// How one stage's KV is cut for its tensor-parallel ranks.
struct Shards {
  std::uint32_t count = 1;          // values stored
  std::uint32_t upload_copies = 1;  // ranks that need each of them
  std::uint32_t planes = 2;
  std::uint64_t channels = 0;  // of one value, in elements, scales included
};

/// Layers of each kind in one pipeline stage.
struct StageLayers {
  std::uint32_t full = 0, sliding = 0, linear = 0;
};

Result<Shards> cut(const Model& model, const KvOptions& options) {
  const bool naive = options.replication == KvReplication::naive;
  const std::uint64_t element = dtype_bytes(options.dtype), scale = scale_bytes(options.dtype) / element;
  if (model.mla) {
    const std::uint64_t latent = std::uint64_t{model.mla->kv_lora_rank} + model.mla->rope_dim + scale;
    return Shards{naive ? options.tp : 1, naive ? 1 : options.tp, 1, latent};
  }
  const std::uint32_t larger = std::max(options.tp, model.kv_heads), smaller = std::min(options.tp, model.kv_heads);
  if (larger % smaller != 0) {
    return error(Code::bad_input,
                 fmt::format("--tp {} does not fit the {} KV heads of {}: one must divide the other", options.tp,
                             model.kv_heads, model.name),
                 fmt::format("try --tp {}", model.kv_heads));
  }
  const std::uint32_t heads = std::max(1U, model.kv_heads / options.tp);
  const std::uint32_t copies = std::max(1U, options.tp / model.kv_heads);
  return Shards{naive ? options.tp : smaller, naive ? 1 : copies, 2, heads * (model.head_dim + scale)};
}

/// Stages hold as equal numbers of layers as possible, the first ones more; kinds of layers are taken to be spread
/// evenly over the depth, as they are in every published pattern (every second, fourth or sixth layer is full).
std::vector<StageLayers> split_stages(const Model& model, std::uint32_t pp) {
  std::vector<StageLayers> stages(pp);
  const std::uint32_t want[] = {model.sliding_layers, model.linear_layers, model.full_layers()};
  std::uint64_t placed[] = {0, 0, 0};
  std::uint32_t layer = 0;
  for (std::uint32_t s = 0; s < pp; ++s) {
    const std::uint64_t end = layer + share(model.layers, pp, s);
    for (; layer < end; ++layer) {
      // The kind that is furthest behind its share of the layers so far.
      std::size_t next = 0;
      std::int64_t furthest = -1;
      for (std::size_t kind = 0; kind < 3; ++kind) {
        const auto due = static_cast<std::int64_t>(std::uint64_t{want[kind]} * (layer + 1));
        const std::int64_t behind = due - static_cast<std::int64_t>(placed[kind] * model.layers);
        if (placed[kind] < want[kind] && behind > furthest) {
          furthest = behind;
          next = kind;
        }
      }
      ++placed[next];
      ++(next == 0 ? stages[s].sliding : next == 1 ? stages[s].linear : stages[s].full);
    }
  }
  return stages;
}

void add_state(const Model& model, std::uint32_t layers, std::uint32_t tp, std::vector<KvPart>& parts) {
  const std::uint32_t element = dtype_bytes(model.linear_state_dtype);
  const std::uint64_t per_layer = ceil_div(ceil_div(model.linear_state.count(), model.linear_layers), element);
  for (std::uint32_t rank = 0; rank < tp; ++rank) {
    parts.push_back({.kind = KvPart::Kind::state,
                     .per_token = {model.linear_state_dtype, layers, 1, 1, share(per_layer, tp, rank)}});
  }
}

std::vector<KvPart> real_parts(const Model& model, const KvOptions& options, const Shards& shards, Tokens block_size) {
  std::vector<KvPart> parts;
  for (const StageLayers& stage : split_stages(model, options.pp)) {
    for (std::uint32_t i = 0; stage.full > 0 && i < shards.count; ++i) {
      parts.push_back({.kind = KvPart::Kind::full,
                       .per_token = {options.dtype, stage.full, shards.planes, 1, shards.channels},
                       .upload_copies = shards.upload_copies});
    }
    for (std::uint32_t i = 0; stage.sliding > 0 && i < shards.count; ++i) {
      parts.push_back({.kind = KvPart::Kind::window,
                       .per_token = {options.dtype, stage.sliding, shards.planes, 1, shards.channels},
                       .window = model.window <= block_size.count() ? model.window : 0,
                       .upload_copies = shards.upload_copies});
    }
    if (stage.linear > 0) add_state(model, stage.linear, options.tp, parts);
  }
  return parts;
}

/// One full part a shard and stage, that together weigh exactly `bytes` a token.
Result<std::vector<KvPart>> scaled_parts(const KvOptions& options, const Shards& shards, std::uint64_t bytes) {
  const std::uint64_t element = dtype_bytes(options.dtype), count = std::uint64_t{shards.count} * options.pp;
  const std::uint64_t least = count * element;
  if (bytes < least || bytes % element != 0 || bytes > kMaxBytesPerToken) {
    const std::uint64_t near = std::clamp(bytes / element * element, least, kMaxBytesPerToken);
    return error(Code::bad_input,
                 fmt::format("--bytes-per-token {} does not split into {} shards of whole {} elements", bytes, count,
                             dtype_name(options.dtype)),
                 fmt::format("the nearest that does is {}", near));
  }
  std::vector<KvPart> parts;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t elements = share(bytes / element, count, i);
    const std::uint32_t planes = elements % 2 == 0 ? 2 : 1;
    parts.push_back(
        {.per_token = {options.dtype, 1, planes, 1, elements / planes}, .upload_copies = shards.upload_copies});
  }
  return parts;
}

Result<void> check_model(const Model& model) {
  const auto bad = [&model](const char* what) {
    return error(Code::bad_input, fmt::format("model {}: {}", model.name, what), "check its config.json");
  };
  const std::uint64_t tails = std::uint64_t{model.sliding_layers} + model.linear_layers;
  if (model.layers == 0 || tails > model.layers) return bad("layers of all kinds must add up to at least 1");
  if (model.sliding_layers > 0 && model.window == 0) return bad("sliding layers need a window");
  if (model.linear_layers > 0 && model.linear_state.count() == 0) return bad("linear layers need a state");
  const bool sized = model.mla ? model.mla->kv_lora_rank > 0 : model.kv_heads > 0 && model.head_dim > 0;
  if (!sized && model.linear_layers < model.layers) return bad("attention needs KV heads and a head size");
  return {};
}

Result<void> check_options(const Model& model, const KvOptions& options, Tokens block_size) {
  const std::uint32_t tp = options.tp;
  if (tp == 0 || tp > kMaxRanks) {
    return error(Code::bad_input, fmt::format("--tp {} is not within 1 to {}", tp, kMaxRanks));
  }
  if (options.pp == 0 || options.pp > std::min(model.layers, kMaxRanks)) {
    return error(Code::bad_input,
                 fmt::format("--pp {} does not split the {} layers of {}", options.pp, model.layers, model.name),
                 "give a number from 1 to the number of layers");
  }
  if (model.linear_layers > 0 && (model.linear_heads == 0 || model.linear_heads % tp != 0)) {
    return error(Code::bad_input, fmt::format("--tp {} does not divide the {} linear-attention heads of {}", tp,
                                              model.linear_heads, model.name));
  }
  if (block_size.count() == 0 || block_size.count() > kMaxBlockTokens) {
    return error(Code::bad_input,
                 fmt::format("a block size of {} tokens is not within 1 to {}", block_size.count(), kMaxBlockTokens));
  }
  return {};
}

Bytes nominal(const Model& model, Dtype dtype) {
  const std::uint64_t layers = std::uint64_t{model.layers} - model.linear_layers;
  const std::uint64_t elements = model.mla ? std::uint64_t{model.mla->kv_lora_rank} + model.mla->rope_dim
                                           : 2 * std::uint64_t{model.kv_heads} * model.head_dim;
  return Bytes(layers * elements * dtype_bytes(dtype));
}

}  // namespace

std::uint64_t KvPart::tokens(Tokens before, Tokens in_block) const {
  if (kind == Kind::state) return 1;
  if (kind == Kind::full || window == 0) return in_block.count();
  return std::min(window, (before + in_block).count());
}

PayloadShape KvPart::shape(Tokens before, Tokens in_block) const {
  PayloadShape whole = per_token;
  whole.tokens = tokens(before, in_block);
  return whole;
}

Result<KvGeometry> KvGeometry::make(const Model& model, const KvOptions& options, Tokens block_size) {
  if (const Result<void> ok = check_model(model); !ok) return error(ok);
  if (const Result<void> ok = check_options(model, options, block_size); !ok) return error(ok);
  const Result<Shards> shards = cut(model, options);
  if (!shards) return error(shards);

  KvGeometry geometry;
  geometry.block_size_ = block_size;
  geometry.dtype_ = options.dtype;
  geometry.window_ = model.window;
  geometry.nominal_per_token_ = nominal(model, options.dtype);
  geometry.parts_ = real_parts(model, options, *shards, block_size);
  std::uint64_t widest = 0;
  for (const KvPart& part : geometry.parts_) {
    const std::uint64_t bytes = part.per_token.bytes().count();
    const bool state = part.kind == KvPart::Kind::state;
    widest += state ? 0 : bytes * part.upload_copies;
    if (widest > kMaxBytesPerToken || (state && bytes > kMaxStateBytes)) {
      return error(Code::bad_input, fmt::format("model {}: its KV is absurdly large", model.name),
                   "check its config.json, --tp and --pp");
    }
    const Bytes full_block = part.bytes(Tokens(model.window), block_size);
    geometry.engine_block_ += full_block * part.upload_copies;
  }
  if (options.bytes_per_token) {
    Result<std::vector<KvPart>> scaled = scaled_parts(options, *shards, *options.bytes_per_token);
    if (!scaled) return error(scaled);
    geometry.parts_ = std::move(*scaled);
    geometry.scaled_ = true;
  }
  geometry.fingerprint_ = kv_fingerprint(model, options, block_size);
  return geometry;
}

Bytes KvGeometry::stored(Tokens before, Tokens in_block) const {
  Bytes sum;
  for (const KvPart& part : parts_) sum += part.bytes(before, in_block);
  return sum;
}

Bytes KvGeometry::max_block() const { return stored(Tokens(window_), block_size_); }

Bytes KvGeometry::max_part() const {
  Bytes largest;
  for (const KvPart& part : parts_) largest = std::max(largest, part.bytes(Tokens(window_), block_size_));
  return largest;
}

std::uint64_t KvGeometry::needed_blocks(const KvPart& part, Tokens n) const {
  const std::uint64_t blocks = ceil_div(n.count(), block_size_.count());
  if (blocks == 0 || part.kind == KvPart::Kind::full) return blocks;
  if (part.kind == KvPart::Kind::state || part.window > 0) return 1;
  const std::uint64_t in_last = n.count() - (blocks - 1) * block_size_.count();
  const std::uint64_t window = std::min(window_, n.count());
  return window <= in_last ? 1 : 1 + ceil_div(window - in_last, block_size_.count());
}

Bytes KvGeometry::stored_prefix(Tokens n) const {
  const std::uint64_t blocks = ceil_div(n.count(), block_size_.count());
  if (blocks == 0) return {};
  Bytes sum;
  for (const KvPart& part : parts_) {
    std::uint64_t tokens = n.count();
    if (part.kind == KvPart::Kind::state) tokens = blocks;
    // Only the last block can end before its window is full.
    if (part.window > 0) tokens = (blocks - 1) * part.window + std::min(part.window, n.count());
    sum += tokens * part.per_token.bytes();
  }
  return sum;
}

namespace {

/// Tokens of `part` (states, for a state) that a hit on n tokens needs.
std::uint64_t needed_tokens(const KvPart& part, std::uint64_t window, Tokens n) {
  if (part.kind == KvPart::Kind::full) return n.count();
  if (part.kind == KvPart::Kind::state) return n.count() > 0 ? 1 : 0;
  return std::min(window, n.count());
}

}  // namespace

Bytes KvGeometry::fetched_prefix(Tokens n) const {
  Bytes sum;
  for (const KvPart& part : parts_) sum += needed_tokens(part, window_, n) * part.per_token.bytes();
  return sum;
}

Bytes KvGeometry::moved_prefix(Tokens n) const {
  Bytes sum;
  const std::uint64_t blocks = ceil_div(n.count(), block_size_.count());
  for (const KvPart& part : parts_) {
    std::uint64_t tokens = needed_tokens(part, window_, n);
    if (part.kind == KvPart::Kind::window && part.window == 0) {
      tokens = n.count() - (blocks - needed_blocks(part, n)) * block_size_.count();
    }
    sum += tokens * part.per_token.bytes();
  }
  return sum;
}

Bytes KvGeometry::uploaded_prefix(Tokens n) const {
  Bytes sum;
  for (const KvPart& part : parts_) {
    sum += needed_tokens(part, window_, n) * part.per_token.bytes() * part.upload_copies;
  }
  return sum;
}

}  // namespace kv
