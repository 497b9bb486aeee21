#include "backend/resp/session.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <utility>

#include "net/wait.hpp"

namespace kv::resp {
namespace {

using SteadyClock = std::chrono::steady_clock;
using Outcome = Done::Outcome;

constexpr Duration kLook = std::chrono::milliseconds(50);  // how often a wait looks at deadlines

/// Of several replies to one op, what the op comes to.
int weight(Outcome outcome) {
  switch (outcome) {
    case Outcome::failed:
      return 4;
    case Outcome::skipped:
      return 3;
    case Outcome::corrupt:
      return 2;
    case Outcome::miss:
      return 1;
    default:
      return 0;
  }
}

void worsen(Done& done, Outcome outcome, std::string why) {
  if (weight(outcome) <= weight(done.outcome)) return;
  done.outcome = outcome;
  done.error = std::move(why);
}

const char* const kNoAnswer = "the server answered something else than it was asked";

void judge_get(const Reply& reply, std::size_t bytes, Done& done) {
  switch (reply.kind) {
    case Reply::Kind::value:
    case Reply::Kind::misfit:
      if (reply.kind == Reply::Kind::value && reply.bytes == bytes) return;
      return worsen(done, Outcome::corrupt, fmt::format("a chunk has {} bytes, not {}", reply.bytes, bytes));
    case Reply::Kind::nil:
      return worsen(done, Outcome::miss, "");
    case Reply::Kind::error:
      return worsen(done, reply.text.starts_with("WRONGTYPE") ? Outcome::corrupt : Outcome::failed,
                    printable(reply.text));
    default:
      return worsen(done, Outcome::failed, kNoAnswer);
  }
}

void judge_put(const Reply& reply, Done& done) {
  if (reply.kind == Reply::Kind::status) return;
  if (reply.kind == Reply::Kind::error && says_full(reply.text)) {
    return worsen(done, Outcome::skipped, printable(reply.text));
  }
  worsen(done, Outcome::failed, reply.kind == Reply::Kind::error ? printable(reply.text) : kNoAnswer);
}

}  // namespace

void RespSession::poll(std::vector<Done>& done, TimePoint until) {
  while (under_way_ > 0) {
    const auto busy = std::count_if(channels_.begin(), channels_.end(), [](const Channel& c) { return c.active(); });
    bool moved = false;
    for (Channel& channel : channels_) {
      // A single connection waits by itself; several are waited for together, below.
      while (channel.active() && under_way_ > 0) {
        const auto ok = progress(channel, busy == 1 ? until : TimePoint());
        if (!ok) fail(channel, ok.error());
        if (!ok || *ok) moved = true;
        if (!ok || !*ok) break;
      }
    }
    if (under_way_ > 0 && !moved && (busy == 1 || !wait(until))) break;
  }
  done.insert(done.end(), std::make_move_iterator(ended_.begin()), std::make_move_iterator(ended_.end()));
  ended_.clear();
  if (under_way_ > 0) return;
  for (Channel& channel : channels_) {
    if (channel.lane.connected()) channel.lane.batch_ended();
  }
}

/// False: nothing has come, and `until` has passed.
Result<bool> RespSession::progress(Channel& channel, TimePoint until) {
  auto ok = channel.lane.connection().step(until);
  if (ok && *ok) take_reply(channel);
  return ok;
}

/// False: `until` has passed.
bool RespSession::wait(TimePoint until) {
  sockets_.clear();
  for (Channel& channel : channels_) {
    if (!channel.active()) continue;
    const Connection& connection = channel.lane.connection();
    const auto events = static_cast<short>(connection.wants_to_send() ? POLLIN | POLLOUT : POLLIN);
    sockets_.push_back({connection.descriptor(), events, 0});
  }
  const TimePoint now = SteadyClock::now();
  if (now >= until) return false;
  // Trouble with waiting shows again, and better, when the connection is used.
  static_cast<void>(net::wait_for(sockets_, std::min(until, now + kLook), common_->endpoint.spin));
  return true;
}

/// What was under way on this connection ends as the connection did.
void RespSession::fail(Channel& channel, const Error& why) {
  channel.lane.disconnect(why);
  const Outcome outcome = why.code == Code::interrupted ? Outcome::skipped : Outcome::failed;
  while (channel.active()) {
    const Piece piece = channel.pieces[channel.answered++];
    Moving& moving = batch_[piece.op];
    worsen(moving.done, outcome, why.message);
    if (--moving.pending == 0) end_op(channel, piece.op);
  }
}

void RespSession::take_reply(Channel& channel) {
  const Piece piece = channel.pieces[channel.answered++];
  channel.queued_bytes -= piece.bytes;
  Moving& moving = batch_[piece.op];
  const Reply& reply = channel.lane.connection().reply();
  if (moving.kind == Op::Kind::get) {
    judge_get(reply, piece.bytes, moving.done);
    if (piece.begin == moving.hashed_bytes) hash(piece.op, piece.begin, piece.bytes);
    if (reply.kind == Reply::Kind::nil) blocks_[moving.block].lost_bytes += piece.bytes;
  } else {
    judge_put(reply, moving.done);
    if (reply.kind == Reply::Kind::error && says_full(reply.text)) {
      common_->refused_stores.fetch_add(1, std::memory_order_relaxed);
    }
    if (piece.manifest && moving.done.outcome == Outcome::stored) {
      const TimePoint sent = blocks_[moving.block].manifest_sent;
      blocks_[moving.block].state = Block::State::whole;
      common_->insertions.fetch_add(1, std::memory_order_relaxed);
      common_->lifetimes.stored(keys_[moving.block], sent, SteadyClock::now(), common_->ttl.at(moving.block).ttl);
    }
  }
  if (--moving.pending == 0) end_op(channel, piece.op);
}

/// The next chunk of a body, while it is in the cache and the server sends on.
void RespSession::hash(std::uint32_t op, std::size_t begin, std::size_t bytes) {
  Moving& moving = batch_[op];
  if (moving.body.empty() || moving.done.outcome != Outcome::hit) return;
  checksums_[op].add(moving.body.subspan(begin, bytes));
  moving.hashed_bytes = begin + bytes;
}

/// All chunks of an op are answered. The last part of a block to be stored ends with the block's manifest.
void RespSession::end_op(Channel& channel, std::uint32_t op) {
  Moving& moving = batch_[op];
  Block& block = blocks_[moving.block];
  const bool stored = moving.done.outcome == Outcome::stored;
  if (!moving.body.empty() && moving.done.outcome == Outcome::hit) {
    // What came out of turn, over another connection.
    hash(op, moving.hashed_bytes, moving.body.size() - moving.hashed_bytes);
    moving.done.body_xxh3 = checksums_[op].value();
  }
  if (moving.kind == Op::Kind::put && !stored) block.state = Block::State::broken;
  if (moving.done.outcome == Outcome::miss) block.state = Block::State::broken;
  if (stored && block.state == Block::State::absent && ++block.parts_stored == common_->parts) {
    if (channel.lane.connected()) return add_manifest(channel, op);
    worsen(moving.done, Outcome::failed, "the connection was lost before the block was complete");
  }
  ended_.push_back(std::move(moving.done));
  --under_way_;
}

void RespSession::add_manifest(Channel& channel, std::uint32_t op) {
  Moving& moving = batch_[op];
  const std::span<std::byte> bytes = manifest(moving.block);
  Manifest::seal(bytes);
  KeyNames::Buffer name;
  const SetCommand& set = common_->ttl.at(moving.block).manifest;
  channel.lane.connection().add_set(set, common_->names.manifest(keys_[moving.block], name), {}, bytes);
  blocks_[moving.block].manifest_sent = SteadyClock::now();
  channel.pieces.push_back({op, true, bytes.size()});
  channel.queued_bytes += bytes.size();
  moving.pending = 1;
}

}  // namespace kv::resp
