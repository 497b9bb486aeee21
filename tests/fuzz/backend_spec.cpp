// Whatever a SPEC holds, parsing it ends, and what it accepts holds no secret and parses again to the same.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "backend/registry.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto spec = kv::parse_backend(text);
  if (!spec) {
    if (spec.error().message.empty()) std::abort();
    return 0;
  }
  if (spec->user.find(':') != std::string::npos) std::abort();
  if (spec->path.find('\0') != std::string::npos) std::abort();
  const auto again = kv::parse_backend(spec->text);
  if (!again || again->scheme != spec->scheme || again->host != spec->host || again->port != spec->port) std::abort();
  return 0;
}
