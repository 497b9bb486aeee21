#include "workload/read.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

#include "workload/block_size.hpp"
#include "workload/byte_source.hpp"
#include "workload/line_reader.hpp"
#include "workload/parents.hpp"
#include "workload/trace_line.hpp"

namespace kv {
namespace {

constexpr std::size_t kFirstBad = 5;
constexpr std::size_t kEstimateAfter = 1000;  // requests, to tell from them how much is to come

/// Runs lines through checks: adds the place to an error, and in lenient mode turns it into a note.
class Scan {
 public:
  /// False: stop, the caller has seen enough.
  using Sink = std::function<Result<bool>(const TraceLine&)>;

  Scan(std::string name, const ReadOptions& options, ReadNotes& notes)
      : name_(std::move(name)), lenient_(options.lenient), notes_(notes) {}

  /// True if the source was read to its end.
  Result<bool> run(std::unique_ptr<ByteSource> source, const Sink& sink) {
    LineReader& lines = lines_.emplace(std::move(source));
    TraceLineParser parser;
    Line line;
    TraceLine request;
    for (;;) {
      const auto more = lines.next(line);
      if (!more) return error(more);
      if (!*more) return true;
      ++notes_.lines;
      if (line.blank() && !line.too_long) continue;
      if (const auto parsed = line.too_long ? too_long() : parser.parse(line, request); !parsed) {
        if (const auto skipped = skip(line.number, parsed.error()); !skipped) return error(skipped);
        continue;
      }
      const auto wanted = sink(request);
      if (!wanted) {
        if (const auto skipped = skip(line.number, wanted.error()); !skipped) return error(skipped);
      } else if (!*wanted) {
        return false;
      }
    }
  }

  /// Share of the input that has been read, where its size is known.
  std::optional<double> progress() const { return lines_ ? lines_->progress() : std::nullopt; }

  Result<void> skip(std::uint64_t line, const Error& why) {
    std::string message = fmt::format("{}:{}: {}", name_, line, why.message);
    if (!lenient_) return error(why.code, std::move(message), why.hint);
    ++notes_.bad_lines;
    if (notes_.first_bad.size() < kFirstBad) notes_.first_bad.push_back(std::move(message));
    return {};
  }

  /// For what is wrong with the input as a whole.
  tl::unexpected<Error> fail(const Error& why) const {
    return error(why.code, fmt::format("{}: {}", name_, why.message), why.hint);
  }
  /// Of a block size that was found at the end; it is never found so where bad lines are skipped.
  Result<void> check_sizes(const FullBlocks& blocks, Tokens block_size) {
    const auto wrong = blocks.first_wrong(block_size);
    return wrong ? skip(wrong->line, size_conflict(*wrong).value()) : Result<void>();
  }
  /// What is left of the input may be used: it is not empty, and most of it was good.
  Result<void> check_left(std::uint64_t requests) const {
    if (requests == 0) {
      const std::string first = notes_.first_bad.empty() ? "" : "the first bad line is " + notes_.first_bad.front();
      return error(Code::bad_input, fmt::format("{}: there is no request in it", name_), first);
    }
    if (notes_.bad_lines <= requests) return {};
    const std::span<const std::string> shown(notes_.first_bad.data(),
                                             std::min<std::size_t>(notes_.first_bad.size(), 3));
    return error(
        Code::bad_input,
        fmt::format("{}: {} of {} lines are bad, more than --lenient skips; the first: {}", name_, notes_.bad_lines,
                    notes_.bad_lines + requests, fmt::join(shown, "; ")),
        "mend the trace; where many timestamps seem too early, look for one in front of them that is too late");
  }

 private:
  static Result<void> too_long() {
    return error(Code::bad_input, fmt::format("the line is longer than {} MiB", Line::kMaxBytes >> 20),
                 "is this JSONL, with one request a line?");
  }

  std::string name_;
  bool lenient_;
  ReadNotes& notes_;
  std::optional<LineReader> lines_;
};

/// What a line must agree on with the lines before it, parents aside.
class Sequence {
 public:
  explicit Sequence(std::optional<Tokens> block_size) : fit_(block_size) {}

  Result<void> check(const TraceLine& line) const {
    if (line.at < last_) {
      return error(Code::bad_input,
                   fmt::format("timestamp {} is before that of the request in front of it, {}", milliseconds(line.at),
                               milliseconds(last_)),
                   "sort the trace by timestamp");
    }
    return fit_.check(line.input, line.ids.size());
  }
  void take(const TraceLine& line) {
    last_ = line.at;
    ++requests_;
    fit_.take(line.line, line.input, line.ids.size());
  }
  std::uint64_t requests() const { return requests_; }
  Result<Tokens> block_size() const { return fit_.choice(); }

 private:
  static double milliseconds(Duration d) { return std::chrono::duration<double, std::milli>(d).count(); }

