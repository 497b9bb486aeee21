#pragma once
#include <CLI/CLI.hpp>

#include "base/result.hpp"

namespace kvtool {

/// What CLI11 found wrong with the command line, in our form: an unknown option or command suggests the nearest.
kv::Error explain(const CLI::App& app, const CLI::ParseError& error);

}  // namespace kvtool
