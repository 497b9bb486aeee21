// vLLM's KV-cache events (vllm/distributed/kv_events.py) as JSON: batches {"ts": s, "events": [...],
// "data_parallel_rank": 0} or, as msgspec's array_like writes them, [ts, [["BlockStored", ...], ...], rank].
#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <map>

#include "import/engine_log.hpp"
#include "import/jsonl.hpp"
#include "import/rows.hpp"

namespace kv {
namespace {

constexpr std::size_t kMaxRanks = 4096;

/// In the order of the arrays; those at the end may be missing.
constexpr std::array<std::string_view, 9> kStored{"type",      "block_hashes", "parent_block_hash",
                                                  "token_ids", "block_size",   "lora_id",
                                                  "medium",    "lora_name",    "extra_keys"};
constexpr std::array<std::string_view, 3> kRemoved{"type", "block_hashes", "medium"};
constexpr std::array<std::string_view, 3> kBatch{"ts", "events", "data_parallel_rank"};
constexpr std::size_t kGroupOfStored = 9, kGroupOfRemoved = 3;  // group_idx, in arrays

bool detect(const Sample& sample) {
  if (sample.kind == Sample::Kind::json_tuples) return true;
  const bool json = sample.kind == Sample::Kind::json_array || sample.kind == Sample::Kind::json_lines;
  return json && sample.has("ts") && sample.has("events");
}

/// A struct of msgspec: an object, or an array in the order of its fields. nullopt for null as for missing.
std::optional<json::element> part(const json::element& value, std::string_view name, std::size_t index) {
  json::object object;
  json::array array;
  if (!value.get(object)) return member(object, name);
  json::element found;
  if (value.get(array) || array.at(index).get(found) || found.is_null()) return std::nullopt;
  return found;
}
template <std::size_t N>
std::optional<json::element> part(const json::element& value, const std::array<std::string_view, N>& fields,
                                  std::string_view name) {
  return part(value, name, static_cast<std::size_t>(std::find(fields.begin(), fields.end(), name) - fields.begin()));
}

/// Hashes are numbers, or bytes as text: those are named by a hash of their own.
Result<BlockId> block_of(const json::element& value) {
  std::uint64_t number = 0;
  if (!value.get(number) && number <= INT64_MAX) return number;
  if (!value.is_string() && !value.is_number()) {
    return error(Code::bad_input, "a block hash must be a number or a text, but is " + quoted(value));
  }
  const std::string text = simdjson::minify(value);
  return XXH3_64bits(text.data(), text.size()) >> 1;
}

Result<void> blocks_of(const std::optional<json::element>& value, std::vector<BlockId>& out) {
  json::array array;
  if (!value || value->get(array)) return error(Code::bad_input, "an event has no array block_hashes");
  out.clear();
  for (const json::element element : array) {
    const auto block = block_of(element);
    if (!block) return error(block);
    out.push_back(*block);
  }
  return {};
}

class Events {
 public:
  Events(ImportJob& job, Duration idle) : job_(job), idle_(idle) {}

  Result<void> take_batch(const json::element& batch, std::uint64_t line) {
    const auto ts = part(batch, kBatch, "ts"), events = part(batch, kBatch, "events");
    if (!ts) return error(Code::bad_input, "a batch has no ts");
    const auto at = time_of(*ts, "ts", std::chrono::seconds(1));
    if (!at) return error(at);
    json::array list;
    if (!events || events->get(list)) return error(Code::bad_input, "a batch has no array of events");
    std::uint64_t rank = 0;
    const auto given_rank = part(batch, kBatch, "data_parallel_rank");
    if (given_rank && given_rank->get(rank)) return error(Code::bad_input, "data_parallel_rank must be a number");
    if (*at < at_) job_.notes.tally("batches are older than the one in front of them: is the log of one engine?", line);
    line_ = line;
    at_ = *at;
    for (const json::element event : list) {
      if (auto taken = take_event(event, rank); !taken) return taken;
    }
    return {};
  }
  Result<void> finish() {
    for (auto& [rank, log] : engines_) {
      if (auto done = log.finish(); !done) return done;
    }
    return {};
  }
  std::uint64_t cut() const { return cut_; }

 private:
  Result<EngineLog*> engine(std::uint64_t rank) {
    if (engines_.count(rank) == 0 && engines_.size() >= kMaxRanks) {
      return error(Code::bad_input, fmt::format("events of more than {} engines", kMaxRanks));
    }
    const auto sink = [this](const EngineLog::Rebuilt& request) { return give(request); };
    return &engines_.try_emplace(rank, idle_, sink).first->second;
  }

