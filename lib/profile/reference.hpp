#pragma once
#include <string>
#include <vector>

namespace kv {

/// What a profile may say, made from the rows that read it.
struct ReferenceTable {
  std::string title, summary;
  struct Row {
    std::string key, preset, summary;
  };
  std::vector<Row> rows;
};
std::vector<ReferenceTable> profile_reference();

}  // namespace kv
