#pragma once
#include <memory>
#include <string>
#include <vector>

#include "workload/byte_source.hpp"
#include "workload/line_reader.hpp"

namespace kv {

/// One JSON object or array in the window of a JsonItems: valid until its next call.
struct JsonItem {
  std::uint64_t line = 0;  ///< where it begins, from 1
  const char* data = nullptr;
  std::size_t size = 0;
  std::size_t readable = 0;  ///< from `data` on, at least size + Line::kPadding
};

/// Cuts JSON into items without holding it all: objects (or arrays) that follow each other, one a line or not, or the
/// elements of arrays of them. Only brackets and strings are looked at; the parser judges the rest. Memory is that of
/// the largest item, at most Line::kMaxBytes. Not thread-safe.
class JsonItems {
 public:
  JsonItems(std::unique_ptr<ByteSource> source, std::string name);

  /// False at the end. Errors (bad_input) name file:line.
  Result<bool> next(JsonItem& item);
  bool in_array() const { return in_array_; }              ///< the last item was an element of an array
  bool looks_like_json() const { return began_as_json_; }  ///< the first character that counts opened a value

 private:
  Result<bool> fill();
  Result<int> skip_space();  // the next character that counts, or -1
  Result<int> start();
  Result<int> seek_item();
  Result<bool> opens_array_of_items();  // '[' at the front: is its content items, not numbers?
  Result<std::size_t> item_size();
  tl::unexpected<Error> bad(const std::string& what, std::uint64_t line) const;

  std::unique_ptr<ByteSource> source_;
  std::string name_;
  std::vector<char> window_;
  std::size_t begin_ = 0, end_ = 0;
  std::uint64_t line_ = 1;
  bool started_ = false, ended_ = false, in_array_ = false, first_in_array_ = false, began_as_json_ = false;
};

}  // namespace kv
