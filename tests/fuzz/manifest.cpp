// Manifest::read on anything: it fails, or every part of it can be looked at. The first byte says how many parts.
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "backend/resp/chunks.hpp"
#include "backend/resp/manifest.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kv;
  using resp::Manifest;
  if (size == 0) return 0;
  const std::uint32_t parts = 1 + data[0] % 4U;
  const auto* begin = reinterpret_cast<const std::byte*>(data) + 1;
  std::vector<std::byte> in(begin, begin + (size - 1));
  // With the top bit set its checksum is made right, so that what stands behind it is reached.
  if (data[0] >= 128 && in.size() == Manifest::bytes(parts)) Manifest::seal(in);
  const auto manifest = Manifest::read(in, parts);
  if (!manifest) return 0;
  for (std::uint32_t part = 0; part < parts; ++part) {
    if (manifest->header(part).size() != ValueHeader::kBytes) std::abort();
    // A session asks for no more bytes than it has room for.
    std::vector<std::size_t> chunks;
    const std::size_t body = manifest->body_bytes(part) % (1U << 20);
    resp::cut(body, manifest->chunk_bytes(), chunks);
    if (chunks.size() != resp::count_chunks(body, manifest->chunk_bytes())) std::abort();
  }
  return 0;
}
