#include "import/collector.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/parse.hpp"
#include "import/objects.hpp"
#include "workload/trace_writer.hpp"

namespace kv {

void Collector::setup(const CollectorSetup& setup) {
  setup_ = setup;
  fit_ = BlockSizeFit(setup.block_size);
}

Result<void> Collector::add(const TraceLine& line) {
  if (line.input.count() == 0 || line.input.count() > UINT32_MAX || line.output.count() > UINT32_MAX) {
    return error(Code::bad_input,
                 fmt::format("a prompt of {} tokens and an output of {}: a trace holds prompts of 1 to {}",
                             line.input.count(), line.output.count(), UINT32_MAX));
  }
  if (line.ids.size() > Regrouper::kMaxObjects) {
    return error(Code::bad_input,
                 fmt::format("the prompt has {} blocks, more than the {} that a line of a trace holds", line.ids.size(),
                             Regrouper::kMaxObjects),
                 "choose a larger --block-size");
  }
  if (const auto fits = fit_.check(line.input, line.ids.size()); !fits) {
    Error why = fits.error();
    why.hint = setup_.block_size ? "were these ids made with another block size? see --block-size"
                                 : "is this line damaged? every block of the prompt has one id, the partial one too";
    return error(why.code, why.message, why.hint);
  }
  fit_.take(line.line, line.input, line.ids.size());
  const BlockSizes fit = sizes_that_fit(line.input, line.ids.size());
  fits_ = {std::max(fits_.lo, fit.lo), std::min(fits_.hi, fit.hi)};
  return sorter_.add(line);
}

Result<Tokens> Collector::find_block_size(ImportNotes& notes) const {
  if (const auto size = fit_.choice()) return *size;
  if (setup_.preferred_block_size && fits_.contains(*setup_.preferred_block_size)) {
    notes.assume("block size", fmt::format("{} tokens, the usual one: {} fit", setup_.preferred_block_size->count(),
                                           to_string(fits_)));
    return *setup_.preferred_block_size;
  }
  const Error why = fit_.choice().error();
  return error(why.code, fmt::format("{}: {}", name_, why.message), why.hint);
}

void Collector::note_order(ImportNotes& notes) const {
  if (sorter_.late() == 0 || !setup_.in_order) return;
  notes.warn(fmt::format("{} requests come before the one in front of them, by up to {} (the first: {}:{}); sorted",
                         format_count(sorter_.late()), format_duration(sorter_.worst()), name_,
                         sorter_.first_late_line()));
}

namespace {

/// The last steps of a request on its way into the trace.
class Finish {
 public:
  Finish(TraceWriter& writer, IdKeeper& keeper, Regrouper& regrouper, Duration base, ImportSummary& sum)
      : writer_(writer), keeper_(keeper), regrouper_(regrouper), base_(base), sum_(sum) {}

  Result<void> take(TraceLine line) {
    const auto kept = keeper_.apply(line.ids, line.input);
    if (!kept) return error(kept);
    const auto objects = regrouper_.apply(*kept, line.input);
    if (!objects) return error(objects);
    line.ids = *objects;
    line.at -= base_;
    if (sum_.requests++ == 0) first_ = line.at;
    sum_.span = line.at - first_;
    sum_.block_refs += line.ids.size();
    sum_.input_tokens += line.input.count();
    sum_.output_tokens += line.output.count();
    sum_.max_input_tokens = std::max(sum_.max_input_tokens, line.input.count());
    fit_.take(line.line, line.input, line.ids.size());
    return writer_.write(line);
  }
  const BlockSizeFit& fit() const { return fit_; }

 private:
  TraceWriter& writer_;
  IdKeeper& keeper_;
  Regrouper& regrouper_;
  Duration base_, first_{};
  ImportSummary& sum_;
  BlockSizeFit fit_;
};

}  // namespace

Result<ImportSummary> Collector::write(ByteSink& out, std::optional<Tokens> object_tokens, ImportNotes& notes) {
  if (sorter_.size() == 0) {
    return error(Code::bad_input, fmt::format("{}: there is no request in it", name_),
                 "is the file empty, or was it not written to its end?");
  }
  const auto block_size = find_block_size(notes);
  if (!block_size) return error(block_size);
  auto regrouper = Regrouper::make(*block_size, object_tokens.value_or(*block_size));
  if (!regrouper) return error(regrouper);
  note_order(notes);

  ImportSummary sum;
  sum.source_block_size = *block_size;
  sum.block_size = object_tokens.value_or(*block_size);
  sum.sorted_requests = sorter_.late();
  sum.arrivals_known = arrivals_known_;
  sum.outputs_known = outputs_known_;
  IdKeeper keeper(setup_.ids, *block_size);
  TraceWriter writer(out);
  std::optional<Finish> finish;
  const auto written = sorter_.drain([&](const TraceLine& line) -> Result<void> {
    if (!finish) finish.emplace(writer, keeper, *regrouper, setup_.starts_at_zero ? line.at : Duration(0), sum);
    auto taken = finish->take(line);
    if (taken || taken.error().code != Code::bad_input) return taken;
    return at_line(name_, line.line, taken.error());
  });
  if (!written) return error(written);
  if (const auto finished = writer.finish(); !finished) return error(finished);

  if (keeper.replaced() > 0) {
    notes.warn(
        fmt::format("{} of {} block ids stood behind another block, or for a block of another size, than "
                    "before: replaced there, since such blocks cannot be shared",
                    format_count(keeper.replaced()), format_count(sum.block_refs)));
  }
  const auto inferred = finish->fit().choice();
  if (!inferred || *inferred != sum.block_size) {
    notes.warn(
        fmt::format("these requests are too few or too alike for tools to tell the block size by: name it, as in "
                    "--block-size {}",
                    sum.block_size.count()));
  }
  return sum;
}

}  // namespace kv
