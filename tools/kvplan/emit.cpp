#include "emit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "plan/emit.hpp"

namespace kvtool {
namespace {

using kv::Code;
using kv::error;
using kv::Result;

/// Memory and cores of the machine that a plan stands on, behind what its provider keeps.
struct MachineSize {
  double memory_bytes = 0, vcpus = 0;
};

MachineSize machine_of(const kv::PlanBasis& basis, const kv::Plan& plan) {
  for (const kv::NodePrice& node : basis.prices->nodes) {
    if (node.name == plan.option.on) return {node.usable_bytes(), node.vcpus};
  }
  for (const kv::ServerPrice& server : basis.prices->servers) {
    if (server.name == plan.option.on) return {server.usable_bytes(), server.vcpus};
  }
  if (kv::place_of(plan.option.row->kind) == kv::CachePlace::shared) return {plan.option.size.held_bytes, 0};
  return {plan.option.size.held_bytes / std::max(basis.instances(), 1U), 0};
}

kv::EmitQuestion question_of(const PlanOptions& o, const PlanSetup& setup, const kv::Plan& plan) {
  const kv::PlanBasis& basis = setup.question.basis;
  const MachineSize machine = machine_of(basis, plan);
  kv::EmitQuestion out;
  out.kind = plan.option.row->name;
  out.machine = plan.option.on;
  out.memory_bytes = machine.memory_bytes;
  out.vcpus = machine.vcpus;
  if (plan.option.nodes && plan.option.nodes->machines) out.machines = *plan.option.nodes->machines;
  out.replicas = basis.replicas;
  out.largest_value_bytes = std::min(plan.option.size.value_bytes, basis.chunk_bytes);
  out.connections = basis.instances() * basis.connections_per_engine;
  out.model = setup.engine.model.name;
  out.tp = setup.engine.tp;
  out.block_tokens = static_cast<double>(setup.geometry->block_size().count());
  out.codec = o.codec;
  return out;
}

}  // namespace

Result<std::vector<std::string>> emit_plan(const PlanOptions& o, const PlanSetup& setup, const kv::Estimate& estimate) {
  const auto files = kv::emit_configuration(question_of(o, setup, estimate.best()));
  if (!files) return error(files);
  std::error_code problem;
  std::filesystem::create_directories(o.emit, problem);
  if (problem) {
    return error(Code::bad_input, fmt::format("--emit: {}: {}", o.emit, problem.message()),
                 "name a directory that you may write");
  }
  std::vector<std::string> out;
  for (const kv::EmittedFile& file : *files) {
    std::string path = (std::filesystem::path(o.emit) / file.name).string();
    if (const auto written = write_output(file.text, path); !written) return in_option("--emit", written.error());
    out.push_back(std::move(path));
  }
  return out;
}

}  // namespace kvtool
