#pragma once
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/result.hpp"
#include "model/decoder_shape.hpp"
#include "model/dtype.hpp"
#include "model/kv_geometry.hpp"
#include "model/model.hpp"

struct KvTorchEngine;
struct KvTorchModule;

namespace kv {

/// What to compute with.
struct EngineConfig {
  Model model;
  DecoderShape decoder;
  Dtype kv_dtype = Dtype::bf16;       ///< what K and V are rounded to once they are made: fp32, bf16 or fp16
  std::optional<Dtype> compute = {};  ///< the same choice; none: what the device multiplies fastest
  std::uint32_t threads = 0;          ///< on a CPU; 0: one a core
  Tokens chunk = Tokens(512);         ///< that one forward pass computes at most
  Tokens max_tokens = Tokens(4096);   ///< of the longest prompt
  std::uint64_t seed = 1;             ///< of random weights
  std::string weights;                ///< a Hugging Face directory of safetensors; empty: random
  bool staged = false;                ///< KV goes by staging buffers on a CPU, too, as it always does on CUDA
};

struct EngineInfo {
  std::string device;   ///< "cpu", "cuda:0 NVIDIA H100"
  std::string kernel;   ///< what multiplies and attends
  std::string weights;  ///< "random, seed 1", or the directory
  Dtype compute = Dtype::fp32, kv = Dtype::bf16;
  std::uint32_t threads = 0;  ///< 0: not on a CPU
  bool is_cuda = false, random_weights = true;
  Bytes weight_bytes, kv_bytes;
};

/// Layers and tokens of the engine's KV.
struct KvPlace {
  std::uint32_t first_layer = 0, layers = 0;
  Tokens first_token, tokens;
};

/// A decoder of the Llama family in LibTorch, with the KV of one sequence: what `--prefill measured` runs. Not
/// thread-safe, and it takes every core that it was given.
class Engine {
 public:
  /// Fails (unavailable) without LibTorch or memory, (bad_input) for a dtype or weights that do not fit.
  static Result<std::unique_ptr<Engine>> make(const EngineConfig& config);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  const EngineInfo& info() const { return info_; }
  const Model& model() const { return config_.model; }
  std::uint32_t vocab() const { return config_.decoder.vocab; }
  Tokens max_tokens() const { return config_.max_tokens; }

  struct Computed {
    Duration time{0};                  ///< wall time, the copy of the logits to the host included
    Duration matmul{0}, attention{0};  ///< of it, on a CPU
  };
  /// Computes `tokens` behind the first `position` ones of the sequence, in chunks, and keeps their KV. `logits`:
  /// [rows][vocab], behind each of the last rows tokens; empty where nobody looks (the last row is computed all the
  /// same: a first token needs it).
  Result<Computed> prefill(std::span<const std::uint32_t> tokens, Tokens position, std::span<float> logits);

  /// Copies KV as payloads lie, [layers][K, V][tokens][channels], into the sequence or out of it; returns wall time.
  Result<Duration> write_kv(const KvPlace& place, std::span<const std::byte> from);
  Result<Duration> read_kv(const KvPlace& place, std::span<std::byte> to);

 private:
  Engine(EngineConfig config, const KvTorchModule& torch) : config_(std::move(config)), torch_(torch) {}
  Result<void> load_weights();

  EngineConfig config_;
  const KvTorchModule& torch_;
  KvTorchEngine* engine_ = nullptr;
  EngineInfo info_;
};

/// Part `part` of a block that stands behind `before` tokens, as a place in the engine: that of a geometry of one rank
/// without windows or states.
KvPlace place_of(const KvGeometry& geometry, std::size_t part, Tokens before, Tokens in_block);

/// Memory that an engine takes: weights, KV, scores and activations of one chunk. An upper bound on what compute in
/// fp32 needs where the dtype is left open.
Bytes engine_memory(const EngineConfig& config);

}  // namespace kv
