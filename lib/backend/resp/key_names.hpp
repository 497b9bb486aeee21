#pragma once
#include <array>
#include <string>
#include <string_view>

#include "backend/backend.hpp"

namespace kv::resp {

/// The names of a run's values: a block's manifest "kvkit:NAME_SPACE:SPACE:BLOCK", and behind that ":PART:CHUNK" its
/// chunks.
class KeyNames {
 public:
  static constexpr std::size_t kMaxNameSpace = 64;
  /// Letters, digits, '.', '_' and '-', at most kMaxNameSpace of them; at least one.
  static bool allows(std::string_view name_space);

  explicit KeyNames(std::string_view name_space);
  using Buffer = std::array<char, 144>;
  std::string_view manifest(const Key& key, Buffer& into) const;
  std::string_view chunk(const Key& key, std::uint32_t part, std::size_t chunk, Buffer& into) const;
  std::string text(const Key& key) const;

 private:
  std::string prefix_;
};

}  // namespace kv::resp
