#include "probe/peer_lane.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <array>
#include <cstring>

#include "net/wait.hpp"

namespace kv::probe {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kPieces = 64;  // of one system call

Request request_for(Operation operation, std::size_t bytes) {
  switch (operation) {
    case Operation::get:
      return make_request(Wish::give, bytes);
    case Operation::set:
      return make_request(Wish::take, bytes);
    case Operation::exists:
      break;
  }
  return make_request(Wish::give, kAckBytes);
}

/// Adds what of `bytes` lies behind `skip`, which shrinks by what was skipped. False: no room for it.
bool add_piece(std::span<const std::byte> bytes, std::size_t& skip, std::span<iovec> pieces, std::size_t& count) {
  const std::size_t skipped = std::min(skip, bytes.size());
  skip -= skipped;
  if (skipped == bytes.size()) return true;
  if (count == pieces.size()) return false;
  pieces[count++] = {const_cast<std::byte*>(bytes.data()) + skipped, bytes.size() - skipped};
  return true;
}

}  // namespace

PeerLane::PeerLane(net::Descriptor socket, const Load& load) : socket_(std::move(socket)), load_(load) {
  for (std::uint32_t i = 0; i < load_.cut.messages(); ++i) {
    heads_.push_back(request_for(load_.operation, load_.cut.bytes_of(i)));
  }
}

Result<std::unique_ptr<PeerLane>> PeerLane::open(net::Descriptor socket, std::string_view token, const Load& load,
                                                 Duration patience) {
  std::unique_ptr<PeerLane> lane(new PeerLane(std::move(socket), load));
  net::set_nonblocking(lane->socket_.fd());
  if (auto ok = lane->say_hello(token, SteadyClock::now() + patience); !ok) return error(ok);
  return lane;
}

Result<void> PeerLane::say_hello(std::string_view token, TimePoint deadline) {
  constexpr const char* kWhatNext = "is kvbench peer --listen running there, with the same KVKIT_PEER_TOKEN?";
  if (token.size() > kMaxTokenBytes) {
    return error(Code::bad_input, fmt::format("KVKIT_PEER_TOKEN has over {} bytes", kMaxTokenBytes));
  }
  Hello hello = make_hello(token);
  Welcome answer;
  std::array<iovec, 1> piece{{{hello.data(), hello.size()}}};
  const auto sent = net::send_pieces(socket_.fd(), piece);
  if (!sent || *sent != hello.size()) return error(Code::unavailable, "the peer takes no hello", kWhatNext);
  for (std::size_t got = 0; got < answer.size();) {
    piece[0] = {answer.data() + got, answer.size() - got};
    const auto n = net::receive_pieces(socket_.fd(), piece);
    if (!n) return error(Code::unavailable, "the peer refused the connection: " + n.error().message, kWhatNext);
    got += *n;
    if (*n > 0) continue;
    pollfd entry{socket_.fd(), POLLIN, 0};
    const auto ready = net::wait_for({&entry, 1}, deadline, Duration(0));
    if (!ready || !*ready) return error(Code::unavailable, "the peer does not answer", kWhatNext);
  }
  if (answer != welcome()) return error(Code::unavailable, "what answers there is no peer", kWhatNext);
  return {};
}

Result<void> PeerLane::submit() {
  submitted_ += heads_.size();
  return {};
}

std::span<const std::byte> PeerLane::head_of(std::uint64_t index) const { return heads_[index % heads_.size()]; }

std::span<const std::byte> PeerLane::body_of(std::uint64_t index) const {
  if (load_.operation != Operation::set) return {};
  return load_.cut.slice(load_.source, static_cast<std::uint32_t>(index % heads_.size()));
}

std::span<std::byte> PeerLane::room_of(std::uint64_t index) {
  if (load_.operation != Operation::get) return ack_;
  const std::span<std::byte> room = load_.rooms[index / heads_.size() % load_.rooms.size()];
  return load_.cut.slice(room, static_cast<std::uint32_t>(index % heads_.size()));
}

/// False: nothing can be sent now.
Result<bool> PeerLane::send_some() {
  std::array<iovec, kPieces> pieces;
  std::size_t count = 0, skip = sent_bytes_;
  for (std::uint64_t i = sent_; i < submitted_; ++i) {
    if (!add_piece(head_of(i), skip, pieces, count) || !add_piece(body_of(i), skip, pieces, count)) break;
  }
  if (count == 0) return false;
  const auto n = net::send_pieces(socket_.fd(), std::span(pieces).first(count));
  if (!n) return error(n);
  sent_bytes_ += *n;
  for (std::size_t whole; sent_ < submitted_; sent_bytes_ -= whole, ++sent_) {
    whole = kRequestBytes + body_of(sent_).size();
    if (sent_bytes_ < whole) break;
  }
  return *n > 0;
}

/// False: nothing has come.
Result<bool> PeerLane::receive_some() {
  std::array<iovec, kPieces> pieces;
  std::size_t count = 0, skip = received_bytes_;
  for (std::uint64_t i = received_; i < sent_ && add_piece(room_of(i), skip, pieces, count); ++i) {
  }
  if (count == 0) return false;
  const auto n = net::receive_pieces(socket_.fd(), std::span(pieces).first(count));
  if (!n) return error(n);
  received_bytes_ += *n;
  for (std::size_t whole; received_ < sent_; received_bytes_ -= whole, ++received_) {
    whole = room_of(received_).size();
    if (received_bytes_ < whole) break;
  }
  return *n > 0;
}

Result<bool> PeerLane::step() {
  while (received_ < (completed_ + 1) * heads_.size()) {
    auto out = send_some();
    if (!out) return out;
    if (*out) continue;
    auto in = receive_some();
    if (!in) return in;
    if (*in) continue;
    return false;
  }
  ++completed_;
  return true;
}

}  // namespace kv::probe
