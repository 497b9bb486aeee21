#include "probe/peer_protocol.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cstring>

namespace kv::probe {
namespace {

constexpr std::string_view kMagic = "kvpeer/1";
static_assert(kMagic.size() == kWelcomeBytes);

/// Takes as long whatever differs, so that a token cannot be guessed byte by byte.
bool same(std::span<const std::byte> a, std::span<const std::byte> b) {
  std::byte differs{0};
  for (std::size_t i = 0; i < a.size(); ++i) differs |= a[i] ^ b[i];
  return differs == std::byte{0};
}

std::uint64_t read_number(std::span<const std::byte> from) {
  std::uint64_t out = 0;
  for (std::size_t i = 8; i-- > 0;) out = out << 8 | std::to_integer<std::uint64_t>(from[i]);
  return out;
}

tl::unexpected<Error> refused(std::string what) { return error(Code::bad_input, std::move(what)); }

}  // namespace

Hello make_hello(std::string_view token) {
  assert(token.size() <= kMaxTokenBytes);
  Hello out{};
  std::memcpy(out.data(), kMagic.data(), kMagic.size());
  std::memcpy(out.data() + kMagic.size(), token.data(), token.size());
  return out;
}

const Welcome& welcome() {
  static const Welcome kWelcome = [] {
    Welcome out;
    std::memcpy(out.data(), kMagic.data(), out.size());
    return out;
  }();
  return kWelcome;
}

Request make_request(Wish wish, std::uint64_t bytes) {
  Request out{};
  out[0] = static_cast<std::byte>(wish);
  for (std::size_t i = 0; i < 8; ++i) out[8 + i] = static_cast<std::byte>(bytes >> (8 * i));
  return out;
}

PeerStream::PeerStream(std::string_view token) : expected_(make_hello(token)) {}

Result<std::uint64_t> PeerStream::consume(std::span<const std::byte> bytes) {
  owed_ = 0;
  while (!bytes.empty()) {
    if (to_take_ > 0) {
      const std::size_t taken = std::min<std::uint64_t>(to_take_, bytes.size());
      bytes = bytes.subspan(taken);
      to_take_ -= taken;
      if (to_take_ == 0) owed_ += kAckBytes;
      continue;
    }
    const std::size_t whole = welcomed_ ? kRequestBytes : kHelloBytes;
    const std::size_t taken = std::min(whole - partial_bytes_, bytes.size());
    std::memcpy(partial_.data() + partial_bytes_, bytes.data(), taken);
    partial_bytes_ += taken;
    bytes = bytes.subspan(taken);
    if (partial_bytes_ < whole) break;
    partial_bytes_ = 0;
    if (auto ok = begin_request(); !ok) return error(ok);
  }
  return owed_;
}

Result<void> PeerStream::begin_request() {
  const std::span<const std::byte> all(partial_);
  if (!welcomed_) {
    if (!same(all.first(kWelcomeBytes), std::span(expected_).first(kWelcomeBytes))) {
      return refused("does not speak the peer's protocol");
    }
    if (!same(all, expected_)) return refused("gave no token, or the wrong one");
    welcomed_ = true;
    owed_ += kWelcomeBytes;
    return {};
  }
  const std::uint64_t bytes = read_number(all.subspan(8));
  const auto zero = [](std::byte byte) { return byte == std::byte{0}; };
  if (!std::all_of(all.begin() + 1, all.begin() + 8, zero)) return refused("sent a request that is none");
  if (bytes == 0 || bytes > kMaxPeerMessage) {
    return refused(fmt::format("asked for a message of {} bytes; 1 to {} are served", bytes, kMaxPeerMessage));
  }
  switch (static_cast<Wish>(all[0])) {
    case Wish::give:
      owed_ += bytes;
      return {};
    case Wish::take:
      to_take_ = bytes;
      return {};
  }
  return refused("sent a request that is none");
}

}  // namespace kv::probe
