#pragma once
#include "replay/payload_content.hpp"

namespace kv {

/// The part of parse_payload() that reads a file.
Result<PayloadContent> read_payload_file(const std::string& path, Dtype kv_dtype, std::span<const PayloadShape> shapes);

}  // namespace kv
