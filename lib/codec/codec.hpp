#pragma once
#include <cmath>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/options.hpp"
#include "base/result.hpp"
#include "model/payload_shape.hpp"

namespace kv {

/// How far a decoded element may be from the original: |got - want| <= absolute + relative x |want| + of_group x the
/// largest finite magnitude among the elements that share its scale. NaN stays NaN. Beyond `finite_up_to` in magnitude
/// an element may become the infinity of its sign.
struct Tolerance {
  double relative = 0, absolute = 0;
  double finite_up_to = std::numeric_limits<double>::infinity();
  double of_group = 0;

  /// Decoding must give back the payload bit for bit.
  bool exact() const { return relative == 0 && absolute == 0 && of_group == 0; }
  bool accepts(double want, double got, double group_magnitude = 0) const {
    if (std::isnan(want) || std::isnan(got)) return std::isnan(want) && std::isnan(got);
    if (want == got) return true;
    if (std::isinf(got)) return std::abs(want) > finite_up_to && std::signbit(want) == std::signbit(got);
    if (std::isinf(want)) return of_group > 0 && std::signbit(want) == std::signbit(got);  // cut off at its scale
    return std::abs(got - want) <= absolute + relative * std::abs(want) + of_group * group_magnitude;
  }
};

/// Payload <-> body of a stored value. One instance a worker: scratch may live in it; not thread-safe.
/// A body needs no frame of its own: the ValueHeader in front of it carries codec, dtype, sizes and checksum.
class Codec {
 public:
  virtual ~Codec() = default;
  /// The largest body that `encode` can make of this shape.
  virtual std::size_t bound(const PayloadShape& shape) const = 0;
  /// The body is the payload itself: callers may skip encode and decode and move the payload's own bytes.
  virtual bool identity(const PayloadShape&) const { return false; }
  /// Bytes of one of the body's elements: what a byte shuffle sorts by.
  virtual std::size_t element_bytes(const PayloadShape& shape) const { return dtype_bytes(shape.dtype); }
  virtual Tolerance tolerance(Dtype) const { return {}; }
  /// Whether `got`, decoded, is close enough to `want`, both payloads of `shape`; as the tolerance says, element by
  /// element. A codec whose elements share scales knows which.
  virtual bool accepts(const PayloadShape& shape, std::span<const std::byte> want,
                       std::span<const std::byte> got) const;
  /// payload.size() == shape.bytes(), body.size() >= bound(shape), and they do not overlap. Returns the bytes written.
  virtual Result<std::size_t> encode(const PayloadShape& shape, std::span<const std::byte> payload,
                                     std::span<std::byte> body) = 0;
  /// `body` comes from outside and may be anything; fails (corrupt) unless it fills payload exactly. A body that is
  /// garbled without losing its form decodes to other elements: the header's checksum is there to tell, first.
  virtual Result<void> decode(const PayloadShape& shape, std::span<const std::byte> body,
                              std::span<std::byte> payload) = 0;
};

/// Bytes to fewer bytes, without loss: what stands behind a Codec in a composition. As Codec: one a worker.
class ByteCodec {
 public:
  virtual ~ByteCodec() = default;
  /// The most that `bytes` bytes can become.
  virtual std::size_t bound(std::size_t bytes) const = 0;
  /// out.size() >= bound(in.size()). Returns the bytes written.
  virtual Result<std::size_t> encode(std::span<const std::byte> in, std::size_t element_bytes,
                                     std::span<std::byte> out) = 0;
  /// Fails (corrupt) unless `in` is whole and what it holds fits `out`. Returns how much that is.
  virtual Result<std::size_t> decode(std::span<const std::byte> in, std::span<std::byte> out) = 0;
};

/// A registry row. `number` is written into stored headers: never reuse one. At most one option: it follows the name
/// behind a colon, as in "zstd:3".
struct CodecRow {
  std::string name;
  std::uint8_t number;
  std::string summary;
  std::vector<OptionRow> options;
  /// Of the two exactly one: payload to bytes, or bytes to bytes.
  Result<std::unique_ptr<Codec>> (*make)(const OptionValues& options) = nullptr;
  Result<std::unique_ptr<ByteCodec>> (*make_bytes)(const OptionValues& options) = nullptr;
  /// Fails (bad_input) where the option's value is out of range; may be null.
  Result<void> (*check)(const OptionValues& options) = nullptr;
};
std::span<const CodecRow> codecs();
/// Compositions worth knowing, as parse_codec takes them.
std::span<const std::string> codec_compositions();

/// A codec as the user names it ("raw", "int8+zstd:3"), checked; `make` builds one instance a worker.
struct CodecSpec {
  static constexpr std::size_t kMostStages = 4;
  struct Stage {
    const CodecRow* row;
    OptionValues options;
  };
  std::string text;           ///< canonical: "zstd" for "raw+zstd"
  std::vector<Stage> stages;  ///< the first makes bytes of the payload, the others fewer of them
  /// The numbers of the stages, the first one in the lowest byte: what a value's header names.
  std::uint32_t id() const;
  /// Fails (unavailable) where a codec needs a library that is not there.
  Result<std::unique_ptr<Codec>> make() const;
};
Result<CodecSpec> parse_codec(const std::string& text);

}  // namespace kv
