#include "probe/peer_server.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <vector>

#include "probe/peer_protocol.hpp"

namespace kv::probe {
namespace {

constexpr std::size_t kPiece = 1 << 20;
constexpr int kLookMs = 100;

constexpr std::size_t kPatternPieces = 64;

/// What everybody is sent: never written after it was made. As much as the values of a ring, one piece after the other:
/// a server reads what it sends out of memory, and what is sent out of the cache again and again is no limit to that
/// (over TCP here 9 GB/s instead of 7).
const std::vector<std::byte>& pattern() {
  static const std::vector<std::byte> kPattern(kPatternPieces * kPiece, std::byte{0x6b});
  return kPattern;
}

/// A wait of either side ends after `limit`, with EAGAIN.
void limit_waits(int fd, Duration limit) {
  const auto us = std::chrono::ceil<std::chrono::microseconds>(limit).count();
  const timeval time{static_cast<time_t>(us / 1'000'000), static_cast<suseconds_t>(us % 1'000'000)};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
}

bool send_all(int fd, const std::byte* from, std::size_t bytes) {
  while (bytes > 0) {
    const ssize_t n = send(fd, from, bytes, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    from += n;
    bytes -= static_cast<std::size_t>(n);
  }
  return true;
}

/// From the place where the connection's last message ended.
bool send_pattern(int fd, std::uint64_t bytes, std::size_t& at) {
  while (bytes > 0) {
    const std::size_t piece = std::min({bytes, std::uint64_t{kPiece}, std::uint64_t{pattern().size() - at}});
    if (!send_all(fd, pattern().data() + at, piece)) return false;
    bytes -= piece;
    at = (at + piece) % pattern().size();
  }
  return true;
}

}  // namespace

PeerServer::PeerServer(PeerOptions options) : options_(std::move(options)) {}

PeerServer::~PeerServer() {
  for (Connection& connection : connections_) shutdown(connection.socket.fd(), SHUT_RDWR);
  for (Connection& connection : connections_) connection.thread.join();
}

Result<void> PeerServer::serve(net::Descriptor connection) {
  reap({});
  if (connections_.size() >= options_.max_connections) {
    return error(Code::unavailable, fmt::format("{} connections are served already", connections_.size()));
  }
  pattern();  // made here, off the clock
  limit_waits(connection.fd(), options_.idle_limit);
  Connection& mine = connections_.emplace_back();
  mine.socket = std::move(connection);
  try {
    mine.thread = std::thread([this, &mine] {
      converse(mine);
      shutdown(mine.socket.fd(), SHUT_RDWR);
      mine.over = true;
    });
  } catch (const std::system_error&) {
    connections_.pop_back();
    return error(Code::unavailable, "no thread to be had for another connection");
  }
  return {};
}

/// Blocking reads and writes: nothing is quicker, and the other side never waits to send while it could receive.
void PeerServer::converse(Connection& connection) const {
  const int fd = connection.socket.fd();
  std::vector<std::byte> buffer(kPiece);
  PeerStream stream(options_.token);
  std::size_t at = 0;
  while (true) {
    const ssize_t n = recv(fd, buffer.data(), buffer.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    const bool welcomed = stream.welcomed();
    auto owed = stream.consume(std::span(buffer).first(static_cast<std::size_t>(n)));
    if (!owed) {
      connection.refusal = owed.error().message;
      return;
    }
    if (!welcomed && stream.welcomed()) {
      if (!send_all(fd, welcome().data(), welcome().size())) return;
      *owed -= kWelcomeBytes;
    }
    if (!send_pattern(fd, *owed, at)) return;
  }
}

void PeerServer::reap(const std::function<void(const std::string&)>& tell) {
  for (auto at = connections_.begin(); at != connections_.end();) {
    if (!at->over) {
      ++at;
      continue;
    }
    at->thread.join();
    if (tell && !at->refusal.empty()) tell("a connection was closed: it " + at->refusal);
    at = connections_.erase(at);
  }
}

Result<void> PeerServer::listen(const net::Listener& listener, const std::atomic<bool>& stop,
                                const std::function<void(const std::string&)>& tell) {
  while (!stop) {
    pollfd entry{listener.socket.fd(), POLLIN, 0};
    const int ready = poll(&entry, 1, kLookMs);
    reap(tell);
    if (ready <= 0) continue;
    net::Descriptor accepted(accept4(listener.socket.fd(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!accepted.open()) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) {
        return error(Code::unavailable, fmt::format("cannot accept: {}", std::generic_category().message(errno)));
      }
      continue;
    }
    net::tune(accepted.fd());
    if (const auto served = serve(std::move(accepted)); !served && tell) {
      tell("a connection was refused: " + served.error().message);
    }
  }
  return {};
}

}  // namespace kv::probe
