#include "replay/payload_content.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "replay/payload_file.hpp"

namespace kv {
namespace {

constexpr std::array<std::pair<std::string_view, PayloadKind>, 3> kMade{
    {{"kv", PayloadKind::kv}, {"zeros", PayloadKind::zeros}, {"noise", PayloadKind::noise}}};

PayloadRole role_of_word(std::string_view word) {
  if (word == "k" || word == "key" || word == "keys") return PayloadRole::keys;
  if (word == "v" || word == "value" || word == "values") return PayloadRole::values;
  return PayloadRole::unknown;
}

/// unknown, too, where words disagree: past_key_values.
PayloadRole role_of_piece(std::string_view piece) {
  PayloadRole role = PayloadRole::unknown;
  for (std::size_t at = 0; at < piece.size();) {
    std::string word;
    for (; at < piece.size() && std::isalnum(static_cast<unsigned char>(piece[at])) != 0; ++at) {
      word += static_cast<char>(std::tolower(static_cast<unsigned char>(piece[at])));
    }
    ++at;
    const PayloadRole one = role_of_word(word);
    if (one == PayloadRole::unknown) continue;
    if (role != PayloadRole::unknown && role != one) return PayloadRole::unknown;
    role = one;
  }
  return role;
}

}  // namespace

PayloadPlane payload_plane(const PayloadShape& shape, std::uint32_t plane) {
  if (shape.planes != 2) return PayloadPlane::only;
  return plane == 0 ? PayloadPlane::keys : PayloadPlane::values;
}

PayloadRole payload_role(std::string_view tensor) {
  while (!tensor.empty()) {
    const std::size_t cut = tensor.find_last_of("./");
    const std::size_t begin = cut == std::string_view::npos ? 0 : cut + 1;
    const PayloadRole role = role_of_piece(tensor.substr(begin));
    if (role != PayloadRole::unknown) return role;
    tensor = tensor.substr(0, begin == 0 ? 0 : cut);
  }
  return PayloadRole::unknown;
}

Bytes PayloadContent::held() const {
  std::vector<const void*> seen;  // planes may share one stream
  Bytes held;
  for (const PayloadStream& stream : streams) {
    if (std::find(seen.begin(), seen.end(), stream.bytes.get()) != seen.end()) continue;
    seen.push_back(stream.bytes.get());
    held += Bytes(stream.bytes->size());
  }
  return held;
}

std::string PayloadContent::ratio_warning() const {
  if (kind != PayloadKind::zeros && kind != PayloadKind::noise) return "";
  return fmt::format(
      "payloads are {}: what a codec makes of them, its ratio first of all, says nothing about real KV; use --payload "
      "kv "
      "or a file of your own",
      name);
}

Result<PayloadContent> parse_payload(const std::string& text, Dtype kv_dtype, std::span<const PayloadShape> shapes) {
  for (const auto& [name, kind] : kMade) {
    if (text == name) return PayloadContent{kind, text, {}, {}};
  }
  return read_payload_file(text, kv_dtype, shapes);
}

}  // namespace kv
