#include <array>

#include "policy/rows.hpp"

namespace kv {

PolicyRow belady_row() {
  return {
      .name = "belady",
      .summary =
          "clairvoyant: the block that is used again last leaves first, or is not stored at all; no policy hits more",
      .source = "Belady 1966; Carlisle, Lloyd 1995",
  };
}

std::span<const PolicyRow> policies() {
  static const std::array rows{lru_row(), fifo_row(), lfu_row(),          sieve_row(),    s3_fifo_row(),
                               arc_row(), gdsf_row(), length_aware_row(), leaf_lru_row(), belady_row()};
  return rows;
}

const PolicyRow* find_policy(const std::string& name) {
  for (const PolicyRow& row : policies()) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

std::string policy_names() {
  std::string names;
  for (const PolicyRow& row : policies()) {
    if (row.online()) names += (names.empty() ? "" : ", ") + row.name;
  }
  return names;
}

}  // namespace kv
