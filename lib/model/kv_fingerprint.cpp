#include "model/kv_fingerprint.hpp"

#include <fmt/format.h>
#include <xxhash.h>

namespace kv {
namespace {

/// Raise it when the order or meaning of a stored payload's bytes changes.
constexpr int kLayoutVersion = 1;

/// Length first, so that no text can pass for the fields behind it.
std::string counted(const std::string& text) { return fmt::format("{}:{}", text.size(), text); }

}  // namespace

std::uint64_t kv_fingerprint(const Model& m, const KvOptions& o, Tokens block_size) {
  const Mla mla = m.mla.value_or(Mla{});
  std::string text = fmt::format("kvkit-kv layout={} model={} revision={} rope={}", kLayoutVersion, counted(m.name),
                                 counted(m.revision), counted(m.rope_scaling));
  text += fmt::format(" layers={} hidden={} heads={} kv_heads={} head_dim={} mla={}+{}", m.layers, m.hidden, m.heads,
                      m.kv_heads, m.head_dim, mla.kv_lora_rank, mla.rope_dim);
  text += fmt::format(" sliding={}x{} linear={}x{}x{}:{}", m.sliding_layers, m.window, m.linear_layers, m.linear_heads,
                      m.linear_state.count(), dtype_name(m.linear_state_dtype));
  text += fmt::format(" dtype={} block={} tp={} pp={} replication={}", dtype_name(o.dtype), block_size.count(), o.tp,
                      o.pp, o.replication == KvReplication::naive ? "naive" : "dedup");
  text += fmt::format(" adapter={} salt={} scaled={}", counted(o.adapter), counted(o.tenant_salt),
                      o.bytes_per_token.value_or(0));
  if (o.layout == KvLayout::layer) text += " values=layer";
  return XXH3_64bits(text.data(), text.size());
}

}  // namespace kv
