#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "base/parse.hpp"
#include "model/config_text.hpp"
#include "model/model.hpp"

namespace kv {
namespace {

constexpr std::size_t kMaxRevision = 200;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

/// What to say of a name that no row has.
template <class Rows>
tl::unexpected<Error> unknown(const char* kind, const std::string& name, const Rows& rows) {
  std::vector<std::string> names;
  for (const auto& row : rows) names.push_back(row.name);
  std::string hint = fmt::format("`kvbench list {}s` shows them all", kind);
  if (const auto close = nearest(lower(name), names)) hint = fmt::format("did you mean {}? {}", *close, hint);
  return error(Code::bad_input, fmt::format("unknown {} '{}'", kind, name.substr(0, 100)), hint);
}

}  // namespace

Result<Model> find_model(const std::string& name_or_path) {
  if (name_or_path.ends_with(".json")) {
    const Result<std::string> text = read_config(name_or_path);
    if (!text) return error(text);
    return model_from_config(*text, name_or_path);
  }
  const std::size_t at = name_or_path.find('@');
  const std::string name = name_or_path.substr(0, at);
  for (const Model& row : models()) {
    if (row.name != lower(name)) continue;
    Model model = row;
    if (at != std::string::npos) model.revision = name_or_path.substr(at + 1, kMaxRevision);
    return model;
  }
  tl::unexpected<Error> failed = unknown("model", name, models());
  failed.value().hint += "; a path that ends in .json is read as a Hugging Face config";
  return failed;
}

Result<Gpu> find_gpu(const std::string& name) {
  for (const Gpu& gpu : gpus())
    if (gpu.name == lower(name)) return gpu;
  return unknown("gpu", name, gpus());
}

}  // namespace kv
