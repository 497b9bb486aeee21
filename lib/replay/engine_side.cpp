#include "replay/engine_side.hpp"

#include <algorithm>
#include <cstring>

#include "base/random.hpp"
#include "codec/checksum.hpp"
#include "engine/logits.hpp"
#include "metrics/machine.hpp"

namespace kv {
namespace {

constexpr std::uint64_t kOriginalsShare = 8;  // of the memory that is free when the replay begins

}  // namespace

EngineSide::EngineSide(const ReplayPlan& plan, Codec& codec)
    : plan_(plan),
      engine_(*plan.engine),
      codec_(codec),
      lossless_(codec.tolerance(plan.geometry->dtype()).exact()),
      room_(plan.check_logits == 0 ? 0 : (available_memory() / kOriginalsShare).count()) {
  if (plan.check_logits != 0) {
    findings_.emplace();
    findings_->lossless = lossless_;
  }
}

EngineSide::Key EngineSide::key_of(const Value& value) const {
  return mix64(plan_.workload->id(request_.blocks[value.block]), value.part);
}

Tokens EngineSide::before(std::size_t block) const {
  return std::min(Tokens(block * plan_.workload->block_size().count()), request_.input);
}

KvPlace EngineSide::place(const Value& value) const {
  return place_of(*plan_.geometry, value.part, before(value.block), Tokens(value.shape.tokens));
}

Result<void> EngineSide::begin(const Request& request, std::size_t engine_blocks) {
  request_ = request;
  engine_blocks_ = cached_blocks_ = engine_blocks;
  hit_.clear();
  ++served_;
  tokens_.clear();
  for (std::size_t block = 0; block < request.blocks.size(); ++block) {
    const std::uint64_t id = plan_.workload->id(request.blocks[block]);
    const std::uint64_t tokens = plan_.workload->tokens_in_block(request, block).count();
    for (std::uint64_t i = 0; i < tokens; ++i) {
      tokens_.push_back(static_cast<std::uint32_t>(mix64(id, i) % engine_.vocab()));
    }
  }
  const std::size_t have = before(engine_blocks).count();
  if (findings_) {
    if (auto done = spoil_behind(have); !done) return done;
  }
  if (have == 0) return {};
  const auto computed = engine_.prefill(std::span(tokens_).first(have), Tokens(0), {});
  if (!computed) return error(computed);
  return {};
}

/// So that what an earlier request left at the same place cannot stand in for what was not restored.
Result<void> EngineSide::spoil_behind(std::size_t have) {
  const std::uint32_t layers = engine_.model().layers;
  const Tokens tokens(tokens_.size() - have);
  scratch_.assign(plan_.geometry->stored_prefix(tokens).count() / layers, std::byte{0xff});  // NaN in every dtype
  for (std::uint32_t layer = 0; layer < layers; ++layer) {
    const auto written = engine_.write_kv({layer, 1, Tokens(have), tokens}, scratch_);
    if (!written) return error(written);
  }
  return {};
}

Result<Duration> EngineSide::upload(const Value& value, std::span<const std::byte> payload) {
  return engine_.write_kv(place(value), payload);
}

Result<Duration> EngineSide::download(const Value& value, std::span<std::byte> payload) {
  return engine_.read_kv(place(value), payload);
}

Result<Duration> EngineSide::prefill_behind(Tokens cached, std::vector<float>& logits) {
  const std::size_t have = std::min<std::size_t>(cached.count(), tokens_.size() - 1);
  logits.resize(engine_.vocab());
  const auto computed = engine_.prefill(std::span(tokens_).subspan(have), Tokens(have), logits);
  if (!computed) return error(computed);
  return computed->time;
}

Result<Duration> EngineSide::compute(std::size_t blocks) {
  cached_blocks_ = blocks;
  for (std::size_t block = engine_blocks_; block < blocks; ++block) {
    const Tokens tokens = plan_.workload->tokens_in_block(request_, block);
    for (std::size_t part = 0; part < plan_.geometry->parts().size(); ++part) {
      hit_.push_back({block, part, plan_.geometry->parts()[part].shape(before(block), tokens)});
    }
  }
  auto time = prefill_behind(before(blocks), restored_);
  checking_ = time && is_due() && has_originals();
  if (checking_) find_misplaced();
  return time;
}

/// Spread over the requests that have a hit, as far as that can be known in advance.
bool EngineSide::is_due() const {
  return findings_ && !hit_.empty() && findings_->requests < plan_.check_logits && served_ >= next_check_;
}

/// A request that memory was too short for is counted.
bool EngineSide::has_originals() {
  const bool all = std::all_of(hit_.begin(), hit_.end(), [this](const Value& value) {
    const auto kept = kept_.find(key_of(value));
    return kept != kept_.end() && !kept->second.original.empty();
  });
  findings_->not_kept += !all;
  return all;
}

/// What lies in the engine where the hit should be is what was stored of it.
void EngineSide::find_misplaced() {
  for (const Value& value : hit_) {
    scratch_.resize(value.shape.bytes().count());
    // The last token of a prompt that is there whole was computed again.
    const std::uint64_t end = (before(value.block) + Tokens(value.shape.tokens)).count();
    if (end == tokens_.size() && before(cached_blocks_) >= request_.input) continue;
    if (!engine_.read_kv(place(value), scratch_) || !is_as_stored(value, scratch_)) ++findings_->misplaced_pieces;
  }
}

Result<Duration> EngineSide::recompute() {
  if (checking_) {
    if (auto done = continue_unstored(); !done) return error(done);
  }
  auto time = prefill_behind(before(engine_blocks_), recomputed_);
  if (time && checking_) judge(recomputed_);
  return time;
}

/// The same prefill in the same chunks, behind KV that never left the engine's memory but as a plain copy.
Result<void> EngineSide::continue_unstored() {
  for (const Value& value : hit_) {
    const auto written = engine_.write_kv(place(value), kept_.at(key_of(value)).original);
    if (!written) return error(written);
  }
  const auto time = prefill_behind(before(cached_blocks_), unstored_);
  if (!time) return error(time);
  return {};
}

void EngineSide::judge(const std::vector<float>& recomputed) {
  LogitFindings& f = *findings_;
  const std::uint64_t requests = plan_.workload->size();
  next_check_ = served_ + std::max<std::uint64_t>(1, requests / 2 / plan_.check_logits);
  ++f.requests;
  f.identical += std::memcmp(restored_.data(), unstored_.data(), restored_.size() * sizeof(float)) == 0;
  const double bound = logit_bound(engine_.info(), engine_.model(), recomputed);
  f.bound = std::max(f.bound, bound);
  f.most_from_unstored = std::max(f.most_from_unstored, logit_difference(unstored_, restored_).max_abs);
  const LogitDifference moved = logit_difference(recomputed, restored_);
  f.most_from_recomputed = std::max(f.most_from_recomputed, moved.max_abs);
  f.beyond_bound += !(moved.max_abs <= bound);
  if (moved.lead > 2 * bound) {
    ++f.decided;
    f.decided_same += moved.same_token;
  }
}

void EngineSide::stored(const Value& value, std::span<const std::byte> payload) {
  Kept& kept = kept_[key_of(value)];
  room_ += kept.original.size();
  kept.original.clear();
  if (payload.size() <= room_ && plan_.check_logits != 0) {
    kept.original.assign(payload.begin(), payload.end());
    room_ -= payload.size();
  }
  if (codec_.identity(value.shape) || lossless_) {
    kept.xxh3 = body_checksum(payload);
    return;
  }
  std::vector<std::byte> body(codec_.bound(value.shape));
  scratch_.resize(payload.size());
  const auto encoded = codec_.encode(value.shape, payload, body);
  const bool whole = encoded && codec_.decode(value.shape, std::span(body).first(*encoded), scratch_);
  kept.xxh3 = whole ? body_checksum(scratch_) : 0;
}

bool EngineSide::is_as_stored(const Value& value, std::span<const std::byte> payload) const {
  const auto kept = kept_.find(key_of(value));
  return kept != kept_.end() && kept->second.xxh3 == body_checksum(payload);
}

}  // namespace kv
