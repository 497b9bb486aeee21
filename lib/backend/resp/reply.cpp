#include "backend/resp/reply.hpp"

#include <fmt/format.h>
#include <hiredis/hiredis.h>

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cstring>
#include <optional>

#include "backend/resp/endpoint.hpp"

namespace kv::resp {
namespace {

constexpr std::size_t kStage = 64 << 10;       // read at a time where small replies are expected
constexpr std::size_t kLargeValue = 16 << 10;  // from here on a second copy costs more than a system call
constexpr std::string_view kEndOfLine = "\r\n";

tl::unexpected<Error> broken(std::string_view what) {
  return error(Code::io, fmt::format("protocol error: {}", what),
               "is this a Redis-compatible server? one that speaks TLS there is named with rediss://");
}

bool is_large_value(const Expected& expected) {
  return expected.kind == Expected::Kind::value && expected.room() >= kLargeValue;
}

/// Bytes of "$1048640\r\n" for a value that fills its room.
std::size_t head_bytes(const Expected& expected) {
  std::size_t digits = 1;
  for (std::size_t n = expected.room(); n >= 10; n /= 10) ++digits;
  return 1 + digits + kEndOfLine.size();
}

std::optional<std::int64_t> parse_integer(std::string_view digits) {
  std::int64_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), end, value);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return value;
}

/// The line at the front of `bytes` without its end, or nullopt if that has not come yet.
Result<std::optional<std::string_view>> front_line(std::string_view bytes) {
  const std::size_t end = bytes.substr(0, kMaxLineBytes).find('\n');
  if (end == std::string_view::npos) {
    if (bytes.size() >= kMaxLineBytes) return broken(fmt::format("a line of over {} bytes", kMaxLineBytes));
    return std::optional<std::string_view>();
  }
  if (end < 2 || bytes[end - 1] != '\r') return broken("a line without its type or its end");
  return std::optional(bytes.substr(0, end - 1));
}

/// What follows the length or count of a type; `line`: nothing, its one line is all.
enum class Follows { line, bytes, items, pairs, unknown };

/// RESP3 has more types than RESP2; they come only once both sides have said that they know it.
Follows follows(char type) {
  constexpr std::string_view kLines = "+-:_,#(", kLines2 = "+-:";
  if ((kNewestProtocol >= 3 ? kLines : kLines2).find(type) != std::string_view::npos) return Follows::line;
  if (type == '$') return Follows::bytes;
  if (type == '*') return Follows::items;
  if (kNewestProtocol < 3) return Follows::unknown;
  if (type == '=' || type == '!') return Follows::bytes;
  if (type == '~' || type == '>') return Follows::items;
  return type == '%' ? Follows::pairs : Follows::unknown;
}

/// How long the reply at the front of `bytes` is, or nullopt if not all of it has come. Bounds every count.
Result<std::optional<std::size_t>> whole_reply(std::string_view bytes) {
  const std::optional<std::size_t> incomplete;
  std::size_t at = 0, items = 0;
  for (std::size_t missing = 1; missing > 0; --missing) {
    const auto line = front_line(bytes.substr(std::min(at, bytes.size())));
    if (!line) return error(line);
    if (!*line) return incomplete;
    const char type = (**line)[0];
    at += (*line)->size() + kEndOfLine.size();
    const Follows what = follows(type);
    if (what == Follows::line) {
      if (at > kMaxTextBytes) return broken("a reply that is too long");
      continue;
    }
    const auto count = parse_integer((*line)->substr(1));
    if (what == Follows::unknown || !count || *count < -1) return broken(printable(**line));
    if (*count == -1) continue;
    std::size_t n = static_cast<std::size_t>(*count);
    if (n > (what == Follows::bytes ? kMaxTextBytes : kMaxListItems)) return broken(printable(**line) + " is too long");
    if (what == Follows::bytes) {
      at += n + kEndOfLine.size();
    } else {
      if (what == Follows::pairs) n *= 2;
      missing += n;
      items += n;
    }
    if (items > kMaxListItems || at > kMaxTextBytes) return broken("a reply that is too long");
  }
  if (at > bytes.size()) return incomplete;
  return std::optional(at);
}

