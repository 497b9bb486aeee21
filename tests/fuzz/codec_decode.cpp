// Every codec's decoder on any body: it fails, or fills the payload. First bytes: codec, dtype, layers (the highest
// bit clear: K and V; set: one plane), tokens, channels.
#include <algorithm>
#include <vector>

#include "codec/codec.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kv;
  constexpr std::size_t kPrefix = 5;
  if (size < kPrefix) return 0;
  const std::size_t rows = codecs().size(), which = data[0] % (rows + codec_compositions().size());
  const Dtype dtype = all_dtypes()[data[1] % all_dtypes().size()];
  const PayloadShape shape{dtype, data[2] & 0x7fU, data[2] < 0x80 ? 2U : 1U, data[3], data[4] % 16U};
  const auto codec = parse_codec(which < rows ? codecs()[which].name : codec_compositions()[which - rows])->make();
  if (!codec) return 0;
  // Exactly as large as allowed, so that a sanitizer sees any step beyond.
  std::vector<std::byte> payload(shape.bytes().count());
  const std::vector<std::byte> body(reinterpret_cast<const std::byte*>(data) + kPrefix,
                                    reinterpret_cast<const std::byte*>(data) + size);
  static_cast<void>((*codec)->decode(shape, body, payload));
  return 0;
}
