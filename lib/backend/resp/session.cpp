#include "backend/resp/session.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>

#include "base/parse.hpp"

namespace kv::resp {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr Duration kFirstDelay = std::chrono::milliseconds(50);
constexpr Duration kLongestDelay = std::chrono::seconds(2);

}  // namespace

bool KeyNames::allows(std::string_view name_space) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  return !name_space.empty() && name_space.size() <= kMaxNameSpace &&
         name_space.find_first_not_of(kLetters) == std::string_view::npos;
}

KeyNames::KeyNames(std::string_view name_space) : prefix_(fmt::format("kvkit:{}:", name_space)) {
  assert(allows(name_space));
}

std::string_view KeyNames::write(const Key& key, std::uint32_t part, Buffer& into) const {
  const char* end = fmt::format_to(into.data(), "{}{:x}:{}:{}", prefix_, key.space, key.block, part);
  return {into.data(), static_cast<std::size_t>(end - into.data())};
}

std::string KeyNames::text(const Key& key, std::uint32_t part) const {
  Buffer buffer;
  return std::string(write(key, part, buffer));
}

void Backoff::failed(TimePoint now) {
  delay_ = std::clamp(2 * delay_, kFirstDelay, kLongestDelay);
  until_ = now + delay_ / 2 + from_seconds(seconds(delay_) / 2 * random_.uniform());
}

RespSession::RespSession(std::shared_ptr<Common> common, std::shared_ptr<KeyLog> log, std::uint64_t seed)
    : common_(std::move(common)), log_(std::move(log)), backoff_(seed) {}

Result<std::unique_ptr<RespSession>> RespSession::open(std::shared_ptr<Common> common) {
  auto log = std::make_shared<KeyLog>();
  std::uint64_t seed = 0;
  {
    const std::lock_guard lock(common->mutex);
    common->logs.push_back(log);
    seed = common->logs.size();
  }
  std::unique_ptr<RespSession> session(new RespSession(std::move(common), std::move(log), seed));
  if (auto ok = session->connect(); !ok) return error(ok);
  return session;
}

Result<void> RespSession::connect() {
  if (connection_) return {};
  const TimePoint now = SteadyClock::now();
  if (now < backoff_.until()) {
    return error(Code::unavailable, fmt::format("not connected: {}; next try in {}", last_trouble_,
                                                format_duration(backoff_.until() - now)));
  }
  auto opened = Connection::open(common_->endpoint);
  if (!opened) {
    disconnect(opened.error());
    return error(opened);
  }
  connection_ = std::move(*opened);
  counted_in_ = counted_out_ = 0;
  return {};
}

void RespSession::disconnect(const Error& why) {
  count_wire();
  connection_.reset();
  last_trouble_ = why.message;
  backoff_.failed(SteadyClock::now());
}

void RespSession::count_wire() {
  if (!connection_) return;
  common_->wire_in.fetch_add(connection_->bytes_in() - counted_in_, std::memory_order_relaxed);
  common_->wire_out.fetch_add(connection_->bytes_out() - counted_out_, std::memory_order_relaxed);
  counted_in_ = connection_->bytes_in();
  counted_out_ = connection_->bytes_out();
}

Result<void> RespSession::acquire(std::span<const BlockRef> blocks, Lease& lease) {
  assert(answered_ == batch_.size() && "a batch is still under way");
  lease.blocks.assign(blocks.begin(), blocks.end());
  lease.present.assign(blocks.size(), false);
  lease.leading = 0;
  parts_stored_.assign(blocks.size(), 0);
  if (blocks.empty()) return {};
  if (auto ok = connect(); !ok) return ok;
  auto found = look_up(lease);
  count_wire();
  if (!found) lease.present.assign(blocks.size(), false);
  const auto first_gap = std::find(lease.present.begin(), lease.present.end(), false);
  lease.leading = static_cast<std::size_t>(first_gap - lease.present.begin());
  return found;
}

/// One round trip: EXISTS counts the parts of each block.
Result<void> RespSession::look_up(Lease& lease) {
  const TimePoint deadline = SteadyClock::now() + common_->timeout;
  connection_->begin(deadline);
  for (const BlockRef& block : lease.blocks) add_command("EXISTS", block.key);
  Result<void> result;
  while (!connection_->done()) {
    const std::size_t block = connection_->replied();
    if (const auto ok = connection_->step(deadline); !ok) {
      disconnect(ok.error());
      return error(ok);
    }
    const Reply& reply = connection_->reply();
    if (reply.kind == Reply::Kind::integer) {
      lease.present[block] = reply.integer == common_->parts;
    } else if (result) {
      result = tl::unexpected<Error>(refusal(reply.kind == Reply::Kind::error ? reply.text : "no count"));
    }
  }
  backoff_.succeeded();
  return result;
}

/// One command for all parts of a block.
void RespSession::add_command(std::string_view command, const Key& key) {
  names_.resize(common_->parts);
  words_.assign(1, command);
  for (std::uint32_t part = 0; part < common_->parts; ++part) {
    words_.push_back(common_->names.write(key, part, names_[part]));
  }
  connection_->add(words_);
}