void flatten(const redisReply& from, std::vector<std::string>& items) {
  for (std::size_t i = 0; i < from.elements; ++i) {
    const redisReply& element = *from.element[i];
    if (element.element != nullptr) {
      flatten(element, items);
    } else if (element.type == REDIS_REPLY_INTEGER || (element.str == nullptr && element.integer != 0)) {
      items.push_back(std::to_string(element.integer));
    } else {
      items.emplace_back(element.str == nullptr ? "" : std::string(element.str, element.len));
    }
  }
}

/// What hiredis before 1.0 has no names for, by its form: maps, sets and pushes have elements; doubles, big numbers and
/// verbatim texts have a text; what is left is true or false.
Result<void> convert_resp3(const redisReply& from, Reply& to) {
  if (kNewestProtocol < 3) return broken(fmt::format("a reply of type {}", from.type));
  if (from.element != nullptr) {
    to.kind = Reply::Kind::list;
    to.items.clear();
    flatten(from, to.items);
  } else if (from.str != nullptr) {
    to.kind = Reply::Kind::text;
    to.text.assign(from.str, from.len);
  } else {
    to.kind = Reply::Kind::integer;
    to.integer = from.integer;
  }
  return {};
}

Result<void> convert(const redisReply& from, Reply& to) {
  switch (from.type) {
    case REDIS_REPLY_STATUS:
      to.kind = Reply::Kind::status;
      break;
    case REDIS_REPLY_ERROR:
      to.kind = Reply::Kind::error;
      break;
    case REDIS_REPLY_STRING:
      to.kind = Reply::Kind::text;
      break;
    case REDIS_REPLY_INTEGER:
      to.kind = Reply::Kind::integer;
      to.integer = from.integer;
      return {};
    case REDIS_REPLY_NIL:
      to.kind = Reply::Kind::nil;
      return {};
    case REDIS_REPLY_ARRAY:
      to.kind = Reply::Kind::list;
      to.items.clear();
      flatten(from, to.items);
      return {};
    default:
      return convert_resp3(from, to);
  }
  to.text.assign(from.str, from.len);
  return {};
}

struct FreeReply {
  void operator()(void* reply) const { freeReplyObject(reply); }
};

}  // namespace

std::string printable(std::string_view text) {
  constexpr std::size_t kShown = 200;
  std::string out;
  for (const char c : text.substr(0, kShown)) out += (c >= ' ' && c < 0x7f) ? c : '?';
  if (text.size() > kShown) out.replace(kShown - 3, 3, "...");
  return out;
}

void ReplyReader::FreeReader::operator()(redisReader* reader) const { redisReaderFree(reader); }

ReplyReader::ReplyReader() : reader_(redisReaderCreate()), buffer_(kMaxTextBytes) {}
ReplyReader::~ReplyReader() = default;

void ReplyReader::expect(const Expected& now, const Expected* after) {
  assert(phase_ == Phase::done);
  expected_ = now;
  read_ahead_ = after == nullptr ? 0 : is_large_value(*after) ? head_bytes(*after) : kStage;
  phase_ = Phase::head;
}

/// How much to receive into the buffer, behind what goes to the spans.
std::size_t ReplyReader::staging() const {
  const std::size_t after_value = kEndOfLine.size() + read_ahead_;
  switch (phase_) {
    case Phase::value:
      return std::min(after_value, kStage);
    case Phase::skip:
      return std::min(value_bytes_ - value_read_ + after_value, kStage);
    default:
      break;
  }
  if (!is_large_value(expected_)) return kStage;
  const std::size_t head = head_bytes(expected_);
  return head > buffered() ? head - buffered() : 1;
}

std::size_t ReplyReader::room(std::span<iovec, 3> pieces) {
  assert(phase_ != Phase::done);
  std::size_t count = 0;
  const auto add = [&](void* at, std::size_t bytes) {
    if (bytes > 0) pieces[count++] = {at, bytes};
  };
  if (phase_ == Phase::value) {
    const std::size_t in_header = std::min(value_read_, expected_.header.size());
    const std::size_t in_body = value_read_ - in_header;
    const std::size_t body_bytes = value_bytes_ - expected_.header.size();
    add(expected_.header.data() + in_header, expected_.header.size() - in_header);
    add(expected_.body.data() + in_body, body_bytes - in_body);
  }
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, buffered());
    end_ -= begin_;
    begin_ = 0;
  }
  add(buffer_.data() + end_, std::min(staging(), buffer_.size() - end_));
  return count;
}

void ReplyReader::filled(std::size_t bytes) {
  if (phase_ == Phase::value) {
    const std::size_t direct = std::min(bytes, value_bytes_ - value_read_);
    value_read_ += direct;
    bytes -= direct;
  }
  end_ += bytes;
  assert(end_ <= buffer_.size());
}

