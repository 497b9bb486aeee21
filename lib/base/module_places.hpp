#pragma once
#include <string>
#include <vector>

namespace kv {

/// Where a module of ours that is loaded at run time may lie, in the order of trying: $`variable` alone if set, else
/// next to the program (../lib/kvkit), else where it was installed.
std::vector<std::string> module_places(const std::string& file, const char* variable);

}  // namespace kv
