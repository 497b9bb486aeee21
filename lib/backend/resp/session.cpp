#include "backend/resp/session.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>

namespace kv::resp {

using SteadyClock = std::chrono::steady_clock;

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
    seed = mix64(common->session_seed, common->logs.size());
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
  if (auto ok = connect_control(); !ok) return ok;
  auto found = look_up(lease);
  if (!found) {
    lease.present.assign(blocks.size(), false);
    blocks_.assign(blocks.size(), {});
  }
  const auto first_gap = std::find(lease.present.begin(), lease.present.end(), false);
  lease.leading = static_cast<std::size_t>(first_gap - lease.present.begin());
  return found;
}

/// Over the first connection that is there; where none is, the first that can be made.
Result<void> RespSession::connect_control() {
  for (std::size_t i = 0; i < channels_.size(); ++i) {
    if (channels_[i].lane.connected()) return control_ = i, Result<void>();
  }
  const TimePoint until = SteadyClock::now() + common_->timeout;
  Result<void> first;
  for (std::size_t i = 0; i < channels_.size(); ++i) {
    auto ok = channels_[i].lane.connect(until);
    if (ok) return control_ = i, Result<void>();
    if (first) first = std::move(ok);
  }
  return first;
}

/// One round trip for the manifests of all blocks.
Result<void> RespSession::look_up(Lease& lease) {
  const TimePoint begun = SteadyClock::now(), deadline = begun + common_->timeout;
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
      control_lane().disconnect(ok.error());
      return error(ok);
    }
    const auto present = take_manifest(block, control().reply());
    if (present) {
      lease.present[block] = *present;
    } else if (result) {
      result = error(present);
    }
  }
  control_lane().batch_ended();
  if (result) common_->lifetimes.looked_up(lease.blocks, lease.present, begun, SteadyClock::now());
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
      for (std::uint32_t part = 0; part < common_->parts; ++part) {
        if (read->body_bytes(part) > common_->most_body_bytes) {
          return garbled(fmt::format("manifest of a body of {} bytes, those of this run have {} at most",
                                     read->body_bytes(part), common_->most_body_bytes));
        }
      }
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

void RespSession::admit(Lease& lease, std::vector<bool>& accepted) {
  accepted = lease.present;
  accepted.flip();
}

}  // namespace kv::resp
