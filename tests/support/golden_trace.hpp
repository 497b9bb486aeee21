#pragma once
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "support/traces.hpp"
#include "workload/read.hpp"

namespace kv::test {

struct Golden {
  Workload workload;
  nlohmann::json figures;
};

/// The real trace and what an independent program counted on it; see trace_path for where it is not there.
inline std::optional<Golden> golden() {
  const auto path = trace_path("conversation_trace.jsonl");
  if (!path) return std::nullopt;
  ReadNotes notes;
  auto workload = read_workload(*path, {}, notes);
  REQUIRE(workload.has_value());
  std::ifstream file(*trace_path("conversation_trace.golden.json"));
  return Golden{std::move(*workload), nlohmann::json::parse(file)};
}

}  // namespace kv::test
