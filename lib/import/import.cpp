#include "import/import.hpp"

#include <fmt/format.h>

#include "import/registry.hpp"

namespace kv {
namespace {

Result<OptionValues> values_of(const ImportFormat& format, const ImportOptions& options) {
  std::vector<std::pair<std::string, std::string>> escaped;  // OptionValues takes what stood in a URL
  for (const auto& [key, value] : options.values) {
    std::string text;
    for (const char c : value) text += c == '%' ? std::string("%25") : std::string(1, c);
    escaped.emplace_back(key, text);
  }
  return OptionValues::check(format.name, format.options, escaped);
}

Result<Imported> import_source(Result<std::unique_ptr<ByteSource>> source, const std::string& name,
                               const ImportOptions& options, ByteSink& out) {
  if (!source) return error(source);
  auto peeked = peek(std::move(*source));
  if (!peeked) return error(peeked);
  const auto format = find_format(options.from, options.from == "auto" ? sample_of(peeked->head) : Sample(), name);
  if (!format) return error(format);
  const auto values = values_of(**format, options);
  if (!values) return error(values);

  ImportNotes notes;
  Collector requests(name);
  ImportJob job{std::move(peeked->source), name, *values, notes, requests};
  if (const auto run = (*format)->run(job); !run) return error(run);
  const auto sum = requests.write(out, options.object_tokens, notes);
  if (!sum) return error(sum);

  if (sum->block_size.count() < sum->source_block_size.count()) {
    notes.assume("objects", fmt::format("blocks of {} tokens cut into {}: what is shared within a block of the source "
                                        "is not seen",
                                        sum->source_block_size.count(), sum->block_size.count()));
  }
  return Imported{name, (*format)->name, options.from == "auto", *sum, notes.warnings(name), notes.assumptions()};
}

}  // namespace

Result<Imported> import_trace(const std::string& path, const ImportOptions& options, ByteSink& out) {
  return import_source(open_source(path), source_name(path), options, out);
}

Result<Imported> import_text(std::string_view bytes, const std::string& name, const ImportOptions& options,
                             ByteSink& out) {
  return import_source(memory_source(bytes, name), name, options, out);
}

}  // namespace kv
