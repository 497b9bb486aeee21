#include "model/kv_geometry.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "model/kv_fingerprint.hpp"
#include "model/kv_parts.hpp"

namespace kv {
namespace {

// Far above anything real, so that no product of these overflows 64 bits for prompts of up to 2^32 tokens.
constexpr std::uint64_t kMaxBlockTokens = 1 << 24;
constexpr std::uint64_t kMaxStateBytes = std::uint64_t{1} << 38;
constexpr std::uint32_t kMaxRanks = 1024, kMaxLayers = 1 << 16, kMaxChannels = 1 << 22, kMaxLayerValues = 1 << 16;

Result<void> check_model(const Model& model) {
  const auto bad = [&model](const char* what) {
    return error(Code::bad_input, fmt::format("model {}: {}", model.name, what), "check its config.json");
  };
  const std::uint64_t tails = std::uint64_t{model.sliding_layers} + model.linear_layers;
  if (model.layers == 0 || tails > model.layers) return bad("its kinds of layers do not add up");
  const std::uint64_t channels = model.mla ? std::uint64_t{model.mla->kv_lora_rank} + model.mla->rope_dim
                                           : std::uint64_t{model.kv_heads} * model.head_dim;
  if (model.layers > kMaxLayers || channels > kMaxChannels || model.linear_state.count() > kMaxStateBytes) {
    return bad("its KV is absurdly large");
  }
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

/// Each value costs a key or a line of a manifest: a table of millions a block helps nobody.
Result<void> check_values(const Model& model, const KvOptions& options) {
  const std::uint64_t values = std::uint64_t{model.layers} * options.tp;
  if (options.layout == KvLayout::block || values <= kMaxLayerValues) return {};
  return error(
      Code::bad_input,
      fmt::format("--layout layer cuts a block of {} into up to {} values, {} layers on {} ranks: more than {}",
                  model.name, values, model.layers, options.tp, kMaxLayerValues),
      "take --layout block, or a smaller --tp");
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
  if (const Result<void> ok = check_values(model, options); !ok) return error(ok);
  const Result<KvShards> shards = cut_shards(model, options);
  if (!shards) return error(shards);

  KvGeometry geometry;
  geometry.block_size_ = block_size;
  geometry.dtype_ = options.dtype;
  geometry.layout_ = options.layout;
  geometry.window_ = model.window;
  geometry.nominal_per_token_ = nominal(model, options.dtype);
  geometry.parts_ = real_parts(model, options, *shards, block_size);
  std::uint64_t widest = 0;
  for (const KvPart& part : geometry.parts_) {
    const std::uint64_t bytes = part.per_token.bytes().count();
    widest += part.kind == KvPart::Kind::state ? 0 : bytes * part.upload_copies;
    if (widest > kMaxKvBytesPerToken) {
      return error(Code::bad_input, fmt::format("model {}: its KV is absurdly large", model.name),
                   "check its config.json, --tp and --pp");
    }
    const Bytes full_block = part.bytes(Tokens(model.window), block_size);
    geometry.engine_block_ += full_block * part.upload_copies;
  }
  if (options.bytes_per_token) {
    Result<std::vector<KvPart>> scaled = scaled_parts(model, options, *shards);
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

namespace {

/// The largest figure there is, where it would be beyond that: one state for every token of a long prompt.
Bytes saturated_sum(Bytes sum, std::uint64_t count, Bytes each) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  if (each.count() != 0 && count > (kMost - sum.count()) / each.count()) return Bytes(kMost);
  return sum + count * each;
}

}  // namespace

Bytes KvGeometry::stored_prefix(Tokens n) const {
  const std::uint64_t blocks = ceil_div(n.count(), block_size_.count());
  if (blocks == 0) return {};
  Bytes sum;
  for (const KvPart& part : parts_) {
    std::uint64_t tokens = n.count();
    if (part.kind == KvPart::Kind::state) tokens = blocks;
    // Only the last block can end before its window is full.
    if (part.window > 0) tokens = (blocks - 1) * part.window + std::min(part.window, n.count());
    sum = saturated_sum(sum, tokens, part.per_token.bytes());
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

Bytes KvGeometry::moved_prefix(Tokens n) const { return moved_behind(0, n); }

Bytes KvGeometry::moved_behind(std::uint64_t have, Tokens n) const {
  Bytes sum;
  const std::uint64_t blocks = ceil_div(n.count(), block_size_.count());
  if (have >= blocks) return sum;
  for (const KvPart& part : parts_) {
    std::uint64_t tokens = needed_tokens(part, window_, n);  // of the last block alone, where that is all it needs
    if (part.kind == KvPart::Kind::full || (part.kind == KvPart::Kind::window && part.window == 0)) {
      tokens = n.count() - std::max(have, blocks - needed_blocks(part, n)) * block_size_.count();
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
