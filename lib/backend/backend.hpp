#pragma once
#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "codec/value.hpp"

namespace kv {

/// Names a block for a backend: `space` is a hash of namespace and fingerprint, `block` the trace's id.
struct Key {
  std::uint64_t space = 0, block = 0;
  bool operator==(const Key&) const = default;
};

/// What a backend must be ready for; given once, before the first session.
struct Needs {
  std::string name_space;           ///< unique to this run; every key that a backend writes elsewhere begins with it
  std::uint32_t parts = 1;          ///< values per block
  std::size_t max_body_bytes = 0;   ///< of one value, without its header
  std::size_t max_block_bytes = 0;  ///< of a whole block's bodies
  std::uint64_t unique_blocks = 0;  ///< that the workload can ask for
  std::uint32_t sessions = 1;       ///< that will be open at once
  std::size_t replay_bytes = 0;     ///< memory that the replay itself takes beside the backend
  const std::atomic<bool>* stop = nullptr;  ///< once true, whatever waits gives up soon; outlives the backend
};

/// A block of a request as a session sees it.
struct BlockRef {
  Key key;
  std::size_t bytes = 0;  ///< of all its bodies: an upper bound by the codec
};

/// The hold of one request on its blocks. Give it back with Session::finish, always.
struct Lease {
  std::vector<BlockRef> blocks;
  std::vector<bool> present;           ///< block complete at the time of acquire
  std::size_t leading = 0;             ///< length of the run of leading blocks that are present
  std::vector<std::uint32_t> handles;  ///< the backend's own
  std::vector<std::uint8_t> state;     ///< the backend's own
};

/// One value to move. Spans must live until the op is done.
struct Op {
  enum class Kind { get, put } kind = Kind::get;
  std::uint32_t block = 0;  ///< index into Lease::blocks
  std::uint32_t part = 0;
  std::span<std::byte> header;  ///< ValueHeader::kBytes
  std::span<std::byte> body;    ///< put: exactly the body; get: room for it
  bool hash = true;             ///< get: see Done::body_xxh3
};

struct Done {
  enum class Outcome {
    hit,  ///< header and `body_bytes` of body are filled
    miss,
    stored,
    skipped,  ///< not moved, for a reason that is no failure: no room, or the run is to stop
    corrupt,  ///< there, but not a value of ours (too short, too long)
    failed,   ///< see error
  };
  std::uint32_t op = 0;  ///< index into the submitted batch
  Outcome outcome = Outcome::failed;
  std::size_t body_bytes = 0;
  std::string error;
  /// Of a hit: XXH3-64 of the body, where Op::hash asked for it and the session hashed it piece by piece as it came,
  /// while it was in the cache.
  std::optional<std::uint64_t> body_xxh3 = {};
};

/// One worker's way in; not thread-safe, though sessions of one backend may be used at once.
/// A request: acquire -> submit/poll gets -> admit -> submit/poll puts -> finish.
class Session {
 public:
  virtual ~Session() = default;
  /// Which blocks are there; pins them where the backend can. On failure the lease is empty of hits but still usable
  /// for admit and finish.
  virtual Result<void> acquire(std::span<const BlockRef> blocks, Lease& lease) = 0;
  /// Starts a batch of gets or of puts; one batch at a time.
  virtual void submit(const Lease& lease, std::span<const Op> batch, TimePoint deadline) = 0;
  /// Appends what has completed since; returns once all of the batch is done or `until` has passed.
  virtual void poll(std::vector<Done>& done, TimePoint until) = 0;
  /// Ends the request for the eviction policy: victims for all its new blocks are chosen at once, then all its blocks
  /// are inserted or touched tail to head. accepted[i]: puts for block i are wanted now.
  virtual void admit(Lease& lease, std::vector<bool>& accepted) = 0;
  /// Unpins. Blocks that were accepted but not put completely are given up.
  virtual void finish(Lease& lease) = 0;
};

/// What `.server` of a report says; null where a backend has no such thing.
struct ServerInfo {
  std::string name, version;
  std::optional<std::string> allocator, eviction_policy, persistence;
  std::optional<std::uint64_t> io_threads;
  std::optional<Bytes> max_memory;
  bool spawned = false;
};

struct Capabilities {
  bool remote = false;         ///< behind a socket
  bool device_memory = false;  ///< holds blocks where the engine wants them: no upload, no engine cache in front
  std::string device;          ///< "cpu", "cuda:0 NAME", or empty
  std::optional<Bytes> capacity;
};

/// How stored blocks and values ended, where a backend can tell; none: it cannot, or has no such thing.
struct LifetimeCounts {
  std::optional<std::uint64_t> expired_lookups;  ///< blocks asked for in vain: stored by this run, their ttl had passed
  std::optional<std::uint64_t> lost_lookups;     ///< the same, but evicted, or removed by others
  std::optional<std::uint64_t> renewals;         ///< blocks whose ttl a use renewed
  std::optional<std::uint64_t> expired_values, evicted_values;  ///< what a server of this run's own says of itself
};

/// Counted since the last clear().
struct BackendStats {
  std::uint64_t insertions = 0;  ///< blocks stored completely
  std::optional<std::uint64_t> evictions;
  std::uint64_t orphan_bytes = 0;                       ///< left of blocks that had lost a value, and removed
  std::uint64_t wire_in_bytes = 0, wire_out_bytes = 0;  ///< through sockets, protocol included; 0 for local memory
  std::optional<Bytes> used;
  LifetimeCounts lifetimes = {};
  std::vector<std::string> warnings = {};  ///< what makes the figures doubtful
};

class Backend {
 public:
  virtual ~Backend() = default;
  /// Allocates, spawns, connects and says hello. Fails before anything is measured.
  virtual Result<void> start(const Needs& needs) = 0;
  virtual Capabilities capabilities() const = 0;
  virtual ServerInfo server() const = 0;
  virtual Result<std::unique_ptr<Session>> open() = 0;
  virtual Result<BackendStats> stats() = 0;
  /// How a person finds this value in the backend: "kvkit:3f2a:...", or "block 17, part 0".
  virtual std::string key_text(const Key& key, std::uint32_t part) const {
    return "block " + std::to_string(key.block) + ", part " + std::to_string(part);
  }
  /// Removes everything that this run wrote, and only that. No session may be in use.
  virtual Result<void> clear() = 0;
};

}  // namespace kv
