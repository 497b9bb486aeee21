#pragma once
#include <functional>
#include <span>
#include <string>

#include "base/result.hpp"
#include "model/safetensors.hpp"

namespace kv {

/// Gets one tensor and its bytes, which are there for the length of the call.
using TakeTensor = std::function<Result<void>(const SafeTensor&, std::span<const std::byte>)>;

/// Reads all *.safetensors files of a directory in the order of their names, one tensor at a time;
/// consolidated*.safetensors beside others are their twins and left out. Fails (bad_input) with file and tensor where a
/// header is wrong, a file is cut off or a tensor is larger than `max_tensor_bytes`, and with what `take` fails with.
Result<void> read_weight_files(const std::string& directory, std::uint64_t max_tensor_bytes, const TakeTensor& take);

}  // namespace kv
