#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>
#include <thread>
#include <vector>

#include "metrics/machine.hpp"
#include "net/socket.hpp"

namespace kv {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::size_t kPiece = 1 << 20;

TimePoint now() { return std::chrono::time_point_cast<Duration>(Steady::now()); }

/// Bytes per second of the fastest slice.
class BestSlice {
 public:
  explicit BestSlice(std::size_t slice) : slice_(slice) {}
  void start() { begin_ = now(), bytes_ = 0; }
  void add(std::size_t bytes) {
    bytes_ += bytes;
    if (bytes_ < slice_) return;
    const double took = seconds(now() - begin_);
    if (took > 0) best_ = std::max(best_.value_or(0), static_cast<double>(bytes_) / took);
    start();
  }
  std::optional<double> best() const { return best_; }

 private:
  std::size_t slice_, bytes_ = 0;
  TimePoint begin_{};
  std::optional<double> best_;
};

class Pages {
 public:
  explicit Pages(std::size_t size) : size_(size) {
    void* at = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) return;
    data_ = static_cast<char*>(at);
    madvise(at, size, MADV_HUGEPAGE);  // where a virtual machine faults pages in one by one, 64 MiB take half a second
  }
  ~Pages() {
    if (data_ != nullptr) munmap(data_, size_);
  }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
  char* data() const { return data_; }

 private:
  std::size_t size_;
  char* data_ = nullptr;
};

/// Copies all of up to 128 MiB to as much again, whole passes only: the best of smaller pieces is one that was still in
/// the cache (16 MiB read 28 GB/s where memory gives 20). Faulting memory in is what costs time here, so after two
/// slices of source and of target (64 MiB) there are more only if half of the time allows.
std::optional<double> memory_copy_limit(TimePoint start, TimePoint until) {
  constexpr std::size_t kSlice = 16 * kPiece, kLeastSlices = 2, kMostSlices = 8;
  if (available_memory() < Bytes(4 * kMostSlices * kSlice)) return std::nullopt;
  const Pages from(kMostSlices * kSlice), to(kMostSlices * kSlice);
  if (from.data() == nullptr || to.data() == nullptr) return std::nullopt;
  std::size_t slices = 0;
  while (slices < kMostSlices && (slices < kLeastSlices || now() < start + (until - start) / 2)) {
    for (std::size_t at = slices * kSlice; at < (slices + 1) * kSlice; at += kPiece) {
      if (now() >= until) return std::nullopt;
      std::memset(from.data() + at, 0x5a, kPiece);
      std::memset(to.data() + at, 0xa5, kPiece);
    }
    ++slices;
  }
  BestSlice rate(slices * kSlice);
  while (now() < until) {
    rate.start();
    std::memcpy(to.data(), from.data(), slices * kSlice);
    rate.add(slices * kSlice);
  }
  return rate.best();
}

/// Sends pieces until the other end, or main's shutdown of this one, ends it.
void send_pieces(int fd) {
  const std::vector<char> piece(kPiece, 'k');
  for (std::size_t at = 0;;) {
    const ssize_t sent = send(fd, piece.data() + at, piece.size() - at, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return;
    at = (at + static_cast<std::size_t>(sent)) % kPiece;
  }
}

void receive_until(int fd, TimePoint until, std::vector<char>& piece, BestSlice& rate) {
  rate.start();
  for (TimePoint at = now(); at < until; at = now()) {
    pollfd ready{fd, POLLIN, 0};
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - at).count();
    if (poll(&ready, 1, static_cast<int>(left) + 1) < 0 && errno != EINTR) return;
    if ((ready.revents & POLLIN) == 0) continue;
    const ssize_t got = recv(fd, piece.data(), piece.size(), MSG_DONTWAIT);
    if (got == 0) return;
    if (got > 0) rate.add(static_cast<std::size_t>(got));
  }
}

std::optional<double> stream_limit(Result<net::Ends> ends, TimePoint until) {
  if (!ends || now() >= until) return std::nullopt;
  BestSlice rate(16 * kPiece);
  std::vector<char> piece(kPiece);
  try {
    std::thread sender(send_pieces, ends->near.fd());
    receive_until(ends->far.fd(), until, piece, rate);
    shutdown(ends->near.fd(), SHUT_RDWR);  // wakes a sender that waits for room
    sender.join();
  } catch (const std::system_error&) {  // no thread to be had
    return std::nullopt;
  }
  return rate.best();
}

}  // namespace

Limits measure_limits(Duration budget) {
  const Duration reserve = budget / 16;  // unmapping, joining
  const TimePoint start = now(), copied = start + 3 * budget / 5, sent = copied + budget / 5;
  Limits limits;
  limits.memory_copy = memory_copy_limit(start, copied - reserve);
  limits.tcp = stream_limit(net::tcp_ends(), sent - reserve);
  limits.unix_socket = stream_limit(net::unix_ends(), start + budget - reserve);
  return limits;
}

}  // namespace kv
