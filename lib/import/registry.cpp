#include "import/registry.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/parse.hpp"
#include "import/rows.hpp"

namespace kv {
namespace {

std::vector<std::string> names() {
  std::vector<std::string> out;
  for (const ImportFormat& format : import_formats()) out.push_back(format.name);
  return out;
}

}  // namespace

std::span<const ImportFormat> import_formats() {
  static const std::vector<ImportFormat> kFormats = {kMooncakeFormat, kAiperfFormat, kBailianFormat,
                                                     kServegenFormat, kAzureFormat,  kBurstgptFormat,
                                                     kSharegptFormat, kOpenaiFormat, kVllmEventsFormat};
  return kFormats;
}

Result<const ImportFormat*> find_format(const std::string& name, const Sample& sample, const std::string& source) {
  std::vector<const ImportFormat*> found;
  std::vector<std::string> matching;
  for (const ImportFormat& format : import_formats()) {
    if (name == "auto" ? !format.detect(sample) : name != format.name) continue;
    found.push_back(&format);
    matching.push_back(format.name);
  }
  if (found.size() == 1) return found.front();
  const std::string list = fmt::format("one of {}", fmt::join(names(), ", "));
  if (name != "auto") {
    const auto close = nearest(name, names());
    return error(Code::bad_input, fmt::format("--from knows no format {}", quote(name)),
                 close ? fmt::format("did you mean {}? {}", *close, list) : list);
  }
  if (!found.empty()) {
    return error(Code::bad_input, fmt::format("{}: this looks like {}", source, fmt::join(matching, " and like ")),
                 fmt::format("name the format with --from: {}", list));
  }
  return error(Code::bad_input, fmt::format("{}: cannot tell the format by its content", source),
               fmt::format("name it with --from: {}", list));
}

std::vector<ImportOption> import_options() {
  std::vector<ImportOption> out;
  for (const ImportFormat& format : import_formats()) {
    for (const OptionRow& row : format.options) {
      const auto same = [&row](const ImportOption& option) { return option.row.key == row.key; };
      auto known = std::find_if(out.begin(), out.end(), same);
      if (known == out.end()) known = out.insert(out.end(), {row, {}});
      if (known->row.preset != row.preset) known->row.preset.clear();
      known->formats.push_back(format.name);
    }
  }
  return out;
}

}  // namespace kv
