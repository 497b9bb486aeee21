#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kv {

/// All bytes of an archive written by torch.save that do not depend on the tensor's elements.
///
/// LibTorch's unpickler trusts its input: a garbled one may read past its stack or allocate what it is told to. The
/// layout of an archive is determined by the tensor's type and sizes, so an archive that comes from outside is held
/// to one that LibTorch itself wrote for them; elements, their checksums and the identity derived from those may
/// differ, nothing else. No LibTorch in here. Format: PKWARE APPNOTE 6.3 (zip), stored records, no comment.
class ArchiveFrame {
 public:
  /// Of an archive just written by LibTorch; nullopt if it is no zip file as expected.
  static std::optional<ArchiveFrame> of(std::string_view archive) {
    if (archive.size() < kEndBytes || u32(archive, archive.size() - kEndBytes) != kEndMagic) return std::nullopt;
    const std::size_t end = archive.size() - kEndBytes;
    const unsigned records = u16(archive, end + 10);
    std::size_t entry = u32(archive, end + 16);
    std::vector<Hole> holes;
    for (unsigned i = 0; i < records; ++i) {
      if (entry + 46 > end || u32(archive, entry) != kEntryMagic) return std::nullopt;
      if (!add_holes(archive, entry, holes)) return std::nullopt;
      entry += 46 + u16(archive, entry + 28) + u16(archive, entry + 30) + u16(archive, entry + 32);
    }
    return between(archive, std::move(holes));
  }

  bool fits(std::string_view archive) const {
    if (archive.size() != bytes_) return false;
    for (const Piece& piece : pieces_) {
      if (archive.compare(piece.at, piece.bytes.size(), piece.bytes) != 0) return false;
    }
    return true;
  }

 private:
  struct Hole {
    std::size_t at, bytes;
  };
  struct Piece {
    std::size_t at;
    std::string bytes;
  };
  static constexpr std::size_t kEndBytes = 22;
  static constexpr std::uint32_t kEndMagic = 0x06054b50, kEntryMagic = 0x02014b50, kLocalMagic = 0x04034b50,
                                 kDescriptorMagic = 0x08074b50;

  static std::uint32_t u16(std::string_view in, std::size_t at) {
    return static_cast<unsigned char>(in[at]) | static_cast<std::uint32_t>(static_cast<unsigned char>(in[at + 1])) << 8;
  }
  static std::uint32_t u32(std::string_view in, std::size_t at) { return u16(in, at) | u16(in, at + 2) << 16; }
  static bool ends_with(std::string_view text, std::string_view end) {
    return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
  }

  /// What may differ of the record whose directory entry is at `entry`: its checksum, in the directory and behind the
  /// data, and the data itself where it is the elements or the archive's identity.
  static bool add_holes(std::string_view archive, std::size_t entry, std::vector<Hole>& holes) {
    const std::size_t bytes = u32(archive, entry + 24), local = u32(archive, entry + 42);
    const std::size_t name_bytes = u16(archive, entry + 28);
    if (entry + 46 + name_bytes > archive.size() || local + 30 > archive.size()) return false;
    if (u32(archive, local) != kLocalMagic || u16(archive, entry + 10) != 0) return false;
    const std::size_t data = local + 30 + u16(archive, local + 26) + u16(archive, local + 28);
    if (data + bytes + 8 > archive.size() || u32(archive, data + bytes) != kDescriptorMagic) return false;
    const std::string_view name = archive.substr(entry + 46, name_bytes);
    if (ends_with(name, "/data/0") || ends_with(name, "/serialization_id")) holes.push_back({data, bytes});
    holes.push_back({data + bytes + 4, 4});
    holes.push_back({entry + 16, 4});
    return true;
  }

  static std::optional<ArchiveFrame> between(std::string_view archive, std::vector<Hole> holes) {
    std::sort(holes.begin(), holes.end(), [](const Hole& a, const Hole& b) { return a.at < b.at; });
    ArchiveFrame frame;
    frame.bytes_ = archive.size();
    std::size_t at = 0;
    for (const Hole& hole : holes) {
      if (hole.at < at) return std::nullopt;
      frame.pieces_.push_back({at, std::string(archive.substr(at, hole.at - at))});
      at = hole.at + hole.bytes;
    }
    frame.pieces_.push_back({at, std::string(archive.substr(at))});
    return frame;
  }

  std::size_t bytes_ = 0;
  std::vector<Piece> pieces_;
};

}  // namespace kv
