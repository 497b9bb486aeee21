// The models and GPUs that kvkit knows by name, as data. A new one is a row here and a line in docs/models.md.
#include <array>
#include <vector>

#include "model/model.hpp"

namespace kv {
namespace {

// Where the figures were read.
constexpr const char* kAic = "aiconfigurator model configs, read 2026";
constexpr const char* kVidur = "vidur model configs, read 2026";
constexpr const char* kSim = "inference-sim model configs, read 2026";
constexpr const char* kMemory = "unverified: from memory of the public config";

// What only some models have; every figure 0 where it does not apply.
struct Extra {
  Mla mla{};
  std::uint32_t sliding_layers = 0, window = 0;
  std::uint32_t linear_layers = 0, linear_heads = 0;
  std::uint64_t linear_state = 0;
  const char* rope_scaling = "";
  const char* recalled = "";  // which of the figures here are from memory, whatever the row's source
};

constexpr Extra kPlain{};
constexpr const char* kRope = "rope scaling";
constexpr const char* kMlaAndRope = "MLA's nope and v sizes, rope scaling";
constexpr Extra kLlama31{.rope_scaling = "llama3 factor=8 low=1 high=4 original=8192", .recalled = kRope};
constexpr Extra kDeepSeek{
    .mla = {512, 64, 128, 128}, .rope_scaling = "yarn factor=40 original=4096", .recalled = kMlaAndRope};
constexpr Extra kKimi{
    .mla = {512, 64, 128, 128}, .rope_scaling = "yarn factor=32 original=4096", .recalled = kMlaAndRope};
constexpr Extra kOss120{
    .sliding_layers = 18, .window = 128, .rope_scaling = "yarn factor=32 original=4096", .recalled = kRope};
constexpr Extra kOss20{
    .sliding_layers = 12, .window = 128, .rope_scaling = "yarn factor=32 original=4096", .recalled = kRope};
constexpr Extra kGemma{.sliding_layers = 52, .window = 1024, .rope_scaling = "linear factor=8"};
// 48 gated-delta layers of 48 value heads x 128 x 128 in fp32, and 3 steps of 2 x 16 x 128 + 48 x 128 convolution
// channels in bf16 (linear_num_*_heads, linear_*_head_dim, linear_conv_kernel_dim 4, mamba_ssm_dtype float32).
constexpr std::uint64_t kQwen35State = 48ULL * 128 * 128 * 4 + 3ULL * (2 * 16 * 128 + 48 * 128) * 2;
constexpr Extra kQwen35{.linear_layers = 48,
                        .linear_heads = 16,
                        .linear_state = 48 * kQwen35State,
                        .recalled = "sizes of the linear layers' state"};

struct Row {
  const char* name;
  double params, active;  // 10^9
  std::uint32_t layers, hidden, heads, kv_heads, head_dim;
  const Extra& extra;
  const char* source;
};

// clang-format off
const Row kModels[] = {
    // name               params 10^9, active  layers hidden heads kv  head_dim
    {"llama-3.1-8b",        8.03,   8.03,  32,  4096,  32,   8, 128, kLlama31,  kAic},
    {"llama-3.1-70b",      70.6,   70.6,   80,  8192,  64,   8, 128, kLlama31,  kAic},
    {"llama-3.1-405b",    405.9,  405.9,  126, 16384, 128,   8, 128, kLlama31,  kAic},
    {"llama-2-7b",          6.74,   6.74,  32,  4096,  32,  32, 128, kPlain,    kVidur},
    {"llama-2-70b",        69.0,   69.0,   80,  8192,  64,   8, 128, kPlain,    kVidur},
    {"qwen2.5-7b",          7.6,    7.6,   28,  3584,  28,   4, 128, kPlain,    kSim},
    {"qwen2.5-32b",        32.5,   32.5,   64,  5120,  40,   8, 128, kPlain,    kMemory},
    {"qwen2.5-72b",        72.7,   72.7,   80,  8192,  64,   8, 128, kPlain,    kMemory},
    {"qwen3-8b",            8.2,    8.2,   36,  4096,  32,   8, 128, kPlain,    kAic},
    {"qwen3-32b",          32.8,   32.8,   64,  5120,  64,   8, 128, kPlain,    kAic},
    {"qwen3-30b-a3b",      30.5,    3.3,   48,  2048,  32,   4, 128, kPlain,    kAic},
    {"qwen3-235b-a22b",   235.0,   22.0,   94,  4096,  64,   4, 128, kPlain,    kAic},
    {"mistral-7b",          7.24,   7.24,  32,  4096,  32,   8, 128, kPlain,    kMemory},
    {"mistral-nemo-12b",   12.2,   12.2,   40,  5120,  32,   8, 128, kPlain,    kSim},
    {"mixtral-8x7b",       46.7,   12.9,   32,  4096,  32,   8, 128, kPlain,    kAic},
    {"mixtral-8x22b",     141.0,   39.0,   56,  6144,  48,   8, 128, kPlain,    kAic},
    {"deepseek-v3",       671.0,   37.0,   61,  7168, 128, 128, 128, kDeepSeek, kAic},
    {"deepseek-r1",       671.0,   37.0,   61,  7168, 128, 128, 128, kDeepSeek, kAic},
    {"kimi-k2",          1000.0,   32.0,   61,  7168,  64,  64, 128, kKimi,     kAic},
    {"gpt-oss-120b",      117.0,    5.1,   36,  2880,  64,   8,  64, kOss120,   kAic},
    {"gpt-oss-20b",        20.9,    3.6,   24,  2880,  64,   8,  64, kOss20,    kAic},
    {"gemma-3-27b",        27.4,   27.4,   62,  5376,  32,  16, 128, kGemma,    kMemory},
    {"qwen3.5-27b",        27.0,   27.0,   64,  5120,  24,   4, 256, kQwen35,   "its config.json (layer_types), read 2026"},
    // For laptops.
    {"small",               0.135,  0.135, 30,   576,   9,   3,  64, kPlain,    "unverified: from memory of SmolLM-135M's shape"},
    {"tiny",                0.0152, 0.0152, 6,   288,   6,   6,  48, kPlain,    "unverified: from memory of the 15 M TinyStories model's shape"},
};

constexpr const char* kSystems = "aiconfigurator systems; HBM efficiency 0.8";
constexpr const char* kUnverified = "unverified: from memory of the data sheet";
constexpr const char* kL4 = "aiconfigurator systems; 8-bit peaks unverified: from memory of the data sheet";
constexpr const char* kMeasured =
    "; prefill utilisation calibrated in inference-sim hardware_config.json, its range also from TensorRT-LLM 0.9's "
    "first-token latencies, read 2026";

struct GpuRow {
  const char* name;
  double tflops, fp8_tflops, int8_tflops, fp4_tflops;  // dense; 0: no such mode
  double memory_gb, hbm_gb, pcie_gb, nvlink_gb;        // 10^9 bytes per second and direction; 0: none
  double utilisation, low, high;
  const char* like;  // whose utilisation it is; empty: calibrated on this GPU
  const char* source;
};

// Utilisation: inference-sim's calibrations of H100 are 0.45, 0.55 and 0.65 in different revisions (A100 0.38 and 0.65);
// what TensorRT-LLM 0.9 publishes for 2,048 tokens of dense models implies 0.35-0.53 (H100, H200), 0.56-0.71 (A100) and
// 0.28-0.52 (L40S). The low end is the calibrated one less 20 %, since a server's short and mixed batches reach less. A
// GPU whose figure is taken over from another has a wider range.
const GpuRow kGpus[] = {
    // name     bf16  fp8  int8   fp4  memory HBM/s PCIe NVLink  share of peak
    {"a100-80g",  312,    0,  624,    0,  80, 2039,  32, 300,  0.38, 0.30, 0.72, "",     kSystems},
    {"h100",      989, 1978, 1978,    0,  80, 3350,  64, 450,  0.45, 0.36, 0.65, "",     kSystems},
    {"h200",      989, 1978, 1978,    0, 141, 4800,  64, 450,  0.45, 0.36, 0.65, "h100", kSystems},
    {"b200",     2250, 4500, 4500, 9000, 180, 8000,  64, 900,  0.45, 0.30, 0.65, "h100", "aiconfigurator systems; PCIe unverified: from memory"},
    {"l4",        121,  242,  242,    0,  24,  300,  32,   0,  0.32, 0.20, 0.60, "l40s", kL4},
    {"l40s",      362,  733,  733,    0,  48,  864,  32,   0,  0.32, 0.24, 0.55, "",     kSystems},
    {"a10g",       70,    0,  140,    0,  24,  600,  32,   0,  0.32, 0.20, 0.60, "l40s", kUnverified},
    {"mi300x",   1307, 2615, 2615,    0, 192, 5300,  64, 448,  0.45, 0.30, 0.65, "h100", kUnverified},
};
// clang-format on

Model make_model(const Row& row) {
  const Extra& extra = row.extra;
  Model model;
  model.name = row.name;
  model.params = row.params * 1e9;
  model.active_params = row.active * 1e9;
  model.layers = row.layers;
  model.hidden = row.hidden;
  model.heads = row.heads;
  model.kv_heads = row.kv_heads;
  model.head_dim = row.head_dim;
  if (extra.mla.kv_lora_rank != 0) model.mla = extra.mla;
  model.sliding_layers = extra.sliding_layers;
  model.window = extra.window;
  model.linear_layers = extra.linear_layers;
  model.linear_heads = extra.linear_heads;
  model.linear_state = Bytes(extra.linear_state);
  model.rope_scaling = extra.rope_scaling;
  model.source = row.source;
  // First, so that it shows where the rest is cut off.
  if (extra.recalled[0] != '\0') model.source = std::string("unverified: ") + extra.recalled + "; else " + row.source;
  return model;
}

Gpu make_gpu(const GpuRow& row) {
  Gpu gpu;
  gpu.name = row.name;
  gpu.bf16_flops = row.tflops * 1e12;
  if (row.fp8_tflops > 0) gpu.fp8_flops = row.fp8_tflops * 1e12;
  if (row.int8_tflops > 0) gpu.int8_flops = row.int8_tflops * 1e12;
  if (row.fp4_tflops > 0) gpu.fp4_flops = row.fp4_tflops * 1e12;
  gpu.memory = Bytes(static_cast<std::uint64_t>(row.memory_gb * 1e9));
  gpu.hbm_bytes_per_s = row.hbm_gb * 1e9;
  gpu.pcie_bytes_per_s = row.pcie_gb * 1e9;
  if (row.nvlink_gb > 0) gpu.nvlink_bytes_per_s = row.nvlink_gb * 1e9;
  gpu.prefill_utilisation = row.utilisation;
  gpu.utilisation_low = row.low;
  gpu.utilisation_high = row.high;
  gpu.utilisation_measured = row.like[0] == '\0';
  gpu.source = row.source;
  gpu.source += gpu.utilisation_measured ? kMeasured : std::string("; prefill utilisation taken over from ") + row.like;
  return gpu;
}

template <class Made, class Rows, class Make>
std::vector<Made> make_all(const Rows& rows, Make make) {
  std::vector<Made> made;
  for (const auto& row : rows) made.push_back(make(row));
  return made;
}

}  // namespace

std::span<const Model> models() {
  static const std::vector<Model> all = make_all<Model>(kModels, make_model);
  return all;
}

std::span<const Gpu> gpus() {
  static const std::vector<Gpu> all = make_all<Gpu>(kGpus, make_gpu);
  return all;
}

}  // namespace kv