void RespSession::submit(const Lease& lease, std::span<const Op> batch, TimePoint deadline) {
  assert(answered_ == batch_.size() && "one batch at a time");
  batch_.clear();
  answered_ = 0;
  not_started_.clear();
  for (const Op& op : batch) batch_.push_back({op.kind, op.block, op.header.size(), op.body.size()});
  if (batch.empty()) return;
  if (auto ok = connect(); !ok) {
    not_started_ = ok.error().message;
    return;
  }
  connection_->begin(std::min(deadline, SteadyClock::now() + common_->timeout));
  KeyNames::Buffer buffer;
  for (const Op& op : batch) {
    const Key& key = lease.blocks[op.block].key;
    const std::string_view name = common_->names.write(key, op.part, buffer);
    if (op.kind == Op::Kind::get) {
      connection_->add(std::array{std::string_view("GET"), name}, {Expected::Kind::value, op.header, op.body});
    } else {
      log_->add(key);  // before it is sent: what was perhaps stored is removed, too
      connection_->add_set(common_->set, name, op.header, op.body);
    }
  }
}

void RespSession::poll(std::vector<Done>& done, TimePoint until) {
  if (!not_started_.empty()) return end_rest(done, Done::Outcome::failed, not_started_);
  while (answered_ < batch_.size()) {
    const auto ok = connection_->step(until);
    if (!ok) {
      disconnect(ok.error());
      const bool interrupted = ok.error().code == Code::interrupted;
      return end_rest(done, interrupted ? Done::Outcome::skipped : Done::Outcome::failed, ok.error().message);
    }
    if (!*ok) break;
    done.push_back(outcome(answered_));
    ++answered_;
  }
  count_wire();
  if (answered_ == batch_.size()) backoff_.succeeded();
}

void RespSession::end_rest(std::vector<Done>& done, Done::Outcome outcome, const std::string& why) {
  for (; answered_ < batch_.size(); ++answered_) done.push_back({answered_, outcome, 0, why});
}

/// What the reply that has just come means for its op.
Done RespSession::outcome(std::uint32_t op) {
  const Moving& moved = batch_[op];
  const Reply& reply = connection_->reply();
  Done done;
  done.op = op;
  switch (reply.kind) {
    case Reply::Kind::value:
      done.outcome = Done::Outcome::hit;
      done.body_bytes = reply.bytes - moved.header_bytes;
      return done;
    case Reply::Kind::misfit:
      done.outcome = Done::Outcome::corrupt;
      done.error = fmt::format("it has {} bytes, a value of this run {} to {}", reply.bytes, moved.header_bytes,
                               moved.header_bytes + moved.body_bytes);
      return done;
    case Reply::Kind::nil:
      if (moved.kind == Op::Kind::put) break;
      done.outcome = Done::Outcome::miss;
      return done;
    case Reply::Kind::status:
      if (moved.kind == Op::Kind::get) break;
      done.outcome = Done::Outcome::stored;
      if (++parts_stored_[moved.block] == common_->parts) {
        common_->insertions.fetch_add(1, std::memory_order_relaxed);
      }
      return done;
    case Reply::Kind::error:
      if (moved.kind == Op::Kind::get && reply.text.substr(0, 9) == "WRONGTYPE") done.outcome = Done::Outcome::corrupt;
      done.error = printable(reply.text);
      return done;
    default:
      break;
  }
  done.error = "the server answered something else than it was asked";
  return done;
}

void RespSession::admit(Lease& lease, std::vector<bool>& accepted) {
  accepted = lease.present;
  accepted.flip();
}

/// Whether the server has the whole block, as far as this request knows.
bool RespSession::holds(const Lease& lease, std::size_t block) const {
  return lease.present[block] || (block < parts_stored_.size() && parts_stored_[block] == common_->parts);
}

/// Nothing is pinned in a server, but its LRU must learn what the request used: EXISTS does not tell it, nor are blocks
/// read that the engine had itself, so the heads of long chains would age first and break them. All blocks are touched
/// tail to head in one round trip. They are put head to tail, because a server that is full refuses the rest, and a
/// tail without its head is of no use. Redis itself is coarse: its clock ticks once a second, and it evicts the oldest
/// of five keys that it samples. A server that refuses TOUCH is not asked again.
void RespSession::finish(Lease& lease) {
  if (!connection_ || !common_->touches || common_->endpoint.stopping()) return;
  const TimePoint deadline = SteadyClock::now() + common_->timeout;
  connection_->begin(deadline);
  for (std::size_t block = lease.blocks.size(); block-- > 0;) {
    if (holds(lease, block)) add_command("TOUCH", lease.blocks[block].key);
  }
  while (!connection_->done()) {
    if (const auto ok = connection_->step(deadline); !ok) return disconnect(ok.error());
    if (connection_->reply().kind == Reply::Kind::error) common_->touches = false;
  }
  count_wire();
}

}  // namespace kv::resp
