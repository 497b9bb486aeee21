#pragma once
#include <optional>
#include <string>
#include <vector>

#include "report/report.hpp"

namespace kv {

/// What documents about a workload alone (kvkit.stats, kvkit.curve) begin with. They name neither machine nor time:
/// equal inputs give equal documents.
struct WorkloadDocument {
  std::string schema, tool;  ///< "kvkit.curve/1", "kvplan"
  std::vector<std::string> command_line;
  Json config;  ///< an object: every option with its effective value
  std::string path;
  WorkloadSummary workload;
  Json workload_extra;             ///< an object, merged into .workload: selection, sampling error, bad lines
  std::optional<IdealHits> ideal;  ///< nullopt: not known, as of a sample
  std::vector<std::string> warnings;
};

/// schema, tool, command_line, config, warnings, workload (as in the run report) and ideal.{block_hits, token_hits,
/// requests_with_hit, block_hit_rate, token_hit_rate}; the caller adds what it found.
Json make_workload_document(const WorkloadDocument& document);
/// Its JSON Schema (draft 7); the caller adds properties with schema_parts.hpp.
Json workload_document_schema(const std::string& schema, const std::string& title);

}  // namespace kv
