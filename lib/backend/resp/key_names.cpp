#include "backend/resp/key_names.hpp"

#include <fmt/format.h>

#include <cassert>

namespace kv::resp {

bool KeyNames::allows(std::string_view name_space) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  return !name_space.empty() && name_space.size() <= kMaxNameSpace &&
         name_space.find_first_not_of(kLetters) == std::string_view::npos;
}

KeyNames::KeyNames(std::string_view name_space) : prefix_(fmt::format("kvkit:{}:", name_space)) {
  assert(allows(name_space));
}

std::string_view KeyNames::manifest(const Key& key, Buffer& into) const {
  const char* end = fmt::format_to(into.data(), "{}{:x}:{}", prefix_, key.space, key.block);
  return {into.data(), static_cast<std::size_t>(end - into.data())};
}

std::string_view KeyNames::chunk(const Key& key, std::uint32_t part, std::size_t chunk, Buffer& into) const {
  const char* end = fmt::format_to(into.data(), "{}{:x}:{}:{}:{}", prefix_, key.space, key.block, part, chunk);
  return {into.data(), static_cast<std::size_t>(end - into.data())};
}

std::string KeyNames::text(const Key& key) const {
  Buffer buffer;
  return std::string(manifest(key, buffer));
}

}  // namespace kv::resp