  BlockSizeFit fit_;
  Duration last_{};
  std::uint64_t requests_ = 0;
};

/// Adds a request to a workload under construction if it agrees with those before it.
Result<void> add(const TraceLine& line, Sequence& sequence, WorkloadBuilder& builder) {
  if (auto checked = sequence.check(line); !checked) return checked;
  if (auto added = builder.add(line.at, line.input, line.output, line.ids, line.line, line.origin); !added)
    return added;
  sequence.take(line);
  return {};
}

/// Lines kept as they are until the block size is known.
class Held {
 public:
  void push(const TraceLine& line) {
    const Origin& from = line.origin;
    rows_.push_back({line, ids_.size(), {std::string(from.session), std::string(from.tenant)}});
    ids_.insert(ids_.end(), line.ids.begin(), line.ids.end());
  }
  std::size_t size() const { return rows_.size(); }
  TraceLine operator[](std::size_t index) const {
    const std::size_t end = index + 1 < rows_.size() ? rows_[index + 1].first_id : ids_.size();
    const Row& row = rows_[index];
    TraceLine line = row.line;
    line.origin = {
        .delay = row.line.origin.delay, .session = row.names[0], .tenant = row.names[1], .group = {}, .type = {}};
    line.ids = std::span(ids_).subspan(row.first_id, end - row.first_id);
    return line;
  }

 private:
  struct Row {
    TraceLine line;  // its views are stale
    std::size_t first_id;
    std::array<std::string, 2> names;
  };
  std::vector<Row> rows_;
  std::vector<BlockId> ids_;
};

Result<Workload> load(std::unique_ptr<ByteSource> source, const ReadOptions& options, Scan& scan) {
  WorkloadBuilder builder(options.block_size);
  Sequence sequence(options.block_size);
  const auto read = scan.run(std::move(source), [&](const TraceLine& line) -> Result<bool> {
    if (const auto added = add(line, sequence, builder); !added) return error(added);
    if (builder.size() == kEstimateAfter) builder.expect_growth(1.1 / scan.progress().value_or(1));
    return true;
  });
  if (!read) return error(read);
  if (const auto left = scan.check_left(sequence.requests()); !left) return error(left);
  const auto block_size = sequence.block_size();
  if (!block_size) return scan.fail(block_size.error());
  if (const auto checked = scan.check_sizes(builder.full_blocks(), *block_size); !checked) return error(checked);
  return std::move(builder).build(*block_size);
}

/// Asks all lines for the block size first: a bad one among the first must not decide it.
Result<Workload> load_by_majority(std::unique_ptr<ByteSource> source, Scan& scan) {
  Held held;
  std::vector<BlockSizes> sizes;
  const auto read = scan.run(std::move(source), [&](const TraceLine& line) -> Result<bool> {
    held.push(line);
    sizes.push_back(sizes_that_fit(line.input, line.ids.size()));
    return true;
  });
  if (!read) return error(read);
  if (const auto left = scan.check_left(held.size()); !left) return error(left);
  const auto block_size = majority_block_size(sizes);
  if (!block_size) return scan.fail(block_size.error());

  WorkloadBuilder builder(*block_size);
  Sequence sequence(*block_size);
  for (std::size_t i = 0; i < held.size(); ++i) {
    const TraceLine line = held[i];
    const auto added = add(line, sequence, builder);
    if (added) continue;
    if (const auto skipped = scan.skip(line.line, added.error()); !skipped) return error(skipped);
  }
  if (const auto left = scan.check_left(sequence.requests()); !left) return error(left);
  return std::move(builder).build(*block_size);
}

Result<void> check_options(const ReadOptions& options) {
  if (!options.block_size || (options.block_size->count() > 0 && options.block_size->count() <= UINT32_MAX)) return {};
  return error(Code::bad_input,
               fmt::format("--block-size {} is not within 1 to {}", options.block_size->count(), UINT32_MAX),
               "leave it out to infer it from the trace");
}

Result<Workload> read_source(Result<std::unique_ptr<ByteSource>> source, const std::string& name,
                             const ReadOptions& options, ReadNotes& notes) {
  if (!source) return error(source);
  if (const auto checked = check_options(options); !checked) return error(checked);
  notes = {};
  Scan scan(name, options, notes);
  return options.lenient && !options.block_size ? load_by_majority(std::move(*source), scan)
                                                : load(std::move(*source), options, scan);
}

}  // namespace

Result<Workload> read_workload(const std::string& path, const ReadOptions& options, ReadNotes& notes) {
  return read_source(open_source(path), source_name(path), options, notes);
}

Result<Workload> read_workload_text(std::string_view bytes, const std::string& name, const ReadOptions& options,
                                    ReadNotes& notes) {
  return read_source(memory_source(bytes, name), name, options, notes);
}

Result<std::optional<Tokens>> stream_workload(const std::string& path, const ReadOptions& options, ReadNotes& notes,
                                              const std::function<bool(const TraceLine&)>& sink) {
  if (const auto checked = check_options(options); !checked) return error(checked);
  if (options.lenient && !options.block_size) {
    return error(Code::bad_input, "streaming a trace with --lenient needs its block size",
                 "name it, as in --block-size 512");
  }
  auto source = open_source(path);
  if (!source) return error(source);
  notes = {};
  Scan scan(source_name(path), options, notes);
  Sequence sequence(options.block_size);
  ParentSample parents(options.block_size);
  const auto whole = scan.run(std::move(*source), [&](const TraceLine& line) -> Result<bool> {
    if (const auto checked = sequence.check(line); !checked) return error(checked);
    if (const auto added = parents.add(line.ids, line.input, line.line); !added) return error(added);
    sequence.take(line);
    return sink(line);
  });
  if (!whole) return error(whole);
  if (!*whole) return options.block_size;
  if (const auto left = scan.check_left(sequence.requests()); !left) return error(left);
  const auto block_size = sequence.block_size();
  if (!block_size) return scan.fail(block_size.error());
  if (const auto checked = scan.check_sizes(parents.full_blocks(), *block_size); !checked) return error(checked);
  return *block_size;
}

}  // namespace kv
