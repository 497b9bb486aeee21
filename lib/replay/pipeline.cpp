#include "replay/pipeline.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "replay/memory_fit.hpp"

namespace kv {
namespace {

using SteadyClock = std::chrono::steady_clock;

bool always_identity(const Codec& codec, const KvGeometry& geometry) {
  return std::all_of(geometry.parts().begin(), geometry.parts().end(),
                     [&](const KvPart& part) { return codec.identity(part.per_token); });
}

struct SlotSizes {
  std::size_t count, payload_bytes, body_bytes;
  bool shared;
};

SlotSizes slot_sizes(const ReplayPlan& plan, const Codec& codec) {
  SlotSizes sizes{1, std::max<std::size_t>(plan.geometry->max_part().count(), 1), 1, false};
  for (const KvPart& part : plan.geometry->parts()) {
    sizes.body_bytes = std::max(sizes.body_bytes, codec.bound(part.shape(Tokens(0), plan.workload->block_size())));
  }
  sizes.count = window_values(Bytes(sizes.payload_bytes), plan.window, Pipeline::overlaps(plan, codec));
  sizes.shared = always_identity(codec, *plan.geometry);
  return sizes;
}

Slots make_slots(const ReplayPlan& plan, const Codec& codec) {
  const SlotSizes sizes = slot_sizes(plan, codec);
  return {sizes.count, sizes.payload_bytes, sizes.body_bytes, sizes.shared};
}

}  // namespace

Pipeline::Pipeline(const ReplayPlan& plan, const Backend& backend, Session& session, std::unique_ptr<Codec> codec,
                   const PayloadSource& payloads, std::uint64_t space)
    : plan_(plan),
      backend_(backend),
      session_(session),
      codec_(std::move(codec)),
      payloads_(payloads),
      space_(space),
      on_device_(backend.capabilities().device_memory),
      overlaps_(overlaps(plan, *codec_)),
      slots_(make_slots(plan, *codec_)),
      decider_(plan.fetch) {
  batches_[1].slot = slots_.count() / 2;
  if (plan.engine != nullptr) engine_ = std::make_unique<EngineSide>(plan, *codec_);
}

bool Pipeline::overlaps(const ReplayPlan& plan, const Codec& codec) {
  if (plan.engine != nullptr) return false;  // whose threads have the cores
  if (plan.overlap != Overlap::automatic) return plan.overlap == Overlap::on;
  const unsigned cores = std::thread::hardware_concurrency();
  // A codec's work, or layers that are copied to the engine while the next ones come.
  const bool gains = !always_identity(codec, *plan.geometry) || plan.geometry->layout() == KvLayout::layer;
  return gains && 2 * plan.workers <= std::max(cores, 2U);
}

std::size_t Pipeline::memory_bytes(const ReplayPlan& plan, const Codec& codec) {
  const SlotSizes sizes = slot_sizes(plan, codec);
  return sizes.count * (sizes.payload_bytes + (sizes.shared ? 0 : sizes.body_bytes)) + sizes.payload_bytes;
}

Pipeline::Item Pipeline::item(std::size_t block, std::size_t part) const {
  return {static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(part),
          plan_.geometry->parts()[part].shape(before(block), in_block(block))};
}

void Pipeline::serve(std::size_t index, std::uint32_t engine_blocks, bool record_it, const std::atomic<bool>& stop) {
  request_ = (*plan_.workload)[index];
  spent_.fill(Duration(0));
  fetch_wall_ = fetch_measured_ = store_wall_ = store_measured_ = Duration(0);
  happened_.fill(false);
  delta_ = {};
  stopped_ = false;
  begin_compute(engine_blocks);
  look_up();
  hit_end_ = engine_blocks;
  const std::size_t end = choose_fetch(engine_blocks);
  if (end > engine_blocks) {
    fetch(engine_blocks, end, stop);
    settle_fetch(engine_blocks);
  }
  compute();
  store(stop);
  const TimePoint stored = SteadyClock::now();
  session_.finish(lease_);
  book_store(SteadyClock::now() - stored);
  recompute();
  if (record_it && !stopped_ && computed_) {
    record(engine_blocks);
  } else {
    record_trouble();
  }
}

void Pipeline::look_up() {
  refs_.clear();
  for (std::size_t i = 0; i < request_.blocks.size(); ++i) {
    std::size_t bytes = 0;
    for (const KvPart& part : plan_.geometry->parts()) bytes += codec_->bound(part.shape(before(i), in_block(i)));
    refs_.push_back({{space_, plan_.workload->id(request_.blocks[i])}, bytes});
  }
  const TimePoint start = SteadyClock::now();
  const auto found = session_.acquire(refs_, lease_);
  spent(Phase::lookup) = SteadyClock::now() - start;
  happened(Phase::lookup);
  ++delta_.ops;
  lookup_failed_ = !found.has_value();
  if (lookup_failed_ && found.error().code != Code::interrupted) {
    ++delta_.failed_ops;
    if (examples_.size() < kMaxErrorExamples) examples_.push_back("lookup failed: " + found.error().message);
  }
}

/// Blocks [from, to) are there. Where a fetch comes up short the hit ends in front of the gap; a model with windows
/// or states then has no point to resume at, so nothing of the fetch counts.
void Pipeline::fetch(std::size_t from, std::size_t to, const std::atomic<bool>& stop) {
  plan_fetch(from, to);
  hit_begin_ = from;
  hit_end_ = to;
  fetch_steps(stop);
  if (stopped_) return;
  copied_bytes_.assign(steps_.size(), 0);
  for (const Item& moved : std::span(items_).first(taken_)) {
    if (moved.block >= hit_end_) continue;
    const std::uint32_t copies = on_device_ && !engine_ ? 0 : plan_.geometry->parts()[moved.part].upload_copies;
    if (!engine_) copied_bytes_[moved.step] += moved.shape.bytes().count() * copies;
    delta_.uploaded_bytes += moved.shape.bytes().count() * copies;
  }
  fetch_measured_ = measured();
  fetch_wall_ = walled(Phase::upload, 2);
  if (engine_) fetch_wall_ += spent(Phase::upload);
}

/// What a hit that ends behind `to` needs. Layer by layer where each has its own value: the copy of one to the GPUs
/// runs beside the transfer of the next.
void Pipeline::plan_fetch(std::size_t from, std::size_t to) {
  const auto& parts = plan_.geometry->parts();
  const Tokens n = std::min(before(to), request_.input);
  clear_steps();
  const auto add = [&](std::size_t block, std::size_t p) {
    if (block + plan_.geometry->needed_blocks(parts[p], n) >= to) items_.push_back(item(block, p));
  };
  if (plan_.geometry->layout() == KvLayout::layer) {
    for (std::size_t p = 0; p < parts.size(); ++p) {
      for (std::size_t block = from; block < to; ++block) add(block, p);
    }
  } else {
    for (std::size_t block = from; block < to; ++block) {
      for (std::size_t p = 0; p < parts.size(); ++p) add(block, p);
    }
  }
}

/// A value of `block` did not come: what lies behind is of no use any more.
void Pipeline::end_hit(std::size_t block) {
  const auto& parts = plan_.geometry->parts();
  const bool resumable_anywhere = std::none_of(parts.begin(), parts.end(), [](const KvPart& p) { return p.tail(); });
  hit_end_ = resumable_anywhere ? std::min(hit_end_, block) : hit_begin_;
}

/// Block by block, head to tail in either layout: a server that is full refuses the rest, and a tail is of no use
/// without its head.
void Pipeline::store(const std::atomic<bool>& stop) {
  missing_.assign(request_.blocks.size(), 0);
  value_bytes_.assign(request_.blocks.size(), 0);
  accepted_.assign(request_.blocks.size(), false);
  if (lookup_failed_ || !computed_ || stopped(stop)) return;
  const TimePoint start = SteadyClock::now();
  session_.admit(lease_, accepted_);
  book_store(SteadyClock::now() - start);
  happened(Phase::transfer_out);
  clear_steps();
  for (std::size_t block = 0; block < accepted_.size(); ++block) {
    if (!accepted_[block]) continue;
    for (std::size_t p = 0; p < plan_.geometry->parts().size(); ++p) items_.push_back(item(block, p));
    missing_[block] = static_cast<std::uint32_t>(plan_.geometry->parts().size());
  }
  store_steps(stop);
  if (stopped_) return;
  copied_bytes_.assign(steps_.size(), 0);
  for (const Item& moved : items_) {
    if (!on_device_ && !engine_) copied_bytes_[moved.step] += moved.shape.bytes().count();
  }
  store_measured_ += measured();
  store_wall_ += walled(Phase::download, -1);
  if (engine_) store_wall_ += spent(Phase::download);
}

/// What storing takes beside its steps.
void Pipeline::book_store(Duration time) {
  spent(Phase::transfer_out) += time;
  store_measured_ += time;
  store_wall_ += time;
}

}  // namespace kv
