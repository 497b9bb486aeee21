#include "backend/resp/socket.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <system_error>

#include "backend/resp/reply.hpp"

namespace kv::resp {
namespace {

timeval to_timeval(Duration d) {
  const auto us = std::chrono::ceil<std::chrono::microseconds>(std::max(d, Duration(1)));
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(us);
  return {static_cast<time_t>(whole.count()), static_cast<suseconds_t>((us - whole).count())};
}

tl::unexpected<Error> lost(std::string_view doing, int code) {
  return error(Code::io, fmt::format("connection lost while {}: {}", doing, std::generic_category().message(code)));
}

bool would_block(int code) { return code == EAGAIN || code == EWOULDBLOCK; }

}  // namespace

std::string Endpoint::where() const { return host.empty() ? socket_path : fmt::format("{}:{}", host, port); }

void Socket::Free::operator()(redisContext* context) const { redisFree(context); }

Socket::Socket(Context context) : context_(std::move(context)), fd_(context_->fd) {}

Result<Socket> Socket::connect(const Endpoint& endpoint) {
  const timeval timeout =
      to_timeval(endpoint.stopping() ? std::min(endpoint.connect_timeout, kLastWait) : endpoint.connect_timeout);
  Context context(endpoint.host.empty() ? redisConnectUnixWithTimeout(endpoint.socket_path.c_str(), timeout)
                                        : redisConnectWithTimeout(endpoint.host.c_str(), endpoint.port, timeout));
  if (!context || context->err != 0) {
    return error(Code::unavailable,
                 fmt::format("cannot connect to {}: {}", endpoint.where(),
                             context ? printable(context->errstr) : std::string("out of memory")),
                 "is a server running there? kvbench starts one of its own for --backend spawn+redis:");
  }
  const int flags = fcntl(context->fd, F_GETFL);
  if (flags < 0 || fcntl(context->fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
      fcntl(context->fd, F_SETFD, FD_CLOEXEC) != 0) {
    return lost("connecting", errno);
  }
  return Socket(std::move(context));
}

Result<std::size_t> Socket::send(std::span<iovec> pieces) {
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = pieces.size();
  while (true) {
    const ssize_t n = sendmsg(fd_, &message, MSG_NOSIGNAL);
    if (n >= 0) {
      out_ += static_cast<std::uint64_t>(n);
      return static_cast<std::size_t>(n);
    }
    if (would_block(errno)) return 0;
    if (errno != EINTR) return lost("sending", errno);
  }
}

Result<std::size_t> Socket::receive(std::span<iovec> pieces) {
  while (true) {
    const ssize_t n = readv(fd_, pieces.data(), static_cast<int>(pieces.size()));
    if (n > 0) {
      in_ += static_cast<std::uint64_t>(n);
      return static_cast<std::size_t>(n);
    }
    if (n == 0) return error(Code::io, "the server closed the connection");
    if (would_block(errno)) return 0;
    if (errno != EINTR) return lost("receiving", errno);
  }
}

Result<bool> wait_for(std::span<pollfd> sockets, TimePoint until, Duration spin) {
  TimePoint now = std::chrono::steady_clock::now();
  const TimePoint asleep_from = now + spin;
  while (true) {
    const Duration left = now < asleep_from ? Duration(0) : std::max(until - now, Duration(0));
    const auto whole = std::chrono::duration_cast<std::chrono::seconds>(left);
    const timespec timeout{static_cast<time_t>(whole.count()), static_cast<long>((left - whole).count())};
    const int ready = ppoll(sockets.data(), sockets.size(), &timeout, nullptr);
    if (ready > 0) return true;  // also for a hang-up: the next read or write says which
    if (ready < 0 && errno != EINTR) return lost("waiting", errno);
    now = std::chrono::steady_clock::now();
    if (now >= until) return false;
  }
}

}  // namespace kv::resp
