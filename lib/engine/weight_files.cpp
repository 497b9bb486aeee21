#include "engine/weight_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <vector>

namespace kv {
namespace {

namespace fs = std::filesystem;

Result<std::vector<fs::path>> list_files(const std::string& directory) {
  std::error_code failed;
  std::vector<fs::path> files;
  for (fs::directory_iterator at(directory, failed), end; !failed && at != end; at.increment(failed)) {
    if (at->path().extension() == ".safetensors") files.push_back(at->path());
  }
  // The same weights once more, under the names of the model's makers, as Mistral ships them.
  const auto is_consolidated = [](const fs::path& path) {
    return path.filename().string().starts_with("consolidated");
  };
  if (!std::all_of(files.begin(), files.end(), is_consolidated)) std::erase_if(files, is_consolidated);
  if (failed) {
    return error(Code::bad_input, fmt::format("{}: {}", directory, failed.message()),
                 "give a directory with a config.json and *.safetensors files");
  }
  if (files.empty()) {
    return error(Code::bad_input, fmt::format("{}: no *.safetensors file in it", directory),
                 "give a directory as Hugging Face lays it out: config.json beside the safetensors files");
  }
  std::sort(files.begin(), files.end());
  return files;
}

Result<void> read_file(const fs::path& path, std::uint64_t max_tensor_bytes, const TakeTensor& take,
                       std::vector<std::byte>& buffer) {
  const std::string name = path.string();
  std::error_code failed;
  const std::uint64_t size = fs::file_size(path, failed);
  std::ifstream in(path, std::ios::binary);
  if (failed || !in) return error(Code::bad_input, fmt::format("{}: cannot be read", name));
  const auto tensors = read_safetensors(in, size, name);
  if (!tensors) return error(tensors);
  for (const SafeTensor& tensor : *tensors) {
    const std::uint64_t bytes = tensor.end - tensor.begin;
    if (bytes > max_tensor_bytes) {
      return error(Code::bad_input,
                   fmt::format("{}: {} has {} bytes, more than any tensor of this model", name, tensor.name, bytes));
    }
    buffer.resize(bytes);
    in.seekg(static_cast<std::streamoff>(tensor.begin));
    in.read(reinterpret_cast<char*>(buffer.data()), static_cast<std::streamsize>(bytes));
    if (!in) return error(Code::bad_input, fmt::format("{}: cut off within {}", name, tensor.name));
    if (auto taken = take(tensor, buffer); !taken) {
      return error(taken.error().code, fmt::format("{}: {}", name, taken.error().message), taken.error().hint);
    }
  }
  return {};
}

}  // namespace

Result<void> read_weight_files(const std::string& directory, std::uint64_t max_tensor_bytes, const TakeTensor& take) {
  const auto files = list_files(directory);
  if (!files) return error(files);
  std::vector<std::byte> buffer;
  for (const fs::path& path : *files) {
    if (auto read = read_file(path, max_tensor_bytes, take, buffer); !read) return read;
  }
  return {};
}

}  // namespace kv
