#pragma once
#include <sys/uio.h>

#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "base/result.hpp"
#include "base/units.hpp"

namespace kv::probe {

/// A file descriptor that is closed with its owner.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  int fd() const { return fd_; }
  bool open() const { return fd_ >= 0; }

 private:
  int fd_;
};

/// Two connected ends on this host, blocking; TCP ones go over 127.0.0.1.
struct Ends {
  Descriptor near, far;
};
Result<Ends> tcp_ends();
Result<Ends> unix_ends();

/// Host and port as the user writes them: "HOST:PORT", "[::1]:PORT", ":PORT" (host empty).
struct HostPort {
  std::string host;
  std::uint16_t port = 0;
};
Result<HostPort> parse_host_port(std::string_view text);

/// Connected within `limit`; Code::unavailable names the address.
Result<Descriptor> connect_to(const HostPort& address, Duration limit);
/// Bound and listening; an empty host means loopback. `port` 0 takes a free one. Says where in `at`, and whether only
/// this host can reach it.
struct Listener {
  Descriptor socket;
  std::string at;
  bool loopback = true;
};
Result<Listener> listen_at(const HostPort& address);

/// Whether the other end of a connected socket is on this host: a unix socket, a loopback address, or the address that
/// our own end has. Where the kernel tells neither, it is not.
bool is_on_this_host(int fd);

/// TCP_NODELAY, and for a unix socket buffers that hold a piece: the default holds a fifth of 1 MiB and makes both
/// sides wait in turns.
void tune(int fd);
void set_nonblocking(int fd);

/// Bytes moved, 0 if that would block; an Error (Code::io) if the connection is over.
Result<std::size_t> send_pieces(int fd, std::span<iovec> pieces);
Result<std::size_t> receive_pieces(int fd, std::span<iovec> pieces);

}  // namespace kv::probe
