#include "common/model_options.hpp"

#include <fmt/format.h>

#include "common/workload_input.hpp"

namespace kvtool {

void add_model_options(CLI::App& command, ModelOptions& o, bool with_model) {
  const std::string group = "Model and KV";
  if (with_model) {
    command.add_option("--model", o.model, "Catalogue name or a Hugging Face config.json (see: kvbench list models)")
        ->capture_default_str()
        ->group(group);
  }
  command.add_option("--kv-dtype", o.kv_dtype, "Element type of the KV cache: fp32, bf16, fp16, fp8_e4m3, int8")
      ->capture_default_str()
      ->group(group);
  command
      .add_option(
          "--tp", o.tp,
          "Tensor-parallel ranks; default: the smallest power of two that fits the model on --gpu; 1 without one")
      ->transform(count())
      ->check(CLI::Range(1U, 1024U))
      ->group(group);
  command.add_option("--pp", o.pp, "Pipeline-parallel stages")
      ->transform(count())
      ->check(CLI::Range(1U, 1024U))
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--kv-replication", o.replication, "Equal copies of heads on several ranks: stored once or by each")
      ->check(CLI::IsMember({"dedup", "naive"}))
      ->capture_default_str()
      ->group(group);
  command.add_option("--layout", o.layout, "Values of a block: one for all layers of a rank, or one for each layer")
      ->check(CLI::IsMember({"block", "layer"}))
      ->capture_default_str()
      ->group(group);
}

kv::Result<kv::KvOptions> kv_options(const ModelOptions& o) {
  const auto dtype = kv::dtype_from_name(o.kv_dtype);
  if (!dtype) {
    std::string known;
    for (const kv::Dtype d : kv::all_dtypes()) known += (known.empty() ? "" : ", ") + std::string(kv::dtype_name(d));
    return kv::error(kv::Code::bad_input, fmt::format("--kv-dtype: unknown type '{}'", o.kv_dtype), "known: " + known);
  }
  kv::KvOptions options;
  options.dtype = *dtype;
  options.tp = o.tp.value_or(1);
  options.pp = o.pp;
  options.replication = o.replication == "naive" ? kv::KvReplication::naive : kv::KvReplication::dedup;
  options.layout = o.layout == "layer" ? kv::KvLayout::layer : kv::KvLayout::block;
  return options;
}

}  // namespace kvtool
