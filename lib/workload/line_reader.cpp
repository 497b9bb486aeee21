#include "workload/line_reader.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace kv {

namespace {
constexpr std::size_t kWindow = std::size_t{256} << 10;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
}  // namespace

bool Line::blank() const {
  return size == 0 || std::string_view(data, size).find_first_not_of(" \t\r") == std::string_view::npos;
}

LineReader::LineReader(std::unique_ptr<ByteSource> source)
    : source_(std::move(source)), window_(std::make_unique<char[]>(kWindow + Line::kPadding)), capacity_(kWindow) {}

Result<bool> LineReader::next(Line& line) {
  std::size_t searched = 0;
  for (;;) {
    char* const from = window_.get() + begin_;
    const void* newline = std::memchr(from + searched, '\n', end_ - begin_ - searched);
    if (newline != nullptr) {
      give(line, static_cast<std::size_t>(static_cast<const char*>(newline) - from));
      ++begin_;
      return true;
    }
    searched = end_ - begin_;
    if (searched > Line::kMaxBytes) return skip_to_newline(line);
    const auto more = fill();
    if (!more) return error(more);
    if (*more) continue;
    if (searched == 0) return false;
    give(line, searched);
    return true;
  }
}

std::optional<double> LineReader::progress() const {
  const auto size = source_->size();
  if (!size || *size == 0) return std::nullopt;
  return static_cast<double>(received_ - (end_ - begin_)) / static_cast<double>(*size);
}

Result<bool> LineReader::fill() {
  if (ended_) return false;
  if (begin_ > 0) {
    std::memmove(window_.get(), window_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ == capacity_) {
    capacity_ *= 2;
    auto larger = std::make_unique<char[]>(capacity_ + Line::kPadding);
    std::copy_n(window_.get(), end_, larger.get());
    window_ = std::move(larger);
  }
  const auto got = source_->read({window_.get() + end_, capacity_ - end_});
  if (!got) return error(got);
  ended_ = *got == 0;
  end_ += *got;
  received_ += *got;
  if (!started_ && !ended_ && end_ < kByteOrderMark.size()) {
    const auto rest = fill();  // whether or not there is more: something arrived
    return rest ? Result<bool>(true) : rest;
  }
  if (!started_ && std::string_view(window_.get(), end_).starts_with(kByteOrderMark)) begin_ = kByteOrderMark.size();
  started_ = true;
  return *got > 0;
}

void LineReader::give(Line& line, std::size_t size) {
  line.number = ++number_;
  line.data = window_.get() + begin_;
  line.size = size;
  line.readable = capacity_ + Line::kPadding - begin_;
  line.too_long = size > Line::kMaxBytes;
  if (line.too_long) line.size = 0;
  begin_ += size;
}

Result<bool> LineReader::skip_to_newline(Line& line) {
  for (;;) {
    const void* newline = std::memchr(window_.get() + begin_, '\n', end_ - begin_);
    begin_ =
        newline == nullptr ? end_ : static_cast<std::size_t>(static_cast<const char*>(newline) - window_.get()) + 1;
    if (newline == nullptr) {
      const auto more = fill();
      if (!more) return error(more);
      if (*more) continue;
    }
    line = {++number_, window_.get() + begin_, 0, capacity_ + Line::kPadding - begin_, true};
    return true;
  }
}

}  // namespace kv
