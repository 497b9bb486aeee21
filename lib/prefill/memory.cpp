// What weights and activations leave of the GPUs' memory.
#include <fmt/format.h>

#include <algorithm>

#include "prefill/prefill.hpp"
#include "prefill/work.hpp"

namespace kv {
namespace {

constexpr double kMemoryShare = 0.9;  // what engines take of a GPU by default
constexpr std::uint32_t kMaxTp = 64;

double needed_bytes(const Model& model, WeightDtype weights) {
  return weight_bytes(model, weights) + activation_bytes(model);
}

/// What an engine takes of so many GPUs.
double usable_bytes(const Gpu& gpu, std::uint64_t gpus) {
  return static_cast<double>(gpus) * static_cast<double>(gpu.memory.count()) * kMemoryShare;
}

}  // namespace

Result<std::uint32_t> smallest_tp(const Model& model, const Gpu& gpu, std::uint32_t pp, WeightDtype weights) {
  for (std::uint32_t tp = 1; tp <= kMaxTp; tp *= 2) {
    if (usable_bytes(gpu, std::uint64_t{tp} * pp) >= needed_bytes(model, weights)) return tp;
  }
  return error(Code::bad_input,
               fmt::format("{} needs {:.0f} GB for {} weights and activations, more than {} x {} have", model.name,
                           needed_bytes(model, weights) / 1e9, weight_dtype_row(weights).name,
                           std::uint64_t{kMaxTp} * pp, gpu.name),
               "choose a GPU with more memory: `kvbench list gpus`, or weights of fewer bits: --weight-dtype");
}

Result<void> check_memory(const Model& model, const Gpu& gpu, std::uint32_t tp, std::uint32_t pp, WeightDtype weights) {
  const std::uint64_t gpus = std::uint64_t{tp} * pp;
  if (usable_bytes(gpu, gpus) >= needed_bytes(model, weights)) return {};
  const Result<std::uint32_t> smallest = smallest_tp(model, gpu, pp, weights);
  if (!smallest) return error(smallest);
  return error(
      Code::bad_input,
      fmt::format("{} needs {:.0f} GB for {} weights and activations, but --tp {} --pp {} on {} leave it {:.0f} "
                  "GB (0.9 of {} GPUs)",
                  model.name, needed_bytes(model, weights) / 1e9, weight_dtype_row(weights).name, tp, pp, gpu.name,
                  usable_bytes(gpu, gpus) / 1e9, gpus),
      fmt::format("the smallest that fits is --tp {}; if your weights are smaller, say so with --weight-dtype, or what "
                  "they leave for KV with --engine-cache",
                  *smallest));
}

Bytes engine_cache_bytes(const Model& model, const Gpu& gpu, std::uint32_t gpus, WeightDtype weights) {
  const double left = usable_bytes(gpu, gpus) - needed_bytes(model, weights);
  return Bytes(left > 0 ? static_cast<std::uint64_t>(left) : 0);
}

}  // namespace kv
