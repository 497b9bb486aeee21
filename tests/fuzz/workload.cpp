// A trace of any content, packed or not: an error that names a place, or a workload whose figures hold together.
#include <cstdlib>

#include "workload/read.hpp"

namespace {

using namespace kv;

void check(bool holds) {
  if (!holds) std::abort();
}

void check_consistent(const Workload& workload) {
  const WorkloadSummary sum = summarize(workload);
  const IdealHits hits = ideal_hits(workload);
  check(sum.requests > 0 && sum.unique_blocks > 0 && sum.unique_blocks + hits.block_hits == sum.block_refs);
  check(hits.token_hits <= sum.input_tokens && sum.max_input_tokens <= sum.input_tokens);
  Duration last{};
  for (std::size_t i = 0; i < workload.size(); ++i) {
    const Request request = workload[i];
    check(request.at >= last);
    last = request.at;
    check(ceil_div(request.input.count(), sum.block_size) == request.blocks.size());
    for (const DenseId id : request.blocks) check(id < workload.unique_blocks());
  }
  for (const double share : {0.5, 1.0}) {
    const auto selected = select(workload, {share, 1, 0, 2});
    check(selected ? summarize(selected->workload).requests <= 2 : !selected.error().message.empty());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  // The first byte chooses the options: bit 0 lenient, the others a block size, if any.
  ReadOptions options;
  options.lenient = (data[0] & 1U) != 0;
  if (data[0] >= 'A' + 2) options.block_size = Tokens(std::uint64_t{1} << ((data[0] - 'A') / 2 % 33));
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  ReadNotes notes;
  const auto workload = read_workload_text(text, "fuzz", options, notes);
  if (workload) {
    check_consistent(*workload);
    check(notes.bad_lines <= notes.lines && (options.lenient || notes.bad_lines == 0));
  } else {
    check(workload.error().code == Code::bad_input && !workload.error().message.empty());
    check(workload.error().message.size() < 1000);
  }
  return 0;
}
