#pragma once
#include <span>

#include "codec/codec.hpp"

namespace kv {

// One row a codec, each defined in its own file; registry.cpp lists them.
extern const CodecRow kRawRow, kFp16Row, kPickleRow;

/// The body of a codec that stores the payload as it is.
Result<void> copy_exactly(std::span<const std::byte> body, std::span<std::byte> payload);

}  // namespace kv
