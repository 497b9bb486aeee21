#pragma once
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

#include "support/source_dir.hpp"

namespace kv::test {

/// A file of the real traces: in $KVKIT_TRACES, else beside the project in shared/traces. Where it is missing the
/// caller skips, saying so; in CI (environment variable CI) that is a failure.
inline std::optional<std::string> trace_path(const std::string& name) {
  const char* given = std::getenv("KVKIT_TRACES");
  const std::filesystem::path directory = given ? given : source_dir() + "/../shared/traces";
  const std::filesystem::path path = directory / name;
  if (std::filesystem::exists(path)) return path.string();
  MESSAGE("not there: " << path.string() << "; set KVKIT_TRACES. Skipping.");
  if (std::getenv("CI") != nullptr) FAIL("the traces must be there in CI");
  return std::nullopt;
}

}  // namespace kv::test
