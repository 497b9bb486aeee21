#pragma once
#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "replay/engine_side.hpp"
#include "replay/helper.hpp"
#include "replay/payload.hpp"
#include "replay/replay.hpp"
#include "replay/result.hpp"
#include "replay/slots.hpp"

namespace kv {

/// One worker: takes a request through lookup -> fetch -> prefill -> store and records each phase. Holds a window of
/// payloads, never a whole request. Making payloads and verifying fetched bytes happens off the clock.
///
/// Where overlap pays (overlaps()), values move in steps through two sets of slots: while the worker transfers one set,
/// its helper decodes or encodes the other, and the modelled copy of a third runs beside (lock_step.hpp). Between two
/// steps both rest, so that what is off the clock does not lengthen what is on it.
class Pipeline {
 public:
  /// `space`: of the keys of this repetition.
  Pipeline(const ReplayPlan& plan, const Backend& backend, Session& session, std::unique_ptr<Codec> codec,
           const PayloadSource& payloads, std::uint64_t space);

  /// Whether this plan's values move in steps, given more than one step of them: where the plan asks for it, or leaves
  /// it open and it wins.
  static bool overlaps(const ReplayPlan& plan, const Codec& codec);
  /// What one worker's windows take.
  static std::size_t memory_bytes(const ReplayPlan& plan, const Codec& codec);

  /// Serves request `index`; `engine_blocks` of it are in the engine's own cache. Counted if `record`, unless `stop`
  /// came before it was whole. Operations and what went wrong with them are counted in any case.
  void serve(std::size_t index, std::uint32_t engine_blocks, bool record, const std::atomic<bool>& stop);

  Repetition recorded() const;
  const std::vector<std::string>& error_examples() const { return examples_; }

 private:
  struct Item {  // one value on its way
    std::uint32_t block, part;
    PayloadShape shape;
    std::uint32_t step = 0;  // in which it entered the pipeline
  };
  /// The values in one set of slots: item i in slot `slot` + i. Kept to reuse its memory.
  struct Batch {
    std::size_t slot = 0;
    std::vector<Item> items;
    std::vector<Op> ops;
    std::vector<Done> done;
    std::vector<std::string> troubles;  // per item: why it could not be decoded or encoded; empty: it could
    Duration coding{0};                 // what that took
  };
  using Spent = std::array<Duration, kPhases>;

  Tokens before(std::size_t block) const { return Tokens(block * plan_.workload->block_size().count()); }
  Tokens in_block(std::size_t block) const { return plan_.workload->tokens_in_block(request_, block); }
  Bytes payload_bytes(std::size_t block) const { return plan_.geometry->stored(before(block), in_block(block)); }
  Item item(std::size_t block, std::size_t part) const;

  void look_up();
  std::size_t choose_fetch(std::size_t have);
  void decide(std::size_t have);
  void offer_cuts(std::size_t have);
  std::uint64_t moved_bytes(std::size_t from, std::size_t to) const;
  void settle_fetch(std::size_t have);
  void lose_hedge(std::size_t have, Duration waited);
  Duration prefill_behind(std::size_t block) const;
  void judge_fetch(Duration ttft, Duration baseline);
  void judge_choice(Duration ttft, Duration recomputed);
  void fetch(std::size_t from, std::size_t to, const std::atomic<bool>& stop);
  void plan_fetch(std::size_t from, std::size_t to);
  void fetch_steps(const std::atomic<bool>& stop);
  void get(Batch& batch);
  void open(Batch& batch);
  void settle_gets(const Batch& batch);
  void settle_opened(const Batch& batch);
  void end_hit(std::size_t block);
  std::string verify(const Item& want, std::size_t slot);
  std::string decode(const Item& want, std::size_t slot, const Done& done);

