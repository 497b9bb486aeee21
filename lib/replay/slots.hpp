#pragma once
#include <array>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

#include "codec/value.hpp"

namespace kv {

/// The window: page-aligned room for a few values, as payload and as body. Where the codec is the identity the body is
/// the payload's own memory.
class Slots {
 public:
  Slots(std::size_t count, std::size_t max_payload_bytes, std::size_t max_body_bytes, bool shared);

  std::size_t count() const { return headers_.size(); }
  std::span<std::byte> payload(std::size_t slot) const {
    return {payloads_.get() + slot * payload_step_, payload_step_};
  }
  std::span<std::byte> body(std::size_t slot) const {
    return bodies_ ? std::span{bodies_.get() + slot * body_step_, body_step_} : payload(slot);
  }
  std::span<std::byte, ValueHeader::kBytes> header(std::size_t slot) { return headers_[slot]; }

 private:
  struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }
  };
  using Memory = std::unique_ptr<std::byte[], Free>;
  static Memory allocate(std::size_t bytes);

  std::size_t payload_step_, body_step_;
  Memory payloads_, bodies_;
  std::vector<std::array<std::byte, ValueHeader::kBytes>> headers_;
};

}  // namespace kv
