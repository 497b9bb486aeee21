#include <numeric>

#include "replay/lock_step.hpp"
#include "replay/pipeline.hpp"

namespace kv {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::chrono::hours kNever{24 * 365};

}  // namespace

void Pipeline::clear_steps() {
  items_.clear();
  steps_.clear();
  taken_ = 0;
  for (Batch& batch : batches_) batch.items.clear();
}

/// The next values for the slots of `batch`, of blocks in front of `end`.
void Pipeline::take_values(Batch& batch, std::uint32_t step, std::size_t end) {
  batch.items.clear();
  batch.ops.clear();
  const std::size_t most = set_values();
  for (; taken_ < items_.size() && batch.items.size() < most; ++taken_) {
    Item& next = items_[taken_];
    if (next.block >= end) continue;
    next.step = step;
    batch.items.push_back(next);
  }
  batch.troubles.assign(batch.items.size(), {});
}

/// Submits the batch's ops and waits for all of them.
void Pipeline::move(Batch& batch, Phase phase) {
  batch.done.clear();
  const TimePoint start = SteadyClock::now();
  session_.submit(lease_, batch.ops, start + kNever);
  while (batch.done.size() < batch.ops.size()) session_.poll(batch.done, start + kNever);
  spent(phase) += SteadyClock::now() - start;
  happened(phase);
  delta_.ops += batch.ops.size();
}

/// Both at once; how long until both were done.
Duration Pipeline::side_by_side(const std::function<void()>& mine, const std::function<void()>& helpers) {
  if (!helper_) helper_ = std::make_unique<Helper>();
  const TimePoint start = SteadyClock::now();
  helper_->begin(helpers);
  mine();
  helper_->wait();
  return SteadyClock::now() - start;
}

/// One step: the worker transfers while its helper codes; alone where the other has nothing to do. Returns its wall
/// time.
Duration Pipeline::step(const Batch& moving, const Batch& coding, const std::function<void()>& transfer,
                        const std::function<void()>& code) {
  if (!moving.items.empty() && !coding.items.empty()) return side_by_side(transfer, code);
  const TimePoint start = SteadyClock::now();
  if (!moving.items.empty()) transfer();
  if (!coding.items.empty()) code();
  return SteadyClock::now() - start;
}

/// A step later than it was transferred a set is decoded; between two steps what has come is checked.
void Pipeline::fetch_steps(const std::atomic<bool>& stop) {
  const bool hedged = fetch_.give_up != Duration::max();
  beside_ = overlaps_ && items_.size() > set_values();
  for (std::uint32_t s = 0;; ++s) {
    Batch& in = batches_[beside_ ? s % 2 : 0];
    Batch& before = batches_[beside_ ? (s + 1) % 2 : 0];
    if (hedged && measured() > fetch_.give_up) return;  // whatever is to come comes too late
    take_values(in, s, hit_end_);
    if (in.items.empty() && before.items.empty()) break;
    if (stopped(stop)) return;
    if (beside_) {
      steps_.push_back(step(
          in, before, [&] { get(in); }, [&] { open(before); }));
    } else {
      const Duration transferred = spent(Phase::transfer_in);
      get(in);
      open(in);
      steps_.push_back(spent(Phase::transfer_in) - transferred + in.coding);
    }
    settle_gets(in);
    settle_opened(before);
  }
}

/// Its mirror: a set is encoded, and a step later transferred; between two steps the next payloads are made.
void Pipeline::store_steps(const std::atomic<bool>& stop) {
  beside_ = overlaps_ && items_.size() > set_values();
  for (std::uint32_t s = 0;; ++s) {
    Batch& in = batches_[beside_ ? s % 2 : 0];
    Batch& before = batches_[beside_ ? (s + 1) % 2 : 0];
    take_values(in, s, request_.blocks.size());
    if (in.items.empty() && before.items.empty()) break;
    if (stopped(stop)) return;
    make_payloads(in);
    if (!computed_) return;
    if (beside_) {
      steps_.push_back(step(
          before, in, [&] { put(before); }, [&] { seal(in); }));
    } else {
      const Duration transferred = spent(Phase::transfer_out);
      seal(in);
      put(in);
      steps_.push_back(spent(Phase::transfer_out) - transferred + in.coding);
    }
    settle_sealed(in);
    keep_stored(in);
    settle_puts(before);
  }
}

/// Books the modelled copy of `copied_bytes_` as `phase`; what the steps take with it.
Duration Pipeline::walled(Phase phase, std::ptrdiff_t shift) {
  copies_.clear();
  std::uint64_t bytes = 0;
  Duration sum{0};
  for (const std::uint64_t of_step : copied_bytes_) {
    bytes += of_step;
    const Duration until = modelled_upload(plan_.gpu, plan_.gpus, Bytes(bytes));
    copies_.push_back(until - sum);
    sum = until;
  }
  if (bytes != 0) {
    spent(phase) = sum;
    happened(phase);
  }
  return beside_ ? lock_step(steps_, copies_, shift) : sum + measured();
}

Duration Pipeline::measured() const { return std::accumulate(steps_.begin(), steps_.end(), Duration(0)); }

}  // namespace kv
