#include "import/jsonl.hpp"

#include <fmt/format.h>

#include "base/parse.hpp"

namespace kv {

Result<void> each_line(ImportJob& job, const std::function<Result<void>(const Line&)>& take) {
  LineReader lines(std::move(job.source));
  Line line;
  for (;;) {
    const auto more = lines.next(line);
    if (!more) return error(more);
    if (!*more) return {};
    if (line.blank() && !line.too_long) continue;
    if (const auto taken = take(line); !taken) return at_line(job.name, line.number, taken.error());
  }
}

Result<void> each_object(ImportJob& job,
                         const std::function<Result<void>(const json::object& object, std::uint64_t line)>& take) {
  JsonParser parser;
  return each_line(job, [&](const Line& line) -> Result<void> {
    const auto object = parser.parse_object(line);
    if (!object) return error(object);
    return take(*object, line.number);
  });
}

Result<void> each_item(ImportJob& job,
                       const std::function<Result<void>(const json::element& value, std::uint64_t line)>& take) {
  JsonItems items(std::move(job.source), job.name);
  JsonParser parser;
  JsonItem item;
  for (;;) {
    const auto more = items.next(item);
    if (!more) return error(more);
    if (!*more) return {};
    const auto value = parser.parse(item);
    if (!value) return at_line(job.name, item.line, value.error());
    if (const auto taken = take(*value, item.line); !taken) return at_line(job.name, item.line, taken.error());
  }
}

OptionRow block_size_option(const std::string& preset, const std::string& summary) {
  return {"block-size", OptionKind::count, preset, summary};
}

OptionRow ids_option() {
  return {
      "ids", OptionKind::text, "keep",
      "keep: ids stay where each has one parent and one size; chain: all are replaced by hashes of the prefix, which "
      "takes no memory"};
}

Result<IdMode> id_mode(const OptionValues& options) {
  const std::string text = options.text("ids");
  if (text == "keep") return IdMode::keep;
  if (text == "chain") return IdMode::chain;
  return error(Code::bad_input, fmt::format("--ids is {}", quote(text)), "keep or chain");
}

Result<std::optional<Tokens>> block_size_of(const OptionValues& options) {
  if (!options.has("block-size")) return std::optional<Tokens>();
  const std::uint64_t size = options.count("block-size");
  if (size >= 1 && size <= std::uint64_t{1} << 24) return std::optional(Tokens(size));
  return error(Code::bad_input, fmt::format("--block-size {} is not within 1 to {}", size, 1 << 24));
}

}  // namespace kv
