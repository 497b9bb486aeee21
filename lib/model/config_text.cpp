#include "model/config_text.hpp"

#include <fmt/format.h>

#include <fstream>

#include "base/parse.hpp"

namespace kv {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxConfigBytes = 1 << 20;  // the largest public ones, with quantization maps, take 200 KB
constexpr int kMaxDepth = 32;

}  // namespace

Result<std::string> read_config(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text(kMaxConfigBytes + 1, '\0');
  if (in) in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad() || (in.gcount() == 0 && !in.eof())) {
    return error(Code::bad_input, fmt::format("{}: cannot be read", path),
                 "--model takes a Hugging Face config.json or a name from `kvbench list models`");
  }
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > kMaxConfigBytes) {
    return error(Code::bad_input,
                 fmt::format("{}: larger than {}, so no config.json", path, format_bytes(Bytes(kMaxConfigBytes))),
                 "give the model's config.json, not its weights or tokenizer");
  }
  return text;
}

Result<json> parse_config(std::string_view text, const std::string& file) {
  bool too_deep = false;
  const json::parser_callback_t watch = [&too_deep](int depth, json::parse_event_t, json&) {
    too_deep = too_deep || depth > kMaxDepth;
    return !too_deep;
  };
  try {
    json whole = json::parse(text.begin(), text.end(), watch);
    if (too_deep) return error(Code::bad_input, fmt::format("{}: nested deeper than {} levels", file, kMaxDepth));
    if (!whole.is_object()) return error(Code::bad_input, fmt::format("{}: not a JSON object", file));
    return whole;
  } catch (const json::exception& e) {
    return error(Code::bad_input, fmt::format("{}: {}", file, std::string(e.what()).substr(0, 300)),
                 "the file must be the JSON that Hugging Face calls config.json");
  }
}

}  // namespace kv
