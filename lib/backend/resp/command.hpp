#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/units.hpp"

namespace kv::resp {

/// Appends a command as an array of bulk strings: what redisFormatCommandArgv makes (a test holds them equal), without
/// its allocation per command.
void append_command(std::string& out, std::span<const std::string_view> words);

/// An expiry as commands take it: whole milliseconds, rounded up, at least 1.
std::string expiry_ms(Duration ttl);

/// SET with or without an expiry; the value stands between append_head() and `tail`, and is sent from where it lies.
class SetCommand {
 public:
  explicit SetCommand(std::optional<Duration> ttl);
  void append_head(std::string& out, std::string_view key, std::size_t value_bytes) const;
  std::string_view tail() const { return tail_; }

 private:
  std::string start_, tail_;
};

}  // namespace kv::resp
