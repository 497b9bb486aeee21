#include <ATen/Parallel.h>
#include <dlfcn.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "torch/module_decoder.hpp"
#include "torch/module_engine.hpp"
#include "torch/module_guard.hpp"
#include "torch/module_staging.hpp"

struct KvTorchEngine {
  KvTorchDecoder shape{};
  at::TensorOptions compute;
  std::unique_ptr<kv::NamedWeights> named;  // until all of them are there
  std::unique_ptr<kv::Decoder> decoder;
  std::unique_ptr<kv::Staging> staging;  // where KV is not copied to its place by the host alone
};

namespace kv {
namespace {

/// LibTorch's own setting does not reach the pthread build of OpenBLAS, which takes every core unless told.
void set_blas_threads(int threads) {
  using Set = void (*)(int);
  const auto set = reinterpret_cast<Set>(dlsym(RTLD_DEFAULT, "openblas_set_num_threads"));
  if (set != nullptr) set(threads);
}

/// Whether the CPU itself multiplies bf16: elsewhere LibTorch does so in software, a hundred times slower than fp32.
/// Not measured, so that a busy machine computes in the same dtype as an idle one.
bool cpu_multiplies_bf16() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16") != 0;
#else
  return false;
#endif
}

std::uint32_t fastest_dtype(const KvTorchDecoder& shape, bool is_cuda) {
  if (is_cuda) return shape.kv_dtype;
  return shape.kv_dtype == KVKIT_TORCH_BF16 && cpu_multiplies_bf16() ? KVKIT_TORCH_BF16 : KVKIT_TORCH_FP32;
}

const char* dtype_text(std::uint32_t dtype) {
  if (dtype == KVKIT_TORCH_FP32) return "fp32";
  return dtype == KVKIT_TORCH_BF16 ? "bf16" : "fp16";
}

/// LibTorch 1.13 has no fp16 on a CPU; better said now than at the first prompt.
void check_multiplies(const at::TensorOptions& compute, std::uint32_t dtype) {
  try {
    at::mm(at::ones({2, 2}, compute), at::ones({2, 2}, compute));
  } catch (const c10::Error&) {
    throw std::invalid_argument(std::string("this LibTorch does not multiply ") + dtype_text(dtype) +
                                " on this device: compute in fp32");
  }
}

std::string blas_name(bool is_cuda, std::uint32_t dtype) {
  if (is_cuda) return "cuBLAS";
  if (dtype != KVKIT_TORCH_FP32) return "oneDNN";
  return dlsym(RTLD_DEFAULT, "openblas_set_num_threads") != nullptr ? "OpenBLAS" : "BLAS";
}

void check_shape(const KvTorchDecoder& s) {
  float_type(s.kv_dtype);
  if (s.compute_dtype != 0) float_type(s.compute_dtype);
  const bool counts = s.layers != 0 && s.hidden != 0 && s.heads != 0 && s.kv_heads != 0 && s.head_dim != 0 &&
                      s.vocab != 0 && s.intermediate != 0 && s.chunk_tokens != 0 && s.max_tokens != 0;
  if (!counts || s.heads % s.kv_heads != 0 || s.head_dim % 2 != 0 || s.experts_per_token > s.experts ||
      (s.experts != 0 && s.experts_per_token == 0)) {
    throw std::invalid_argument("no decoder has this shape");
  }
}

std::uint64_t bytes_of(const at::Tensor& tensor) {
  return tensor.defined() ? static_cast<std::uint64_t>(tensor.numel()) * tensor.element_size() : 0;
}

std::uint64_t bytes_of(const DecoderWeights& weights) {
  std::uint64_t bytes = bytes_of(weights.embedding) + bytes_of(weights.final_norm);
  if (!weights.head.is_same(weights.embedding)) bytes += bytes_of(weights.head);
  for (const DecoderLayer& layer : weights.layers) {
    bytes += bytes_of(layer.qkv) + bytes_of(layer.qkv_bias) + bytes_of(layer.output) + bytes_of(layer.router) +
             bytes_of(layer.attention_norm) + bytes_of(layer.mlp_norm) + bytes_of(layer.q_norm) +
             bytes_of(layer.k_norm);
    for (const auto* matrices : {&layer.gate, &layer.up, &layer.down}) {
      for (const at::Tensor& matrix : *matrices) bytes += bytes_of(matrix);
    }
  }
  return bytes;
}

void describe(const KvTorchEngine& engine, const DecoderWeights& weights, KvTorchEngineInfo& info) {
  const std::uint32_t dtype = engine.shape.compute_dtype;
  info.compute_dtype = dtype;
  info.is_cuda = engine.compute.device().is_cuda() ? 1 : 0;
  info.threads = info.is_cuda != 0 ? 0 : static_cast<std::uint32_t>(at::get_num_threads());
  info.weight_bytes = bytes_of(weights);
  const KvTorchDecoder& s = engine.shape;
  info.kv_bytes =
      std::uint64_t{s.layers} * 2 * s.max_tokens * s.kv_heads * s.head_dim * at::elementSize(float_type(s.kv_dtype));
  say(info.kernel, sizeof(info.kernel),
      std::string(dtype_text(dtype)) + " matmul by " + blas_name(info.is_cuda != 0, dtype) + ", " + attention_kernel());
}

/// The fragments of a range are rows of a payload: one a layer and plane.
template <class Copy>
void each_fragment(KvTorchEngine& engine, const KvTorchKvRange& range, std::uint64_t bytes, Copy&& copy) {
  const at::Tensor& kv = engine.decoder->kv();
  const KvTorchDecoder& s = engine.shape;
  if (range.first_layer > s.layers || range.layers > s.layers - range.first_layer || range.first_token > s.max_tokens ||
      range.tokens > s.max_tokens - range.first_token) {
    throw std::out_of_range("no such KV in the engine");
  }
  const std::uint64_t token = static_cast<std::uint64_t>(kv.size(3)) * kv.element_size();
  const std::uint64_t fragment = token * range.tokens;
  if (bytes != fragment * 2 * range.layers) throw std::length_error("KV of another size than its range");
  if (fragment == 0) return;
  for (std::uint64_t i = 0; i < 2ULL * range.layers; ++i) {
    const at::Tensor plane =
        kv.select(0, static_cast<std::int64_t>(range.first_layer + i / 2)).select(0, static_cast<std::int64_t>(i % 2));
    copy(plane, range.first_token, i * fragment, fragment);
  }
}

char* host_place(const at::Tensor& plane, std::uint64_t first_token) {
  return static_cast<char*>(plane.data_ptr()) +
         first_token * static_cast<std::uint64_t>(plane.size(1)) * plane.element_size();
}

at::Tensor rows_of(const at::Tensor& plane, std::uint64_t first, std::uint64_t bytes) {
  const auto row = static_cast<std::uint64_t>(plane.size(1)) * plane.element_size();
  return plane.narrow(0, static_cast<std::int64_t>(first), static_cast<std::int64_t>(bytes / row));
}

}  // namespace

