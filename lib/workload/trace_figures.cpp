#include "workload/trace_figures.hpp"

namespace kv {

SampleError sample_error(const TraceFigures& whole, const TraceFigures& part) {
  const auto share = [](std::uint64_t some, std::uint64_t all) {
    return all == 0 ? 0 : static_cast<double>(some) / static_cast<double>(all);
  };
  return {share(part.requests(), whole.requests()), share(part.input_tokens(), whole.input_tokens()),
          share(part.block_refs(), whole.block_refs()), whole.ideal_block_hit_rate(), part.ideal_block_hit_rate()};
}

}  // namespace kv
