#pragma once
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "backend/resp/chunks.hpp"
#include "backend/resp/connection.hpp"
#include "backend/resp/key_log.hpp"
#include "backend/resp/key_names.hpp"
#include "backend/resp/lifetimes.hpp"
#include "backend/resp/ttl.hpp"
#include "base/random.hpp"

namespace kv::resp {

/// What all sessions of one backend share.
struct Common {
  Endpoint endpoint;
  KeyNames names;
  std::uint32_t parts = 1;
  TtlCommands ttl;
  Duration timeout = std::chrono::seconds(10);  ///< for a batch, where its deadline is not nearer
  std::size_t chunk_bytes = kDefaultChunkBytes;
  std::uint32_t connections = 1;      ///< of each session
  std::uint32_t get_connections = 1;  ///< of them, those that values are asked for over at once: see kInFlight
  std::uint64_t most_body_bytes = kMaxValueBytes;  ///< of one part: a manifest that claims more is garbled

  std::uint64_t session_seed = 0;  ///< of backoffs: unlike that of other processes

  std::atomic<std::uint64_t> insertions = 0, wire_in = 0, wire_out = 0;
  std::atomic<std::uint64_t> orphan_bytes = 0;    ///< of blocks that had lost a chunk
  std::atomic<std::uint64_t> refused_stores = 0;  ///< values that a full server did not take
  std::atomic<bool> unlinks = true;               ///< whether the server takes UNLINK; else DEL
  std::atomic<bool> touches = true;               ///< whether the server takes, and makes use of, TOUCH
  std::atomic<bool> renews = true;                ///< whether the server takes PEXPIRE; asked in sliding mode only
  Lifetimes lifetimes = {};
  std::mutex mutex = {};  ///< of `logs` and `renewal_refusal`
  std::vector<std::shared_ptr<KeyLog>> logs = {};
  std::string renewal_refusal = {};

  /// The server has refused PEXPIRE with these words: it is not asked again.
  void refuse_renewal(std::string_view words);
};

/// When to try again after a failure: 50 ms, doubling to 2 s, each halved at most by chance so that sessions spread.
class Backoff {
 public:
  explicit Backoff(std::uint64_t seed) : random_(seed) {}
  void failed(TimePoint now);
  void succeeded() { delay_ = Duration(0); }
  TimePoint until() const { return until_; }

 private:
  Random random_;
  Duration delay_{0};
  TimePoint until_{};
};

/// One of a session's connections. One that broke or timed out is closed and made anew when next used, not before its
/// backoff has passed: until then connect() fails at once.
class Lane {
 public:
  Lane(Common& common, std::uint64_t seed) : common_(common), backoff_(seed) {}

  /// Not after `until`; where the run is to stop, not at all.
  Result<void> connect(TimePoint until = TimePoint::max());
  void disconnect(const Error& why);
  bool connected() const { return connection_ != nullptr; }
  Connection& connection() { return *connection_; }
  /// A batch has come to its end: adds what it moved to Common, and forgives earlier failures.
  void batch_ended();

 private:
  void count_wire();

  Common& common_;
  std::unique_ptr<Connection> connection_;
  Backoff backoff_;
  std::string last_trouble_;
  std::uint64_t counted_in_ = 0, counted_out_ = 0;  // of connection_'s bytes
};

}  // namespace kv::resp