Result<bool> ReplyReader::advance() {
  switch (phase_) {
    case Phase::head:
      if (auto ok = pass_pushes(); !ok) return error(ok);
      return expected_.kind == Expected::Kind::text ? read_text() : read_head();
    case Phase::value:
    case Phase::skip:
      take_value();
      return end_value();
    case Phase::done:
      break;
  }
  return false;
}

Result<bool> ReplyReader::read_head() {
  const auto line = front_line(unread());
  if (!line) return error(line);
  if (!*line) return false;
  const std::string_view head = **line;
  const std::size_t bytes = head.size() + kEndOfLine.size();
  if (head[0] == '$' && head != "$-1") {
    if (auto ok = begin_value(head); !ok) return error(ok);
    begin_ += bytes;
    return advance();
  }
  if (head[0] != '$' && follows(head[0]) != Follows::line) {
    return broken(fmt::format("'{}' where a short reply should be", printable(head.substr(0, 40))));
  }
  if (auto ok = parse_small(unread().substr(0, bytes)); !ok) return error(ok);
  begin_ += bytes;
  phase_ = Phase::done;
  return true;
}

Result<bool> ReplyReader::read_text() {
  const auto bytes = whole_reply(unread());
  if (!bytes) return error(bytes);
  if (!*bytes) return false;
  if (auto ok = parse_small(unread().substr(0, **bytes)); !ok) return error(ok);
  begin_ += **bytes;
  phase_ = Phase::done;
  return true;
}

/// A push is no reply to anything that was asked: it is passed over.
Result<void> ReplyReader::pass_pushes() {
  while (kNewestProtocol >= 3 && buffered() > 0 && unread().front() == '>') {
    const auto bytes = whole_reply(unread());
    if (!bytes) return error(bytes);
    if (!*bytes) break;
    begin_ += **bytes;
  }
  return {};
}

Result<void> ReplyReader::begin_value(std::string_view head) {
  const auto length = parse_integer(head.substr(1));
  if (!length || *length < 0) return broken(fmt::format("'{}' is not a length", printable(head.substr(0, 40))));
  if (expected_.kind != Expected::Kind::value) return broken("a value where a short reply should be");
  const auto bytes = static_cast<std::size_t>(*length);
  if (bytes > kMaxValueBytes) return broken(fmt::format("a value of {} bytes", bytes));
  value_bytes_ = bytes;
  value_read_ = 0;
  const bool fits = bytes >= expected_.header.size() && bytes <= expected_.room();
  phase_ = fits ? Phase::value : Phase::skip;
  return {};
}

/// Moves what the buffer holds of the value to its place, or past it.
void ReplyReader::take_value() {
  while (value_read_ < value_bytes_ && buffered() > 0) {
    std::size_t bytes = std::min(value_bytes_ - value_read_, buffered());
    if (phase_ == Phase::value) {
      const bool in_header = value_read_ < expected_.header.size();
      const std::span<std::byte> to = in_header ? expected_.header.subspan(value_read_)
                                                : expected_.body.subspan(value_read_ - expected_.header.size());
      bytes = std::min(bytes, to.size());
      std::memcpy(to.data(), buffer_.data() + begin_, bytes);
    }
    value_read_ += bytes;
    begin_ += bytes;
  }
}

Result<bool> ReplyReader::end_value() {
  if (value_read_ < value_bytes_ || buffered() < kEndOfLine.size()) return false;
  if (unread().substr(0, kEndOfLine.size()) != kEndOfLine) return broken("a value longer than its length says");
  begin_ += kEndOfLine.size();
  reply_.kind = phase_ == Phase::value ? Reply::Kind::value : Reply::Kind::misfit;
  reply_.bytes = value_bytes_;
  phase_ = Phase::done;
  return true;
}

Result<void> ReplyReader::parse_small(std::string_view reply) {
  void* parsed = nullptr;
  redisReaderFeed(reader_.get(), reply.data(), reply.size());
  if (redisReaderGetReply(reader_.get(), &parsed) != REDIS_OK || parsed == nullptr) {
    return broken(printable(reply.substr(0, 40)));
  }
  const std::unique_ptr<void, FreeReply> owner(parsed);
  return convert(*static_cast<const redisReply*>(parsed), reply_);
}

}  // namespace kv::resp
