#include "probe/wire.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <system_error>

#include "backend/resp/socket.hpp"
#include "base/parse.hpp"

namespace kv::probe {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr int kUnixBuffer = 1 << 20;
constexpr std::size_t kMaxHostBytes = 255;  // RFC 1035

std::string why(int code) { return std::generic_category().message(code); }
tl::unexpected<Error> lost(std::string_view doing, int code) {
  return error(Code::io, fmt::format("connection lost while {}: {}", doing, why(code)));
}
tl::unexpected<Error> no_socket(int code) {
  return error(Code::unavailable, fmt::format("no socket to be had: {}", why(code)));
}

sockaddr* generic(sockaddr_storage& address) { return reinterpret_cast<sockaddr*>(&address); }

/// The address of one end of a socket; family AF_UNSPEC where there is none.
sockaddr_storage address_of(int fd, int (*of)(int, sockaddr*, socklen_t*)) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (of(fd, generic(address), &size) != 0) address.ss_family = AF_UNSPEC;
  return address;
}

template <class Address>
Address as(const sockaddr_storage& from) {
  Address to{};
  std::memcpy(&to, &from, sizeof to);
  return to;
}

/// 16 bytes that tell hosts apart: an IPv4 address as IPv6 maps it.
in6_addr host_of(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET6) return as<sockaddr_in6>(address).sin6_addr;
  in6_addr mapped{};
  mapped.s6_addr[10] = mapped.s6_addr[11] = 0xff;
  const in_addr v4 = as<sockaddr_in>(address).sin_addr;
  std::memcpy(&mapped.s6_addr[12], &v4, sizeof v4);
  return mapped;
}

bool is_loopback(const in6_addr& host) {
  if (IN6_IS_ADDR_V4MAPPED(&host)) return host.s6_addr[12] == 127;
  return IN6_IS_ADDR_LOOPBACK(&host);
}

std::uint16_t port_of(const sockaddr_storage& address) {
  return ntohs(address.ss_family == AF_INET6 ? as<sockaddr_in6>(address).sin6_port : as<sockaddr_in>(address).sin_port);
}

std::string text_of(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET6) {
    const in6_addr host = host_of(address);
    inet_ntop(AF_INET6, &host, text, sizeof text);
    return fmt::format("[{}]:{}", text, port_of(address));
  }
  const in_addr host = as<sockaddr_in>(address).sin_addr;
  inet_ntop(AF_INET, &host, text, sizeof text);
  return fmt::format("{}:{}", text, port_of(address));
}

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

Result<Addresses> resolve(const HostPort& address, int flags) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const std::string host = address.host.empty() ? "127.0.0.1" : address.host;
  const int code = getaddrinfo(host.c_str(), std::to_string(address.port).c_str(), &wanted, &found);
  if (code != 0) {
    return error(Code::unavailable, fmt::format("'{}' cannot be resolved: {}", host, gai_strerror(code)),
                 "check the host's name");
  }
  return Addresses(found);
}

/// 0, or why not.
int connect_within(int fd, const addrinfo& to, TimePoint until) {
  set_nonblocking(fd);
  if (connect(fd, to.ai_addr, to.ai_addrlen) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  pollfd entry{fd, POLLOUT, 0};
  const auto ready = resp::wait_for({&entry, 1}, until, Duration(0));
  if (!ready) return EIO;
  if (!*ready) return ETIMEDOUT;
  int code = 0;
  socklen_t size = sizeof code;
  return getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size) == 0 ? code : errno;
}

bool would_block(int code) { return code == EAGAIN || code == EWOULDBLOCK; }

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) close(fd_);
}

Result<Ends> tcp_ends() {
  auto listener = listen_at({});
  if (!listener) return error(listener);
  sockaddr_storage where = address_of(listener->socket.fd(), getsockname);
  Ends ends;
  ends.near = Descriptor(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!ends.near.open() || connect(ends.near.fd(), generic(where), sizeof(sockaddr_in)) != 0) return no_socket(errno);
  const std::uint16_t ours = port_of(address_of(ends.near.fd(), getsockname));
  // Somebody else on this host may have been quicker: whoever is not us is sent away.
  while (!ends.far.open()) {
    Descriptor accepted(accept4(listener->socket.fd(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!accepted.open()) return no_socket(errno);
    if (port_of(address_of(accepted.fd(), getpeername)) == ours) ends.far = std::move(accepted);
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

Result<HostPort> parse_host_port(std::string_view text) {
  const auto malformed = [&](std::string_view what) {
    return error(Code::bad_input, fmt::format("{} {}", quote(text), what),
                 "write HOST:PORT, [IPV6]:PORT, or :PORT for loopback");
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return malformed("names no port");
  HostPort out;
  const std::string_view port = text.substr(colon + 1);
  const auto parsed = std::from_chars(port.data(), port.data() + port.size(), out.port);
  if (port.empty() || parsed.ec != std::errc() || parsed.ptr != port.data() + port.size()) {
    return malformed("ends in no port between 0 and 65535");
  }
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
  const bool colons = host.find(':') != std::string_view::npos;
  if (colons && !bracketed) return malformed("is an IPv6 address without its brackets");
  if (host.size() > kMaxHostBytes || (!bracketed && host.find_first_not_of(kLetters) != std::string_view::npos)) {
    return malformed("names no host");
  }
  out.host = host;
  return out;
}

Result<Descriptor> connect_to(const HostPort& address, Duration limit) {
  const auto found = resolve(address, 0);
  if (!found) return error(found);
  const TimePoint until = SteadyClock::now() + limit;
  int code = ENOENT;
  for (const addrinfo* at = found->get(); at != nullptr; at = at->ai_next) {
    Descriptor socket_(socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!socket_.open()) return no_socket(errno);
    code = connect_within(socket_.fd(), *at, until);
    if (code != 0) continue;
    tune(socket_.fd());
    return socket_;
  }
  return error(Code::unavailable, fmt::format("cannot connect to {}:{}: {}", address.host, address.port, why(code)),
               "is kvbench peer --listen running there?");
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
    return error(Code::unavailable, fmt::format("cannot listen at {}:{}: {}", address.host, address.port, why(errno)),
                 "choose an address of this host and a port that is free");
  }
  const sockaddr_storage bound = address_of(out.socket.fd(), getsockname);
  out.at = text_of(bound);
  out.loopback = is_loopback(host_of(bound));
  return out;
}

bool is_on_this_host(int fd) {
  const sockaddr_storage ours = address_of(fd, getsockname), theirs = address_of(fd, getpeername);
  if (theirs.ss_family == AF_UNIX) return true;
  if (theirs.ss_family != AF_INET && theirs.ss_family != AF_INET6) return false;
  const in6_addr here = host_of(ours), there = host_of(theirs);
  return is_loopback(there) || std::memcmp(&here, &there, sizeof here) == 0;
}

void tune(int fd) {
  const int on = 1, room = kUnixBuffer;
  if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0) return;
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

}  // namespace kv::probe
