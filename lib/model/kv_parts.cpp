#include "model/kv_parts.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace kv {
namespace {

/// Bytes of quantization scales that travel with each token, of one head (or MLA latent) in one layer's K or V.
/// int8: one fp32 scale per token and head (vLLM int8_per_token_head). fp8: none, since vLLM and llm-compressor
/// calibrate one static scale per tensor or head, which is kept with the model's weights.
std::uint64_t scale_bytes(Dtype dtype) { return dtype == Dtype::int8 ? 4 : 0; }

/// The i-th of n shares of `total`, as equal as whole numbers can be, the larger ones first.
std::uint64_t share(std::uint64_t total, std::uint64_t n, std::uint64_t i) { return total / n + (i < total % n); }

/// Layers of each kind in one pipeline stage.
struct StageLayers {
  std::uint32_t full = 0, sliding = 0, linear = 0;
};

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

/// Of the parts from `first` on, which are the shards of one kind in one stage: makes one for every layer.
void cut_layers(std::vector<KvPart>& parts, std::size_t first) {
  std::vector<KvPart> shards(parts.begin() + static_cast<std::ptrdiff_t>(first), parts.end());
  parts.resize(first);
  const std::uint32_t layers = shards.empty() ? 0 : shards.front().per_token.layers;
  for (std::uint32_t layer = 0; layer < layers; ++layer) {
    for (KvPart& shard : shards) {
      shard.per_token.layers = 1;
      parts.push_back(shard);
    }
  }
}

}  // namespace

Result<KvShards> cut_shards(const Model& model, const KvOptions& options) {
  const bool naive = options.replication == KvReplication::naive;
  const std::uint64_t element = dtype_bytes(options.dtype), scale = scale_bytes(options.dtype) / element;
  if (model.mla) {
    const std::uint64_t latent = std::uint64_t{model.mla->kv_lora_rank} + model.mla->rope_dim + scale;
    return KvShards{naive ? options.tp : 1, naive ? 1 : options.tp, 1, latent};
  }
  // No attention at all: states are cut by rank, and scaled payloads with them.
  if (model.kv_heads == 0) return KvShards{options.tp, 1, 1, 1};
  const std::uint32_t larger = std::max(options.tp, model.kv_heads), smaller = std::min(options.tp, model.kv_heads);
  if (larger % smaller != 0) {
    return error(Code::bad_input,
                 fmt::format("--tp {} does not fit the {} KV heads of {}: one must divide the other", options.tp,
                             model.kv_heads, model.name),
                 fmt::format("try --tp {}", model.kv_heads));
  }
  const std::uint32_t heads = std::max(1U, model.kv_heads / options.tp);
  const std::uint32_t copies = std::max(1U, options.tp / model.kv_heads);
  return KvShards{naive ? options.tp : smaller, naive ? 1 : copies, 2, heads * (model.head_dim + scale)};
}

std::vector<KvPart> real_parts(const Model& model, const KvOptions& options, const KvShards& shards,
                               Tokens block_size) {
  std::vector<KvPart> parts;
  const auto attention = [&](KvPart::Kind kind, std::uint32_t layers, std::uint64_t window) {
    for (std::uint32_t i = 0; layers > 0 && i < shards.count; ++i) {
      parts.push_back({.kind = kind,
                       .per_token = {options.dtype, layers, shards.planes, 1, shards.channels},
                       .window = window,
                       .upload_copies = shards.upload_copies});
    }
  };
  auto end_kind = [&, first = std::size_t{0}]() mutable {
    if (options.layout == KvLayout::layer) cut_layers(parts, first);
    first = parts.size();
  };
  for (const StageLayers& stage : split_stages(model, options.pp)) {
    attention(KvPart::Kind::full, stage.full, 0);
    end_kind();
    attention(KvPart::Kind::window, stage.sliding, model.window <= block_size.count() ? model.window : 0);
    end_kind();
    if (stage.linear > 0) add_state(model, stage.linear, options.tp, parts);
    end_kind();
  }
  return parts;
}

Result<std::vector<KvPart>> scaled_parts(const Model& model, const KvOptions& options, const KvShards& shards) {
  const bool by_layer = options.layout == KvLayout::layer;
  const std::uint64_t bytes = *options.bytes_per_token, element = dtype_bytes(options.dtype);
  const std::uint64_t count = std::uint64_t{shards.count} * (by_layer ? model.layers : options.pp);
  const std::uint64_t least = count * element;
  if (bytes < least || bytes % element != 0 || bytes > kMaxKvBytesPerToken) {
    const std::uint64_t near = std::clamp(bytes / element * element, least, kMaxKvBytesPerToken);
    return error(Code::bad_input,
                 fmt::format("--bytes-per-token {} does not split into {} {} of whole {} elements", bytes, count,
                             by_layer ? "layers of shards" : "shards", dtype_name(options.dtype)),
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

}  // namespace kv
