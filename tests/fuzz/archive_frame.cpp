// What the pickle codec holds a foreign archive to before LibTorch sees it, fuzzed without LibTorch: two bytes with the
// size of the archive that the frame is taken from, that archive, and the foreign one.
#include <cstdlib>

#include "torch/module_frame.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view all(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::size_t first = std::min<std::size_t>(data[0] | static_cast<std::size_t>(data[1]) << 8, all.size());
  // Copies of exactly their sizes, so that a sanitizer sees any step beyond.
  const std::vector<char> own(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(first));
  const std::vector<char> foreign(all.begin() + static_cast<std::ptrdiff_t>(first), all.end());
  const auto frame = kv::ArchiveFrame::of({own.data(), own.size()});
  if (!frame) return 0;
  if (!frame->fits({own.data(), own.size()})) std::abort();
  if (frame->fits({foreign.data(), foreign.size()}) && foreign.size() != own.size()) std::abort();
  return 0;
}
