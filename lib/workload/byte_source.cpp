#include "workload/byte_source.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace kv {
namespace {

std::string reason(int errno_value) { return std::generic_category().message(errno_value); }

class FileSource : public ByteSource {
 public:
  FileSource(int descriptor, bool owned, std::string name)
      : descriptor_(descriptor), owned_(owned), name_(std::move(name)) {}
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;
  ~FileSource() override {
    if (owned_) ::close(descriptor_);
  }

  Result<std::size_t> read(std::span<char> out) override {
    ssize_t got = 0;
    do got = ::read(descriptor_, out.data(), out.size());
    while (got < 0 && errno == EINTR);
    if (got < 0) return error(Code::bad_input, fmt::format("cannot read {}: {}", name_, reason(errno)));
    return static_cast<std::size_t>(got);
  }
  std::optional<std::uint64_t> size() const override {
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
    return static_cast<std::uint64_t>(status.st_size);
  }

 private:
  int descriptor_;
  bool owned_;
  std::string name_;
};

class MemorySource : public ByteSource {
 public:
  explicit MemorySource(std::string_view bytes) : size_(bytes.size()), left_(bytes) {}

  Result<std::size_t> read(std::span<char> out) override {
    const std::size_t size = std::min(out.size(), left_.size());
    std::copy_n(left_.begin(), size, out.begin());
    left_.remove_prefix(size);
    return size;
  }
  std::optional<std::uint64_t> size() const override { return size_; }

 private:
  std::uint64_t size_;
  std::string_view left_;
};

/// Gives bytes back that were read to look at them.
class Rewound : public ByteSource {
 public:
  Rewound(std::string head, std::unique_ptr<ByteSource> rest) : head_(std::move(head)), rest_(std::move(rest)) {}

  Result<std::size_t> read(std::span<char> out) override {
    if (given_ == head_.size()) return rest_->read(out);
    const std::size_t size = std::min(out.size(), head_.size() - given_);
    std::copy_n(head_.begin() + static_cast<std::ptrdiff_t>(given_), size, out.begin());
    given_ += size;
    return size;
  }
  std::optional<std::uint64_t> size() const override { return rest_->size(); }

 private:
  std::string head_;
  std::size_t given_ = 0;
  std::unique_ptr<ByteSource> rest_;
};

bool is_gzip(std::string_view head) { return head.starts_with("\x1f\x8b"); }

/// A frame (RFC 8878, 3.1.1) or a skippable one in front of it (3.1.2).
bool is_zstd(std::string_view head) {
  if (head.size() < 4) return false;
  return head.starts_with("\x28\xb5\x2f\xfd") ||
         ((static_cast<unsigned char>(head[0]) & 0xf0) == 0x50 && head.substr(1, 3) == "\x2a\x4d\x18");
}

}  // namespace

std::string source_name(const std::string& path) { return path == "-" ? "stdin" : path; }

Result<std::unique_ptr<ByteSource>> unpack(std::unique_ptr<ByteSource> packed, const std::string& name) {
  std::array<char, 4> head{};
  std::size_t size = 0;
  while (size < head.size()) {
    const auto got = packed->read(std::span(head).subspan(size));
    if (!got) return error(got);
    if (*got == 0) break;
    size += *got;
  }
  const std::string text(head.data(), size);
  auto whole = std::make_unique<Rewound>(text, std::move(packed));
  if (is_gzip(text)) return gzip_source(std::move(whole), name);
  if (is_zstd(text)) return zstd_source(std::move(whole), name);
  return whole;
}

Result<std::unique_ptr<ByteSource>> open_source(const std::string& path) {
  if (path == "-") {
    return unpack(std::make_unique<FileSource>(STDIN_FILENO, false, source_name(path)), source_name(path));
  }
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    return error(Code::bad_input, fmt::format("cannot open {}: {}", path, reason(errno)),
                 errno == ENOENT ? "check the path; - reads standard input" : "");
  }
  auto file = std::make_unique<FileSource>(descriptor, true, path);
  struct stat status {};
  if (::fstat(descriptor, &status) == 0 && S_ISDIR(status.st_mode)) {
    return error(Code::bad_input, fmt::format("{} is a directory", path), "name a JSONL file in it");
  }
  return unpack(std::move(file), path);
}

Result<std::unique_ptr<ByteSource>> memory_source(std::string_view bytes, const std::string& name) {
  return unpack(std::make_unique<MemorySource>(bytes), name);
}

}  // namespace kv
