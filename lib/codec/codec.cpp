#include "codec/codec.hpp"

#include <algorithm>

#include "model/element.hpp"

namespace kv {

bool Codec::accepts(const PayloadShape& shape, std::span<const std::byte> want, std::span<const std::byte> got) const {
  if (want.size() != got.size()) return false;
  const Tolerance allowed = tolerance(shape.dtype);
  if (allowed.exact()) return std::equal(want.begin(), want.end(), got.begin());
  for (std::size_t at = 0; at < want.size(); at += dtype_bytes(shape.dtype)) {
    if (!allowed.accepts(load_element(shape.dtype, &want[at]), load_element(shape.dtype, &got[at]))) return false;
  }
  return true;
}

}  // namespace kv
