#include <algorithm>
#include <cmath>

#include <torch/csrc/api/include/torch/version.h>

#include "torch/module_decoder.hpp"

namespace kv {
namespace {

// Few enough that scores of thousands of keys stay near the cache, and that little is computed only to be masked.
constexpr std::int64_t kQueryBlock = 128;

/// [T][heads][dim] -> [kv_heads][group x T][dim]: the queries that share a key head are rows of one matrix.
at::Tensor by_key_head(const at::Tensor& queries, std::int64_t kv_heads) {
  const std::int64_t tokens = queries.size(0), group = queries.size(1) / kv_heads, dim = queries.size(2);
  return queries.reshape({tokens, kv_heads, group, dim}).permute({1, 2, 0, 3}).reshape({kv_heads, group * tokens, dim});
}

at::Tensor by_token(const at::Tensor& rows, std::int64_t tokens) {
  const std::int64_t kv_heads = rows.size(0), group = rows.size(1) / tokens, dim = rows.size(2);
  return rows.reshape({kv_heads, group, tokens, dim}).permute({2, 0, 1, 3}).reshape({tokens, kv_heads * group * dim});
}

/// 0 where query i of the last T may look at key j of the last T, else minus infinity.
at::Tensor causal_mask(std::int64_t tokens, const at::TensorOptions& options) {
  return at::full({tokens, tokens}, -INFINITY, options).triu_(1);
}

#if TORCH_VERSION_MAJOR >= 2
constexpr const char* kKernel = "scaled_dot_product_attention";

at::Tensor attend_block(const at::Tensor& queries, const at::Tensor& keys, const at::Tensor& values) {
  const std::int64_t tokens = queries.size(0), all = keys.size(0), kv_heads = keys.size(1);
  const std::int64_t group = queries.size(1) / kv_heads;
  const at::Tensor rows = by_key_head(queries, kv_heads).unsqueeze(0);
  const at::Tensor k = keys.permute({1, 0, 2}).unsqueeze(0), v = values.permute({1, 0, 2}).unsqueeze(0);
  if (tokens == 1) return by_token(at::scaled_dot_product_attention(rows, k, v).squeeze(0), tokens);
  at::Tensor open = at::zeros({tokens, all}, queries.options());
  open.narrow(1, all - tokens, tokens).copy_(causal_mask(tokens, queries.options()));
  const at::Tensor mask = open.unsqueeze(0).expand({group, tokens, all}).reshape({1, 1, group * tokens, all});
  return by_token(at::scaled_dot_product_attention(rows, k, v, mask).squeeze(0), tokens);
}
#else
constexpr const char* kKernel = "attention as matmul and softmax";

at::Tensor attend_block(const at::Tensor& queries, const at::Tensor& keys, const at::Tensor& values) {
  const std::int64_t tokens = queries.size(0), all = keys.size(0), kv_heads = keys.size(1), dim = keys.size(2);
  const std::int64_t group = queries.size(1) / kv_heads;
  at::Tensor rows = by_key_head(queries, kv_heads);
  at::Tensor scores = at::bmm(rows.mul_(1 / std::sqrt(static_cast<double>(dim))), keys.permute({1, 2, 0}));
  if (tokens > 1) {
    scores.view({kv_heads, group, tokens, all})
        .narrow(3, all - tokens, tokens)
        .add_(causal_mask(tokens, queries.options()));
  }
  return by_token(at::bmm(at::softmax(scores, -1), values.permute({1, 0, 2})), tokens);
}
#endif

}  // namespace

std::string attention_kernel() { return kKernel; }

at::Tensor attend(const at::Tensor& queries, const at::Tensor& keys, const at::Tensor& values) {
  const std::int64_t tokens = queries.size(0), before = keys.size(0) - tokens;
  if (tokens <= kQueryBlock || queries.is_cuda()) return attend_block(queries, keys, values);
  std::vector<at::Tensor> done;
  for (std::int64_t at = 0; at < tokens; at += kQueryBlock) {
    const std::int64_t block = std::min(kQueryBlock, tokens - at), seen = before + at + block;
    done.push_back(attend_block(queries.narrow(0, at, block), keys.narrow(0, 0, seen), values.narrow(0, 0, seen)));
  }
  return at::cat(done);
}

}  // namespace kv
