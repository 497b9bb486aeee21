#pragma once
#include <string>

namespace kv::test {

/// The project that the tests were built from. Only its source file is compiled for each clone anew: the other tests
/// come out of ccache, whichever clone made them.
std::string source_dir();

}  // namespace kv::test
