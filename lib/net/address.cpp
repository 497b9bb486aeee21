#include "net/address.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>

#include <charconv>
#include <cstring>

#include "base/parse.hpp"

namespace kv::net {
namespace {

constexpr std::size_t kMaxHostBytes = 255;  // RFC 1035

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

sockaddr_storage address_of(int fd, int (*of)(int, sockaddr*, socklen_t*)) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (of(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) address.ss_family = AF_UNSPEC;
  return address;
}

}  // namespace

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

std::string text_of(const HostPort& address) {
  const bool colons = address.host.find(':') != std::string::npos;
  return colons ? fmt::format("[{}]:{}", address.host, address.port) : fmt::format("{}:{}", address.host, address.port);
}

void FreeAddresses::operator()(addrinfo* list) const { freeaddrinfo(list); }

Result<Addresses> resolve(const HostPort& address, int flags) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const std::string host = address.host.empty() ? "127.0.0.1" : address.host;
  const std::string port = std::to_string(address.port);
  int code = getaddrinfo(host.c_str(), port.c_str(), &wanted, &found);
  // Always loopback (RFC 6761, 6.3), also where there is no /etc/hosts, as in a bare chroot.
  if (code != 0 && host == "localhost") code = getaddrinfo("127.0.0.1", port.c_str(), &wanted, &found);
  if (code != 0) {
    return error(Code::unavailable, fmt::format("'{}' cannot be resolved: {}", host, gai_strerror(code)),
                 "check the host's name");
  }
  return Addresses(found);
}

std::string text_of(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET6) {
    const in6_addr host = host_of(address);
    inet_ntop(AF_INET6, &host, text, sizeof text);
  } else {
    const in_addr host = as<sockaddr_in>(address).sin_addr;
    inet_ntop(AF_INET, &host, text, sizeof text);
  }
  return text_of(HostPort{text, port_of(address)});
}

std::uint16_t port_of(const sockaddr_storage& address) {
  return ntohs(address.ss_family == AF_INET6 ? as<sockaddr_in6>(address).sin6_port : as<sockaddr_in>(address).sin_port);
}

bool is_loopback(const sockaddr_storage& address) {
  const in6_addr host = host_of(address);
  if (IN6_IS_ADDR_V4MAPPED(&host)) return host.s6_addr[12] == 127;
  return IN6_IS_ADDR_LOOPBACK(&host);
}

sockaddr_storage near_address(int fd) { return address_of(fd, getsockname); }
sockaddr_storage far_address(int fd) { return address_of(fd, getpeername); }

bool is_numeric(const std::string& host) {
  in6_addr room{};
  return inet_pton(AF_INET, host.c_str(), &room) == 1 || inet_pton(AF_INET6, host.c_str(), &room) == 1;
}

bool is_on_this_host(int fd) {
  const sockaddr_storage ours = near_address(fd), theirs = far_address(fd);
  if (theirs.ss_family == AF_UNIX) return true;
  if (theirs.ss_family != AF_INET && theirs.ss_family != AF_INET6) return false;
  const in6_addr here = host_of(ours), there = host_of(theirs);
  return is_loopback(theirs) || std::memcmp(&here, &there, sizeof here) == 0;
}

}  // namespace kv::net
