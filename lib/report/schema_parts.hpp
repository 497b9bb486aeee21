#pragma once
#include <string>
#include <string_view>
#include <utility>

#include "report/document.hpp"

namespace kv {

/// What JSON Schemas (draft 7) of our documents are made of; for the files that make them.

Json type_of(Unit unit);
std::string_view unit_name(Unit unit);
Json empty_object();
/// Puts a leaf under its path, making the objects on the way; every name is required.
void add_leaf(Json& schema, std::string_view path, Json leaf);
Json texts(std::string meaning);

/// Of a row of a field table.
template <class Row>
Json described(const Row& row) {
  Json leaf = type_of(row.unit);
  leaf["description"] = row.meaning;
  return leaf;
}

}  // namespace kv
