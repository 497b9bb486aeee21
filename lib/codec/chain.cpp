#include <algorithm>
#include <cassert>

#include "codec/rows.hpp"

namespace kv {
namespace {

/// A codec and the byte codecs behind it. Between two stages the bytes lie in one of two buffers, no larger than the
/// bounds of this shape, whatever a body claims.
class Chain final : public Codec {
 public:
  Chain(std::unique_ptr<Codec> first, std::vector<std::unique_ptr<ByteCodec>> stages)
      : first_(std::move(first)), stages_(std::move(stages)) {}

  std::size_t bound(const PayloadShape& shape) const override { return bound_after(shape, stages_.size()); }
  Tolerance tolerance(Dtype dtype) const override { return first_->tolerance(dtype); }
  bool accepts(const PayloadShape& shape, std::span<const std::byte> want,
               std::span<const std::byte> got) const override {
    return first_->accepts(shape, want, got);
  }

  Result<std::size_t> encode(const PayloadShape& shape, std::span<const std::byte> payload,
                             std::span<std::byte> body) override {
    assert(body.size() >= bound(shape));
    std::span<const std::byte> from = payload;
    if (!first_->identity(shape)) {
      const std::span<std::byte> to = room(0, first_->bound(shape));
      auto written = first_->encode(shape, payload, to);
      if (!written) return written;
      from = to.first(*written);
    }
    for (std::size_t i = 0; i < stages_.size(); ++i) {
      const bool last = i + 1 == stages_.size();
      const std::span<std::byte> to = last ? body : room(1 - i % 2, bound_after(shape, i + 1));
      auto written = stages_[i]->encode(from, first_->element_bytes(shape), to);
      if (!written) return written;
      from = to.first(*written);
    }
    return from.size();
  }

  Result<void> decode(const PayloadShape& shape, std::span<const std::byte> body,
                      std::span<std::byte> payload) override {
    std::span<const std::byte> from = body;
    for (std::size_t i = stages_.size(); i-- > 0;) {
      const bool in_place = i == 0 && first_->identity(shape);
      const std::span<std::byte> to = in_place ? payload : room(i % 2, bound_after(shape, i));
      const auto read = stages_[i]->decode(from, to);
      if (!read) return error(read);
      from = to.first(*read);
    }
    if (!first_->identity(shape)) return first_->decode(shape, from, payload);
    if (from.size() == payload.size()) return {};
    return error(Code::corrupt, "the body holds less than its payload");
  }

 private:
  std::size_t bound_after(const PayloadShape& shape, std::size_t stages) const {
    std::size_t bytes = first_->bound(shape);
    for (std::size_t i = 0; i < stages; ++i) bytes = stages_[i]->bound(bytes);
    return bytes;
  }
  std::span<std::byte> room(std::size_t which, std::size_t bytes) {
    std::vector<std::byte>& buffer = buffers_[which];
    if (buffer.size() < bytes) buffer.resize(bytes);
    return std::span(buffer).first(bytes);
  }

  std::unique_ptr<Codec> first_;
  std::vector<std::unique_ptr<ByteCodec>> stages_;
  std::vector<std::byte> buffers_[2];
};

}  // namespace

std::unique_ptr<Codec> make_chain(std::unique_ptr<Codec> codec, std::vector<std::unique_ptr<ByteCodec>> stages) {
  if (stages.empty()) return codec;
  return std::make_unique<Chain>(std::move(codec), std::move(stages));
}

}  // namespace kv
