#include "replay/payload_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/parse.hpp"
#include "codec/kernels.hpp"
#include "model/element.hpp"
#include "model/safetensors.hpp"

namespace kv {
namespace {

constexpr const char* kWhatTo = "--payload takes kv, zeros, noise, a safetensors file or one of raw elements";
constexpr std::size_t kStepElements = 16384;

/// A stretch of elements in the file.
struct Stretch {
  PayloadRole role;
  Dtype dtype;
  std::uint64_t begin, end;
};

struct OpenFile {
  std::string path;
  std::uint64_t bytes = 0;
  std::ifstream in;
  std::vector<Stretch> stretches;
  std::vector<std::string> notes;
};

tl::unexpected<Error> bad(const std::string& path, const std::string& what, const std::string& hint = kWhatTo) {
  return error(Code::bad_input, fmt::format("{}: {}", path, what), hint);
}

Result<OpenFile> open_file(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code trouble;
  const fs::file_status status = fs::status(path, trouble);
  if (status.type() == fs::file_type::not_found) {
    const std::vector<std::string> words = {"kv", "zeros", "noise"};
    const auto close = nearest(path, words);
    return bad(path, "no such file", close ? fmt::format("did you mean {}? {}", *close, kWhatTo) : kWhatTo);
  }
  if (status.type() == fs::file_type::directory) return bad(path, "a directory; name one file in it");
  if (trouble || status.type() != fs::file_type::regular)
    return bad(path, "no regular file, so it cannot be read twice");
  OpenFile file{path, fs::file_size(path, trouble), std::ifstream(path, std::ios::binary), {}, {}};
  if (trouble || !file.in) return bad(path, fmt::format("cannot be read: {}", std::strerror(errno)), "check its mode");
  if (file.bytes == 0) return bad(path, "empty");
  return file;
}

Result<void> list_tensors(OpenFile& file) {
  const auto tensors = read_safetensors(file.in, file.bytes, file.path);
  if (!tensors) return error(tensors);
  constexpr const char* types = "elements of KV are F32, BF16, F16, F8_E4M3 or I8: save it as one of them";
  std::uint64_t left_out = 0;
  for (const SafeTensor& tensor : *tensors) {
    if (is_index(tensor)) {
      ++left_out;
      continue;
    }
    const auto dtype = kv_dtype_of(tensor);
    if (!dtype) {
      return bad(file.path, fmt::format("tensor {} is of {}", quote(tensor.name), tensor.dtype), types);
    }
    file.stretches.push_back({payload_role(tensor.name), *dtype, tensor.begin, tensor.end});
  }
  if (file.stretches.empty()) return bad(file.path, "has no tensor that could be KV", types);
  if (left_out > 0) {
    file.notes.push_back(
        fmt::format("--payload {}: {} tensors of integers or truth values are left out", file.path, left_out));
  }
  return {};
}

/// What of the file is elements, and of which type.
Result<void> find_stretches(OpenFile& file, Dtype kv_dtype) {
  std::array<char, 16> front{};
  file.in.read(front.data(), front.size());
  const std::string_view got(front.data(), static_cast<std::size_t>(file.in.gcount()));
  const bool tensors = looks_like_safetensors(got) || file.path.ends_with(".safetensors");
  file.in.clear();
  file.in.seekg(0);
  if (tensors) return list_tensors(file);
  file.stretches.push_back({PayloadRole::unknown, kv_dtype, 0, file.bytes});
  return {};
}

void to_floats(Dtype dtype, const std::byte* from, float* to, std::size_t count) {
  const std::size_t size = dtype_bytes(dtype);
  if (size > 1) return kernels::load_floats(dtype, from, to, count);
  for (std::size_t i = 0; i < count; ++i) to[i] = load_element(dtype, from + i * size);
}

void from_floats(Dtype dtype, const float* from, std::byte* to, std::size_t count) {
  const std::size_t size = dtype_bytes(dtype);
  if (size > 1) return kernels::store_floats(dtype, from, to, count);
  for (std::size_t i = 0; i < count; ++i) store_element(dtype, from[i], to + i * size);
}

/// Elements of one role, or of all, in the order of the file, as `dtype`.
class Loader {
 public:
  Loader(OpenFile& file, Dtype dtype) : file_(file), dtype_(dtype) {}

  /// False where the file could not be read.
  bool load(PayloadRole role) {
    for (const Stretch& stretch : file_.stretches) {
      if (role != PayloadRole::unknown && stretch.role != role) continue;
      if (!append(stretch)) return false;
    }
    return true;
  }
  bool cut() const { return cut_; }
  std::vector<std::byte> take() {
    bytes_.shrink_to_fit();
    return std::move(bytes_);
  }

