#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "report/report.hpp"

/// Whatever a file holds: it is refused, or every format can show it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(static_cast<const char*>(static_cast<const void*>(data)), size);
  const auto report = kv::read_report_text(text, "input");
  if (!report) return report.error().message.empty() ? std::abort(), 0 : 0;
  for (const kv::Format format : {kv::Format::table, kv::Format::json, kv::Format::csv, kv::Format::markdown}) {
    if (kv::render(*report, format, {format == kv::Format::table, 60}).empty()) std::abort();
  }
  return 0;
}
