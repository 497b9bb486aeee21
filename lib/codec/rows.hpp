#pragma once
#include <span>

#include "codec/codec.hpp"

namespace kv {

// One row a codec, each defined in its own file; registry.cpp lists them.
extern const CodecRow kRawRow, kFp16Row, kBf16Row, kFp8Row, kInt8Row, kInt4Row, kPickleRow;
extern const CodecRow kLz4Row, kZstdRow, kShuffleRow, kBitShuffleRow;

/// The body of a codec that stores the payload as it is.
Result<void> copy_exactly(std::span<const std::byte> body, std::span<std::byte> payload);

/// Fails (corrupt) with both sizes unless the body has the one size that `codec` makes of the payload.
Result<void> check_body(const Codec& codec, std::string_view name, const PayloadShape& shape,
                        std::span<const std::byte> body, std::span<const std::byte> payload);

/// `codec` with `stages` behind it.
std::unique_ptr<Codec> make_chain(std::unique_ptr<Codec> codec, std::vector<std::unique_ptr<ByteCodec>> stages);

}  // namespace kv
