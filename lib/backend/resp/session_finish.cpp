#include "backend/resp/session.hpp"

#include <algorithm>

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
