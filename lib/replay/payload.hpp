#pragma once
#include <span>
#include <vector>

#include "backend/backend.hpp"
#include "codec/codec.hpp"
#include "model/payload_shape.hpp"
#include "replay/payload_content.hpp"

namespace kv {

/// Makes the payload of any block from its key alone, so that any process can check what it reads back.
///
/// By default it looks like KV: normal values with a scale per channel, and in K a few channels that are an order of
/// magnitude larger (outliers as reported by KIVI, Liu et al. 2024, and KVQuant, Hooper et al. 2024); sign, exponent
/// and upper mantissa come from a tile of such rows, the low half of the mantissa is random per element, as it is in
/// real KV. So neither repeats nor zeros flatter a compressor. No NaN or infinity is made. Zeros are zeros. Noise is
/// random bits, a different word for every eight bytes; where an exponent is all ones (an infinity or NaN), its highest
/// bit is cleared. A file's rows of channels follow each other from one that the key chooses, with the first behind the
/// last, for every layer and plane anew; nothing is added to them. Immutable after construction: workers share one.
class PayloadSource {
 public:
  /// `shapes`: of every part that will be asked for (tokens do not matter). A file was read for the same ones.
  explicit PayloadSource(std::span<const PayloadShape> shapes, const PayloadContent& content = {});

  /// payload.size() == shape.bytes().
  void fill(const Key& key, std::uint32_t part, const PayloadShape& shape, std::span<std::byte> payload) const;
  /// Whether `payload` is what fill() would make, within the codec's tolerance. `scratch` is reused between calls.
  bool verify(const Key& key, std::uint32_t part, const PayloadShape& shape, std::span<const std::byte> payload,
              const Codec& codec, std::vector<std::byte>& scratch) const;

 private:
  /// What regions of one plane are cut from, round and round.
  struct Tile {
    Dtype dtype;
    std::uint64_t channels;
    PayloadPlane plane;
    std::shared_ptr<const std::vector<std::byte>> elements;
    std::size_t bytes;  // of them: whole rows
  };
  const Tile& tile(const PayloadShape& shape, std::uint32_t plane) const;
  void add_tile(const PayloadShape& shape, PayloadPlane plane, const PayloadContent& content);
  /// Calls visit(piece) for all bytes of the payload in order, until it returns false.
  template <class Visit>
  bool each_piece(const Key& key, std::uint32_t part, const PayloadShape& shape, Visit&& visit) const;

  PayloadKind kind_;
  std::vector<Tile> tiles_;
};

}  // namespace kv
