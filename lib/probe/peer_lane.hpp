#pragma once
#include <memory>
#include <string_view>

#include "net/socket.hpp"
#include "probe/lane.hpp"
#include "probe/load.hpp"
#include "probe/peer_protocol.hpp"

namespace kv::probe {

/// The raw counterpart of a server's lane: the same messages of the same sizes over a bare socket, to a PeerServer.
class PeerLane final : public Lane {
 public:
  /// Says hello on `socket`; Code::unavailable if the other end is no peer or refuses the token.
  static Result<std::unique_ptr<PeerLane>> open(net::Descriptor socket, std::string_view token, const Load& load,
                                                Duration patience);

  Result<void> submit() override;
  Result<bool> step() override;
  int descriptor() const override { return socket_.fd(); }
  bool wants_to_send() const override { return sent_ < submitted_; }

 private:
  PeerLane(net::Descriptor socket, const Load& load);
  Result<void> say_hello(std::string_view token, TimePoint deadline);
  Result<bool> send_some();
  Result<bool> receive_some();
  /// What message `index` sends: its request, and the bytes of a SET.
  std::span<const std::byte> body_of(std::uint64_t index) const;
  std::span<const std::byte> head_of(std::uint64_t index) const;
  /// Where its answer belongs.
  std::span<std::byte> room_of(std::uint64_t index);

  net::Descriptor socket_;
  Load load_;
  std::vector<Request> heads_;                             // of a value's messages
  std::array<std::byte, kAckBytes> ack_{};                 // nobody reads it
  std::uint64_t submitted_ = 0, sent_ = 0, received_ = 0;  // messages
  std::size_t sent_bytes_ = 0, received_bytes_ = 0;        // of the next
  std::uint64_t completed_ = 0;                            // operations
};

}  // namespace kv::probe
