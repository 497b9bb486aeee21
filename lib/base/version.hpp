#pragma once
#include <string>

namespace kv {

/// What was built: project version, git revision ("unknown" outside a checkout), CMake build type in lower case
/// ("relwithdebinfo+thread" with that sanitizer).
struct Version {
  std::string version, revision, build_type;
};
Version version();

}  // namespace kv
