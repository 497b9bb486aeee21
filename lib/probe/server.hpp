#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backend/registry.hpp"
#include "backend/resp/redis.hpp"
#include "probe/resp_lane.hpp"

namespace kv::probe {

enum class Transport { tcp, unix_socket, tls };
std::string_view transport_name(Transport transport);  ///< "tcp"

/// The server that is probed, beside its lanes: introduces itself, holds the values of a ring, tells its CPU time. All
/// keys that it writes begin with "kvkit:probe-" and a random number; they are removed when it is destroyed, whatever
/// happened, and expire where the SPEC has a ttl. Not thread-safe.
class Server {
 public:
  /// Starts (spawn+redis:) or connects. Code::bad_input for a backend that is no server.
  static Result<std::unique_ptr<Server>> open(const BackendSpec& spec, const std::atomic<bool>* stop);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  ServerInfo info() const { return backend_->server(); }
  Transport transport() const { return transport_; }
  bool on_this_host() const { return on_this_host_; }
  Duration spin() const { return backend_->endpoint().spin; }
  Duration patience() const { return patience_; }
  const resp::SetCommand& set_command() const { return set_; }
  /// One of so many connections that are used at once.
  Result<std::unique_ptr<resp::Connection>> connect(std::uint32_t of = 1) const;

  /// Stores `value` under every key of a new ring of at most `most_values`, and removes the last ring. The ring takes
  /// at most a quarter of the memory that the server has left, and 64 MiB; Code::unavailable if not even one value
  /// fits, or in the server's own words.
  Result<Ring> store(const Cut& cut, std::span<const std::byte> value, std::uint32_t most_values);
  /// What one value of the ring takes in the server's memory (MEMORY USAGE), over `value_bytes`; nullopt: not told.
  std::optional<double> memory_ratio(const Ring& ring, const Cut& cut);
  /// CPU time that the server has used so far; nullopt: not told.
  std::optional<double> cpu_s();
  /// Whether it still answers.
  Result<void> ping();

 private:
  explicit Server(const BackendSpec& spec);
  TimePoint deadline() const { return std::chrono::steady_clock::now() + patience_; }
  std::optional<std::uint64_t> memory_left();
  Result<void> send_values(const Ring& ring, const Cut& cut, std::span<const std::byte> value);
  void remove_all();

  std::unique_ptr<Backend> owner_;
  resp::RedisBackend* backend_ = nullptr;  // *owner_
  std::unique_ptr<resp::Connection> control_;
  std::string prefix_;
  std::vector<std::string> written_;  // keys that may be there
  resp::SetCommand set_{std::nullopt};
  Duration patience_;
  Transport transport_ = Transport::tcp;
  bool on_this_host_ = false;
};

}  // namespace kv::probe
