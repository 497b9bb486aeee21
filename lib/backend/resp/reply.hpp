#pragma once
#include <sys/uio.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

struct redisReader;

namespace kv::resp {

inline constexpr std::size_t kMaxLineBytes = 16 << 10;    ///< of a status, an error, an integer or a length
inline constexpr std::size_t kMaxTextBytes = 256 << 10;   ///< of a whole reply to a control command (INFO: ~6 KiB)
inline constexpr std::size_t kMaxListItems = 1024;        ///< in all lists of such a reply
inline constexpr std::size_t kMaxValueBytes = 512 << 20;  ///< Redis's proto-max-bulk-len

/// What the next reply may be, and where its bytes belong.
struct Expected {
  enum class Kind {
    line,   ///< status, error, integer or nil
    value,  ///< a line, or a value whose first bytes go to `header` and the rest to `body`
    text,   ///< anything that fits kMaxTextBytes: control commands
  } kind = Kind::line;
  std::span<std::byte> header, body;

  std::size_t room() const { return header.size() + body.size(); }
};

struct Reply {
  enum class Kind {
    status,
    error,
    integer,
    nil,
    value,   ///< header is full, and `bytes` - header.size() of body
    misfit,  ///< a value of `bytes`, less than the header or more than the room: read past, nothing kept
    text,    ///< a bulk string in reply to a control command
    list,    ///< an array; its elements flattened to text
  } kind = Kind::nil;
  std::string text;  ///< status, error and text as they came
  long long integer = 0;
  std::size_t bytes = 0;
  std::vector<std::string> items;
};

/// The server's words, fit for a terminal: printable, at most 200 characters.
std::string printable(std::string_view text);

/// Reads RESP2 replies, and RESP3 ones where hiredis can (kNewestProtocol), one after the other, without doing I/O: the
/// caller asks where received bytes belong, puts them there and advances. Values go straight to their spans;
/// `redisReader` parses what is small, behind a guard that bounds lengths and counts first, since hiredis itself
/// believes every "*2000000000". Memory is one fixed buffer. After an error the reader is of no more use. Not
/// thread-safe.
class ReplyReader {
 public:
  ReplyReader();
  ~ReplyReader();

  /// Begins the next reply. `after`, the one that follows it in a pipeline (or null), decides how far to read ahead:
  /// far over small replies, and not into a large value, so that its bytes need no second copy.
  void expect(const Expected& now, const Expected* after);
  /// Where the next received bytes go, in order: 1 to 3 non-empty pieces. Only while advance() says false.
  std::size_t room(std::span<iovec, 3> pieces);
  /// The first `bytes` of that room are filled.
  void filled(std::size_t bytes);
  /// True: reply() is complete. False: more bytes are needed. An error (Code::io): this is not RESP, or beyond bounds.
  Result<bool> advance();
  const Reply& reply() const { return reply_; }
  /// Received beyond the reply that was last expected.
  std::size_t buffered() const { return end_ - begin_; }

 private:
  enum class Phase { head, value, skip, done };
  struct FreeReader {
    void operator()(redisReader* reader) const;
  };

  std::string_view unread() const { return {buffer_.data() + begin_, end_ - begin_}; }
  Result<bool> read_head();
  Result<bool> read_text();
  Result<void> pass_pushes();
  Result<void> begin_value(std::string_view length);
  Result<void> parse_small(std::string_view reply);
  void take_value();
  Result<bool> end_value();
  std::size_t staging() const;

  std::unique_ptr<redisReader, FreeReader> reader_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0, end_ = 0;
  Expected expected_;
  std::size_t read_ahead_ = 0;
  Phase phase_ = Phase::done;
  std::size_t value_bytes_ = 0, value_read_ = 0;
  Reply reply_;
};

}  // namespace kv::resp
