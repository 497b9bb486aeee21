#pragma once
#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "backend/backend.hpp"
#include "backend/resp/connection.hpp"
#include "backend/resp/key_log.hpp"
#include "base/random.hpp"

namespace kv::resp {

/// The names of a run's values: "kvkit:NAME_SPACE:SPACE:BLOCK:PART".
class KeyNames {
 public:
  static constexpr std::size_t kMaxNameSpace = 64;
  /// Letters, digits, '.', '_' and '-', at most kMaxNameSpace of them; at least one.
  static bool allows(std::string_view name_space);

  explicit KeyNames(std::string_view name_space);
  using Buffer = std::array<char, 128>;
  std::string_view write(const Key& key, std::uint32_t part, Buffer& into) const;
  std::string text(const Key& key, std::uint32_t part) const;

 private:
  std::string prefix_;
};

/// What all sessions of one backend share.
struct Common {
  Endpoint endpoint;
  KeyNames names;
  std::uint32_t parts = 1;
  SetCommand set;
  Duration timeout = std::chrono::seconds(10);  ///< for a batch, where its deadline is not nearer

  std::atomic<std::uint64_t> insertions = 0, wire_in = 0, wire_out = 0;
  std::atomic<bool> touches = true;  ///< whether the server takes, and makes use of, TOUCH
  std::mutex mutex = {};             ///< of `logs`
  std::vector<std::shared_ptr<KeyLog>> logs = {};
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

/// One worker's connection to a RESP server. A connection that broke or timed out is closed and made anew when next
/// used, not before its backoff has passed: until then everything fails at once.
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
  RespSession(std::shared_ptr<Common> common, std::shared_ptr<KeyLog> log, std::uint64_t seed);

  Result<void> connect();
  void disconnect(const Error& why);
  void count_wire();
  Result<void> look_up(Lease& lease);
  void add_command(std::string_view command, const Key& key);
  bool holds(const Lease& lease, std::size_t block) const;
  Done outcome(std::uint32_t op);
  void end_rest(std::vector<Done>& done, Done::Outcome outcome, const std::string& why);

  struct Moving {
    Op::Kind kind;
    std::uint32_t block;
    std::size_t header_bytes, body_bytes;
  };

  std::shared_ptr<Common> common_;
  std::shared_ptr<KeyLog> log_;
  std::unique_ptr<Connection> connection_;
  Backoff backoff_;
  std::string last_trouble_;
  std::uint64_t counted_in_ = 0, counted_out_ = 0;  // of connection_'s bytes
  std::vector<Moving> batch_;
  std::uint32_t answered_ = 0;               // of batch_
  std::string not_started_;                  // why the batch could not even begin
  std::vector<std::uint32_t> parts_stored_;  // per block of the lease
  std::vector<KeyNames::Buffer> names_;      // scratch of add_command, as are the words
  std::vector<std::string_view> words_;
};

}  // namespace kv::resp
