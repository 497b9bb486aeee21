#include "net/socket.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <system_error>

#include "net/wait.hpp"

namespace kv::net {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr Bytes kUnixBuffer = 1_MiB;

std::string why(int code) { return std::generic_category().message(code); }
tl::unexpected<Error> lost(std::string_view doing, int code) {
  return error(Code::io, fmt::format("connection lost while {}: {}", doing, why(code)));
}
tl::unexpected<Error> no_socket(int code) {
  return error(Code::unavailable, fmt::format("no socket to be had: {}", why(code)));
}

template <class Address>
sockaddr* generic(Address& address) {
  return reinterpret_cast<sockaddr*>(&address);
}

bool would_block(int code) { return code == EAGAIN || code == EWOULDBLOCK; }

/// 0, or why not.
int finish_connecting(int fd, TimePoint until) {
  pollfd entry{fd, POLLOUT, 0};
  const auto ready = wait_for({&entry, 1}, until, Duration(0));
  if (!ready) return EIO;
  if (!*ready) return ETIMEDOUT;
  int code = 0;
  socklen_t code_size = sizeof code;
  return getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &code_size) == 0 ? code : errno;
}

int connect_within(int fd, const sockaddr* to, socklen_t size, TimePoint until) {
  constexpr Duration kQueueFull = std::chrono::milliseconds(1);
  set_nonblocking(fd);
  while (connect(fd, to, size) != 0) {
    if (errno == EINPROGRESS) return finish_connecting(fd, until);
    if (errno != EAGAIN) return errno;  // else a unix socket whose queue of callers is full
    if (SteadyClock::now() >= until) return ETIMEDOUT;
    static_cast<void>(wait_for({}, SteadyClock::now() + kQueueFull, Duration(0)));
  }
  return 0;
}

}  // namespace

Result<Descriptor> connect_tcp(const HostPort& address, Duration limit, Bytes send_buffer) {
  const auto found = resolve(address, 0);
  if (!found) return error(found);
  const TimePoint until = SteadyClock::now() + limit;
  int code = ENOENT, left = 0;
  for (const addrinfo* at = found->get(); at != nullptr; at = at->ai_next) ++left;
  for (const addrinfo* at = found->get(); at != nullptr; at = at->ai_next, --left) {
    // A share each, so that an address whose packets vanish leaves time for the next.
    const TimePoint now = SteadyClock::now(), share = now + std::max(until - now, Duration(0)) / left;
    Descriptor out(socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!out.open()) {
      code = errno;
      continue;
    }
    code = connect_within(out.fd(), at->ai_addr, at->ai_addrlen, share);
    if (code != 0) continue;
    tune(out.fd(), send_buffer);
    return out;
  }
  return error(Code::unavailable, why(code));
}

Result<Descriptor> connect_unix(const std::string& path, Duration limit, Bytes send_buffer) {
  sockaddr_un address{};
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return error(Code::bad_input, fmt::format("no socket can have a path of {} bytes", path.size()));
  }
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, path.size());
  Descriptor out(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!out.open()) return no_socket(errno);
  const int code = connect_within(out.fd(), generic(address), sizeof address, SteadyClock::now() + limit);
  if (code != 0) return error(Code::unavailable, why(code));
  tune(out.fd(), send_buffer);
  return out;
}

Result<Listener> listen_at(const HostPort& address) {
  const auto found = resolve(address, AI_PASSIVE);
  if (!found) return error(found);
  Listener out;
  out.socket = Descriptor(socket((*found)->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!out.socket.open()) return no_socket(errno);
  const int on = 1;
  setsockopt(out.socket.fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(out.socket.fd(), (*found)->ai_addr, (*found)->ai_addrlen) != 0 || listen(out.socket.fd(), 16) != 0) {
    return error(Code::unavailable, fmt::format("cannot listen at {}: {}", text_of(address), why(errno)),
                 "choose an address of this host and a port that is free");
  }
  const sockaddr_storage bound = near_address(out.socket.fd());
  out.at = text_of(bound);
  out.loopback = is_loopback(bound);
  return out;
}

Result<Ends> tcp_ends() {
  auto listener = listen_at({});
  if (!listener) return error(listener);
  sockaddr_storage where = near_address(listener->socket.fd());
  Ends ends;
  ends.near = Descriptor(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!ends.near.open() || connect(ends.near.fd(), generic(where), sizeof(sockaddr_in)) != 0) return no_socket(errno);
  const std::uint16_t ours = port_of(near_address(ends.near.fd()));
  // Somebody else on this host may have been quicker: whoever is not us is sent away.
  while (!ends.far.open()) {
    Descriptor accepted(accept4(listener->socket.fd(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!accepted.open()) return no_socket(errno);
    if (port_of(far_address(accepted.fd())) == ours) ends.far = std::move(accepted);
  }
  tune(ends.near.fd());
  tune(ends.far.fd());
  return ends;
}

Result<Ends> unix_ends() {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) return no_socket(errno);
  Ends ends;
  ends.near = Descriptor(fds[0]);
  ends.far = Descriptor(fds[1]);
  tune(ends.near.fd());
  tune(ends.far.fd());
  return ends;
}

void tune(int fd, Bytes send_buffer) {
  const int on = 1;
  const bool tcp = setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0;
  if (send_buffer == Bytes(0)) {
    if (tcp) return;
    send_buffer = kUnixBuffer;
  }
  const auto room = static_cast<int>(std::min<std::uint64_t>(send_buffer.count(), std::numeric_limits<int>::max()));
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
}

void set_nonblocking(int fd) { fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }

Result<std::size_t> send_pieces(int fd, std::span<iovec> pieces) {
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = pieces.size();
  while (true) {
    const ssize_t n = sendmsg(fd, &message, MSG_NOSIGNAL);
    if (n >= 0) return static_cast<std::size_t>(n);
    if (would_block(errno)) return 0;
    if (errno != EINTR) return lost("sending", errno);
  }
}

Result<std::size_t> receive_pieces(int fd, std::span<iovec> pieces) {
  while (true) {
    const ssize_t n = readv(fd, pieces.data(), static_cast<int>(pieces.size()));
    if (n > 0) return static_cast<std::size_t>(n);
    if (n == 0) return error(Code::io, "the other end closed the connection");
    if (would_block(errno)) return 0;
    if (errno != EINTR) return lost("receiving", errno);
  }
}

}  // namespace kv::net
