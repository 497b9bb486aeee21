// AIPerf's superset of Mooncake's JSONL: session_id, delay (ms after the session's previous turn), group_id, float
// times. Files exist whose later rows of a session carry only what is new: told and rebuilt by sessions.cpp.
#include <fmt/format.h>

#include "base/parse.hpp"
#include "import/jsonl.hpp"
#include "import/rows.hpp"
#include "import/sessions.hpp"

namespace kv {
namespace {

constexpr Duration kMillisecond = std::chrono::milliseconds(1);

/// Or Mooncake's with less than Mooncake's own have: only input_length must be there.
bool detect(const Sample& sample) {
  const bool superset = sample.has("session_id") || sample.has("delay") || sample.has("group_id");
  const bool subset =
      !sample.has("request_id") && !(sample.has("timestamp") && sample.has("output_length") && sample.has("hash_ids"));
  return sample.kind == Sample::Kind::json_lines && (superset || subset) && sample.has("input_length") &&
         !sample.has("chat_id");
}

Result<std::optional<Duration>> time_at(const json::object& row, std::string_view name) {
  const auto value = member(row, name);
  if (!value) return std::optional<Duration>();
  const auto time = time_of(*value, name, kMillisecond);
  if (!time) return error(time);
  return std::optional(*time);
}

Result<void> read_row(const json::object& row, SessionRow& out, ImportJob& job) {
  const auto input = count_at(row, "input_length", 1, UINT32_MAX);
  if (!input) {
    Error why = input.error();
    if (!member(row, "input_length")) why.hint = "rows with text instead of lengths: try --from openai";
    return error(why.code, why.message, why.hint);
  }
  out.input = Tokens(*input);
  if (member(row, "output_length")) {
    const auto output = count_at(row, "output_length", 0, UINT32_MAX);
    if (!output) return error(output);
    out.output = Tokens(*output);
  } else {
    job.requests.outputs_unknown();
    job.notes.tally("requests have no output length: written as 0", out.line);
    job.notes.assume("output_length", "unknown where the source has none: written as 0");
  }
  const auto at = time_at(row, "timestamp"), delay = time_at(row, "delay");
  if (!at) return error(at);
  if (!delay) return error(delay);
  out.at = *at;
  out.delay = *delay;
  std::size_t i = 0;
  for (const char* field : {"session_id", "tenant", "group_id", "type"}) {
    const auto name = name_at(row, field);
    if (!name) return error(name);
    out.names[i++] = *name;
  }
  const auto ids = member(row, "hash_ids");
  return ids ? ids_of(*ids, "hash_ids", out.ids) : Result<void>();
}

Result<Turns> turns_option(const OptionValues& options) {
  const std::string text = options.text("turns");
  if (text == "auto") return Turns::automatic;
  if (text == "whole") return Turns::whole;
  if (text == "new") return Turns::only_new;
  return error(Code::bad_input, fmt::format("--turns is {}", quote(text)), "auto, whole or new");
}

Result<void> run(ImportJob& job) {
  const auto mode = id_mode(job.options);
  if (!mode) return error(mode);
  const auto turns = turns_option(job.options);
  if (!turns) return error(turns);
  const auto block_size = block_size_of(job.options);
  if (!block_size) return error(block_size);
  job.requests.setup(
      {.block_size = *block_size, .preferred_block_size = kAiperfBlock, .ids = *mode, .in_order = false});
  Sessions sessions;
  SessionRow row;
  auto read = each_object(job, [&](const json::object& object, std::uint64_t line) -> Result<void> {
    row = {};
    row.line = line;
    if (auto fine = read_row(object, row, job); !fine) return fine;
    return sessions.add(row, *block_size);
  });
  if (!read) return read;
  return sessions.finish(job, *turns, *block_size);
}

}  // namespace

const ImportFormat kAiperfFormat{
    .name = "aiperf",
    .summary =
        "AIPerf's superset of Mooncake's (JSONL): sessions, delays; turns that carry only what is new are rebuilt",
    .keeps = "session, delay, group_id, tenant and type",
    .options = {block_size_option("", "tokens in a block of the source; inferred where not given, else 512"),
                ids_option(),
                {"turns", OptionKind::text, "auto",
                 "what later rows of a session carry: whole prompts, only what is new, or auto to tell by the ids"}},
    .detect = detect,
    .run = run};

}  // namespace kv
