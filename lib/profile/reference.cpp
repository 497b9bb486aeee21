#include "profile/reference.hpp"

#include "profile/composed.hpp"
#include "profile/fitted_text.hpp"

namespace kv {
namespace {

template <class T>
ReferenceTable table_of(std::string title, std::string summary, const std::vector<TomlKey<T>>& keys) {
  ReferenceTable table{std::move(title), std::move(summary), {}};
  for (const auto& key : keys) table.rows.push_back({key.name, key.preset, key.summary});
  return table;
}

}  // namespace

std::vector<ReferenceTable> profile_reference() {
  std::vector<ReferenceTable> out;
  out.push_back(table_of("the profile", "keys in front of any table", profile_keys()));
  out.push_back(table_of("[[tenant]]", "who shares the service", tenant_keys()));
  out.push_back(table_of("[[component]]", "a kind of traffic: these, and those of its type", component_keys()));
  for (const ComponentRow& row : component_types()) {
    ReferenceTable table{"type = \"" + std::string(row.name) + '"', std::string(row.summary), {}};
    for (const auto& key : row.keys()) table.rows.push_back({key.name, key.preset, key.summary});
    out.push_back(std::move(table));
  }
  for (const ArrivalsRow& row : arrivals_kinds()) {
    out.push_back(table_of("[arrivals] type = \"" + std::string(row.name) + '"', std::string(row.summary), row.keys));
  }
  for (const DistributionRow& row : distributions()) {
    out.push_back(table_of("{ type = \"" + std::string(row.name) + "\" }", std::string(row.summary), row.keys));
  }
  out.push_back(table_of("[fitted]", "instead of all these: what kvtrace fit writes", fitted_keys()));
  return out;
}

}  // namespace kv
