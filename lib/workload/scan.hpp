#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "workload/block_size.hpp"
#include "workload/line_reader.hpp"
#include "workload/parents.hpp"
#include "workload/read.hpp"
#include "workload/trace_line.hpp"

namespace kv {

/// What read_workload, stream_workload and TraceStream do alike; for the files that hold them.

/// Whether a trace can be read so; errors (bad_input) name the option.
Result<void> check_options(const ReadOptions& options);

/// Runs lines through checks: adds the place to an error, and in lenient mode turns it into a note.
class Scan {
 public:
  /// False: stop, the caller has seen enough.
  using Sink = std::function<Result<bool>(const TraceLine&)>;

  Scan(std::string name, const ReadOptions& options, ReadNotes& notes)
      : name_(std::move(name)), lenient_(options.lenient), notes_(notes) {}

  void start(std::unique_ptr<ByteSource> source) { lines_.emplace(std::move(source)); }
  /// The next line that is a request; false at the end. What else is wrong with it the caller gives to skip().
  Result<bool> next(TraceLine& request);
  /// All of a source. True if it was read to its end.
  Result<bool> run(std::unique_ptr<ByteSource> source, const Sink& sink);

  /// Share of the input that has been read, where its size is known.
  std::optional<double> progress() const { return lines_ ? lines_->progress() : std::nullopt; }

  Result<void> skip(std::uint64_t line, const Error& why);

  /// For what is wrong with the input as a whole.
  tl::unexpected<Error> fail(const Error& why) const;
  /// Of a block size that was found at the end; it is never found so where bad lines are skipped.
  Result<void> check_sizes(const FullBlocks& blocks, Tokens block_size);
  /// What is left of the input may be used: it is not empty, and most of it was good.
  Result<void> check_left(std::uint64_t requests) const;

 private:
  std::string name_;
  bool lenient_;
  ReadNotes& notes_;
  std::optional<LineReader> lines_;
  TraceLineParser parser_;
};

/// What a line must agree on with the lines before it, parents aside.
class Sequence {
 public:
  explicit Sequence(std::optional<Tokens> block_size) : fit_(block_size) {}

  Result<void> check(const TraceLine& line) const;
  void take(const TraceLine& line) {
    last_ = line.at;
    ++requests_;
    fit_.take(line.line, line.input, line.ids.size());
  }
  std::uint64_t requests() const { return requests_; }
  Result<Tokens> block_size() const { return fit_.choice(); }

 private:
  BlockSizeFit fit_;
  Duration last_{};
  std::uint64_t requests_ = 0;
};

}  // namespace kv
