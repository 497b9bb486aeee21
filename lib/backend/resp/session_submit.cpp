#include "backend/resp/session.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

namespace kv::resp {

using SteadyClock = std::chrono::steady_clock;
using Outcome = Done::Outcome;

Result<void> RespSession::begin_batch(TimePoint deadline) {
  const TimePoint until = std::min(deadline, SteadyClock::now() + common_->timeout);
  Result<void> last;
  bool any = std::any_of(channels_.begin(), channels_.end(), [](const Channel& c) { return c.lane.connected(); });
  bool tried = false;
  for (Channel& channel : channels_) {
    channel.pieces.clear();
    channel.answered = channel.queued_bytes = 0;
    if (!channel.lane.connected()) {
      // While others work, one at a time is made anew, so that they do not wait for all that are lost.
      if (any && std::exchange(tried, true)) continue;
      last = channel.lane.connect(until);
      if (!last) continue;
    }
    channel.lane.connection().begin(until);
    any = true;
  }
  return any ? Result<void>() : last;
}

/// Of the first `among` connections that are there.
RespSession::Channel* RespSession::least_busy(std::size_t among) {
  Channel* best = nullptr;
  for (Channel& channel : channels_) {
    if (!channel.lane.connected()) continue;
    if (best == nullptr || channel.queued_bytes < best->queued_bytes) best = &channel;
    if (--among == 0) break;
  }
  return best;
}

void RespSession::submit(const Lease& lease, std::span<const Op> batch, TimePoint deadline) {
  assert(under_way_ == 0 && "one batch at a time");
  batch_.clear();
  ended_.clear();
  under_way_ = batch.size();
  for (const Op& op : batch) batch_.push_back({op.kind, op.block, 0, {}});
  for (std::uint32_t i = 0; i < batch_.size(); ++i) batch_[i].done.op = i;
  keys_.clear();
  for (const BlockRef& block : lease.blocks) keys_.push_back(block.key);
  if (batch.empty()) return;
  const auto ready = begin_batch(deadline);
  for (std::uint32_t i = 0; i < batch.size(); ++i) {
    if (!ready) {
      end_at_once(i, Outcome::failed, ready.error().message);
    } else if (batch[i].kind == Op::Kind::get) {
      add_get(lease, batch[i], i);
    } else {
      add_put(lease, batch[i], i);
    }
  }
}

void RespSession::end_at_once(std::uint32_t op, Outcome outcome, std::string why) {
  Done& done = batch_[op].done;
  done.outcome = outcome;
  done.error = std::move(why);
  ended_.push_back(done);
  --under_way_;
}

void RespSession::add_get(const Lease& lease, const Op& op, std::uint32_t index) {
  const Block& block = blocks_[op.block];
  if (block.state == Block::State::absent) return end_at_once(index, Outcome::miss, "");
  if (block.state == Block::State::garbled) return end_at_once(index, Outcome::corrupt, block.why);
  const auto read = Manifest::read(manifest(op.block), common_->parts);
  if (!read) return end_at_once(index, Outcome::corrupt, read.error().message);
  const std::uint64_t body_bytes = read->body_bytes(op.part);
  if (body_bytes > op.body.size()) {
    return end_at_once(index, Outcome::corrupt,
                       fmt::format("its body has {} bytes where {} are expected at most", body_bytes, op.body.size()));
  }
  std::copy_n(read->header(op.part).begin(), op.header.size(), op.header.begin());
  Moving& moving = batch_[index];
  moving.done.outcome = Outcome::hit;
  moving.done.body_bytes = body_bytes;
  if (op.hash) {
    if (checksums_.size() <= index) checksums_.resize(batch_.size());
    checksums_[index].reset();
    moving.body = op.body.first(body_bytes);
  }
  cut(body_bytes, read->chunk_bytes(), cuts_);
  moving.pending = static_cast<std::uint32_t>(cuts_.size());
  KeyNames::Buffer name;
  std::size_t at = 0;
  for (std::size_t chunk = 0; chunk < cuts_.size(); at += cuts_[chunk], ++chunk) {
    Channel& channel = *least_busy(common_->get_connections);
    const std::array words{std::string_view("GET"),
                           common_->names.chunk(lease.blocks[op.block].key, op.part, chunk, name)};
    channel.lane.connection().add(words, {Expected::Kind::value, {}, op.body.subspan(at, cuts_[chunk])});
    channel.pieces.push_back({index, false, cuts_[chunk], at});
    channel.queued_bytes += cuts_[chunk];
  }
}

void RespSession::add_put(const Lease& lease, const Op& op, std::uint32_t index) {
  const Key& key = lease.blocks[op.block].key;
  log_->add(key);  // before it is sent: what was perhaps stored is removed, too
  if (blocks_.size() < lease.blocks.size()) {
    blocks_.resize(lease.blocks.size());
    manifests_.resize(lease.blocks.size() * Manifest::bytes(common_->parts));
  }
  if (!std::exchange(blocks_[op.block].begun, true)) {
    Manifest::begin(manifest(op.block), common_->parts, static_cast<std::uint32_t>(common_->chunk_bytes));
  }
  Manifest::set(manifest(op.block), op.part, op.header, op.body.size());
  Moving& moving = batch_[index];
  moving.done.outcome = Outcome::stored;
  moving.done.body_bytes = op.body.size();
  cut(op.body.size(), common_->chunk_bytes, cuts_);
  const SetCommand& set = common_->ttl.at(op.block).chunk;
  moving.pending = static_cast<std::uint32_t>(cuts_.size());
  KeyNames::Buffer name;
  std::size_t at = 0;
  for (std::size_t chunk = 0; chunk < cuts_.size(); at += cuts_[chunk], ++chunk) {
    Channel& channel = *least_busy(channels_.size());
    channel.lane.connection().add_set(set, common_->names.chunk(key, op.part, chunk, name), {},
                                      op.body.subspan(at, cuts_[chunk]));
    channel.pieces.push_back({index, false, cuts_[chunk]});
    channel.queued_bytes += cuts_[chunk];
  }
}

}  // namespace kv::resp
