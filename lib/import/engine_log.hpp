#pragma once
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "workload/read.hpp"

namespace kv {

/// A BlockStored event of an engine: full blocks that follow `parent` and have just been computed.
struct StoredBlocks {
  std::uint64_t line = 0;
  Duration at{};
  std::optional<BlockId> parent;
  std::span<const BlockId> blocks;
  std::string_view tenant;  ///< the LoRA adapter, if any
};

/// Rebuilds requests from what one engine says of its prefix cache.
///
/// A request is seen by the blocks that it computes: what stands in front of its first one was a hit, and is looked up
/// by parents. Runs that go on at the end of a request within `idle` belong to it, as prompt while they come in runs
/// (chunked prefill), as output once they come one by one. A request that goes on later, or elsewhere, is a new one.
/// Memory is that of the blocks that the engine holds. Not thread-safe.
class EngineLog {
 public:
  /// A request that is over: `blocks` of its prompt, then how many of output.
  struct Rebuilt {
    std::uint64_t line = 0;
    Duration at{};
    std::vector<BlockId> blocks;
    std::uint64_t output_blocks = 0;
    std::string tenant;
    bool cut = false;  ///< what stands in front of its first block is not in the log
  };
  using Sink = std::function<Result<void>(const Rebuilt&)>;

  EngineLog(Duration idle, Sink sink) : idle_(idle), sink_(std::move(sink)) {}

  /// Fails (bad_input, without a place) at prompts of more than kMaxDepth blocks, or as the sink does.
  Result<void> stored(const StoredBlocks& event);
  void removed(std::span<const BlockId> blocks);
  void cleared() { known_.clear(); }
  /// Gives out what is still under way.
  Result<void> finish();

  static constexpr std::uint32_t kMaxDepth = 1 << 20;

 private:
  struct Known {
    BlockId parent;
    std::uint32_t depth;  // blocks in front of it
  };
  struct Open {
    Rebuilt request;
    Duration last{};
    bool decoding = false;
  };
  Result<void> begin(const StoredBlocks& event);
  Result<void> close_idle(Duration now);

  Duration idle_;
  Sink sink_;
  std::unordered_map<BlockId, Known> known_;
  std::unordered_map<BlockId, Open> open_;  // by the last block of prompt and output
  std::uint64_t events_ = 0;
};

}  // namespace kv
