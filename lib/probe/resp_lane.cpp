#include "probe/resp_lane.hpp"

#include <fmt/format.h>

namespace kv::probe {

using resp::Expected;
using resp::Reply;

RespLane::RespLane(std::unique_ptr<resp::Connection> connection, const Load& load, const Ring& ring,
                   std::uint32_t first, const resp::SetCommand& set, Coding* coding)
    : connection_(std::move(connection)), load_(load), ring_(ring), set_(set), coding_(coding), first_(first) {}

Result<void> RespLane::submit() {
  if (connection_->done()) connection_->begin(TimePoint::max());  // drive() has the patience
  const std::uint64_t value = (first_ + submitted_) % ring_.values;
  const std::span<std::byte> room = load_.rooms[submitted_ % load_.rooms.size()];
  ++submitted_;
  if (load_.operation == Operation::set && coding_ != nullptr) {
    if (auto ok = coding_->encode(room); !ok) return ok;
  }
  const std::span<const std::byte> source = coding_ != nullptr ? std::span<const std::byte>(room) : load_.source;
  for (std::uint32_t message = 0; message < load_.cut.messages(); ++message) {
    const std::string_view key = ring_.keys[value * load_.cut.messages() + message];
    switch (load_.operation) {
      case Operation::get:
        connection_->add(std::array{std::string_view("GET"), key},
                         {Expected::Kind::value, {}, load_.cut.slice(room, message)});
        break;
      case Operation::set:
        connection_->add_set(set_, key, {}, load_.cut.slice(source, message));
        break;
      case Operation::exists:
        connection_->add(std::array{std::string_view("EXISTS"), key});
        break;
    }
  }
  return {};
}

/// What is not the answer expected ends the measurement: a value that is gone or refused is not one that was moved.
Result<void> RespLane::check_reply() {
  const Reply& reply = connection_->reply();
  if (reply.kind == Reply::Kind::error) return tl::unexpected<Error>(resp::refusal(reply.text));
  switch (load_.operation) {
    case Operation::get: {
      if (reply.kind == Reply::Kind::nil) break;
      const std::size_t bytes = load_.cut.bytes_of(replies_);
      if (reply.kind == Reply::Kind::value && reply.bytes == bytes) return {};
      return error(Code::corrupt, "the server gave a value of another size than was stored");
    }
    case Operation::set:
      if (reply.kind == Reply::Kind::status) return {};
      return error(Code::io, "protocol error: SET was answered by neither OK nor an error");
    case Operation::exists:
      if (reply.kind == Reply::Kind::integer && reply.integer == 1) return {};
      break;
  }
  return error(Code::unavailable, "the server has dropped a value of the probe while it was measured",
               "give it more memory (maxmemory), or probe smaller values");
}

Result<bool> RespLane::step() {
  while (replies_ < load_.cut.messages()) {
    auto one = connection_->step(TimePoint());
    if (!one || !*one) return one;
    if (auto ok = check_reply(); !ok) return error(ok);
    ++replies_;
  }
  if (load_.operation == Operation::get && coding_ != nullptr) {
    const std::span<std::byte> room = load_.rooms[completed_ % load_.rooms.size()];
    if (auto ok = coding_->decode(room.first(load_.cut.value_bytes())); !ok) return error(ok);
  }
  replies_ = 0;
  ++completed_;
  return true;
}

}  // namespace kv::probe
