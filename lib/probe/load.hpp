#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/units.hpp"

namespace kv::probe {

enum class Operation { get, set, exists };
std::string_view operation_name(Operation operation);  ///< "GET"

/// What a value becomes on its way: one message if it is no larger than a chunk, else the chunks that the data plane
/// makes of it (resp::cut).
class Cut {
 public:
  Cut() = default;
  /// chunk_bytes > 0.
  static Cut of(std::size_t value_bytes, std::size_t chunk_bytes);

  std::size_t value_bytes() const { return begins_.back(); }
  std::uint32_t messages() const { return static_cast<std::uint32_t>(begins_.size() - 1); }
  /// The largest.
  std::size_t message_bytes() const { return begins_[1]; }
  std::size_t bytes_of(std::uint32_t index) const { return begins_[index + 1] - begins_[index]; }
  /// Slice `index` of a value or of the room for one.
  template <class Byte>
  std::span<Byte> slice(std::span<Byte> value, std::uint32_t index) const {
    return value.subspan(begins_[index], bytes_of(index));
  }

 private:
  std::vector<std::size_t> begins_{0, 0};  // of each message, and the end
};

/// What one connection carries: operations of one kind on values of one size, `rooms.size()` of them under way at once.
struct Load {
  Operation operation = Operation::get;
  Cut cut;
  std::span<const std::byte> source;  ///< what a SET sends
  std::vector<std::span<std::byte>>
      rooms{};  ///< where a GET's value belongs, one a slot; operation i uses slot i modulo
};

}  // namespace kv::probe
