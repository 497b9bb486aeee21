#include "workload/read.hpp"

#include <array>
#include <span>

#include "workload/byte_source.hpp"
#include "workload/scan.hpp"

namespace kv {
namespace {

constexpr std::size_t kEstimateAfter = 1000;  // requests, to tell from them how much is to come

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

}  // namespace kv
