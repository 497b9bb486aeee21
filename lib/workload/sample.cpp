#include "workload/sample.hpp"

#include "base/parse.hpp"
#include "workload/rewrite.hpp"

namespace kv {
namespace {

Result<void> check(const SampleOptions& o) {
  if (auto checked = check_selection(o.selection); !checked) return checked;
  const Duration from = o.from.value_or(Duration(0));
  if (from < Duration(0) || (o.to && *o.to <= from)) {
    return error(Code::bad_input, "--to is not behind --from: no request lies between them",
                 "as in --from 10m --to 20m");
  }
  return {};
}

/// Which requests stay. Asked once for each, in order.
class Keep {
 public:
  Keep(const SampleOptions& options, std::size_t common)
      : options_(options), common_(common), share_(options.selection.sample, options.selection.seed) {}

  bool operator()(const TraceLine& line, Duration since_first) {
    const Selection& s = options_.selection;
    if (!share_.has(line.ids[root_index(common_, line.ids.size())])) return false;
    if (options_.from && since_first < *options_.from) return false;
    if (options_.to && since_first >= *options_.to) return false;
    return seen_++ >= s.skip && seen_ - s.skip <= s.requests.value_or(UINT64_MAX);
  }

 private:
  const SampleOptions& options_;
  std::size_t common_;
  TreeShare share_;
  std::uint64_t seen_ = 0;  // that skip and requests count
};

}  // namespace

Result<MadeTrace> sample_trace(const std::string& path, const ReadOptions& read, ReadNotes& notes,
                               const SampleOptions& options, ByteSink& out) {
  if (const auto checked = check(options); !checked) return error(checked);
  const auto common = options.selection.sample < 1 ? common_run(path, read) : Result<std::size_t>(0);
  if (!common) return error(common);
  Keep keep(options, *common);
  Rewriter writer(out);
  TraceFigures whole;
  Duration begin{}, origin{};
  const auto block_size = rewrite(path, read, notes, [&](const TraceLine& line) -> Result<void> {
    if (whole.requests() == 0) {
      begin = line.at;
      if (options.from && !options.keep_times) origin = begin + *options.from;
    }
    whole.add(line);
    if (!keep(line, line.at - begin)) return {};
    TraceLine moved = line;
    moved.at -= origin;
    return writer.write(moved);
  });
  if (!block_size) return error(block_size);
  if (writer.figures().requests() == 0) {
    return error(Code::bad_input,
                 fmt::format("none of {} requests is left, of a trace that spans {}", whole.requests(),
                             format_duration(whole.span())),
                 "take a larger --share, another --seed, or a wider window");
  }
  return writer.finish(std::move(whole), *block_size);
}

}  // namespace kv
