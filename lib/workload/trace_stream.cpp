#include "workload/trace_stream.hpp"

#include "workload/byte_source.hpp"
#include "workload/scan.hpp"

namespace kv {

struct TraceStream::State {
  State(const std::string& path, const ReadOptions& options, ReadNotes& notes)
      : scan(source_name(path), options, notes), sequence(options.block_size), parents(options.block_size) {}

  Result<void> check(const TraceLine& line) {
    if (auto checked = sequence.check(line); !checked) return checked;
    if (auto added = parents.add(line.ids, line.input, line.line); !added) return added;
    sequence.take(line);
    return {};
  }

  Scan scan;
  Sequence sequence;
  ParentSample parents;
};

TraceStream::TraceStream(std::unique_ptr<State> state) : state_(std::move(state)) {}
TraceStream::TraceStream(TraceStream&&) noexcept = default;
TraceStream& TraceStream::operator=(TraceStream&&) noexcept = default;
TraceStream::~TraceStream() = default;

Result<TraceStream> TraceStream::open(const std::string& path, const ReadOptions& options, ReadNotes& notes) {
  if (const auto checked = check_options(options); !checked) return error(checked);
  if (options.lenient && !options.block_size) {
    return error(Code::bad_input, "streaming a trace with --lenient needs its block size",
                 "name it, as in --block-size 512");
  }
  auto source = open_source(path);
  if (!source) return error(source);
  notes = {};
  auto state = std::make_unique<State>(path, options, notes);
  state->scan.start(std::move(*source));
  return TraceStream(std::move(state));
}

Result<bool> TraceStream::next(TraceLine& line) {
  for (;;) {
    const auto more = state_->scan.next(line);
    if (!more) return error(more);
    if (!*more) {
      if (const auto left = state_->scan.check_left(state_->sequence.requests()); !left) return error(left);
      return false;
    }
    const auto checked = state_->check(line);
    if (checked) return true;
    if (const auto skipped = state_->scan.skip(line.line, checked.error()); !skipped) return error(skipped);
  }
}

Result<Tokens> TraceStream::block_size() const {
  const auto size = state_->sequence.block_size();
  return size ? size : Result<Tokens>(state_->scan.fail(size.error()));
}

Result<void> TraceStream::check_block_size(Tokens block_size) {
  return state_->scan.check_sizes(state_->parents.full_blocks(), block_size);
}

Result<std::optional<Tokens>> stream_workload(const std::string& path, const ReadOptions& options, ReadNotes& notes,
                                              const std::function<bool(const TraceLine&)>& sink) {
  auto stream = TraceStream::open(path, options, notes);
  if (!stream) return error(stream);
  TraceLine line;
  for (;;) {
    const auto more = stream->next(line);
    if (!more) return error(more);
    if (!*more) break;
    if (!sink(line)) return options.block_size;
  }
  const auto block_size = stream->block_size();
  if (!block_size) return error(block_size);
  if (const auto checked = stream->check_block_size(*block_size); !checked) return error(checked);
  return *block_size;
}

}  // namespace kv
