#include "torch/module_staging.hpp"

#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <cstring>
#include <thread>

namespace kv {
namespace {

// Large enough that a link is busy with one while the host copies the other, small enough to stay in a cache.
constexpr std::size_t kBufferBytes = std::size_t{4} << 20;

}  // namespace

Staging::Staging(at::Device device) : device_(device) {
  const auto bytes = at::TensorOptions().dtype(at::kByte).pinned_memory(device.is_cuda());
  for (Buffer& buffer : buffers_) {
    buffer.pinned = at::empty({static_cast<std::int64_t>(kBufferBytes)}, bytes);
    if (device.is_cuda()) buffer.arrived.emplace(device.type());
  }
  if (device.is_cuda()) stream_ = c10::impl::VirtualGuardImpl(device.type()).getStreamFromGlobalPool(device);
}

void Staging::begin() {
  for (Buffer& buffer : buffers_) {  // what an earlier copy left behind where it failed
    await(buffer);
    buffer.to_host.clear();
    buffer.used = 0;
  }
  if (!stream_) return;
  c10::Event told(device_.type());
  told.record(c10::impl::VirtualGuardImpl(device_.type()).getStream(device_));
  told.block(*stream_);
}

void Staging::upload(const at::Tensor& to, const char* from) {
  in_pieces(to, [&](Buffer& buffer, const at::Tensor& device, const at::Tensor& pinned, std::size_t at) {
    const auto bytes = static_cast<std::size_t>(device.numel());
    std::memcpy(data(buffer) + buffer.used, from + at, bytes);
    device.copy_(pinned, true);
  });
}

void Staging::download(const at::Tensor& from, char* to) {
  in_pieces(from, [&](Buffer& buffer, const at::Tensor& device, const at::Tensor& pinned, std::size_t at) {
    pinned.copy_(device, true);
    buffer.to_host.push_back({to + at, buffer.used, static_cast<std::size_t>(device.numel())});
  });
}

void Staging::finish() {
  send();
  for (std::size_t i = 0; i < buffers_.size(); ++i) {
    empty(buffers_[(current_ + i) % buffers_.size()]);
  }
}

/// Calls move(buffer, piece of `device`, its place in the buffer, offset) until all bytes have one.
template <class Move>
void Staging::in_pieces(const at::Tensor& device, const Move& move) {
  const at::Tensor bytes = device.view(at::kByte).view({-1});
  c10::OptionalStreamGuard guard;
  if (stream_) guard.reset_stream(*stream_);
  const auto size = static_cast<std::size_t>(bytes.numel());
  for (std::size_t at = 0; at < size;) {
    Buffer& buffer = buffers_[current_];
    const std::size_t piece = std::min(size - at, kBufferBytes - buffer.used);
    const auto length = static_cast<std::int64_t>(piece);
    move(buffer, bytes.narrow(0, static_cast<std::int64_t>(at), length),
         buffer.pinned.narrow(0, static_cast<std::int64_t>(buffer.used), length), at);
    buffer.used += piece;
    at += piece;
    if (buffer.used == kBufferBytes) send();
  }
}

/// Marks the end of the current buffer's copies and goes on with the other, once that one's have ended.
void Staging::send() {
  Buffer& full = buffers_[current_];
  if (full.arrived) full.arrived->record(*stream_);
  full.moving = full.arrived.has_value();
  current_ = (current_ + 1) % buffers_.size();
  empty(buffers_[current_]);
}

void Staging::await(Buffer& buffer) {
  while (buffer.moving && !buffer.arrived->query()) std::this_thread::yield();
  buffer.moving = false;
}

void Staging::empty(Buffer& buffer) {
  await(buffer);
  for (const Piece& piece : buffer.to_host) std::memcpy(piece.to, data(buffer) + piece.at, piece.bytes);
  buffer.to_host.clear();
  buffer.used = 0;
}

}  // namespace kv
