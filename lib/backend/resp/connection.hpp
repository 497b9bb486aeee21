#pragma once
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backend/resp/command.hpp"
#include "backend/resp/endpoint.hpp"
#include "backend/resp/reply.hpp"

namespace kv::resp {

/// The Error for an error reply of the server: its words made printable, and what to do about them.
Error refusal(std::string_view words);
/// Whether an error reply says that the server's memory is full: Redis's OOM, or Dragonfly's words.
bool says_full(std::string_view words);

/// A connection that has said hello (AUTH, SELECT) and carries batches of commands, full duplex: replies are read
/// while commands are still being written, so a batch of any size makes progress, and GETs are held back while more
/// than Endpoint::max_in_flight bytes of values are under way, because a server counts queued replies in its memory.
/// Any error makes it useless: destroy it, it is in the middle of something; until then all that is asked fails. Not
/// thread-safe.
class Connection {
 public:
  static Result<std::unique_ptr<Connection>> open(const Endpoint& endpoint);
  /// Over a transport that is connected already; says hello as `endpoint` tells.
  static Result<std::unique_ptr<Connection>> open(std::unique_ptr<net::Transport> transport, const Endpoint& endpoint);

  /// A batch: begin, add its commands, step until done. Spans must live until the reply has come.
  void begin(TimePoint deadline);
  void add(std::span<const std::string_view> words, const Expected& reply = {});
  void add_set(const SetCommand& set, std::string_view key, std::span<const std::byte> header,
               std::span<const std::byte> body);
  bool done() const { return replied_ == commands_.size(); }
  /// Index of the command that waits for its reply.
  std::size_t replied() const { return replied_; }
  /// True: one more reply is complete, see reply(). False: `until` has passed first. Code::interrupted: the run is to
  /// stop (Endpoint::stop), and the answer has not come within kLastWait since.
  Result<bool> step(TimePoint until);
  const Reply& reply() const { return reader_.reply(); }
  /// Whether the last step failed because nothing came, as opposed to a connection that broke.
  bool timed_out() const { return timed_out_; }
  /// `why`, with a hint where the other end left before it had ever answered: perhaps it is meant to be spoken to
  /// differently.
  Error advise(Error why, const Endpoint& endpoint) const;

  /// One control command and its reply, of which kMaxTextBytes are read. An error reply is a Reply, not an Error.
  Result<Reply> ask(std::initializer_list<std::string_view> words, TimePoint deadline);

  /// For whoever polls over several connections: the socket, and whether there is something to send into it. What
  /// poll() finds ready, step() with a past `until` moves, without waiting. Poll only once step() has said false: what
  /// came with an earlier reply is no longer in the socket.
  int descriptor() const { return transport_->descriptor(); }
  bool wants_to_send() const;

  std::uint64_t bytes_in() const { return transport_->bytes_in(); }
  std::uint64_t bytes_out() const { return transport_->bytes_out(); }

 private:
  struct Command {
    std::size_t head_begin, head_end;  // in heads_
    std::span<const std::byte> header, body;
    std::string_view tail;
    Expected reply;
  };

  Connection(std::unique_ptr<net::Transport> transport, const Endpoint& endpoint)
      : transport_(std::move(transport)),
        stop_(endpoint.stop),
        spin_(endpoint.spin),
        max_in_flight_(endpoint.max_in_flight.count()) {}
  Result<void> hello(const Endpoint& endpoint);
  Result<bool> hello3(const Endpoint& endpoint, TimePoint deadline);
  Result<void> authenticate(const Endpoint& endpoint, TimePoint deadline);
  void expect_next();
  std::size_t gather(std::span<iovec> pieces) const;
  Result<std::size_t> send_some();
  void sent(std::size_t bytes);
  Result<bool> move(TimePoint until);
  Result<bool> wait(TimePoint until);
  tl::unexpected<Error> too_late();
  Result<bool> take_reply();
  tl::unexpected<Error> last_words(Error lost);

  std::unique_ptr<net::Transport> transport_;
  const std::atomic<bool>* stop_;  // or null
  Duration spin_;
  std::size_t max_in_flight_;
  ReplyReader reader_;
  std::string heads_;
  std::vector<Command> commands_;
  TimePoint deadline_, begun_;
  bool expecting_ = false, timed_out_ = false;
  bool broken_ = false;                    // a step failed: what comes next may belong to anything
  std::size_t sent_ = 0, sent_bytes_ = 0;  // commands sent whole, and what is sent of the next
  std::size_t replied_ = 0;
  std::uint64_t replies_ = 0;  // in all batches
  std::size_t in_flight_ = 0;  // bytes of values that were asked for and have not come
};

}  // namespace kv::resp
