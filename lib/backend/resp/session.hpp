#pragma once
#include <poll.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backend/backend.hpp"
#include "backend/resp/lane.hpp"
#include "backend/resp/manifest.hpp"

namespace kv::resp {

/// One worker's way to a RESP server, over one or more connections.
///
/// A body is cut into chunks that are moved side by side, each straight between the socket and the caller's buffer. A
/// block has a manifest, which holds the headers of all its parts and is written once every chunk is acknowledged:
/// lookup reads the manifests of all blocks in one round trip, and what has none is not there. A chunk that is gone
/// makes its block a miss; what is left of it is removed in finish() and counted.
class RespSession final : public Session {
 public:
  /// Connects, so that trouble shows before anything is measured.
  static Result<std::unique_ptr<RespSession>> open(std::shared_ptr<Common> common);

  Result<void> acquire(std::span<const BlockRef> blocks, Lease& lease) override;
  void submit(const Lease& lease, std::span<const Op> batch, TimePoint deadline) override;
  void poll(std::vector<Done>& done, TimePoint until) override;
  void admit(Lease& lease, std::vector<bool>& accepted) override;
  void finish(Lease& lease) override;

 private:
  /// What is known of a block of the lease; its manifest lies in manifests_.
  struct Block {
    enum class State {
      absent,
      whole,    ///< the manifest says so
      garbled,  ///< it has a manifest that cannot be believed: see why
      broken,   ///< less is there than the manifest says, or a store of it failed: finish() removes it
    } state = State::absent;
    std::string why;
    std::uint32_t parts_stored = 0;
    bool begun = false;          ///< a put has begun its manifest
    std::size_t lost_bytes = 0;  ///< of chunks that were found gone
    TimePoint manifest_sent = {};
  };
  struct Moving {
    Op::Kind kind;
    std::uint32_t block;
    std::uint32_t pending;  ///< commands that are not answered yet
    Done done;
    std::span<std::byte> body = {};  ///< of a get that is to be hashed
    std::size_t hashed_bytes = 0;    ///< of its beginning
  };
  /// A command of the batch that waits for its reply.
  struct Piece {
    std::uint32_t op;
    bool manifest;
    std::size_t bytes;
    std::size_t begin = 0;  ///< in the body
  };
  /// A command of finish() that waits for its reply.
  struct Ending {
    enum class Kind { removal, touch, renewal } kind;
    std::size_t block;
    bool manifest = false;
  };
  struct Channel {
    Lane lane;
    std::vector<Piece> pieces = {};
    std::size_t answered = 0, queued_bytes = 0;
    bool active() const { return answered < pieces.size(); }
  };

  RespSession(std::shared_ptr<Common> common, std::shared_ptr<KeyLog> log, std::uint64_t seed);

  Lane& control_lane() { return channels_[control_].lane; }
  Connection& control() { return control_lane().connection(); }
  Result<void> connect_control();
  std::span<std::byte> manifest(std::size_t block);
  Result<void> look_up(Lease& lease);
  Result<bool> take_manifest(std::size_t block, const Reply& reply);
  /// The first connection, or of those that are there the one with the least to do; null: none could be made.
  Channel* least_busy(std::size_t among);
  Result<void> begin_batch(TimePoint deadline);
  void add_get(const Lease& lease, const Op& op, std::uint32_t index);
  void add_put(const Lease& lease, const Op& op, std::uint32_t index);
  void add_manifest(Channel& channel, std::uint32_t op);
  void end_at_once(std::uint32_t op, Done::Outcome outcome, std::string why);
  void fail(Channel& channel, const Error& why);
  Result<bool> progress(Channel& channel, TimePoint until);
  void take_reply(Channel& channel);
  void hash(std::uint32_t op, std::size_t begin, std::size_t bytes);
  void end_op(Channel& channel, std::uint32_t op);
  bool wait(TimePoint until);
  template <class Visit>
  void each_name(const Key& key, std::size_t block, Visit&& visit);
  void add_for_all(Ending::Kind kind, const Key& key, std::size_t block);
  void add_renewal(const Key& key, std::size_t block);
  void remove_broken(const Lease& lease);
  void mark_used(const Lease& lease);
  void take_ending(const Lease& lease, const Ending& ending, TimePoint sent);
  void count_orphan(std::size_t block);

  std::shared_ptr<Common> common_;
  std::shared_ptr<KeyLog> log_;
  std::vector<Channel> channels_;
  std::size_t control_ = 0;    // the one for lookups and what finish() does
  std::vector<Block> blocks_;  // of the lease
  std::vector<std::byte> manifests_;
  std::vector<Key> keys_;  // of the blocks
  std::vector<Moving> batch_;
  std::vector<pollfd> sockets_;             // scratch of wait()
  std::vector<RunningChecksum> checksums_;  // of batch_, where there are gets
  std::vector<Done> ended_;                 // and not handed out yet
  std::vector<Ending> endings_;
  std::size_t under_way_ = 0;      // ops of batch_ that have not ended
  std::vector<std::size_t> cuts_;  // scratch, as are the names and words of one command
  std::vector<KeyNames::Buffer> names_;
  std::vector<std::string_view> words_;
};

}  // namespace kv::resp
