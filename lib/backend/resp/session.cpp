#include "backend/resp/session.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

#include "net/wait.hpp"

namespace kv::resp {
namespace {

using SteadyClock = std::chrono::steady_clock;
using Outcome = Done::Outcome;

constexpr Duration kLook = std::chrono::milliseconds(50);  // how often a wait looks at deadlines
constexpr std::size_t kMostWords = 8192;                   // of a command: Dragonfly takes 65,536

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
  worsen(done, Outcome::failed, reply.kind == Reply::Kind::error ? printable(reply.text) : kNoAnswer);
}

}  // namespace

RespSession::RespSession(std::shared_ptr<Common> common, std::shared_ptr<KeyLog> log, std::uint64_t seed)
    : common_(std::move(common)), log_(std::move(log)) {
  for (std::uint32_t i = 0; i < common_->connections; ++i) channels_.push_back({Lane(*common_, mix64(seed, i))});
}

Result<std::unique_ptr<RespSession>> RespSession::open(std::shared_ptr<Common> common) {
  auto log = std::make_shared<KeyLog>();
  std::uint64_t seed = 0;
  {
    const std::lock_guard lock(common->mutex);
    common->logs.push_back(log);
    seed = common->logs.size();
  }
  std::unique_ptr<RespSession> session(new RespSession(std::move(common), std::move(log), seed));
  for (Channel& channel : session->channels_) {
    if (auto ok = channel.lane.connect(); !ok) return error(ok);
  }
  return session;
}

std::span<std::byte> RespSession::manifest(std::size_t block) {
  const std::size_t bytes = Manifest::bytes(common_->parts);
  return std::span(manifests_).subspan(block * bytes, bytes);
}

Result<void> RespSession::acquire(std::span<const BlockRef> blocks, Lease& lease) {
  assert(under_way_ == 0 && "a batch is still under way");
  lease.blocks.assign(blocks.begin(), blocks.end());
  lease.present.assign(blocks.size(), false);
  lease.leading = 0;
  blocks_.assign(blocks.size(), {});
  manifests_.resize(std::max(manifests_.size(), blocks.size() * Manifest::bytes(common_->parts)));
  if (blocks.empty()) return {};
  Lane& lane = channels_.front().lane;
  if (auto ok = lane.connect(); !ok) return ok;
  auto found = look_up(lease);
  if (!found) {
    lease.present.assign(blocks.size(), false);
    blocks_.assign(blocks.size(), {});
  }
  const auto first_gap = std::find(lease.present.begin(), lease.present.end(), false);
  lease.leading = static_cast<std::size_t>(first_gap - lease.present.begin());
  return found;
}

/// One round trip for the manifests of all blocks.
Result<void> RespSession::look_up(Lease& lease) {
  const TimePoint deadline = SteadyClock::now() + common_->timeout;
  control().begin(deadline);
  KeyNames::Buffer name;
  for (std::size_t block = 0; block < lease.blocks.size(); ++block) {
    const std::array words{std::string_view("GET"), common_->names.manifest(lease.blocks[block].key, name)};
    control().add(words, {Expected::Kind::value, {}, manifest(block)});
  }
  Result<void> result;
  while (!control().done()) {
    const std::size_t block = control().replied();
    if (const auto ok = control().step(deadline); !ok) {
      channels_.front().lane.disconnect(ok.error());
      return error(ok);
    }
    const auto present = take_manifest(block, control().reply());
    if (present) {
      lease.present[block] = *present;
    } else if (result) {
      result = error(present);
    }
  }
  channels_.front().lane.batch_ended();
  return result;
}

/// Whether the block is there. One whose manifest is garbled is: whoever reads it is told so.
Result<bool> RespSession::take_manifest(std::size_t block, const Reply& reply) {
  Block& known = blocks_[block];
  const auto garbled = [&known](std::string why) {
    known.state = Block::State::garbled;
    known.why = std::move(why);
    return true;
  };
  switch (reply.kind) {
    case Reply::Kind::nil:
      return false;
    case Reply::Kind::value: {
      const auto read = Manifest::read(manifest(block).first(reply.bytes), common_->parts);
      if (!read) return garbled(read.error().message);
      known.state = Block::State::whole;
      return true;
    }
    case Reply::Kind::misfit:
      return garbled(fmt::format("manifest of {} bytes", reply.bytes));
    case Reply::Kind::error:
      if (reply.text.starts_with("WRONGTYPE")) return garbled(printable(reply.text));
      return tl::unexpected<Error>(refusal(reply.text));
    default:
      return tl::unexpected<Error>(refusal("no manifest"));
  }
}

