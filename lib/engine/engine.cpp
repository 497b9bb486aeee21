#include "engine/engine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "base/parse.hpp"
#include "engine/weight_files.hpp"
#include "metrics/machine.hpp"
#include "torch/loader.hpp"

namespace kv {
namespace {

using SteadyClock = std::chrono::steady_clock;

static_assert(static_cast<int>(Dtype::fp32) == KVKIT_TORCH_FP32 && static_cast<int>(Dtype::bf16) == KVKIT_TORCH_BF16 &&
              static_cast<int>(Dtype::fp16) == KVKIT_TORCH_FP16);

constexpr const char* kLessMemory = "choose a smaller model, a lower --prefill-chunk, or prompts that are shorter";

bool is_float(Dtype dtype) { return dtype == Dtype::fp32 || dtype == Dtype::bf16 || dtype == Dtype::fp16; }

Result<void> check_config(const EngineConfig& config) {
  if (!is_float(config.kv_dtype) || (config.compute && !is_float(*config.compute))) {
    return error(Code::bad_input, "the measured engine computes and keeps KV in fp32, bf16 or fp16",
                 "other dtypes of KV are what a codec is for: --kv-dtype bf16 --codec fp8");
  }
  if (config.chunk == Tokens(0) || config.max_tokens == Tokens(0)) {
    return error(Code::bad_input, "an engine needs a chunk and a sequence of at least one token");
  }
  return {};
}

KvTorchDecoder border_shape(const EngineConfig& c) {
  KvTorchDecoder out{};
  out.compute_dtype = c.compute ? static_cast<std::uint32_t>(*c.compute) : 0;
  out.kv_dtype = static_cast<std::uint32_t>(c.kv_dtype);
  out.layers = c.model.layers;
  out.hidden = c.model.hidden;
  out.heads = c.model.heads;
  out.kv_heads = c.model.kv_heads;
  out.head_dim = c.model.head_dim;
  out.vocab = c.decoder.vocab;
  out.intermediate = c.decoder.intermediate;
  out.experts = c.decoder.experts;
  out.experts_per_token = c.decoder.experts_per_token;
  out.tied_head = c.decoder.tied_head ? 1 : 0;
  out.qkv_bias = c.decoder.qkv_bias ? 1 : 0;
  out.qk_norm = c.decoder.qk_norm ? 1 : 0;
  out.threads = c.threads;
  out.chunk_tokens = static_cast<std::uint32_t>(std::min<std::uint64_t>(c.chunk.count(), c.max_tokens.count()));
  out.random = c.weights.empty() ? 1 : 0;
  out.staged = c.staged ? 1 : 0;
  if (c.decoder.rope_scaling) {
    out.rope_original = c.decoder.rope_scaling->original;
    out.rope_factor = c.decoder.rope_scaling->factor;
    out.rope_low = c.decoder.rope_scaling->low;
    out.rope_high = c.decoder.rope_scaling->high;
  }
  out.rope_theta = c.decoder.rope_theta;
  out.rms_eps = c.decoder.rms_eps;
  out.seed = c.seed;
  out.max_tokens = c.max_tokens.count();
  return out;
}

tl::unexpected<Error> torch_error(const TorchMessage& why, Code code) {
  const bool memory = why.text().find(KVKIT_TORCH_OUT_OF_MEMORY) != std::string::npos;
  return error(memory ? Code::unavailable : code, why.text(), memory ? kLessMemory : "");
}

/// Before the system's killer finds out. On a GPU the driver says it itself.
Result<void> check_host_memory(const KvTorchModule& torch, const EngineConfig& config) {
  std::array<char, 200> name{};
  int is_cuda = 0;
  std::uint64_t memory = 0;
  TorchMessage why;
  if (torch.device(name.data(), name.size(), &is_cuda, &memory, why.data(), why.size()) != 0) {
    return torch_error(why, Code::unavailable);
  }
  const Bytes needed = engine_memory(config), available = available_memory();
  if (is_cuda != 0 || needed <= available) return {};
  return error(Code::unavailable,
               fmt::format("{} over {} tokens needs {} for weights, KV and scores, but {} are available",
                           config.model.name, config.max_tokens.count(), format_bytes(needed), format_bytes(available)),
               kLessMemory);
}

EngineInfo info_of(const KvTorchEngineInfo& from, const EngineConfig& config) {
  EngineInfo out;
  out.kernel = static_cast<const char*>(from.kernel);
  out.random_weights = config.weights.empty();
  out.weights = out.random_weights ? fmt::format("random, seed {}", config.seed) : config.weights;
  out.compute = static_cast<Dtype>(from.compute_dtype);
  out.kv = config.kv_dtype;
  out.threads = from.threads;
  out.is_cuda = from.is_cuda != 0;
  out.weight_bytes = Bytes(from.weight_bytes);
  out.kv_bytes = Bytes(from.kv_bytes);
  return out;
}

KvTorchKvRange range_of(const KvPlace& place) {
  return {place.first_layer, place.layers, place.first_token.count(), place.tokens.count()};
}

/// Of buffers that were kept from the time when heads were not tied, or positions not computed.
bool is_needless(const SafeTensor& tensor, const DecoderShape& shape) {
  return tensor.name.ends_with("rotary_emb.inv_freq") || (shape.tied_head && tensor.name == "lm_head.weight");
}

}  // namespace

Bytes engine_memory(const EngineConfig& c) {
  const double element = c.compute ? dtype_bytes(*c.compute) : dtype_bytes(Dtype::fp32);
  const double tokens = static_cast<double>(c.max_tokens.count());
  const double chunk = std::min(static_cast<double>(c.chunk.count()), tokens);
  const double weights = decoder_params(c.model, c.decoder) * element;
  // Random weights are made in fp32, one matrix at a time.
  const double largest = 4.0 * c.model.hidden * std::max(c.decoder.vocab, c.decoder.intermediate);
  const double kv_row = 2.0 * c.model.kv_heads * c.model.head_dim;
  const double kv = c.model.layers * kv_row * tokens * dtype_bytes(c.kv_dtype) + kv_row * tokens * element;
  constexpr double kQueryBlock = 128, kScoreCopies = 3, kHiddenCopies = 12;
  const double scores = kScoreCopies * c.model.heads * std::min(chunk, kQueryBlock) * tokens * element;
  const double activations = chunk * element * (kHiddenCopies * c.model.hidden + 3.0 * c.decoder.intermediate);
  constexpr double kMost = 1e18;
  return Bytes(static_cast<std::uint64_t>(std::min(weights + largest + kv + scores + activations, kMost)));
}

Result<std::unique_ptr<Engine>> Engine::make(const EngineConfig& config) {
  if (auto ok = check_config(config); !ok) return error(ok);
  const auto torch = torch_module();
  if (!torch) return error(torch);
  if (auto ok = check_host_memory(**torch, config); !ok) return error(ok);
  std::unique_ptr<Engine> made(new Engine(config, **torch));
  const KvTorchDecoder shape = border_shape(config);
  KvTorchEngineInfo info{};
  TorchMessage why;
  if ((*torch)->engine_create(&shape, &made->engine_, &info, why.data(), why.size()) != 0) {
    return torch_error(why, Code::bad_input);
  }
  std::array<char, 200> device{};
  int is_cuda = 0;
  std::uint64_t memory = 0;
  (*torch)->device(device.data(), device.size(), &is_cuda, &memory, why.data(), why.size());
  made->info_ = info_of(info, config);
  made->info_.device = device.data();
  if (!config.weights.empty()) {
    if (auto loaded = made->load_weights(); !loaded) return error(loaded);
  }
  return made;
}

Engine::~Engine() {
  if (engine_ != nullptr) torch_.engine_destroy(engine_);
}

Result<void> Engine::load_weights() {
  const std::uint64_t largest =
      std::uint64_t{4} * config_.model.hidden * std::max(config_.decoder.vocab, config_.decoder.intermediate) +
      std::uint64_t{4} * config_.model.hidden * config_.model.heads * config_.model.head_dim;
  const TakeTensor take = [this](const SafeTensor& tensor, std::span<const std::byte> bytes) -> Result<void> {
    if (is_needless(tensor, config_.decoder)) return {};
    const auto dtype = kv_dtype_of(tensor);
    if (!dtype || !is_float(*dtype)) {
      return error(Code::bad_input, fmt::format("{} is of the dtype {}", tensor.name, tensor.dtype),
                   "the measured engine reads F32, BF16 and F16");
    }
    TorchMessage why;
    if (torch_.engine_set_weight(engine_, tensor.name.c_str(), static_cast<std::uint32_t>(*dtype), tensor.shape.data(),
                                 static_cast<std::uint32_t>(tensor.shape.size()), bytes.data(), bytes.size(),
                                 why.data(), why.size()) == 0) {
      return {};
    }
    return error(Code::bad_input, why.text(), "do the weights belong to this config.json?");
  };
  if (auto read = read_weight_files(config_.weights, largest, take); !read) return read;
  TorchMessage why;
  if (torch_.engine_check_weights(engine_, why.data(), why.size()) == 0) return {};
  return error(Code::bad_input, fmt::format("{}: {}", config_.weights, why.text()),
               "is a *.safetensors file missing from the directory?");
}

Result<Engine::Computed> Engine::prefill(std::span<const std::uint32_t> tokens, Tokens position,
                                         std::span<float> logits) {
  KvTorchPrefillTimes times{};
  TorchMessage why;
  const TimePoint start = SteadyClock::now();
  if (torch_.engine_prefill(engine_, tokens.data(), tokens.size(), position.count(), logits.data(),
                            logits.size() / vocab(), &times, why.data(), why.size()) != 0) {
    return torch_error(why, Code::io);
  }
  const Duration time = SteadyClock::now() - start;
  return Computed{time, Duration(times.matmul_ns), Duration(times.attention_ns)};
}

Result<Duration> Engine::write_kv(const KvPlace& place, std::span<const std::byte> from) {
  const KvTorchKvRange range = range_of(place);
  TorchMessage why;
  const TimePoint start = SteadyClock::now();
  if (torch_.engine_write_kv(engine_, &range, from.data(), from.size(), why.data(), why.size()) != 0) {
    return torch_error(why, Code::io);
  }
  return SteadyClock::now() - start;
}

Result<Duration> Engine::read_kv(const KvPlace& place, std::span<std::byte> to) {
  const KvTorchKvRange range = range_of(place);
  TorchMessage why;
  const TimePoint start = SteadyClock::now();
  if (torch_.engine_read_kv(engine_, &range, to.data(), to.size(), why.data(), why.size()) != 0) {
    return torch_error(why, Code::io);
  }
  return SteadyClock::now() - start;
}

KvPlace place_of(const KvGeometry& geometry, std::size_t part, Tokens before, Tokens in_block) {
  const std::uint32_t layers = geometry.parts()[part].per_token.layers;
  return {static_cast<std::uint32_t>(part) * layers, layers, before, in_block};
}

}  // namespace kv
