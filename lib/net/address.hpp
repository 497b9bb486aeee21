#pragma once
#include <sys/socket.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"

struct addrinfo;

namespace kv::net {

/// Host and port as the user writes them: "HOST:PORT", "[::1]:PORT", ":PORT" (host empty).
struct HostPort {
  std::string host;
  std::uint16_t port = 0;
};
Result<HostPort> parse_host_port(std::string_view text);
/// "host:6379", "[::1]:6379".
std::string text_of(const HostPort& address);

struct FreeAddresses {
  void operator()(addrinfo* list) const;
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;
/// All addresses of a host, in the resolver's order; an empty host means loopback. `flags` as getaddrinfo takes them.
/// Code::unavailable: there is no such host. It waits for the resolver as long as that takes.
Result<Addresses> resolve(const HostPort& address, int flags);

/// An address in numbers, "127.0.0.1:6379".
std::string text_of(const sockaddr_storage& address);
std::uint16_t port_of(const sockaddr_storage& address);
bool is_loopback(const sockaddr_storage& address);
/// The address of our end of a socket, or of the other; family AF_UNSPEC where there is none.
sockaddr_storage near_address(int fd);
sockaddr_storage far_address(int fd);

/// Whether the text is an IPv4 or IPv6 address in numbers, rather than a name.
bool is_numeric(const std::string& host);
/// Whether the other end of a connected socket is on this host: a unix socket, a loopback address, or the address that
/// our own end has. Where the kernel tells neither, it is not.
bool is_on_this_host(int fd);

}  // namespace kv::net