int engine_create(const KvTorchDecoder* shape, KvTorchEngine** out, KvTorchEngineInfo* info, char* err,
                  std::size_t size) {
  return guarded(err, size, [&] {
    check_shape(*shape);
    const bool is_cuda = at::hasCUDA();
    const int threads = shape->threads != 0 ? static_cast<int>(shape->threads)
                                            : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
    at::set_num_threads(threads);
    set_blas_threads(threads);
    auto engine = std::make_unique<KvTorchEngine>();
    engine->shape = *shape;
    if (shape->compute_dtype == 0) engine->shape.compute_dtype = fastest_dtype(*shape, is_cuda);
    engine->compute = at::TensorOptions().dtype(float_type(engine->shape.compute_dtype));
    if (is_cuda) engine->compute = engine->compute.device(at::kCUDA, 0);
    const at::InferenceMode inference;
    check_multiplies(engine->compute, engine->shape.compute_dtype);
    if (is_cuda || shape->staged != 0) {
      engine->staging = std::make_unique<Staging>(is_cuda ? at::Device(at::kCUDA, 0) : at::Device(at::kCPU));
    }
    *info = {};
    if (shape->random != 0) {
      DecoderWeights weights = random_weights(engine->shape, engine->compute);
      describe(*engine, weights, *info);
      engine->decoder = std::make_unique<Decoder>(engine->shape, std::move(weights), engine->compute);
    } else {
      engine->named = std::make_unique<NamedWeights>(engine->shape, engine->compute);
      describe(*engine, engine->named->weights(), *info);
    }
    *out = engine.release();
  });
}