  Result<void> take_event(const json::element& event, std::uint64_t rank) {
    const auto type = part(event, "type", 0);
    std::string_view name;
    if (!type || type->get(name)) return error(Code::bad_input, "an event has no type, as \"BlockStored\"");
    const auto log = engine(rank);
    if (!log) return error(log);
    if (name == "AllBlocksCleared") {
      (*log)->cleared();
    } else if (name == "BlockStored") {
      return take_stored(event, **log);
    } else if (name == "BlockRemoved") {
      if (!counts(part(event, kRemoved, "medium"), part(event, "group_idx", kGroupOfRemoved))) return {};
      if (auto read = blocks_of(part(event, kRemoved, "block_hashes"), blocks_); !read) return read;
      (*log)->removed(blocks_);
    } else {
      job_.notes.tally("events are of a kind unknown here", line_);
    }
    return {};
  }

  /// Copies in slower memory, and further groups of layers, say the same again.
  bool counts(const std::optional<json::element>& medium, const std::optional<json::element>& group) {
    std::string_view where;
    std::uint64_t index = 0;
    const bool gpu = !medium || medium->get(where) || where == "GPU" || where == "gpu";
    const bool first = !group || group->get(index) || index == 0;
    if (!gpu || !first) job_.notes.tally("events of other media or groups of layers were not used", line_);
    return gpu && first;
  }

  Result<void> take_stored(const json::element& event, EngineLog& log) {
    if (!counts(part(event, kStored, "medium"), part(event, "group_idx", kGroupOfStored))) return {};
    if (auto read = blocks_of(part(event, kStored, "block_hashes"), blocks_); !read) return read;
    if (auto sized = take_block_size(part(event, kStored, "block_size")); !sized) return sized;
    StoredBlocks stored{line_, at_, std::nullopt, blocks_, {}};
    if (const auto parent = part(event, kStored, "parent_block_hash")) {
      const auto block = block_of(*parent);
      if (!block) return error(block);
      stored.parent = *block;
    }
    std::string adapter;
    for (const char* name : {"lora_name", "lora_id"}) {
      const auto value = part(event, kStored, name);
      std::string_view text;
      if (!value || !adapter.empty()) continue;
      adapter = value->get(text) ? simdjson::minify(*value) : std::string(text);
    }
    stored.tenant = adapter;
    return log.stored(stored);
  }

  Result<void> take_block_size(const std::optional<json::element>& value) {
    std::uint64_t size = 0;
    if (!value || value->get(size) || size == 0 || size > 1 << 24) {
      return error(Code::bad_input, "block_size of a BlockStored must be a number from 1 to 2^24");
    }
    if (!block_size_) {
      block_size_ = Tokens(size);
      job_.requests.setup({.block_size = block_size_,
                           .preferred_block_size = {},
                           .ids = IdMode::keep,
                           .starts_at_zero = true,
                           .in_order = false});
    }
    if (*block_size_ == Tokens(size)) return {};
    return error(Code::bad_input, fmt::format("block_size is {}, but was {} before", size, block_size_->count()),
                 "import the events of one engine at a time");
  }

  Result<void> give(const EngineLog::Rebuilt& rebuilt) {
    TraceLine request;
    request.line = rebuilt.line;
    request.at = rebuilt.at;
    request.input = rebuilt.blocks.size() * *block_size_;
    request.output = rebuilt.output_blocks * *block_size_;
    request.ids = rebuilt.blocks;
    request.origin.tenant = rebuilt.tenant;
    cut_ += rebuilt.cut;
    references_ += rebuilt.blocks.size();
    if (references_ > kMaxReferences) return error(Code::bad_input, "more than 2,000,000,000 block references");
    return job_.requests.add(request);
  }

  static constexpr std::uint64_t kMaxReferences = 2'000'000'000;  // 16 GB where they are sorted

  ImportJob& job_;
  Duration idle_;
  std::map<std::uint64_t, EngineLog> engines_;  // by rank: each has a cache of its own
  std::optional<Tokens> block_size_;
  std::vector<BlockId> blocks_;
  std::uint64_t line_ = 0, cut_ = 0, references_ = 0;
  Duration at_{};
};

Result<void> run(ImportJob& job) {
  Events events(job, job.options.duration("idle"));
  auto read = each_item(job, [&](const json::element& batch, std::uint64_t line) -> Result<void> {
    return events.take_batch(batch, line);
  });
  if (!read) return read;
  if (const auto done = events.finish(); !done)
    return error(done.error().code, job.name + ": " + done.error().message, done.error().hint);
  job.notes.warn(
      "events tell what was computed, not what was asked: requests that hit as a whole, and prompts without a "
      "full block, are missing; lengths are whole blocks; blocks that came one by one count as output");
  if (events.cut() > 0) {
    job.notes.warn(fmt::format("{} requests begin behind blocks that the log does not tell of: they are shorter here",
                               events.cut()));
  }
  job.notes.assume("requests", "rebuilt from the blocks that they computed");
  return {};
}

}  // namespace

const ImportFormat kVllmEventsFormat{
    .name = "vllm-events",
    .summary = "vLLM's KV-cache events (JSON, batches as objects or arrays): requests rebuilt as far as they can be",
    .keeps = "tenant (the LoRA adapter)",
    .options = {{"idle", OptionKind::duration, "10s", "a request that stored nothing for so long is over"}},
    .detect = detect,
    .run = run};

}  // namespace kv
