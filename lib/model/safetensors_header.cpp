#include "model/safetensors_header.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/parse.hpp"

namespace kv {
namespace {

constexpr std::size_t kMaxTensors = std::size_t{1} << 20;  // the largest models have some 100,000
constexpr std::size_t kMaxDimensions = 64;                 // PyTorch's own limit
constexpr std::string_view kMetadata = "__metadata__";

struct DtypeRow {
  std::string_view name;
  unsigned bits;
};
constexpr std::array<DtypeRow, 22> kDtypes{
    {{"BOOL", 8},    {"F4", 4},      {"F6_E2M3", 6},     {"F6_E3M2", 6},    {"U8", 8},   {"I8", 8},
     {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8},     {"I16", 16},       {"U16", 16}, {"F16", 16},
     {"BF16", 16},   {"I32", 32},    {"U32", 32},        {"F32", 32},       {"C64", 64}, {"F64", 64},
     {"I64", 64},    {"U64", 64},    {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}}};

constexpr std::array<std::string_view, 3> kFields{"dtype", "shape", "data_offsets"};

/// Bytes of a tensor; nullopt: more than 64 bits can count, or no whole number.
std::optional<std::uint64_t> bytes_of(const std::vector<std::uint64_t>& shape, unsigned bits) {
  std::uint64_t product = bits;
  // An extent of 0 makes nothing of the others, however large they are.
  if (std::find(shape.begin(), shape.end(), 0U) != shape.end()) return 0;
  for (const std::uint64_t extent : shape) {
    if (__builtin_mul_overflow(product, extent, &product)) return std::nullopt;
  }
  if (product % 8 != 0) return std::nullopt;
  return product / 8;
}

}  // namespace

bool SafetensorsHeader::fail(const std::string& why) {
  const bool of_tensor = place_ == Place::tensor || place_ == Place::shape || place_ == Place::offsets;
  trouble_ = of_tensor ? fmt::format("tensor {}: {}", quote(tensor_.name), why) : why;
  return false;
}

bool SafetensorsHeader::misfit() {
  switch (place_) {
    case Place::outside:
    case Place::root:
      return fail("its header is no JSON object of tensors");
    case Place::metadata:
      return fail(fmt::format("{} holds something other than texts", kMetadata));
    case Place::tensor:
      return fail(fmt::format("{} is not what it should be", quote(field_)));
    case Place::shape:
    case Place::offsets:
      return fail(fmt::format("{} holds something other than whole numbers from 0", field_));
  }
  return false;
}

bool SafetensorsHeader::number_unsigned(std::uint64_t value) {
  if (place_ == Place::shape) {
    if (tensor_.shape.size() == kMaxDimensions) return fail(fmt::format("over {} dimensions", kMaxDimensions));
    tensor_.shape.push_back(value);
    return true;
  }
  if (place_ != Place::offsets) return misfit();
  if (offsets_.size() == 2) return fail("data_offsets are not two");
  offsets_.push_back(value);
  return true;
}

bool SafetensorsHeader::string(std::string& text) {
  if (place_ == Place::metadata) return true;
  if (place_ != Place::tensor || field_ != kFields[0]) return misfit();
  tensor_.dtype = text;
  return true;
}

bool SafetensorsHeader::start_object(std::size_t) {
  if (place_ == Place::outside) {
    place_ = Place::root;
    return true;
  }
  if (place_ != Place::root) return misfit();
  place_ = tensor_.name == kMetadata ? Place::metadata : Place::tensor;
  return true;
}

bool SafetensorsHeader::key(std::string& name) {
  if (place_ == Place::metadata) return true;
  if (place_ == Place::root) {
    tensor_ = {};
    tensor_.name = std::move(name);
    offsets_.clear();
    seen_ = 0;
    return true;
  }
  const auto found = std::find(kFields.begin(), kFields.end(), name);
  if (found == kFields.end()) return fail(fmt::format("unknown field {}", quote(name)));
  const unsigned bit = 1U << (found - kFields.begin());
  if ((seen_ & bit) != 0) return fail(fmt::format("{} is there twice", name));
  seen_ |= bit;
  field_ = std::move(name);
  return true;
}

bool SafetensorsHeader::end_object() {
  if (place_ == Place::root) {
    place_ = Place::outside;
    return true;
  }
  if (place_ == Place::tensor && !finish_tensor()) return false;
  place_ = Place::root;
  return true;
}

bool SafetensorsHeader::start_array(std::size_t) {
  if (place_ != Place::tensor || field_ == kFields[0]) return misfit();
  place_ = field_ == kFields[1] ? Place::shape : Place::offsets;
  return true;
}

bool SafetensorsHeader::end_array() {
  place_ = Place::tensor;
  return true;
}

bool SafetensorsHeader::parse_error(std::size_t position, const std::string&, const nlohmann::json::exception& why) {
  trouble_ = fmt::format("its header is no JSON at byte {}: {}", position, quote(why.what()));
  return false;
}

bool SafetensorsHeader::finish_tensor() {
  if (seen_ != (1U << kFields.size()) - 1) return fail("dtype, shape or data_offsets is missing");
  const auto dtype =
      std::find_if(kDtypes.begin(), kDtypes.end(), [this](const DtypeRow& d) { return d.name == tensor_.dtype; });
  if (dtype == kDtypes.end()) return fail(fmt::format("unknown dtype {}", quote(tensor_.dtype)));
  if (offsets_.size() != 2 || offsets_[0] > offsets_[1]) return fail("data_offsets are no begin and end");
  if (offsets_[1] > data_end_ - data_begin_) {
    return fail(
        fmt::format("ends at byte {} of the data, of which there are {}", offsets_[1], data_end_ - data_begin_));
  }
  const auto bytes = bytes_of(tensor_.shape, dtype->bits);
  if (!bytes || *bytes != offsets_[1] - offsets_[0]) {
    return fail(fmt::format("its shape of {} takes {} bytes, its data_offsets give it {}", tensor_.dtype,
                            bytes ? std::to_string(*bytes) : "no possible number of", offsets_[1] - offsets_[0]));
  }
  if (tensors_.size() == kMaxTensors) return fail(fmt::format("over {} tensors", kMaxTensors));
  tensor_.begin = data_begin_ + offsets_[0];
  tensor_.end = data_begin_ + offsets_[1];
  tensors_.push_back(std::move(tensor_));
  return true;
}

}  // namespace kv
