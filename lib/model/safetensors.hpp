#pragma once
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "model/dtype.hpp"

namespace kv {

/// Reader of the headers of safetensors files (https://github.com/huggingface/safetensors, "Format"): 8 bytes of
/// little-endian header length, that much JSON {name: {dtype, shape, data_offsets}}, then the tensors' bytes without
/// holes or overlaps. Elements are little-endian, row-major. Nothing in a header is believed unchecked; all errors are
/// bad_input and name the file and the tensor. Data is never touched here, so that models of any size can be listed.

/// As in the reference implementation.
inline constexpr std::uint64_t kMaxSafetensorsHeader = 100'000'000;

struct SafeTensor {
  std::string name, dtype;           ///< dtype as the file writes it: "BF16"; one that the format knows
  std::vector<std::uint64_t> shape;  ///< empty: a scalar
  std::uint64_t begin = 0, end = 0;  ///< bytes from the beginning of the file; end - begin == shape x dtype

  std::uint64_t elements() const;
};

/// Whether a file that begins with `front` means to be one: a length that can be, and then an open brace.
bool looks_like_safetensors(std::string_view front);

/// `front`: at least the 8 bytes and the header of a file of `file_bytes`. Returns its tensors in the order of their
/// bytes. `file` names it in messages.
Result<std::vector<SafeTensor>> parse_safetensors(std::string_view front, std::uint64_t file_bytes,
                                                  const std::string& file);
/// The same from the beginning of a stream; reads, and allocates, no more than the header and what it lists.
Result<std::vector<SafeTensor>> read_safetensors(std::istream& in, std::uint64_t file_bytes, const std::string& file);

/// The element type that KV can have, too; nullopt for all others.
std::optional<Dtype> kv_dtype_of(const SafeTensor& tensor);
/// Integers and truth values: positions, token ids, masks. I8, which quantised KV has, is none of them.
bool is_index(const SafeTensor& tensor);

}  // namespace kv
