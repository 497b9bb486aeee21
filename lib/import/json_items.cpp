#include "import/json_items.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string_view>

namespace kv {
namespace {

constexpr std::size_t kWindow = std::size_t{256} << 10;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

}  // namespace

JsonItems::JsonItems(std::unique_ptr<ByteSource> source, std::string name)
    : source_(std::move(source)), name_(std::move(name)), window_(kWindow + Line::kPadding) {}

tl::unexpected<Error> JsonItems::bad(const std::string& what, std::uint64_t line) const {
  return error(Code::bad_input, fmt::format("{}:{}: {}", name_, line, what),
               "JSON objects one a line, or one array of them");
}

Result<bool> JsonItems::fill() {
  if (ended_) return false;
  if (begin_ > 0) {
    std::memmove(window_.data(), window_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ + Line::kPadding == window_.size()) window_.resize(2 * end_ + Line::kPadding);
  const auto got = source_->read({window_.data() + end_, window_.size() - Line::kPadding - end_});
  if (!got) return error(got);
  ended_ = *got == 0;
  end_ += *got;
  return *got > 0;
}

Result<int> JsonItems::skip_space() {
  for (;;) {
    for (; begin_ < end_ && is_space(window_[begin_]); ++begin_) line_ += window_[begin_] == '\n';
    if (begin_ < end_) return static_cast<unsigned char>(window_[begin_]);
    const auto more = fill();
    if (!more) return error(more);
    if (!*more) return -1;
  }
}

Result<bool> JsonItems::opens_array_of_items() {
  for (std::size_t at = 1;; ++at) {
    while (begin_ + at == end_) {
      if (at > Line::kMaxBytes) return bad("nothing but spaces behind '['", line_);
      const auto more = fill();
      if (!more) return error(more);
      if (!*more) return bad("the file ends behind '['", line_);
    }
    const char c = window_[begin_ + at];
    if (!is_space(c)) return c == '{' || c == '[' || c == ']';
  }
}

/// The bytes of the item that begins at begin_.
Result<std::size_t> JsonItems::item_size() {
  std::size_t depth = 0;
  bool in_text = false;
  for (std::size_t at = 0;;) {
    const char* const from = window_.data() + begin_;
    const std::size_t there = end_ - begin_;
    for (; at < there; ++at) {
      const char c = from[at];
      if (in_text) {
        if (c == '\\') {
          if (at + 1 == there) break;  // what it escapes has not come yet
          ++at;
        } else if (c == '"') {
          in_text = false;
        }
      } else if (c == '"') {
        in_text = true;
      } else if (c == '{' || c == '[') {
        ++depth;
      } else if ((c == '}' || c == ']') && --depth == 0) {
        return at + 1;
      }
    }
    if (there > Line::kMaxBytes)
      return bad(fmt::format("the value is longer than {} MiB", Line::kMaxBytes >> 20), line_);
    const auto more = fill();
    if (!more) return error(more);
    if (!*more) return bad("the file ends within the value that begins here: is it truncated?", line_);
  }
}

/// The first character that counts, behind a byte order mark.
Result<int> JsonItems::start() {
  started_ = true;
  while (end_ - begin_ < kByteOrderMark.size() && !ended_) {
    if (const auto more = fill(); !more) return error(more);
  }
  if (std::string_view(window_.data() + begin_, end_ - begin_).starts_with(kByteOrderMark)) {
    begin_ += kByteOrderMark.size();
  }
  auto c = skip_space();
  if (c) began_as_json_ = *c == '{' || *c == '[';
  return c;
}

/// Takes brackets and commas between items, up to the first character of one; -1 at the end.
Result<int> JsonItems::seek_item() {
  bool comma = false;
  for (auto c = started_ ? skip_space() : start();; c = skip_space()) {
    if (!c) return c;
    if (*c == -1 && in_array_) return bad("the file ends within an array: is it truncated?", line_);
    if (*c == -1) return c;
    if (in_array_ && *c == ']' && !comma) {
      in_array_ = false;
    } else if (in_array_ && !first_in_array_ && !comma) {
      if (*c != ',') return bad("a comma or ']' is missing between two values", line_);
      comma = true;
    } else if (!in_array_ && *c == '[') {
      const auto items = opens_array_of_items();
      if (!items) return error(items);
      if (!*items) return c;
      in_array_ = first_in_array_ = true;
    } else {
      if (*c != '{' && *c != '[') return bad("what stands here is no JSON object", line_);
      return c;
    }
    ++begin_;
  }
}

Result<bool> JsonItems::next(JsonItem& item) {
  const auto c = seek_item();
  if (!c) return error(c);
  if (*c == -1) return false;
  const auto size = item_size();
  if (!size) return error(size);
  first_in_array_ = false;
  item = {line_, window_.data() + begin_, *size, window_.size() - begin_};
  line_ += static_cast<std::uint64_t>(std::count(item.data, item.data + item.size, '\n'));
  begin_ += *size;
  return true;
}

}  // namespace kv
