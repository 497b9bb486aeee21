#pragma once
#include <sys/uio.h>

#include <span>
#include <string>

#include "base/units.hpp"
#include "net/address.hpp"
#include "net/descriptor.hpp"

namespace kv::net {

/// Connected stream sockets, non-blocking and tuned (see tune), made within `limit` in all; Code::unavailable says why
/// not, and does not name the address. `send_buffer`: as tune takes it.
Result<Descriptor> connect_tcp(const HostPort& address, Duration limit, Bytes send_buffer = Bytes(0));
/// Code::bad_input: no socket can have such a path.
Result<Descriptor> connect_unix(const std::string& path, Duration limit, Bytes send_buffer = Bytes(0));

/// Bound and listening; an empty host means loopback. `port` 0 takes a free one. Says where in `at`, and whether only
/// this host can reach it.
struct Listener {
  Descriptor socket;
  std::string at;
  bool loopback = true;
};
Result<Listener> listen_at(const HostPort& address);

/// Two connected ends on this host, blocking and tuned; TCP ones go over 127.0.0.1.
struct Ends {
  Descriptor near, far;
};
Result<Ends> tcp_ends();
Result<Ends> unix_ends();

/// TCP_NODELAY, and for a unix socket a send buffer that holds a piece of 1 MiB: the default holds a fifth of it and
/// makes both sides wait in turns. TCP's buffers are left to the kernel, which fits them to the path. `send_buffer`, if
/// not 0, is what either is given instead.
void tune(int fd, Bytes send_buffer = Bytes(0));
void set_nonblocking(int fd);

/// Bytes moved, 0 if that would block; an Error (Code::io) if the connection is over.
Result<std::size_t> send_pieces(int fd, std::span<iovec> pieces);
Result<std::size_t> receive_pieces(int fd, std::span<iovec> pieces);

}  // namespace kv::net
