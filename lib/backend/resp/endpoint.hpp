#pragma once
#include <atomic>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "base/units.hpp"
#include "net/tls.hpp"
#include "net/transport.hpp"

namespace kv::resp {

/// What a server may take for an answer once the run is to stop: a healthy one needs far less, a stalled one is left.
inline constexpr Duration kLastWait = std::chrono::seconds(1);

/// What all connections to a server together may have asked for and not received. A server keeps each value of a reply
/// in fresh memory until it is sent: more under way wins nothing and costs it page faults (here, GET of 1 MiB values
/// over a unix socket: 5.9 GB/s with 4 MiB under way, 3.2 with 16, 1.0 with 32).
inline constexpr Bytes kInFlight = 4_MiB;

/// The newest RESP that the hiredis we are built with can read: 3 since its version 1.0, else 2.
extern const int kNewestProtocol;
/// "hiredis 0.14.1 (RESP2)".
std::string protocol_library();

/// Where a server is and who we are there.
struct Endpoint {
  std::string host;  ///< or, if empty, `socket_path`
  std::uint16_t port = 6379;
  std::string socket_path;
  std::string user, password;
  std::uint64_t database = 0;
  std::shared_ptr<const net::TlsContext> tls{};  ///< null: in the clear
  Bytes send_buffer{0};                          ///< of the socket; 0: see net::tune
  Bytes max_in_flight = kInFlight;               ///< of this connection's values; one is always let through
  int protocol = kNewestProtocol;                ///< RESP3 is asked for with HELLO; a server that refuses gets RESP2
  Duration connect_timeout = std::chrono::seconds(2);
  Duration spin{0};                         ///< see net::wait_for
  const std::atomic<bool>* stop = nullptr;  ///< once true, nothing is waited for longer than kLastWait

  bool stopping() const { return stop != nullptr && *stop; }
  std::string where() const;  ///< "host:6379" or the path: no secrets
};

/// Connected, TLS included, within Endpoint::connect_timeout. Code::unavailable names the server.
Result<std::unique_ptr<net::Transport>> connect(const Endpoint& endpoint);

}  // namespace kv::resp
