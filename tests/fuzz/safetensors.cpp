// A safetensors file of any content: an error, or tensors that lie in it, one behind the other.
#include <cstdlib>
#include <sstream>
#include <string>

#include "model/safetensors.hpp"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kv;
  const std::string file(reinterpret_cast<const char*>(data), size);
  static_cast<void>(looks_like_safetensors(file));
  const auto tensors = parse_safetensors(file, size, "fuzz");
  std::istringstream stream(file);
  check(read_safetensors(stream, size, "fuzz").has_value() == tensors.has_value());
  if (!tensors) {
    check(!tensors.error().message.empty() && tensors.error().message.size() < 1000);
    return 0;
  }
  std::uint64_t at = tensors->empty() ? size : tensors->front().begin;
  for (const SafeTensor& tensor : *tensors) {
    check(tensor.begin == at && tensor.end >= tensor.begin && tensor.end <= size && !tensor.dtype.empty());
    check((tensor.end == tensor.begin) == (tensor.elements() == 0));
    static_cast<void>(kv_dtype_of(tensor));
    static_cast<void>(is_index(tensor));
    at = tensor.end;
  }
  check(at == size);
  return 0;
}
