#pragma once
#include <span>
#include <string>
#include <vector>

#include "workload/sample.hpp"

namespace kv {

struct MergeOptions {
  bool same_ids = false;      ///< equal ids of different inputs are the same blocks, equal names the same sessions
  bool name_tenants = false;  ///< each input is a tenant, named after its file
  bool align = false;         ///< the first request of each input arrives at 0
};

/// Writes several traces as one, by time of arrival (of equal times the earlier input first), in constant memory. Ids,
/// sessions, tenants and groups of different inputs are kept apart, ids as IdSpaces does. `notes` are of one input
/// each. Fails (bad_input) as stream_workload does, if no block size fits all inputs, and, with same_ids, if a block
/// has two parents (a sample of the ids is checked). Finishes `out`.
Result<MadeTrace> merge_traces(std::span<const std::string> paths, const ReadOptions& read,
                               std::vector<ReadNotes>& notes, const MergeOptions& options, ByteSink& out);

}  // namespace kv