Result<void> RespSession::begin_batch(TimePoint deadline) {
  Result<void> last;
  bool any = false;
  for (Channel& channel : channels_) {
    channel.pieces.clear();
    channel.answered = channel.queued_bytes = 0;
    last = channel.lane.connect();
    if (!last) continue;
    channel.lane.connection().begin(std::min(deadline, SteadyClock::now() + common_->timeout));
    any = true;
  }
  return any ? Result<void>() : last;
}

RespSession::Channel* RespSession::least_busy() {
  Channel* best = nullptr;
  for (Channel& channel : channels_) {
    if (channel.lane.connected() && (best == nullptr || channel.queued_bytes < best->queued_bytes)) best = &channel;
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
  cut(body_bytes, read->chunk_bytes(), cuts_);
  moving.pending = static_cast<std::uint32_t>(cuts_.size());
  KeyNames::Buffer name;
  std::size_t at = 0;
  for (std::size_t chunk = 0; chunk < cuts_.size(); at += cuts_[chunk], ++chunk) {
    Channel& channel = *least_busy();
    const std::array words{std::string_view("GET"),
                           common_->names.chunk(lease.blocks[op.block].key, op.part, chunk, name)};
    channel.lane.connection().add(words, {Expected::Kind::value, {}, op.body.subspan(at, cuts_[chunk])});
    channel.pieces.push_back({index, false, cuts_[chunk]});
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
  moving.pending = static_cast<std::uint32_t>(cuts_.size());
  KeyNames::Buffer name;
  std::size_t at = 0;
  for (std::size_t chunk = 0; chunk < cuts_.size(); at += cuts_[chunk], ++chunk) {
    Channel& channel = *least_busy();
    channel.lane.connection().add_set(common_->set, common_->names.chunk(key, op.part, chunk, name), {},
                                      op.body.subspan(at, cuts_[chunk]));
    channel.pieces.push_back({index, false, cuts_[chunk]});
    channel.queued_bytes += cuts_[chunk];
  }
}

void RespSession::poll(std::vector<Done>& done, TimePoint until) {
  while (under_way_ > 0) {
    const auto busy = std::count_if(channels_.begin(), channels_.end(), [](const Channel& c) { return c.active(); });
    bool moved = false;
    for (Channel& channel : channels_) {
      // A single connection waits by itself; several are waited for together, below.
      while (channel.active() && under_way_ > 0) {
        const auto ok = progress(channel, busy == 1 ? until : TimePoint::min());
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
  std::vector<pollfd> sockets;
  for (Channel& channel : channels_) {
    if (!channel.active()) continue;
    const Connection& connection = channel.lane.connection();
    const auto events = static_cast<short>(connection.wants_to_send() ? POLLIN | POLLOUT : POLLIN);
    sockets.push_back({connection.descriptor(), events, 0});
  }
  const TimePoint now = SteadyClock::now();
  if (now >= until) return false;
  // Trouble with waiting shows again, and better, when the connection is used.
  static_cast<void>(net::wait_for(sockets, std::min(until, now + kLook), common_->endpoint.spin));
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
    if (reply.kind == Reply::Kind::nil) blocks_[moving.block].lost_bytes += piece.bytes;
  } else {
    judge_put(reply, moving.done);
    if (piece.manifest && moving.done.outcome == Outcome::stored) {
      blocks_[moving.block].state = Block::State::whole;
      common_->insertions.fetch_add(1, std::memory_order_relaxed);
    }
  }
  if (--moving.pending == 0) end_op(channel, piece.op);
}

/// All chunks of an op are answered. The last part of a block to be stored ends with the block's manifest.
void RespSession::end_op(Channel& channel, std::uint32_t op) {
  Moving& moving = batch_[op];
  Block& block = blocks_[moving.block];
  const bool stored = moving.done.outcome == Outcome::stored;
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
  channel.lane.connection().add_set(common_->set, common_->names.manifest(keys_[moving.block], name), {}, bytes);
  channel.pieces.push_back({op, true, bytes.size()});
  channel.queued_bytes += bytes.size();
  moving.pending = 1;
}

void RespSession::admit(Lease& lease, std::vector<bool>& accepted) {
  accepted = lease.present;
  accepted.flip();
}

/// Calls visit(name) for the manifest and all chunks that it tells of.
template <class Visit>
void RespSession::each_name(const Key& key, std::size_t block, Visit&& visit) {
  KeyNames::Buffer name;
  visit(common_->names.manifest(key, name));
  const auto read = Manifest::read(manifest(block), common_->parts);
  const std::size_t chunk_bytes = read ? read->chunk_bytes() : common_->chunk_bytes;
  for (std::uint32_t part = 0; part < common_->parts; ++part) {
    const std::size_t chunks = count_chunks(Manifest::body_bytes(manifest(block), part), chunk_bytes);
    for (std::size_t chunk = 0; chunk < chunks; ++chunk) visit(common_->names.chunk(key, part, chunk, name));
  }
}

/// One command over all of a block's values; more than one where they are very many.
void RespSession::add_for_all(Connection& to, std::string_view command, const Key& key, std::size_t block) {
  std::size_t count = 0;
  const auto send = [&] {
    words_.assign(1, command);
    for (std::size_t i = 0; i < count; ++i) words_.emplace_back(names_[i].data());
    to.add(words_);
    count = 0;
  };
  each_name(key, block, [&](std::string_view name) {
    if (count == kMostWords) send();
    if (names_.size() <= count) names_.resize(count + 1);
    names_[count][static_cast<std::size_t>(name.copy(names_[count].data(), name.size()))] = '\0';
    ++count;
  });
  send();
}

/// What a block that lost a chunk leaves behind.
void RespSession::count_orphan(std::size_t block) {
  if (blocks_[block].lost_bytes == 0) return;
  std::size_t bytes = Manifest::bytes(common_->parts);
  for (std::uint32_t part = 0; part < common_->parts; ++part) {
    bytes += Manifest::body_bytes(manifest(block), part);
  }
  common_->orphan_bytes.fetch_add(bytes - std::min(bytes, blocks_[block].lost_bytes), std::memory_order_relaxed);
}

/// Nothing is pinned in a server, but its LRU must learn what the request used: blocks that the engine had itself are
/// not read at all, so the heads of long chains would age first and break them. All blocks are touched tail to head in
/// one round trip. They are put head to tail, because a server that is full refuses the rest, and a tail without its
/// head is of no use. Redis itself is coarse: its clock ticks once a second, and it evicts the oldest of five keys that
/// it samples. A server that refuses TOUCH is not asked again. Blocks that are no longer whole are removed.
void RespSession::finish(Lease& lease) {
  Lane& lane = channels_.front().lane;
  if (!lane.connected() || common_->endpoint.stopping()) return;
  const TimePoint deadline = SteadyClock::now() + common_->timeout;
  control().begin(deadline);
  std::size_t removals = 0;
  for (std::size_t block = 0; block < std::min(lease.blocks.size(), blocks_.size()); ++block) {
    if (blocks_[block].state != Block::State::broken) continue;
    count_orphan(block);
    add_for_all(control(), "UNLINK", lease.blocks[block].key, block);
    ++removals;
  }
  for (std::size_t block = lease.blocks.size(); block-- > 0 && common_->touches;) {
    if (block >= blocks_.size() || blocks_[block].state != Block::State::whole) continue;
    add_for_all(control(), "TOUCH", lease.blocks[block].key, block);
  }
  while (!control().done()) {
    const bool touch = control().replied() >= removals;
    if (const auto ok = control().step(deadline); !ok) return lane.disconnect(ok.error());
    if (touch && control().reply().kind == Reply::Kind::error) common_->touches = false;
  }
  lane.batch_ended();
}

}  // namespace kv::resp
