#include <iostream>

#include "backend/registry.hpp"
#include "base/parse.hpp"

int main() {
  // The registry pulls in all of the library, so that a dependency missing from the package fails to link.
  if (kv::backends().empty()) return 1;
  std::cout << kv::format_bytes(kv::parse_bytes("64KiB").value()) << "\n";
}
