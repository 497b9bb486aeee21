// Stores the K and V that a model computed, and restores them: see docs/library.md.
//   quick_start [BACKEND [CODEC]]        e.g. quick_start redis://localhost:6379 int8
#include <ATen/ATen.h>

#include <cstdio>
#include <string>

#include "torch/kv_cache.hpp"

namespace {

using kv::libtorch::KvCache;

int complain(const kv::libtorch::Error& error) {
  std::fprintf(stderr, "quick_start: %s\n", error.message.c_str());
  if (!error.hint.empty()) std::fprintf(stderr, "  hint: %s\n", error.hint.c_str());
  return 1;
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kFloat) - b.to(at::kFloat)).abs().max().item<double>();
}

}  // namespace

int main(int argc, char** argv) {
  kv::libtorch::Options options;
  options.backend = argc > 1 ? argv[1] : "local:?capacity=256MiB";
  options.codec = argc > 2 ? argv[2] : "raw";
  options.model = "my-model@1";  // KV of another model is never found
  auto cache = KvCache::open(options);
  if (!cache) return complain(cache.error());

  // What a layer of a model with 32 heads of 64 makes of 128 tokens.
  const auto bf16 = at::TensorOptions().dtype(at::kBFloat16);
  const at::Tensor k = at::randn({1, 32, 128, 64}, at::kFloat).to(bf16),
                   v = at::randn({1, 32, 128, 64}, at::kFloat).to(bf16);
  constexpr std::uint32_t kLayer = 0;
  const std::string prefix = "You are a helpful assistant.";

  const auto stored = cache->cache_kv(prefix, kLayer, k, v);
  if (!stored) return complain(stored.error());
  const char* outcome[] = {"stored", "was there already", "did not fit"};
  std::printf("K and V of [1, 32, 128, 64] bf16, %lld bytes: %s in %s with %s\n",
              static_cast<long long>(k.nbytes() + v.nbytes()), outcome[static_cast<int>(*stored)],
              options.backend.c_str(), options.codec.c_str());

  const auto found = cache->get_cached_kv(prefix, kLayer);
  if (!found) return complain(found.error());
  if (!*found) return std::printf("they are gone: the backend evicted them\n"), 1;
  const kv::libtorch::Kv& kv = **found;
  std::printf("restored [%lld, %lld, %lld, %lld]; largest difference: K %g, V %g\n",
              static_cast<long long>(kv.k.size(0)), static_cast<long long>(kv.k.size(1)),
              static_cast<long long>(kv.k.size(2)), static_cast<long long>(kv.k.size(3)), largest_difference(k, kv.k),
              largest_difference(v, kv.v));

  const auto other = cache->get_cached_kv("another prompt", kLayer);
  if (!other) return complain(other.error());
  std::printf("another prompt: %s\n", *other ? "found, which is wrong" : "not there");
  return *other ? 1 : 0;
}
