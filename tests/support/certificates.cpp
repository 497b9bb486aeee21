#include "support/certificates.hpp"

#include <stdlib.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include "support/source_dir.hpp"

namespace kv::test {

Certificates::Certificates() {
  if (mkdtemp(directory_.data()) == nullptr) throw std::runtime_error("mkdtemp");
  const std::string script = (std::filesystem::path(source_dir()) / "tests/support/certificates.sh").string();
  if (std::system(("'" + script + "' " + directory_).c_str()) != 0) throw std::runtime_error(script);
}

Certificates::~Certificates() {
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

}  // namespace kv::test
