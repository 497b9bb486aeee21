#include "backend/resp/endpoint.hpp"

#include <fmt/format.h>
#include <hiredis/hiredis.h>

#include <algorithm>

#include "net/socket.hpp"

namespace kv::resp {

const int kNewestProtocol = HIREDIS_MAJOR >= 1 ? 3 : 2;

std::string protocol_library() {
  return fmt::format("hiredis {}.{}.{} (RESP{})", HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH, kNewestProtocol);
}

std::string Endpoint::where() const { return host.empty() ? socket_path : net::text_of(net::HostPort{host, port}); }

Result<std::unique_ptr<net::Transport>> connect(const Endpoint& endpoint) {
  const Duration limit = endpoint.stopping() ? std::min(endpoint.connect_timeout, kLastWait) : endpoint.connect_timeout;
  auto socket = endpoint.host.empty() ? net::connect_unix(endpoint.socket_path, limit, endpoint.send_buffer)
                                      : net::connect_tcp({endpoint.host, endpoint.port}, limit, endpoint.send_buffer);
  if (!socket) {
    return error(Code::unavailable, fmt::format("cannot connect to {}: {}", endpoint.where(), socket.error().message),
                 "is a server running there? kvbench starts one of its own for --backend spawn+redis:");
  }
  auto transport = net::over_socket(std::move(*socket));
  if (!endpoint.tls) return transport;
  const TimePoint until = std::chrono::steady_clock::now() + limit;  // resolving a name may have taken its own time
  auto secured =
      endpoint.tls->connect(std::move(transport), endpoint.host.empty() ? "localhost" : endpoint.host, until);
  if (secured) return secured;
  const Error& why = secured.error();
  return error(why.code, fmt::format("cannot connect to {}: {}", endpoint.where(), why.message), why.hint);
}

}  // namespace kv::resp
