#pragma once
#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <span>

#include "base/result.hpp"
#include "net/descriptor.hpp"

namespace kv::net {

/// A connected, ordered stream of bytes that never waits: a socket, TLS over another transport, or a simulation. What
/// speaks a protocol over it waits for descriptor() by itself, and only once send() and receive() have both said that
/// they would block: a transport may hold bytes that its descriptor no longer tells of. After an Error it is of no more
/// use. Not thread-safe.
class Transport {
 public:
  virtual ~Transport() = default;
  /// Bytes taken from the pieces in order; 0: that would block. What was not taken must be offered again, as it was,
  /// before anything else. The pieces' spans may be changed; what they point to is only read.
  virtual Result<std::size_t> send(std::span<iovec> pieces) = 0;
  /// Bytes put into the pieces in order; 0: that would block. The other end's close is an Error (Code::io).
  virtual Result<std::size_t> receive(std::span<iovec> pieces) = 0;
  virtual int descriptor() const = 0;
  /// Whether it has bytes of its own to send, so that POLLOUT is to be waited for even if the caller has none.
  virtual bool wants_to_send() const { return false; }
  /// What has gone through the socket, a security layer's own bytes included.
  virtual std::uint64_t bytes_in() const = 0;
  virtual std::uint64_t bytes_out() const = 0;
};

/// Over a connected non-blocking socket.
std::unique_ptr<Transport> over_socket(Descriptor socket);

}  // namespace kv::net
