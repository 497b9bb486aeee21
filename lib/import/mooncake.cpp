// Mooncake's own JSONL: one line a request, as kvkit reads it. Imported to be checked, sorted or regrouped.
#include "import/jsonl.hpp"
#include "import/rows.hpp"
#include "workload/trace_line.hpp"

namespace kv {
namespace {

constexpr Tokens kPublished{512};

bool detect(const Sample& sample) {
  const bool json = sample.kind == Sample::Kind::json_lines;
  for (const char* other : {"session_id", "delay", "group_id", "chat_id"}) {
    if (sample.has(other)) return false;
  }
  return json && sample.has("timestamp") && sample.has("input_length") && sample.has("output_length") &&
         sample.has("hash_ids");
}

Result<void> run(ImportJob& job) {
  const auto mode = id_mode(job.options);
  if (!mode) return error(mode);
  const auto block_size = block_size_of(job.options);
  if (!block_size) return error(block_size);
  job.requests.setup({.block_size = *block_size, .preferred_block_size = kPublished, .ids = *mode});
  TraceLineParser parser;
  TraceLine request;
  return each_line(job, [&](const Line& line) -> Result<void> {
    if (line.too_long) return error(Code::bad_input, "the line is longer than 64 MiB", "is this JSONL?");
    if (auto parsed = parser.parse(line, request); !parsed) return parsed;
    return job.requests.add(request);
  });
}

}  // namespace

const ImportFormat kMooncakeFormat{
    .name = "mooncake",
    .summary = "traces of the Mooncake paper (JSONL), and all that kvkit writes: checked, sorted, else as they are",
    .keeps = "tenant and type, where there are any",
    .options = {block_size_option("", "tokens in a block of the source; inferred where not given"), ids_option()},
    .detect = detect,
    .run = run};

}  // namespace kv
