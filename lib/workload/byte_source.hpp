#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace kv {

/// Bytes from front to back, in bounded memory. Not thread-safe.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// Fills up to out.size() > 0 bytes; 0 only at the end. Errors (bad_input) name the source.
  virtual Result<std::size_t> read(std::span<char> out) = 0;
  /// Bytes from front to back, where that is known beforehand. Only an estimate: a file may change.
  virtual std::optional<std::uint64_t> size() const { return std::nullopt; }
};

/// A file, pipe or, as "-", standard input; gzip and zstd are told by their first bytes and unpacked. Fails (bad_input)
/// with a hint on what cannot be read.
Result<std::unique_ptr<ByteSource>> open_source(const std::string& path);
/// The same for bytes in memory, which must outlive the source.
Result<std::unique_ptr<ByteSource>> memory_source(std::string_view bytes, const std::string& name);

/// How messages call it: the path, or "stdin" for "-".
std::string source_name(const std::string& path);

/// Steps of the above. `unpack` reads the first bytes and puts a decompressor in front where they ask for one.
Result<std::unique_ptr<ByteSource>> unpack(std::unique_ptr<ByteSource> packed, const std::string& name);
std::unique_ptr<ByteSource> gzip_source(std::unique_ptr<ByteSource> packed, const std::string& name);
std::unique_ptr<ByteSource> zstd_source(std::unique_ptr<ByteSource> packed, const std::string& name);

}  // namespace kv
