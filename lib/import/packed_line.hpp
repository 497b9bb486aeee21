#pragma once
#include <span>
#include <vector>

#include "workload/read.hpp"

namespace kv {

/// A TraceLine as bytes that hold all it views: for keeping many, in memory or in a file of this process.
struct PackedLine {
  static void append(const TraceLine& line, std::vector<char>& out);
  /// Of the whole record that begins here, at least kHead bytes of which are there.
  static std::size_t size(const char* record);
  /// `ids` is where the ids are copied to: records are not aligned.
  static TraceLine read(const char* record, std::vector<BlockId>& ids);
  static constexpr std::size_t kHead = 72;
};

}  // namespace kv
