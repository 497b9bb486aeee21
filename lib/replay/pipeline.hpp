#pragma once
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "replay/payload.hpp"
#include "replay/replay.hpp"
#include "replay/result.hpp"
#include "replay/slots.hpp"

namespace kv {

/// One worker: takes a request through lookup -> fetch -> prefill -> store and records each phase. Holds a window of
/// payloads, never a whole request. Making payloads and verifying fetched bytes happens off the clock.
class Pipeline {
 public:
  /// `space`: of the keys of this repetition.
  Pipeline(const ReplayPlan& plan, const Backend& backend, Session& session, std::unique_ptr<Codec> codec,
           const PayloadSource& payloads, std::uint64_t space);

  /// What one worker's windows take.
  static std::size_t memory_bytes(const ReplayPlan& plan, const Codec& codec);

  /// Serves request `index`; `engine_blocks` of it are in the engine's own cache. Counted if `record`, unless `stop`
  /// came before it was whole. Operations and what went wrong with them are counted in any case.
  void serve(std::size_t index, std::uint32_t engine_blocks, bool record, const std::atomic<bool>& stop);

  const Repetition& recorded() const { return recorded_; }
  const std::vector<std::string>& error_examples() const { return examples_; }

 private:
  struct Item {  // one value on its way
    std::uint32_t block, part;
    PayloadShape shape;
  };
  using Spent = std::array<Duration, kPhases>;

  Tokens before(std::size_t block) const { return Tokens(block * plan_.workload->block_size().count()); }
  Tokens in_block(std::size_t block) const { return plan_.workload->tokens_in_block(request_, block); }
  Bytes payload_bytes(std::size_t block) const { return plan_.geometry->stored(before(block), in_block(block)); }
  Item item(std::size_t block, std::size_t part) const;

  void look_up();
  void fetch(std::size_t from, std::size_t to, const std::atomic<bool>& stop);
  bool fetch_window(std::span<const Item> items);
  bool take(const Item& want, const Done& done, std::size_t slot);
  std::string open_value(const Item& want, std::size_t slot, const Done& done);
  std::string decode(const Item& want, std::span<const std::byte, ValueHeader::kBytes> head,
                     std::span<const std::byte> body, std::optional<std::uint64_t> body_xxh3,
                     std::span<std::byte> payload);
  void store(const std::atomic<bool>& stop);
  void store_window(std::span<const Item> items);
  void encode(const Item& value, std::size_t slot);
  void move(Phase phase);
  void example(const Item& of, std::string_view what);
  bool stopped(const std::atomic<bool>& stop) { return stopped_ = stopped_ || stop; }
  void record(std::uint32_t engine_blocks);
  void record_trouble();
  void count_blocks(std::uint32_t engine_blocks);
  void count_unstored(std::size_t block, std::uint64_t bytes);
  void record_times(Tokens cached, Tokens engine_cached);
  void happened(Phase phase) { happened_[static_cast<std::size_t>(phase)] = true; }
  Duration& spent(Phase phase) { return spent_[static_cast<std::size_t>(phase)]; }

  const ReplayPlan& plan_;
  const Backend& backend_;
  Session& session_;
  std::unique_ptr<Codec> codec_;
  const PayloadSource& payloads_;
  const std::uint64_t space_;
  const bool on_device_;
  Slots slots_;

  // of the request that is being served; kept to reuse their memory
  Request request_;
  std::vector<BlockRef> refs_;
  Lease lease_;
  bool lookup_failed_ = false;
  bool stopped_ = false;     // before it was whole
  std::size_t hit_end_ = 0;  // blocks [engine, hit_end_) were fetched
  std::vector<bool> accepted_;
  std::vector<std::uint32_t> missing_;  // per block: accepted values that did not arrive
  std::vector<Item> items_;
  std::vector<Op> ops_;
  std::vector<Done> done_;
  std::vector<std::byte> scratch_;
  Spent spent_{};
  std::array<bool, kPhases> happened_{};
  Counts delta_;

  Repetition recorded_;
  std::vector<std::string> examples_;
};

}  // namespace kv
