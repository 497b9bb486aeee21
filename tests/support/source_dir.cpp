#include "support/source_dir.hpp"

namespace kv::test {

std::string source_dir() { return KVKIT_SOURCE_DIR; }

}  // namespace kv::test