 private:
  bool append(const Stretch& from) {
    const std::size_t size = dtype_bytes(from.dtype), out = dtype_bytes(dtype_);
    const std::size_t room = (kMostStreamBytes.count() - bytes_.size()) / out;
    const std::uint64_t elements = (from.end - from.begin) / size, taken = std::min<std::uint64_t>(elements, room);
    cut_ = cut_ || taken < elements;
    file_.in.clear();
    file_.in.seekg(static_cast<std::streamoff>(from.begin));
    for (std::uint64_t at = 0; at < taken; at += kStepElements) {
      const std::size_t count = std::min<std::uint64_t>(kStepElements, taken - at), before = bytes_.size();
      read_.resize(count * size);
      file_.in.read(reinterpret_cast<char*>(read_.data()), static_cast<std::streamsize>(read_.size()));
      if (!file_.in) return false;
      bytes_.resize(before + count * out);
      convert(from.dtype, count, bytes_.data() + before);
    }
    return true;
  }
  void convert(Dtype from, std::size_t count, std::byte* to) {
    if (from == dtype_) {
      std::copy(read_.begin(), read_.end(), to);  // bit for bit, NaN payloads too
      return;
    }
    floats_.resize(count);
    to_floats(from, read_.data(), floats_.data(), count);
    from_floats(dtype_, floats_.data(), to, count);
  }

  OpenFile& file_;
  Dtype dtype_;
  bool cut_ = false;
  std::vector<std::byte> read_, bytes_;
  std::vector<float> floats_;
};

bool has_role(const OpenFile& file, PayloadRole role) {
  return std::any_of(file.stretches.begin(), file.stretches.end(),
                     [role](const Stretch& s) { return s.role == role && s.end > s.begin; });
}

/// Fills content.streams with what `plane` of `dtype` is made of; planes that are made of all tensors share them.
Result<void> add_stream(OpenFile& file, Dtype dtype, PayloadPlane plane, bool by_role, PayloadContent& content) {
  const bool of_all = !by_role || plane == PayloadPlane::only;
  for (const PayloadStream& other : content.streams) {
    if (other.dtype != dtype) continue;
    if (other.plane == plane) return {};
    if (!of_all || (by_role && other.plane != PayloadPlane::only)) continue;
    content.streams.push_back({dtype, plane, other.bytes});
    return {};
  }
  Loader loader(file, dtype);
  const PayloadRole role = of_all                        ? PayloadRole::unknown
                           : plane == PayloadPlane::keys ? PayloadRole::keys
                                                         : PayloadRole::values;
  if (!loader.load(role)) return bad(file.path, "ended before its last element: did it change while it was read?");
  if (loader.cut()) {
    std::string note = fmt::format("--payload {}: larger than what is held of it, the first {} for K and for V",
                                   file.path, format_bytes(kMostStreamBytes));
    if (file.notes.empty() || file.notes.back() != note) file.notes.push_back(std::move(note));
  }
  content.streams.push_back({dtype, plane, std::make_shared<const std::vector<std::byte>>(loader.take())});
  return {};
}

Result<void> check_rows(const std::string& path, const PayloadShape& shape, PayloadPlane plane,
                        const PayloadContent& content) {
  for (const PayloadStream& stream : content.streams) {
    if (stream.dtype != shape.dtype || stream.plane != plane) continue;
    const std::size_t element = dtype_bytes(shape.dtype), elements = stream.bytes->size() / element;
    if (elements >= shape.channels) continue;
    return bad(path,
               fmt::format("{} elements{}, fewer than the {} channels of one token", elements,
                           plane == PayloadPlane::keys     ? " for K"
                           : plane == PayloadPlane::values ? " for V"
                                                           : "",
                           shape.channels),
               "give a file of KV of at least one token, better of thousands");
  }
  return {};
}

}  // namespace

Result<PayloadContent> read_payload_file(const std::string& path, Dtype kv_dtype,
                                         std::span<const PayloadShape> shapes) {
  auto file = open_file(path);
  if (!file) return error(file);
  if (auto ok = find_stretches(*file, kv_dtype); !ok) return error(ok);
  const bool by_role = has_role(*file, PayloadRole::keys) && has_role(*file, PayloadRole::values);
  PayloadContent content;
  content.kind = PayloadKind::file;
  content.name = "file " + std::filesystem::path(path).filename().string();
  for (const PayloadShape& shape : shapes) {
    for (std::uint32_t index = 0; index < shape.planes; ++index) {
      const PayloadPlane plane = payload_plane(shape, index);
      if (auto ok = add_stream(*file, shape.dtype, plane, by_role, content); !ok) return error(ok);
      if (auto ok = check_rows(path, shape, plane, content); !ok) return error(ok);
    }
  }
  content.notes = std::move(file->notes);
  return content;
}

}  // namespace kv
