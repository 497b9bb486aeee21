// Where prefill is measured: what the pipeline asks of the engine, and when.
#include <fmt/format.h>

#include "replay/pipeline.hpp"

namespace kv {

/// What went wrong in the engine ends the request uncounted, as a failed one.
void Pipeline::engine_failed(const Error& why) {
  if (computed_) {
    ++delta_.failed_requests;
    const std::string hint = why.hint.empty() ? "" : " (" + why.hint + ")";
    if (examples_.size() < kMaxErrorExamples) examples_.push_back("the engine failed: " + why.message + hint);
  }
  computed_ = false;
}

/// Off the clock: an engine has the KV of its own cache.
void Pipeline::begin_compute(std::uint32_t engine_blocks) {
  computed_ = true;
  if (!engine_) return;
  if (const auto begun = engine_->begin(request_, engine_blocks); !begun) engine_failed(begun.error());
}

void Pipeline::compute() {
  if (!engine_ || !computed_ || stopped_) return;
  const auto time = engine_->compute(hit_end_);
  if (!time) return engine_failed(time.error());
  spent(Phase::prefill) = *time;
}

void Pipeline::recompute() {
  if (!engine_ || !computed_ || stopped_) return;
  const auto time = engine_->recompute();
  if (!time) return engine_failed(time.error());
  baseline_ = *time;
}

/// Payload -> the engine's KV, on the clock; false where it failed.
bool Pipeline::upload(const Item& value, std::size_t slot) {
  const auto time = engine_->upload(engine_value(value), slots_.payload(slot).first(value.shape.bytes().count()));
  if (!time) {
    engine_failed(time.error());
    return false;
  }
  spent(Phase::upload) += *time;
  happened(Phase::upload);
  return true;
}

/// The engine's KV -> payloads, on the clock.
void Pipeline::download(const Batch& batch) {
  for (std::size_t i = 0; i < batch.items.size() && computed_; ++i) {
    const Item& value = batch.items[i];
    const auto payload = slots_.payload(batch.slot + i).first(value.shape.bytes().count());
    const auto time = engine_->download(engine_value(value), payload);
    if (!time) return engine_failed(time.error());
    spent(Phase::download) += *time;
    happened(Phase::download);
  }
}

/// Off the clock: what is to come back of the values that are on their way.
void Pipeline::keep_stored(const Batch& batch) {
  if (!engine_) return;
  for (std::size_t i = 0; i < batch.items.size(); ++i) {
    if (!batch.troubles[i].empty()) continue;
    const Item& value = batch.items[i];
    engine_->stored(engine_value(value), slots_.payload(batch.slot + i).first(value.shape.bytes().count()));
  }
}

Repetition Pipeline::recorded() const {
  Repetition out = recorded_;
  if (engine_) out.logits = engine_->findings();
  return out;
}

}  // namespace kv