void engine_destroy(KvTorchEngine* engine) {
  guarded(nullptr, 0, [&] { delete engine; });
}

int engine_set_weight(KvTorchEngine* engine, const char* name, std::uint32_t dtype, const std::uint64_t* shape,
                      std::uint32_t rank, const void* data, std::uint64_t bytes, char* err, std::size_t size) {
  return guarded(err, size, [&] {
    if (!engine->named) throw std::logic_error("this engine's weights are complete");
    const at::InferenceMode inference;
    constexpr std::uint32_t kMostDimensions = 8;
    if (rank > kMostDimensions) throw std::length_error(std::string(name) + ": too many dimensions");
    std::vector<std::int64_t> sizes;
    __extension__ using Wide = unsigned __int128;
    Wide expected = at::elementSize(float_type(dtype));
    for (std::uint32_t i = 0; i < rank && expected <= bytes; ++i) {
      sizes.push_back(static_cast<std::int64_t>(shape[i]));
      expected *= shape[i];
    }
    if (expected != bytes || sizes.size() != rank)
      throw std::length_error(std::string(name) + ": bytes and shape do not agree");
    const auto options = at::TensorOptions().dtype(float_type(dtype));
    engine->named->set(name, at::from_blob(const_cast<void*>(data), sizes, options));
  });
}

int engine_check_weights(KvTorchEngine* engine, char* err, std::size_t size) {
  return guarded(err, size, [&] {
    if (!engine->named) return;
    engine->named->check();
    const at::InferenceMode inference;
    engine->decoder = std::make_unique<Decoder>(engine->shape, engine->named->weights(), engine->compute);
    engine->named.reset();
  });
}

int engine_prefill(KvTorchEngine* engine, const std::uint32_t* tokens, std::uint64_t count, std::uint64_t position,
                   float* logits, std::uint64_t rows, KvTorchPrefillTimes* times, char* err, std::size_t size) {
  return guarded(err, size, [&] {
    if (!engine->decoder) throw std::logic_error("this engine has no weights yet");
    const at::Tensor out = engine->decoder->prefill(tokens, count, position, rows);
    *times = engine->decoder->take_times();
    if (engine->compute.device().is_cuda()) times->matmul_ns = times->attention_ns = 0;
    if (rows != 0) std::memcpy(logits, out.data_ptr(), bytes_of(out));
  });
}

int engine_write_kv(KvTorchEngine* engine, const KvTorchKvRange* range, const void* from, std::uint64_t bytes,
                    char* err, std::size_t size) {
  return guarded(err, size, [&] {
    if (!engine->decoder) throw std::logic_error("this engine has no weights yet");
    const at::InferenceMode inference;
    Staging* const staging = engine->staging.get();
    if (staging != nullptr) staging->begin();
    each_fragment(*engine, *range, bytes,
                  [&](const at::Tensor& plane, std::uint64_t first, std::uint64_t at, std::uint64_t fragment) {
                    const char* const source = static_cast<const char*>(from) + at;
                    if (staging != nullptr) {
                      staging->upload(rows_of(plane, first, fragment), source);
                    } else {
                      std::memcpy(host_place(plane, first), source, fragment);
                    }
                  });
    if (staging != nullptr) staging->finish();
  });
}

int engine_read_kv(KvTorchEngine* engine, const KvTorchKvRange* range, void* to, std::uint64_t bytes, char* err,
                   std::size_t size) {
  return guarded(err, size, [&] {
    if (!engine->decoder) throw std::logic_error("this engine has no weights yet");
    const at::InferenceMode inference;
    Staging* const staging = engine->staging.get();
    if (staging != nullptr) staging->begin();
    each_fragment(*engine, *range, bytes,
                  [&](const at::Tensor& plane, std::uint64_t first, std::uint64_t at, std::uint64_t fragment) {
                    char* const target = static_cast<char*>(to) + at;
                    if (staging != nullptr) {
                      staging->download(rows_of(plane, first, fragment), target);
                    } else {
                      std::memcpy(target, host_place(plane, first), fragment);
                    }
                  });
    if (staging != nullptr) staging->finish();
  });
}

}  // namespace kv
