#pragma once
// Included by module*.cpp alone.
#include <ATen/ATen.h>
#include <c10/core/Event.h>
#include <c10/core/Stream.h>

#include <array>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace kv {

/// Copies pieces between pageable host memory and tensors of one device by way of two pinned buffers: while one is on
/// the link, the host fills or empties the other. On CUDA the copies run on a stream of their own and an event tells
/// when a buffer is free; on a CPU, where only tests come, each ends at once. Not thread-safe; one direction from
/// begin() to finish().
class Staging {
 public:
  explicit Staging(at::Device device);

  /// Whatever the device was told so far comes before the copies that follow.
  void begin();
  /// Copies all of a contiguous tensor; `from` may change as soon as this returns.
  void upload(const at::Tensor& to, const char* from);
  /// `to` is written by finish() at the latest.
  void download(const at::Tensor& from, char* to);
  /// Ends when every copy has.
  void finish();

 private:
  struct Piece {
    char* to;
    std::size_t at, bytes;
  };
  struct Buffer {
    at::Tensor pinned;
    std::size_t used = 0;
    std::optional<c10::Event> arrived;  // none on a CPU
    bool moving = false;
    std::vector<Piece> to_host;
  };
  template <class Move>
  void in_pieces(const at::Tensor& device, const Move& move);
  char* data(Buffer& buffer) { return static_cast<char*>(buffer.pinned.data_ptr()); }
  void await(Buffer& buffer);
  void empty(Buffer& buffer);
  void send();

  at::Device device_;
  std::optional<c10::Stream> stream_;  // none on a CPU
  std::array<Buffer, 2> buffers_;
  std::size_t current_ = 0;
};

/// One Staging for each thread that copies at a time.
class StagingPool {
 public:
  /// Runs `copy(staging)` between begin() and finish().
  template <class Copy>
  void run(at::Device device, const Copy& copy) {
    std::unique_ptr<Staging> staging = take(device);
    staging->begin();
    copy(*staging);
    staging->finish();
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(staging));
  }

 private:
  std::unique_ptr<Staging> take(at::Device device) {
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        std::unique_ptr<Staging> out = std::move(idle_.back());
        idle_.pop_back();
        return out;
      }
    }
    return std::make_unique<Staging>(device);
  }

  std::mutex mutex_;
  std::vector<std::unique_ptr<Staging>> idle_;
};

}  // namespace kv
