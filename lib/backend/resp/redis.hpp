#pragma once
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "backend/backend.hpp"
#include "backend/resp/private_server.hpp"
#include "backend/resp/server_info.hpp"
#include "backend/resp/session.hpp"

namespace kv::resp {

struct RedisOptions {
  Endpoint endpoint;   ///< of a server that runs already
  bool spawn = false;  ///< instead, start one of our own as private_server says
  PrivateServerOptions private_server;
  TtlRule ttl;
  Duration timeout = std::chrono::seconds(10);
  std::size_t chunk_bytes = kDefaultChunkBytes;  ///< the largest value
  std::uint32_t connections = 1;                 ///< of each session
};

/// A server that speaks RESP. On one that it did not start it writes under "kvkit:NAME_SPACE:" only, with a TTL, and
/// neither flushes nor configures anything.
class RedisBackend final : public Backend {
 public:
  explicit RedisBackend(RedisOptions options) : options_(std::move(options)) {}

  /// Needs::name_space: letters, digits, '.', '_' and '-', at most 64.
  Result<void> start(const Needs& needs) override;
  Capabilities capabilities() const override;
  ServerInfo server() const override { return server_; }
  /// Where the server is, once start() has succeeded, and when what is stored there expires.
  const Endpoint& endpoint() const { return options_.endpoint; }
  const std::optional<Duration>& ttl() const { return options_.ttl.full; }
  Result<std::unique_ptr<Session>> open() override;
  Result<BackendStats> stats() override;
  std::string key_text(const Key& key, std::uint32_t part) const override;
  Result<void> clear() override;

 private:
  template <class Work>
  auto on_control(const Work& work) -> decltype(work(std::declval<Connection&>()));
  Result<void> introduce();
  Result<void> try_permissions(Connection& connection, TimePoint deadline);
  Result<void> remove(Connection& connection, std::span<const Key> keys);
  Result<void> remove_batch(Connection& connection, std::string_view command, std::span<const Key> keys);
  std::optional<Info> private_info();
  void count_lifetimes(BackendStats& out) const;
  std::size_t names_per_block() const;
  TimePoint deadline() const { return std::chrono::steady_clock::now() + options_.timeout; }

  RedisOptions options_;
  std::unique_ptr<PrivateServer> private_server_;
  std::shared_ptr<Common> common_;
  std::unique_ptr<Connection> control_;
  ServerInfo server_;
  /// Values that our own server has expired and evicted; none: not told.
  struct Removals {
    std::optional<std::uint64_t> expired, evicted;
  } removed_before_;  // the last clear()
  Removals removals();
  std::size_t max_body_bytes_ = 0;
  std::uint32_t sessions_ = 1;
};

}  // namespace kv::resp
