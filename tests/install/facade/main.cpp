// What torch/kv_cache.hpp promises of tensors, with the LibTorch that is here; prints what does not hold.
#include <ATen/ATen.h>

#include <cstdio>

#include "torch/kv_cache.hpp"

namespace {

using kv::libtorch::KvCache;
using kv::libtorch::Stored;

int failures = 0;

void expect(bool holds, const char* what) {
  if (holds) return;
  std::printf("does not hold: %s\n", what);
  ++failures;
}

bool restored(KvCache& cache, std::uint32_t layer, const at::Tensor& k, const at::Tensor& v,
              at::Device device = at::kCPU) {
  const auto found = cache.get_cached_kv("p", layer, device);
  if (!found || !*found) return false;
  const kv::libtorch::Kv& got = **found;
  return got.k.device().type() == device.type() && got.k.scalar_type() == k.scalar_type() &&
         at::equal(got.k.to(at::kCPU), k.to(at::kCPU)) && at::equal(got.v.to(at::kCPU), v.to(at::kCPU));
}

void holds_types_and_strides(KvCache& cache) {
  std::uint32_t layer = 0;
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16, at::kHalf}) {
    const at::Tensor k = at::randn({2, 3, 17, 8}, at::kFloat).to(type),
                     v = at::randn({2, 3, 17, 8}, at::kFloat).to(type);
    expect(cache.cache_kv("p", layer, k, v) == Stored::stored, "every type is stored");
    expect(restored(cache, layer++, k, v), "every type is restored");
    // [batch, tokens, heads, head_dim], as many engines have it, and every second token.
    const at::Tensor turned = k.permute({0, 2, 1, 3}).contiguous().permute({0, 2, 1, 3}), cut = v.slice(2, 0, 17);
    expect(!turned.is_contiguous(), "this tensor is not contiguous");
    expect(cache.cache_kv("p", layer, turned, cut) == Stored::stored, "strides are stored");
    expect(restored(cache, layer++, k, v), "strides are restored");
    const at::Tensor half_k = k.slice(2, 0, 17, 2), half_v = v.slice(2, 1, 17, 2).contiguous();
    expect(cache.cache_kv("p", layer, half_k, at::cat({half_v, half_v.slice(2, 0, 1)}, 2)) == Stored::stored,
           "slices are stored");
    expect(restored(cache, layer++, half_k, at::cat({half_v, half_v.slice(2, 0, 1)}, 2)), "slices are restored");
  }
  at::Tensor k = at::randn({1, 1, 2, 4}, at::kFloat).requires_grad_(true);
  expect(cache.cache_kv("p", layer, k, k) == Stored::stored, "tensors with gradients are stored");
}

void holds_prefixes(KvCache& cache) {
  const at::Tensor k = at::ones({1, 1, 2, 4}, at::kFloat);
  const std::vector<std::int64_t> tokens{1, 2, 3}, longer{1, 2, 3, 4};
  expect(cache.cache_kv(tokens, 0, k, k) == Stored::stored, "token ids are a prefix");
  expect(cache.cache_kv(tokens, 0, k * 2, k) == Stored::present, "what is there stays");
  const auto same = cache.get_cached_kv(tokens, 0), other = cache.get_cached_kv(longer, 0);
  expect(same && *same && at::equal((*same)->k, k), "token ids find what they stored");
  expect(other && !*other, "other token ids find nothing");
  const std::string bytes(reinterpret_cast<const char*>(tokens.data()), tokens.size() * sizeof(std::int64_t));
  expect(!*cache.get_cached_kv(bytes, 0), "a name of the same bytes is another prefix");
}

void holds_errors(KvCache& cache) {
  const at::Tensor k = at::ones({1, 1, 2, 4}, at::kFloat);
  const auto wrong = [&](const at::Tensor& one, const at::Tensor& two) {
    const auto stored = cache.cache_kv("wrong", 0, one, two);
    return !stored && stored.error().code == 0 && !stored.error().message.empty() && !stored.error().hint.empty();
  };
  expect(wrong(k, at::ones({1, 1, 3, 4}, at::kFloat)), "K and V of two shapes are refused");
  expect(wrong(k, k.to(at::kHalf)), "K and V of two types are refused");
  expect(wrong(k[0], k[0]), "three dimensions are refused");
  expect(wrong(k.to(at::kInt), k.to(at::kInt)), "integers are refused");
  expect(wrong(at::Tensor(), k), "no tensor is refused");
  expect(wrong(at::ones({1, 0, 2, 4}, at::kFloat), at::ones({1, 0, 2, 4}, at::kFloat)), "empty tensors are refused");
  const at::Tensor large = at::empty({1, 8, 1 << 14, 64}, at::kFloat);
  expect(wrong(large, large), "more than the largest value is refused");
}

}  // namespace

int main() {
  kv::libtorch::Options options;
  options.backend = "local:?capacity=64MiB";
  options.max_value_bytes = 4U << 20;
  auto cache = KvCache::open(options);
  if (!cache) return std::printf("%s\n", cache.error().message.c_str()), 1;
  KvCache moved = std::move(*cache);
  holds_types_and_strides(moved);
  holds_prefixes(moved);
  holds_errors(moved);
  if (at::hasCUDA()) {
    const at::Tensor k = at::randn({1, 2, 3, 4}, at::TensorOptions().device(at::kCUDA));
    expect(moved.cache_kv("p", 100, k, k * 2) == Stored::stored, "tensors on a GPU are stored");
    expect(restored(moved, 100, k, k * 2, at::kCUDA), "and come back to it");
  }
  return failures == 0 ? 0 : 1;
}
