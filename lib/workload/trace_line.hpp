#pragma once
#include <memory>

#include "workload/line_reader.hpp"
#include "workload/read.hpp"

namespace kv {

/// JSON text -> TraceLine: types and ranges of the fields, nothing about other lines. Fields may come in any order,
/// others are checked to be JSON and ignored. Not thread-safe.
class TraceLineParser {
 public:
  TraceLineParser();
  ~TraceLineParser();

  /// `out.ids` and the texts of `out.origin` live until the next call, or as long as the line. Errors (bad_input) carry
  /// no place.
  Result<void> parse(const Line& line, TraceLine& out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kv
