#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.hpp"

namespace kv::probe {

/// What the two ends of a raw-limit measurement say to each other; as little as can be, so that the socket is what is
/// measured. Once: a Hello of 64 bytes, answered by 8. Then requests of 16 bytes, each answered in order:
///   send n bytes back ("give", as a GET does), or take the n bytes that follow and answer 8 ("take", as a SET does).
/// Numbers are little-endian; what the bytes are does not matter.
inline constexpr std::size_t kHelloBytes = 64, kWelcomeBytes = 8, kRequestBytes = 16, kAckBytes = 8;
inline constexpr std::size_t kMaxTokenBytes = kHelloBytes - kWelcomeBytes;
inline constexpr std::uint64_t kMaxPeerMessage = std::uint64_t{512} << 20;

using Hello = std::array<std::byte, kHelloBytes>;
using Welcome = std::array<std::byte, kWelcomeBytes>;
using Request = std::array<std::byte, kRequestBytes>;

enum class Wish : std::uint8_t { give = 1, take = 2 };

/// `token`: at most kMaxTokenBytes; it travels as it is.
Hello make_hello(std::string_view token);
const Welcome& welcome();
Request make_request(Wish wish, std::uint64_t bytes);

/// The far end's side of a connection, without I/O: it is told what came and says how many bytes are owed in answer.
/// Nothing that comes in makes it hold more than one request. After an Error the connection is to be closed.
class PeerStream {
 public:
  explicit PeerStream(std::string_view token);

  /// Takes all of `bytes`. Returns what is owed for them. Code::bad_input: this is not our protocol, the token is
  /// wrong, or a message is larger than kMaxPeerMessage.
  Result<std::uint64_t> consume(std::span<const std::byte> bytes);
  /// Whether the hello has come and was right.
  bool welcomed() const { return welcomed_; }

 private:
  Result<void> begin_request();

  Hello expected_;
  bool welcomed_ = false;
  std::array<std::byte, kHelloBytes> partial_{};  // of a hello or a request
  std::size_t partial_bytes_ = 0;
  std::uint64_t to_take_ = 0;  // bytes of a message that have not come yet
  std::uint64_t owed_ = 0;
};

}  // namespace kv::probe
