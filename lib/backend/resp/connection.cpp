#include "backend/resp/connection.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cassert>

#include "base/parse.hpp"
#include "net/wait.hpp"

namespace kv::resp {
namespace {

constexpr std::size_t kPieces = 128;                       // of one sendmsg; IOV_MAX is 1024
constexpr Duration kLook = std::chrono::milliseconds(50);  // how often a wait looks whether the run is to stop

struct Advice {
  std::string_view code, hint;
};

constexpr Advice kAdvice[] = {
    {"NOAUTH", "the server wants a password: set KVKIT_REDIS_PASSWORD, and KVKIT_REDIS_USER for an ACL user"},
    {"WRONGPASS", "check KVKIT_REDIS_PASSWORD and KVKIT_REDIS_USER"},
    {"NOPERM",
     "let the user (KVKIT_REDIS_USER) have '~kvkit:* +get +set +exists +touch +unlink +del +info +select', or name "
     "another"},
    {"OOM", "raise the server's maxmemory, or set a maxmemory-policy that evicts"},
    {"ERR Out of memory", "raise the server's maxmemory, or let it evict (Dragonfly: --cache_mode)"},
    {"LOADING", "wait until the server has loaded its data"},
    {"READONLY", "this is a replica: name its primary"},
    {"MISCONF", "the server cannot save its data: see its log"},
    {"DENIED", "the server runs in protected mode: give it a password, or connect from its own host"},
    {"ERR max number of clients", "raise the server's maxclients, or use fewer workers"},
    {"ERR DB index", "choose a smaller database number"},
};

/// The server's own words may echo what it was sent, so of an unforeseen refusal only a code like "ERR" is shown.
Error auth_refusal(std::string_view words) {
  const std::string_view first = words.substr(0, words.find(' '));
  const bool is_code = first.size() < 16 && first.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ") == first.npos;
  if (words.substr(0, 9) == "WRONGPASS" || words.substr(0, 6) == "NOAUTH") {
    return {Code::unavailable, "the server refused user or password",
            "check KVKIT_REDIS_PASSWORD and KVKIT_REDIS_USER"};
  }
  if (words.find("without any password configured") != std::string_view::npos ||
      words.find("no password is set") != std::string_view::npos) {
    return {Code::unavailable, "the server has no password, but one was given", "unset KVKIT_REDIS_PASSWORD"};
  }
  return {Code::unavailable, fmt::format("the server refused AUTH ({})", is_code ? first : "no code"),
          "check KVKIT_REDIS_PASSWORD and KVKIT_REDIS_USER"};
}

}  // namespace

Error refusal(std::string_view words) {
  Error out{Code::unavailable, "the server says: " + printable(words), ""};
  for (const Advice& advice : kAdvice) {
    if (words.substr(0, advice.code.size()) == advice.code) out.hint = advice.hint;
  }
  return out;
}

bool says_full(std::string_view words) {
  return words.substr(0, 3) == "OOM" || words.find("ut of memory") != std::string_view::npos;
}

Result<std::unique_ptr<Connection>> Connection::open(const Endpoint& endpoint) {
  auto transport = connect(endpoint);
  if (!transport) return error(transport);
  return open(std::move(*transport), endpoint);
}

Result<std::unique_ptr<Connection>> Connection::open(std::unique_ptr<net::Transport> transport,
                                                     const Endpoint& endpoint) {
  std::unique_ptr<Connection> connection(new Connection(std::move(transport), endpoint));
  if (auto ok = connection->hello(endpoint); !ok) {
    const Error why = connection->advise(ok.error(), endpoint);
    return error(why.code == Code::io ? Code::unavailable : why.code,
                 fmt::format("{}: {}", endpoint.where(), why.message), why.hint);
  }
  return connection;
}

Result<void> Connection::hello(const Endpoint& endpoint) {
  const TimePoint deadline = std::chrono::steady_clock::now() + endpoint.connect_timeout;
  const auto greeted = endpoint.protocol >= 3 ? hello3(endpoint, deadline) : Result<bool>(false);
  if (!greeted) return error(greeted);
  if (!*greeted) {
    if (auto ok = authenticate(endpoint, deadline); !ok) return ok;
  }
  if (endpoint.database != 0) {
    const auto reply = ask({"SELECT", std::to_string(endpoint.database)}, deadline);
    if (!reply) return error(reply);
    if (reply->kind == Reply::Kind::error) return tl::unexpected<Error>(refusal(reply->text));
  }
  return {};
}

Error Connection::advise(Error why, const Endpoint& endpoint) const {
  if (why.code != Code::io || timed_out_ || replies_ > 0) return why;
  why.hint = endpoint.tls ? "does it ask for a certificate of ours? name one with cert= and key="
                          : "is it a Redis-compatible server? one that speaks TLS there is named with rediss://";
  return why;
}

/// RESP3 and AUTH in one round trip. False: the server knows no RESP3, or no HELLO for this user, and is to be spoken
/// to in RESP2.
Result<bool> Connection::hello3(const Endpoint& endpoint, TimePoint deadline) {
  const bool known = !endpoint.user.empty() || !endpoint.password.empty();
  const std::string user = endpoint.user.empty() ? "default" : endpoint.user;
  const auto reply =
      known ? ask({"HELLO", "3", "AUTH", user, endpoint.password}, deadline) : ask({"HELLO", "3"}, deadline);
  if (!reply) return error(reply);
  if (reply->kind != Reply::Kind::error) return true;
  const auto says = [&](std::string_view code) { return reply->text.compare(0, code.size(), code) == 0; };
  if (says("WRONGPASS")) return tl::unexpected<Error>(auth_refusal(reply->text));
  return false;  // what else is wrong, AUTH and the first command meet again and say
}

Result<void> Connection::authenticate(const Endpoint& endpoint, TimePoint deadline) {
  if (endpoint.user.empty() && endpoint.password.empty()) return {};
  const auto reply = endpoint.user.empty() ? ask({"AUTH", endpoint.password}, deadline)
                                           : ask({"AUTH", endpoint.user, endpoint.password}, deadline);
  if (!reply) return error(reply);
  if (reply->kind == Reply::Kind::error) return tl::unexpected<Error>(auth_refusal(reply->text));
  return {};
}

void Connection::begin(TimePoint deadline) {
  assert(done() || broken_);
  heads_.clear();
  commands_.clear();
  begun_ = std::chrono::steady_clock::now();
  deadline_ = deadline;
  expecting_ = false;
  sent_ = sent_bytes_ = replied_ = in_flight_ = 0;
}

void Connection::add(std::span<const std::string_view> words, const Expected& reply) {
  const std::size_t begin = heads_.size();
  append_command(heads_, words);
  commands_.push_back({begin, heads_.size(), {}, {}, {}, reply});
}

void Connection::add_set(const SetCommand& set, std::string_view key, std::span<const std::byte> header,
                         std::span<const std::byte> body) {
  const std::size_t begin = heads_.size();
  set.append_head(heads_, key, header.size() + body.size());
  commands_.push_back({begin, heads_.size(), header, body, set.tail(), {}});
}

void Connection::expect_next() {
  const Expected* after = replied_ + 1 < commands_.size() ? &commands_[replied_ + 1].reply : nullptr;
  reader_.expect(commands_[replied_].reply, after);
  expecting_ = true;
}

Result<bool> Connection::step(TimePoint until) {
  if (broken_) return error(Code::io, "the connection has failed before");
  auto moved = move(until);
  broken_ = !moved;
  return moved;
}

Result<bool> Connection::move(TimePoint until) {
  assert(!done());
  if (!expecting_) {
    if (replied_ == 0 && reader_.buffered() > 0) return error(Code::io, "protocol error: the server speaks unasked");
    expect_next();
  }
  while (true) {
    const auto complete = reader_.advance();
    if (!complete) return error(complete);
    if (*complete) return take_reply();
    // Also while bytes come without a pause: they may come for ever.
    const TimePoint now = std::chrono::steady_clock::now();
    if (stop_ != nullptr && *stop_) deadline_ = std::min(deadline_, now + kLastWait);
    if (now >= deadline_) return too_late();

    const auto out = send_some();
    if (!out) return last_words(out.error());
    if (*out > 0) continue;

    std::array<iovec, 3> pieces;
    const auto in = transport_->receive(std::span(pieces).first(reader_.room(pieces)));
    if (!in) return error(in);
    reader_.filled(*in);
    if (*in > 0) continue;

    auto ready = wait(until);
    if (!ready || !*ready) return ready;
  }
}

bool Connection::wants_to_send() const {
  if (transport_->wants_to_send()) return true;
  std::array<iovec, 1> piece;
  return gather(piece) > 0;
}

/// True: something can be received or sent. False: `until` has passed first.
Result<bool> Connection::wait(TimePoint until) {
  pollfd entry{descriptor(), static_cast<short>(wants_to_send() ? POLLIN | POLLOUT : POLLIN), 0};
  Duration spin = spin_;
  while (true) {
    TimePoint look = std::min(until, deadline_);
    if (stop_ != nullptr) {
      const TimePoint now = std::chrono::steady_clock::now();
      if (*stop_) deadline_ = std::min(deadline_, now + kLastWait);
      look = std::min({until, deadline_, now + kLook});
    }
    auto ready = net::wait_for({&entry, 1}, look, spin);
    if (!ready || *ready) return ready;
    spin = Duration(0);
    const TimePoint now = std::chrono::steady_clock::now();
    if (now >= deadline_) break;
    if (now >= until) return false;
  }
  return too_late();
}

tl::unexpected<Error> Connection::too_late() {
  timed_out_ = true;
  if (stop_ != nullptr && *stop_) return error(Code::interrupted, "no answer since the run was told to stop");
  return error(Code::io, fmt::format("no answer within {}", format_duration(deadline_ - begun_)),
               "raise timeout=, if the network is that slow");
}

/// What can be sent now, from where the last send ended; adjacent pieces are one.
std::size_t Connection::gather(std::span<iovec> pieces) const {
  std::size_t count = 0, in_flight = in_flight_, skip = sent_bytes_;
  const auto add = [&](const void* data, std::size_t bytes) {
    const std::size_t skipped = std::min(skip, bytes);
    skip -= skipped;
    if (bytes == skipped) return true;
    char* from = const_cast<char*>(static_cast<const char*>(data)) + skipped;  // sendmsg does not write there
    bytes -= skipped;
    if (count > 0 && static_cast<char*>(pieces[count - 1].iov_base) + pieces[count - 1].iov_len == from) {
      pieces[count - 1].iov_len += bytes;
      return true;
    }
    if (count == pieces.size()) return false;
    pieces[count++] = {from, bytes};
    return true;
  };
  for (std::size_t i = sent_; i < commands_.size(); ++i) {
    const Command& command = commands_[i];
    in_flight += command.reply.room();
    if (in_flight > max_in_flight_ && in_flight > command.reply.room()) break;
    if (!add(heads_.data() + command.head_begin, command.head_end - command.head_begin) ||
        !add(command.header.data(), command.header.size()) || !add(command.body.data(), command.body.size()) ||
        !add(command.tail.data(), command.tail.size())) {
      break;
    }
  }
  return count;
}

Result<std::size_t> Connection::send_some() {
  if (sent_ == commands_.size()) return 0;
  std::array<iovec, kPieces> pieces;
  const std::size_t count = gather(pieces);
  if (count == 0) return 0;
  auto n = transport_->send(std::span(pieces).first(count));
  if (n) sent(*n);
  return n;
}

void Connection::sent(std::size_t bytes) {
  bytes += sent_bytes_;
  while (sent_ < commands_.size()) {
    const Command& command = commands_[sent_];
    const std::size_t whole =
        command.head_end - command.head_begin + command.header.size() + command.body.size() + command.tail.size();
    if (bytes < whole) break;
    bytes -= whole;
    in_flight_ += command.reply.room();
    ++sent_;
  }
  sent_bytes_ = bytes;
}

Result<bool> Connection::take_reply() {
  if (replied_ >= sent_) {  // not even asked yet: "max number of clients reached", "protected mode", ...
    if (reply().kind == Reply::Kind::error) return tl::unexpected<Error>(refusal(reply().text));
    return error(Code::io, "protocol error: the server speaks unasked");
  }
  in_flight_ -= commands_[replied_].reply.room();
  ++replied_;
  ++replies_;
  expecting_ = false;
  return true;
}

/// A server that closes says why first, sometimes; that is worth more than "broken pipe".
tl::unexpected<Error> Connection::last_words(Error lost) {
  std::array<iovec, 3> pieces;
  const auto in = transport_->receive(std::span(pieces).first(reader_.room(pieces)));
  if (!in || *in == 0) return tl::unexpected<Error>(std::move(lost));
  reader_.filled(*in);
  const auto complete = reader_.advance();
  if (!complete || !*complete || reply().kind != Reply::Kind::error) return tl::unexpected<Error>(std::move(lost));
  return tl::unexpected<Error>(refusal(reply().text));
}

Result<Reply> Connection::ask(std::initializer_list<std::string_view> words, TimePoint deadline) {
  begin(deadline);
  add(std::span(words.begin(), words.size()), {Expected::Kind::text, {}, {}});
  while (!done()) {
    if (auto ok = step(deadline); !ok) return error(ok);
  }
  return reply();
}

}  // namespace kv::resp
