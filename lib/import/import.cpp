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

/// Whatever an importer did not like, there is something to try.
tl::unexpected<Error> with_hint(const Error& why, const ImportFormat& format) {
  if (why.code != Code::bad_input || !why.hint.empty()) return error(why.code, why.message, why.hint);
  return error(why.code, why.message,
               fmt::format("is the file damaged there, or not of the format {}? --from names another", format.name));
}

Result<Imported> import_source(Result<std::unique_ptr<ByteSource>> source, const std::string& name,
                               const ImportOptions& options, ByteSink& out) {
  if (!source) return error(source);
  auto peeked = peek(std::move(*source));
  if (!peeked) return error(peeked);
  if (peeked->head.empty()) {
    return error(Code::bad_input, fmt::format("{}: there is no request in it", name),
                 "it is empty: was it not written to its end?");
  }
  const auto format = find_format(options.from, options.from == "auto" ? sample_of(peeked->head) : Sample(), name);
  if (!format) return error(format);
  const auto values = values_of(**format, options);
  if (!values) return error(values);

  ImportNotes notes;
  Collector requests(name);
  ImportJob job{std::move(peeked->source), name, *values, notes, requests};
  if (const auto run = (*format)->run(job); !run) return with_hint(run.error(), **format);
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
