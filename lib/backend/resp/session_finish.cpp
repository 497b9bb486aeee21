#include "backend/resp/session.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace kv::resp {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kMostWords = 8192;  // of a command: Dragonfly takes 65,536

}  // namespace

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
void RespSession::add_for_all(Ending::Kind kind, const Key& key, std::size_t block) {
  std::size_t count = 0;
  const auto send = [&] {
    words_.assign(1, kind == Ending::Kind::touch ? "TOUCH" : common_->unlinks ? "UNLINK" : "DEL");
    for (std::size_t i = 0; i < count; ++i) words_.emplace_back(names_[i].data());
    control().add(words_);
    endings_.push_back({kind, block});
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

/// PEXPIRE takes one key. Chunks go first, so that a batch that is cut short leaves no manifest that outlives them; the
/// block counts as renewed once the manifest's answer has come.
void RespSession::add_renewal(const Key& key, std::size_t block) {
  const TtlCommands::Step& life = common_->ttl.at(block);
  const auto send = [&](std::string_view name, std::string_view ms, bool manifest) {
    const std::array words{std::string_view("PEXPIRE"), name, ms};
    control().add(words);
    endings_.push_back({Ending::Kind::renewal, block, manifest});
  };
  bool chunks = false;
  each_name(key, block, [&](std::string_view name) {
    if (std::exchange(chunks, true)) send(name, life.chunk_ms, false);
  });
  KeyNames::Buffer name;
  send(common_->names.manifest(key, name), life.manifest_ms, true);
}

/// What a block that lost a chunk leaves behind.
void RespSession::count_orphan(std::size_t block) {
  if (blocks_[block].lost_bytes == 0) return;
  std::size_t bytes = Manifest::bytes(common_->parts);
  for (std::uint32_t part = 0; part < common_->parts; ++part) {
    bytes += Manifest::body_bytes(manifest(block), part);
  }
  const std::size_t lost = std::exchange(blocks_[block].lost_bytes, 0);  // a block of many values has several removals
  common_->orphan_bytes.fetch_add(bytes - std::min(bytes, lost), std::memory_order_relaxed);
}

/// Blocks that are no longer whole.
void RespSession::remove_broken(const Lease& lease) {
  for (std::size_t block = 0; block < std::min(lease.blocks.size(), blocks_.size()); ++block) {
    if (blocks_[block].state != Block::State::broken) continue;
    add_for_all(Ending::Kind::removal, lease.blocks[block].key, block);
  }
}

/// Nothing is pinned in a server, but its LRU must learn what the request used: blocks that the engine had itself are
/// not read at all, so the heads of long chains would age first and break them. All blocks are touched tail to head in
/// one round trip. They are put head to tail, because a server that is full refuses the rest, and a tail without its
/// head is of no use. Redis itself is coarse: its clock ticks once a second, and it evicts the oldest of five keys that
/// it samples. A server that refuses TOUCH is not asked again.
///
/// With a sliding ttl those blocks that were there get their full ttl anew; this counts as a use as well. Those that
/// the request stored have it.
void RespSession::mark_used(const Lease& lease) {
  for (std::size_t block = std::min(lease.blocks.size(), blocks_.size()); block-- > 0;) {
    if (blocks_[block].state != Block::State::whole) continue;
    if (common_->ttl.sliding() && common_->renews && lease.present[block]) {
      add_renewal(lease.blocks[block].key, block);
    } else if (common_->touches) {
      add_for_all(Ending::Kind::touch, lease.blocks[block].key, block);
    }
  }
}

void RespSession::take_ending(const Lease& lease, const Ending& ending, TimePoint sent) {
  const Reply& reply = control().reply();
  const bool refused = reply.kind == Reply::Kind::error;
  if (ending.kind == Ending::Kind::touch && refused) common_->touches = false;
  // The block is found broken again and removed by DEL then: a server before Redis 4, or an ACL without UNLINK.
  if (ending.kind == Ending::Kind::removal && refused) common_->unlinks = false;
  if (ending.kind == Ending::Kind::removal && !refused) count_orphan(ending.block);
  if (ending.kind != Ending::Kind::renewal) return;
  if (refused) return common_->refuse_renewal(reply.text);
  if (ending.manifest && reply.kind == Reply::Kind::integer && reply.integer == 1) {
    common_->lifetimes.renewed(lease.blocks[ending.block].key, sent, *common_->ttl.at(ending.block).ttl);
  }
}

void RespSession::finish(Lease& lease) {
  if (common_->endpoint.stopping()) return;
  const auto there =
      std::find_if(channels_.begin(), channels_.end(), [](const Channel& c) { return c.lane.connected(); });
  if (there == channels_.end()) return;
  control_ = static_cast<std::size_t>(there - channels_.begin());
  Lane& lane = control_lane();
  const TimePoint begun = SteadyClock::now(), deadline = begun + common_->timeout;
  control().begin(deadline);
  endings_.clear();
  remove_broken(lease);
  mark_used(lease);
  while (!control().done()) {
    const Ending ending = endings_[control().replied()];
    if (const auto ok = control().step(deadline); !ok) return lane.disconnect(ok.error());
    take_ending(lease, ending, begun);
  }
  lane.batch_ended();
}

}  // namespace kv::resp
