#pragma once
#include <cmath>
#include <limits>
#include <memory>
#include <span>
#include <string>

#include "base/options.hpp"
#include "base/result.hpp"
#include "model/payload_shape.hpp"

namespace kv {

/// How far a decoded element may be from the original: |got - want| <= absolute + relative x |want|. NaN stays NaN,
/// an infinity stays itself. Beyond `finite_up_to` in magnitude an element may become the infinity of its sign.
struct Tolerance {
  double relative = 0, absolute = 0;
  double finite_up_to = std::numeric_limits<double>::infinity();

  /// Decoding must give back the payload bit for bit.
  bool exact() const { return relative == 0 && absolute == 0; }
  bool accepts(double want, double got) const {
    if (std::isnan(want) || std::isnan(got)) return std::isnan(want) && std::isnan(got);
    if (want == got) return true;
    if (std::isinf(got)) return std::abs(want) > finite_up_to && std::signbit(want) == std::signbit(got);
    return std::abs(got - want) <= absolute + relative * std::abs(want);
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
  virtual Tolerance tolerance(Dtype) const { return {}; }
  /// payload.size() == shape.bytes(), body.size() >= bound(shape), and they do not overlap. Returns the bytes written.
  virtual Result<std::size_t> encode(const PayloadShape& shape, std::span<const std::byte> payload,
                                     std::span<std::byte> body) = 0;
  /// `body` comes from outside and may be anything; fails (corrupt) unless it fills payload exactly. A body that is
  /// garbled without losing its form decodes to other elements: the header's checksum is there to tell, first.
  virtual Result<void> decode(const PayloadShape& shape, std::span<const std::byte> body,
                              std::span<std::byte> payload) = 0;
};

/// A registry row. `number` is written into stored headers: never reuse one.
struct CodecRow {
  std::string name;
  std::uint8_t number;
  std::string summary;
  std::vector<OptionRow> options;
  Result<std::unique_ptr<Codec>> (*make)(const OptionValues& options);
};
std::span<const CodecRow> codecs();

/// A codec as the user names it ("raw", "fp16"), checked; `make` builds one instance a worker.
struct CodecSpec {
  std::string text;
  const CodecRow* row = nullptr;
  OptionValues options;
  /// Fails (unavailable) where a codec needs a library that is not there.
  Result<std::unique_ptr<Codec>> make() const { return row->make(options); }
};
Result<CodecSpec> parse_codec(const std::string& text);

}  // namespace kv