  void store(const std::atomic<bool>& stop);
  void store_steps(const std::atomic<bool>& stop);
  void make_payloads(const Batch& batch);
  void seal(Batch& batch);
  std::string encode(const Item& value, std::size_t slot, Batch& batch);
  void put(Batch& batch);
  void settle_sealed(const Batch& batch);
  void settle_puts(const Batch& batch);

  void book_store(Duration time);

  void begin_compute(std::uint32_t engine_blocks);
  void compute();
  void recompute();
  bool upload(const Item& value, std::size_t slot);
  void download(const Batch& batch);
  void keep_stored(const Batch& batch);
  void engine_failed(const Error& why);
  static EngineSide::Value engine_value(const Item& item) { return {item.block, item.part, item.shape}; }

  void clear_steps();
  void take_values(Batch& batch, std::uint32_t step, std::size_t end);
  std::size_t set_values() const { return overlaps_ ? slots_.count() / 2 : slots_.count(); }
  void move(Batch& batch, Phase phase);
  Duration side_by_side(const std::function<void()>& mine, const std::function<void()>& helpers);
  Duration step(const Batch& moving, const Batch& coding, const std::function<void()>& transfer,
                const std::function<void()>& code);
  Duration measured() const;
  Duration walled(Phase copy, std::ptrdiff_t shift);
  void example(const Item& of, std::string_view what);
  bool stopped(const std::atomic<bool>& stop) { return stopped_ = stopped_ || stop; }
  void record(std::uint32_t engine_blocks);
  void record_trouble();
  void count_blocks(std::uint32_t engine_blocks);
  void count_declined(std::uint32_t engine_blocks);
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
  const bool overlaps_;
  Slots slots_;
  std::unique_ptr<Helper> helper_;  // from the first request that needs it
  FetchDecider decider_;
  std::unique_ptr<EngineSide> engine_;  // where prefill is measured

  // of the request that is being served; kept to reuse their memory
  Request request_;
  std::vector<BlockRef> refs_;
  Lease lease_;
  bool lookup_failed_ = false;
  /// What became of a hit of the backend.
  struct Fetch {
    bool had = false;                    // there was one, behind the engine's own
    std::size_t end = 0;                 // the first block that is not fetched
    std::uint64_t bytes = 0;             // of payload, that are fetched
    Duration budget{0};                  // of a hedge
    Duration give_up = Duration::max();  // it is lost by then
    std::optional<Duration> took;        // where all came
    std::optional<Duration> late_ttft;   // behind the lookup, where the hedge was lost
    Duration wasted{0};
  };
  Fetch fetch_;
  std::vector<FetchCut> cuts_;
  bool stopped_ = false;     // before it was whole
  bool computed_ = true;     // the engine has not failed
  Duration baseline_{0};     // of the engine without the backend, where measured
  std::size_t hit_end_ = 0;  // blocks [engine, hit_end_) were fetched
  std::size_t hit_begin_ = 0;
  std::vector<bool> accepted_;
  std::vector<std::uint64_t> value_bytes_;   // per block: what its stored values weigh
  std::vector<std::uint32_t> missing_;       // per block: accepted values that did not arrive
  std::vector<Item> items_;                  // to be moved, in order
  std::size_t taken_ = 0;                    // of them, those that are on their way
  std::array<Batch, 2> batches_;             // one set of slots each; the second only with overlap
  std::vector<Duration> steps_;              // wall time of each, without modelled copies
  std::vector<std::uint64_t> copied_bytes_;  // per step in which values entered: what goes over the GPUs' links
  std::vector<Duration> copies_;             // and how long it takes
  bool beside_ = false;                      // two sets of slots take turns
  std::vector<std::byte> scratch_;
  Spent spent_{};
  Duration fetch_wall_{0}, fetch_measured_{0};  // with, and without, the modelled copy
  Duration store_wall_{0}, store_measured_{0};
  std::array<bool, kPhases> happened_{};
  Counts delta_;

  Repetition recorded_;
  std::vector<std::string> examples_;
};

}  // namespace kv
