// ServeGen's offline traces (github.com/alibaba/ServeGen, data/offline): batches as JSONL, without arrival times.
// Content-hash rows tell 16-token blocks and no output length; stat rows tell lengths and no blocks.
#include "import/arrivals.hpp"
#include "import/jsonl.hpp"
#include "import/lengths.hpp"
#include "import/rows.hpp"

namespace kv {
namespace {

bool detect(const Sample& sample) {
  return sample.kind == Sample::Kind::json_lines && sample.has("request_id") && sample.has("input_length") &&
         !sample.has("timestamp") && !sample.has("chat_id") && !sample.has("session_id");
}

std::vector<OptionRow> options() {
  std::vector<OptionRow> rows = LengthsOnly::options("16");
  rows.push_back(ids_option());
  rows.push_back(Arrivals::rate_option("requests"));
  return rows;
}

/// What differs between the two kinds of rows, told by the first.
enum class Rows { unknown, with_ids, with_lengths };

class ServegenRows {
 public:
  ServegenRows(ImportJob& job, LengthsOnly lengths, Arrivals arrivals, IdMode ids)
      : job_(job), lengths_(std::move(lengths)), arrivals_(arrivals), mode_(ids) {}

  Result<void> take(const json::object& row, std::uint64_t line) {
    const auto blocks = member(row, "hash_ids");
    const Rows kind = blocks ? Rows::with_ids : Rows::with_lengths;
    if (kind_ == Rows::unknown) begin(kind);
    if (kind != kind_) {
      return error(Code::bad_input, kind_ == Rows::with_ids ? "the field hash_ids is missing, which rows before have"
                                                            : "hash_ids, which rows before do not have");
    }
    TraceLine request;
    request.line = line;
    const auto input = count_at(row, "input_length", 1, UINT32_MAX);
    if (!input) return error(input);
    request.input = Tokens(*input);
    if (const auto output = member(row, "output_length")) {
      const auto count = count_at(row, "output_length", 0, UINT32_MAX);
      if (!count) return error(count);
      request.output = Tokens(*count);
    } else {
      job_.requests.outputs_unknown();
      job_.notes.tally("requests have no output length: written as 0", line);
      job_.notes.assume("output_length", "unknown where the source has none: written as 0");
    }
    const auto type = name_at(row, "type");
    if (!type) return error(type);
    request.origin.type = *type;
    request.at = arrivals_.at(requests_++);
    if (kind == Rows::with_ids) {
      if (auto read = ids_of(*blocks, "hash_ids", ids_); !read) return read;
      request.ids = ids_;
    } else if (auto filled = lengths_.fill(request); !filled) {
      return filled;
    }
    return job_.requests.add(request);
  }

  void note() const {
    arrivals_.note(job_.notes, "requests");
    if (!arrivals_.known()) job_.requests.arrivals_unknown();
    if (kind_ == Rows::with_lengths) {
      lengths_.note(job_.notes);
    } else if (job_.options.has("sharing")) {
      job_.notes.warn("--sharing was not used: the source tells what prompts share");
    }
  }

 private:
  void begin(Rows kind) {
    kind_ = kind;
    job_.requests.setup({.block_size = lengths_.block_size(),
                         .preferred_block_size = {},
                         .ids = kind == Rows::with_ids ? mode_ : IdMode::made});
  }

  ImportJob& job_;
  LengthsOnly lengths_;
  Arrivals arrivals_;
  IdMode mode_;
  Rows kind_ = Rows::unknown;
  std::uint64_t requests_ = 0;
  std::vector<BlockId> ids_;
};

Result<void> run(ImportJob& job) {
  auto lengths = LengthsOnly::make(job.options);
  if (!lengths) return error(lengths);
  const auto arrivals = Arrivals::make(job.options);
  if (!arrivals) return error(arrivals);
  const auto mode = id_mode(job.options);
  if (!mode) return error(mode);
  ServegenRows rows(job, std::move(*lengths), *arrivals, *mode);
  auto read = each_object(
      job, [&](const json::object& row, std::uint64_t line) -> Result<void> { return rows.take(row, line); });
  if (read) rows.note();
  return read;
}

}  // namespace

const ImportFormat kServegenFormat{
    .name = "servegen",
    .summary =
        "ServeGen's offline traces (JSONL): batches without arrival times, with 16-token blocks or lengths alone",
    .keeps = "type",
    .options = options(),
    .detect = detect,
    .run = run};

}  // namespace kv
