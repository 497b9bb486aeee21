#pragma once
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "import/import.hpp"
#include "workload/read.hpp"

namespace kv::test {

/// For fuzz targets. The first byte chooses a format ("auto" too), whether blocks are regrouped, and for CSV whether
/// sharing is assumed; the rest is the input. An error must be the input's, and short; anything else must be a trace
/// that read_workload accepts.
inline int check_import(const std::uint8_t* data, std::size_t size, const std::vector<std::string>& formats) {
  const auto check = [](bool holds) {
    if (!holds) std::abort();
  };
  if (size == 0) return 0;
  const std::size_t choice = data[0] % 32 % (formats.size() + 1);
  ImportOptions options;
  options.from = choice == formats.size() ? "auto" : formats[choice];
  if ((data[0] & 32U) != 0) options.object_tokens = Tokens(1024);
  if ((data[0] & 64U) != 0 && formats[0] == "azure") options.values = {{"sharing", "system=600,hit=0.5"}};
  if ((data[0] & 64U) != 0 && formats[0] == "mooncake") options.object_tokens = Tokens(8);
  MemorySink out;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto imported = import_text(text, "fuzz", options, out);
  if (!imported) {
    check(imported.error().code == Code::bad_input && !imported.error().message.empty());
    check(imported.error().message.size() < 1000);
    return 0;
  }
  ReadNotes notes;
  const auto workload = read_workload_text(out.text(), "made", {imported->sum.block_size, false}, notes);
  check(workload.has_value() && workload->size() == imported->sum.requests);
  return 0;
}

}  // namespace kv::test
