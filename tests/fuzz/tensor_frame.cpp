// read_frame on any body: it fails, or gives tensors of exactly the payload's size that write back to the same bytes.
// First bytes: dtype, then the size of the payload, little-endian.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <vector>

#include "store/tensor_frame.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kv;
  constexpr std::size_t kPrefix = 9;
  if (size < kPrefix) return 0;
  std::uint64_t payload_bytes = 0;
  for (std::size_t i = 0; i < 8; ++i) payload_bytes |= std::uint64_t{data[1 + i]} << (8 * i);
  const std::vector<std::byte> body(reinterpret_cast<const std::byte*>(data) + kPrefix,
                                    reinterpret_cast<const std::byte*>(data) + size);
  const auto frame = read_frame(body, data[0], payload_bytes);
  if (!frame) return 0;
  std::array<std::byte, TensorFrame::kBytes> out{};
  write_frame(*frame, out);
  const bool same = std::equal(out.begin(), out.end(), body.begin());
  if (!same || frame->tensors.bytes() != payload_bytes ||
      frame->tensors.payload_shape().bytes().count() != payload_bytes) {
    std::abort();
  }
  return 0;
}
