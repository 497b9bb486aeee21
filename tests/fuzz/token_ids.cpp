// A file of token ids of any content: an error, or ids that are all in the vocabulary.
#include <cstdlib>
#include <string_view>

#include "engine/accuracy.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::uint32_t kVocab = 5000;
  const auto ids = kv::parse_token_ids({reinterpret_cast<const char*>(data), size}, kVocab, "fuzz");
  if (!ids) {
    if (ids.error().message.empty()) std::abort();
    return 0;
  }
  if (ids->empty() || ids->size() > size) std::abort();
  for (const std::uint32_t id : *ids) {
    if (id >= kVocab) std::abort();
  }
  return 0;
}
