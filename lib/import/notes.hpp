#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace kv {

/// What an import noticed and what it took for granted. Not thread-safe.
class ImportNotes {
 public:
  void warn(std::string text) { warnings_.push_back(std::move(text)); }
  /// One more of a kind, "requests without input tokens were left out": said once, with the count and the first line.
  void tally(std::string_view what, std::uint64_t line);
  /// Said of the result, in few words: "tokens", "bytes / 4".
  void assume(std::string what, std::string how);

  /// In the order in which they were first noticed. `name` is that of the input.
  std::vector<std::string> warnings(const std::string& name) const;
  const std::vector<std::pair<std::string, std::string>>& assumptions() const { return assumptions_; }

 private:
  struct Tally {
    std::string what;
    std::uint64_t count = 0, first_line = 0;
  };
  std::vector<std::string> warnings_;
  std::vector<Tally> tallies_;
  std::vector<std::pair<std::string, std::string>> assumptions_;
};

/// The same error, with file:line in front of its message.
tl::unexpected<Error> at_line(const std::string& name, std::uint64_t line, const Error& why);

}  // namespace kv
