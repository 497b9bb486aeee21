#include "model/safetensors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <istream>
#include <nlohmann/json.hpp>

#include "base/parse.hpp"
#include "model/safetensors_header.hpp"

namespace kv {
namespace {

constexpr std::size_t kLengthBytes = 8;
constexpr const char* kHint = "is it whole, and really a safetensors file? download or save it again";

tl::unexpected<Error> bad(const std::string& file, const std::string& what) {
  return error(Code::bad_input, fmt::format("{}: {}", file, what), kHint);
}

/// front.size() >= kLengthBytes.
std::uint64_t length_at(std::string_view front) {
  std::uint64_t length = 0;
  for (std::size_t i = kLengthBytes; i-- > 0;) length = length << 8 | static_cast<unsigned char>(front[i]);
  return length;
}

/// Of the header, checked against the file and the bound.
Result<std::uint64_t> header_bytes(std::string_view front, std::uint64_t file_bytes, const std::string& file) {
  if (front.size() < kLengthBytes || file_bytes < kLengthBytes) {
    return bad(file, fmt::format("{} bytes are too few for a safetensors file", file_bytes));
  }
  const std::uint64_t length = length_at(front);
  if (length > kMaxSafetensorsHeader) {
    return bad(file, fmt::format("a header of {} bytes; the format allows {}", length, kMaxSafetensorsHeader));
  }
  if (length > file_bytes - kLengthBytes) {
    return bad(file, fmt::format("a header of {} bytes in a file of {}", length, file_bytes));
  }
  return length;
}

/// Tensors must follow each other from the end of the header to the end of the file.
Result<void> check_layout(const std::vector<SafeTensor>& tensors, std::uint64_t begin, std::uint64_t end,
                          const std::string& file) {
  for (const SafeTensor& tensor : tensors) {
    if (tensor.begin < begin) return bad(file, fmt::format("tensor {} overlaps another", quote(tensor.name)));
    if (tensor.begin > begin) {
      return bad(
          file, fmt::format("{} bytes in front of tensor {} belong to none", tensor.begin - begin, quote(tensor.name)));
    }
    begin = tensor.end;
  }
  if (begin != end) return bad(file, fmt::format("{} bytes behind the last tensor belong to none", end - begin));
  return {};
}

Result<void> check_names(const std::vector<SafeTensor>& tensors, const std::string& file) {
  std::vector<std::string_view> names;
  names.reserve(tensors.size());
  for (const SafeTensor& tensor : tensors) names.push_back(tensor.name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) return bad(file, fmt::format("two tensors are called {}", quote(*twice)));
  return {};
}

Result<std::vector<SafeTensor>> parse_header(std::string_view json, std::uint64_t file_bytes, const std::string& file) {
  const std::uint64_t data = kLengthBytes + json.size();
  SafetensorsHeader header(data, file_bytes);
  if (!nlohmann::json::sax_parse(json.begin(), json.end(), &header)) return bad(file, header.trouble());
  std::vector<SafeTensor> tensors = header.take();
  // An empty tensor lies in front of the one that begins where it does.
  std::sort(tensors.begin(), tensors.end(), [](const SafeTensor& a, const SafeTensor& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
  });
  if (auto ok = check_names(tensors, file); !ok) return error(ok);
  if (auto ok = check_layout(tensors, data, file_bytes, file); !ok) return error(ok);
  return tensors;
}

}  // namespace

std::uint64_t SafeTensor::elements() const {
  std::uint64_t product = 1;
  for (const std::uint64_t extent : shape) product *= extent;  // checked for overflow when it was read
  return product;
}

bool looks_like_safetensors(std::string_view front) {
  return front.size() > kLengthBytes && front[kLengthBytes] == '{' && length_at(front) <= kMaxSafetensorsHeader;
}

Result<std::vector<SafeTensor>> parse_safetensors(std::string_view front, std::uint64_t file_bytes,
                                                  const std::string& file) {
  const auto length = header_bytes(front, file_bytes, file);
  if (!length) return error(length);
  const std::string_view json = front.substr(kLengthBytes);
  if (json.size() < *length) return bad(file, fmt::format("its header of {} bytes is cut off", *length));
  return parse_header(json.substr(0, *length), file_bytes, file);
}

Result<std::vector<SafeTensor>> read_safetensors(std::istream& in, std::uint64_t file_bytes, const std::string& file) {
  std::string text(kLengthBytes, '\0');
  const auto fill = [&in, &text] {
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(in.gcount()));
  };
  fill();
  const auto length = header_bytes(text, file_bytes, file);
  if (!length) return error(length);
  text.resize(*length);
  fill();
  if (text.size() < *length) return bad(file, fmt::format("its header of {} bytes is cut off", *length));
  return parse_header(text, file_bytes, file);
}

std::optional<Dtype> kv_dtype_of(const SafeTensor& tensor) {
  constexpr std::pair<std::string_view, Dtype> kNames[] = {{"F32", Dtype::fp32},
                                                           {"BF16", Dtype::bf16},
                                                           {"F16", Dtype::fp16},
                                                           {"F8_E4M3", Dtype::fp8_e4m3},
                                                           {"I8", Dtype::int8}};
  for (const auto& [name, dtype] : kNames)
    if (name == tensor.dtype) return dtype;
  return std::nullopt;
}

bool is_index(const SafeTensor& tensor) {
  return tensor.dtype == "BOOL" || tensor.dtype[0] == 'U' || (tensor.dtype[0] == 'I' && tensor.dtype != "I8");
}

}  // namespace kv
