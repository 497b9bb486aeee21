#pragma once
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "workload/byte_source.hpp"

namespace kv {

/// The beginning of an input, as far as a format can be told by it.
struct Sample {
  static constexpr std::size_t kBytes = std::size_t{1} << 20;

  enum class Kind { unknown, json_lines, json_array, json_tuples, csv };
  Kind kind = Kind::unknown;         ///< json_lines: objects one behind the other; json_array: in one array;
                                     ///< json_tuples: arrays that begin with a number
  std::set<std::string> keys;        ///< of the first objects that are there as a whole, as in "body.messages"
  std::vector<std::string> columns;  ///< of the first line, where it is not JSON

  bool has(const std::string& key) const { return keys.count(key) != 0; }
  bool has_column(const std::string& name) const;
};
Sample sample_of(std::string_view head);

/// A source whose beginning has been looked at already, and comes again.
struct Peeked {
  std::string head;                    ///< up to Sample::kBytes
  std::unique_ptr<ByteSource> source;  ///< `head` and what follows it
};
Result<Peeked> peek(std::unique_ptr<ByteSource> source);

}  // namespace kv
