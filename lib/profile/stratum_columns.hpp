#pragma once
#include <span>

#include "profile/fitted_profile.hpp"

namespace kv {

/// One number of a stratum's row in a profile: parsing, writing and the comment above them are driven by this table.
struct StratumColumn {
  const char* name;
  std::uint32_t most;  ///< largest value
  std::uint32_t& (*field)(Stratum&);
};
std::span<const StratumColumn> stratum_columns();

}  // namespace kv
