#include "replay/slots.hpp"

#include <sys/mman.h>

#include <new>

#include "base/units.hpp"

namespace kv {
namespace {

constexpr std::size_t kPage = 4096, kHugePage = std::size_t{2} << 20;
std::size_t whole_pages(std::size_t bytes) { return (bytes + kPage - 1) / kPage * kPage; }

}  // namespace

Slots::Memory Slots::allocate(std::size_t bytes) {
  const std::size_t page = bytes < kHugePage ? kPage : kHugePage;
  auto* memory = static_cast<std::byte*>(std::aligned_alloc(page, ceil_div(bytes, page) * page));
  if (memory == nullptr) throw std::bad_alloc();
  if (page == kHugePage) madvise(memory, bytes, MADV_HUGEPAGE);  // codecs stream through it
  return Memory(memory);
}

Slots::Slots(std::size_t count, std::size_t max_payload_bytes, std::size_t max_body_bytes, bool shared)
    : payload_step_(whole_pages(max_payload_bytes)), body_step_(whole_pages(max_body_bytes)) {
  payloads_ = allocate(count * payload_step_);
  if (!shared) bodies_ = allocate(count * body_step_);
  headers_.resize(count);
}

}  // namespace kv
