#pragma once
#include <atomic>
#include <functional>
#include <list>
#include <string>
#include <thread>

#include "net/socket.hpp"

namespace kv::probe {

struct PeerOptions {
  std::string token;  ///< at most kMaxTokenBytes; empty: none is asked for
  std::size_t max_connections = 64;
  Duration idle_limit = std::chrono::minutes(1);  ///< a connection on which nothing moves for so long is closed
};

/// The far end of a raw-limit measurement: serves connections, a thread each, that do nothing but move bytes between
/// the socket and fixed buffers (1 MiB a connection, and 64 MiB for all to send from), whatever sizes are asked for.
/// Destroying it ends all of them.
class PeerServer {
 public:
  explicit PeerServer(PeerOptions options);
  ~PeerServer();
  PeerServer(const PeerServer&) = delete;
  PeerServer& operator=(const PeerServer&) = delete;

  /// Serves `connection` from now on; Code::unavailable if there are max_connections already, or no thread is to be
  /// had.
  Result<void> serve(net::Descriptor connection);
  /// Accepts and serves until `stop`. `tell` gets a line for each connection that was refused or broke the protocol.
  Result<void> listen(const net::Listener& listener, const std::atomic<bool>& stop,
                      const std::function<void(const std::string&)>& tell);

 private:
  struct Connection {
    net::Descriptor socket;
    std::thread thread;
    std::atomic<bool> over = false;
    std::string refusal;  // written before `over`
  };
  void converse(Connection& connection) const;
  void reap(const std::function<void(const std::string&)>& tell);

  PeerOptions options_;
  std::list<Connection> connections_;
};

}  // namespace kv::probe
