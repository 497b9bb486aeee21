#include "profile/generator.hpp"

#include <fmt/format.h>

#include <array>
#include <vector>

#include "profile/composed.hpp"
#include "profile/fitted_text.hpp"
#include "workload/byte_source.hpp"

namespace kv {
namespace {

constexpr TomlDialect kProfileDialect{
    .noun = "a profile",
    .shape_hint = "key = value below [table] or [[component]]; strings stand in quotes",
    .keys_hint = "kvtrace gen --keys says what every key takes",
    .size_hint = "is this the trace itself?",
};

}  // namespace

std::span<const ProfileKind> profile_kinds() {
  static const std::array kinds{
      ProfileKind{"component", "a workload put together of kinds of traffic", parse_composed},
      ProfileKind{"fitted", "a workload that resembles a trace, made by kvtrace fit", parse_fitted},
  };
  return kinds;
}

Result<std::unique_ptr<Generator>> parse_profile(std::string_view text, const std::string& name) {
  const auto root = parse_toml(text, name, kProfileDialect);
  if (!root) return error(root);
  std::string tables;
  for (const ProfileKind& kind : profile_kinds()) {
    if (root->find(kind.table) != nullptr) return kind.parse(*root);
    tables += fmt::format("{}{} ({})", tables.empty() ? "" : ", ", kind.table, kind.summary);
  }
  return error(Code::bad_input, fmt::format("{}: not a profile: it has none of the tables {}", name, tables),
               "workloads/chat.toml is an example");
}

Result<std::unique_ptr<Generator>> load_profile(const std::string& path) {
  const auto source = open_source(path);
  if (!source) return error(source);
  std::string text;
  std::vector<char> piece(std::size_t{64} << 10);
  for (;;) {
    const auto got = (*source)->read(piece);
    if (!got) return error(got);
    if (*got == 0) break;
    text.append(piece.data(), *got);
    if (text.size() > kMaxProfileBytes) break;  // parse_profile says so
  }
  return parse_profile(text, source_name(path));
}

}  // namespace kv
