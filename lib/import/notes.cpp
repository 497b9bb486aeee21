#include "import/notes.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/parse.hpp"

namespace kv {

void ImportNotes::tally(std::string_view what, std::uint64_t line) {
  for (Tally& tally : tallies_) {
    if (tally.what != what) continue;
    ++tally.count;
    return;
  }
  tallies_.push_back({std::string(what), 1, line});
}

void ImportNotes::assume(std::string what, std::string how) {
  const auto known = [&](const auto& one) { return one.first == what && one.second == how; };
  if (std::any_of(assumptions_.begin(), assumptions_.end(), known)) return;
  assumptions_.emplace_back(std::move(what), std::move(how));
}

std::vector<std::string> ImportNotes::warnings(const std::string& name) const {
  std::vector<std::string> out = warnings_;
  for (const Tally& tally : tallies_) {
    out.push_back(
        fmt::format("{} {} (the first: {}:{})", format_count(tally.count), tally.what, name, tally.first_line));
  }
  return out;
}

tl::unexpected<Error> at_line(const std::string& name, std::uint64_t line, const Error& why) {
  return error(why.code, fmt::format("{}:{}: {}", name, line, why.message), why.hint);
}

}  // namespace kv
