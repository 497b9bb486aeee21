#include "backend/resp/command.hpp"

#include <algorithm>
#include <charconv>

namespace kv::resp {
namespace {

void append_number(std::string& out, char type, std::size_t n) {
  char digits[24];
  const char* end = std::to_chars(digits, digits + sizeof(digits), n).ptr;
  out += type;
  out.append(digits, static_cast<std::size_t>(end - digits));
  out += "\r\n";
}

void append_word(std::string& out, std::string_view word) {
  append_number(out, '$', word.size());
  out += word;
  out += "\r\n";
}

}  // namespace

void append_command(std::string& out, std::span<const std::string_view> words) {
  append_number(out, '*', words.size());
  for (const std::string_view word : words) append_word(out, word);
}

std::string expiry_ms(Duration ttl) {
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(ttl).count();
  return std::to_string(std::max<std::int64_t>(ms, 1));
}

SetCommand::SetCommand(std::optional<Duration> ttl) : tail_("\r\n") {
  append_number(start_, '*', ttl ? 5 : 3);
  append_word(start_, "SET");
  if (!ttl) return;
  append_word(tail_, "PX");
  append_word(tail_, expiry_ms(*ttl));
}

void SetCommand::append_head(std::string& out, std::string_view key, std::size_t value_bytes) const {
  out += start_;
  append_word(out, key);
  append_number(out, '$', value_bytes);
}

}  // namespace kv::resp
