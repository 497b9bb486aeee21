#pragma once
#include <string>

namespace kv::test {

/// A fresh directory with what tests/support/certificates.sh makes; gone with its object.
class Certificates {
 public:
  Certificates();
  ~Certificates();
  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;

  std::string path(const std::string& file) const { return directory_ + "/" + file; }

 private:
  std::string directory_ = "/tmp/kvkit-certificates-XXXXXX";
};

}  // namespace kv::test
