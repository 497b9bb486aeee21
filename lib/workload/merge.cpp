#include "workload/merge.hpp"

#include <algorithm>
#include <filesystem>

#include "workload/byte_source.hpp"
#include "workload/id_space.hpp"
#include "workload/parents.hpp"
#include "workload/rewrite.hpp"
#include "workload/trace_stream.hpp"

namespace kv {
namespace {

/// One trace, and its next line.
struct Input {
  TraceStream stream;
  std::string name, tenant;
  TraceLine line = {};
  bool ended = false;
  Duration origin{};  // of `align`

  /// Arrival in the output.
  Duration at() const { return line.at - origin; }
};

/// "chat" of "dir/chat.jsonl.gz".
std::string stem(const std::string& path) {
  const std::string file = path == "-" ? "stdin" : std::filesystem::path(path).filename().string();
  return file.substr(0, std::max<std::size_t>(file.find('.'), 1));
}

class Merge {
 public:
  Merge(const MergeOptions& options, std::uint64_t inputs, std::optional<Tokens> block_size, ByteSink& out)
      : options_(options),
        spaces_(options.same_ids ? 1 : inputs),
        fit_(block_size),
        parents_(block_size),
        writer_(out) {}

  Result<void> add(const std::string& path, const ReadOptions& read, ReadNotes& notes) {
    auto stream = TraceStream::open(path, read, notes);
    if (!stream) return error(stream);
    inputs_.push_back({std::move(*stream), source_name(path), fmt::format("{}-{}", inputs_.size() + 1, stem(path))});
    Input& input = inputs_.back();
    if (auto moved = advance(input); !moved) return moved;
    if (options_.align) input.origin = input.line.at;
    return {};
  }

  Result<MadeTrace> run() {
    while (Input* input = earliest()) {
      if (const auto written = write(*input); !written) return error(written);
      if (const auto moved = advance(*input); !moved) return error(moved);
    }
    const auto block_size = fit_.choice();
    if (!block_size) return error(block_size);
    for (Input& input : inputs_) {
      if (const auto checked = input.stream.check_block_size(*block_size); !checked) return error(checked);
    }
    if (const auto wrong = parents_.full_blocks().first_wrong(*block_size)) return size_conflict(*wrong);
    return writer_.finish(writer_.figures(), *block_size);
  }

 private:
  static Result<void> advance(Input& input) {
    const auto more = input.stream.next(input.line);
    if (!more) return error(more);
    input.ended = !*more;
    return {};
  }
  Input* earliest() {
    Input* first = nullptr;
    for (Input& input : inputs_) {
      if (!input.ended && (first == nullptr || input.at() < first->at())) first = &input;
    }
    return first;
  }

  Result<void> write(const Input& input) {
    const auto number = static_cast<std::uint64_t>(&input - inputs_.data());
    TraceLine line = input.line;
    if (auto fits = check(line); !fits) {
      return error(Code::bad_input, fmt::format("{}:{}: {}", input.name, line.line, fits.error().message),
                   fits.error().hint);
    }
    line.at = input.at();
    ids_.assign(line.ids.begin(), line.ids.end());
    if (!options_.same_ids) {
      for (BlockId& id : ids_) id = spaces_.id(number, id);
      apart(number, line.origin.session, session_);
      apart(number, line.origin.tenant, tenant_);
      apart(number, line.origin.group, group_);
    }
    if (options_.name_tenants) line.origin.tenant = input.tenant;
    line.ids = ids_;
    return writer_.write(line);
  }
  /// What each input alone cannot know.
  Result<void> check(const TraceLine& line) {
    if (fit_.check(line.input, line.ids.size())) {
      fit_.take(line.line, line.input, line.ids.size());
    } else {
      return error(Code::bad_input,
                   fmt::format("{} tokens in {} blocks do not fit the block size of the inputs in front of it",
                               line.input.count(), line.ids.size()),
                   "merge traces of one block size; kvtrace stats tells which a trace has");
    }
    return options_.same_ids ? parents_.add(line.ids, line.input, line.line) : Result<void>();
  }
  static void apart(std::uint64_t number, std::string_view& name, std::string& storage) {
    if (name.empty()) return;
    storage = fmt::format("{}/{}", number + 1, name);
    name = storage;
  }

  const MergeOptions& options_;
  IdSpaces spaces_;
  BlockSizeFit fit_;
  ParentSample parents_;
  Rewriter writer_;
  std::vector<Input> inputs_;
  std::vector<BlockId> ids_;
  std::string session_, tenant_, group_;
};

}  // namespace

Result<MadeTrace> merge_traces(std::span<const std::string> paths, const ReadOptions& read,
                               std::vector<ReadNotes>& notes, const MergeOptions& options, ByteSink& out) {
  if (std::count(paths.begin(), paths.end(), "-") > 1) {
    return error(Code::bad_input, "standard input is named twice", "it can be read once");
  }
  notes.assign(paths.size(), {});
  Merge merge(options, paths.size(), read.block_size, out);
  for (std::size_t i = 0; i < paths.size(); ++i) {
    if (const auto added = merge.add(paths[i], read, notes[i]); !added) return error(added);
  }
  return merge.run();
}

}  // namespace kv
