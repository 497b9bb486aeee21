// Traces as CSV, of any content: an error, or a trace that is read.
#include "support/import_check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return kv::test::check_import(data, size, {"azure", "burstgpt"});
}
