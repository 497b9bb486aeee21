#include "import/sorter.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <queue>
#include <string>

#include "import/packed_line.hpp"

namespace kv {
namespace {

constexpr std::size_t kRunWindow = std::size_t{256} << 10;

tl::unexpected<Error> trouble(const std::string& what, int reason) {
  return error(Code::io, fmt::format("{}: {}", what, std::strerror(reason)),
               "sorting a large trace needs as much disk as the trace: point TMPDIR to a directory with room");
}

/// A file without a name: gone with its last descriptor.
Result<int> unnamed_file() {
  const char* given = std::getenv("TMPDIR");
  std::string path = (given != nullptr && *given != '\0' ? std::string(given) : "/tmp") + "/kvtrace-sort-XXXXXX";
  const int fd = mkostemp(path.data(), O_CLOEXEC);
  if (fd < 0) return trouble(path + " cannot be made", errno);
  unlink(path.c_str());
  return fd;
}

Result<void> write_all(int fd, const std::vector<char>& bytes) {
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t n = ::write(fd, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return trouble("what is sorted cannot be written", errno);
    done += static_cast<std::size_t>(n);
  }
  return {};
}

/// One sorted file, read from the front.
class Run {
 public:
  explicit Run(int fd) : fd_(fd) {}

  /// False at the end; else record() is the next one.
  Result<bool> next() {
    begin_ += current_;
    current_ = 0;
    auto head = want(PackedLine::kHead);
    if (!head || !*head) return head;
    const std::size_t size = PackedLine::size(record());
    auto whole = want(size);
    if (!whole || !*whole) return whole;
    current_ = size;
    at_ = PackedLine::read(record(), ids_).at;
    return true;
  }
  const char* record() const { return window_.data() + begin_; }
  Duration at() const { return at_; }

 private:
  Result<bool> want(std::size_t bytes) {
    while (end_ - begin_ < bytes) {
      if (begin_ > 0) std::memmove(window_.data(), window_.data() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
      window_.resize(std::max({window_.size(), bytes, kRunWindow}));
      const ssize_t n = ::read(fd_, window_.data() + end_, window_.size() - end_);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return trouble("what was sorted cannot be read", errno);
      if (n == 0) return false;
      end_ += static_cast<std::size_t>(n);
    }
    return true;
  }

  int fd_;
  std::vector<char> window_;
  std::size_t begin_ = 0, end_ = 0, current_ = 0;
  std::vector<BlockId> ids_;
  Duration at_{};
};

Result<void> merge(const std::vector<int>& files, const std::function<Result<void>(const TraceLine&)>& sink) {
  std::vector<Run> runs(files.begin(), files.end());
  using Front = std::pair<Duration, std::size_t>;  // of equal times the earlier run's is first
  std::priority_queue<Front, std::vector<Front>, std::greater<>> fronts;
  std::vector<BlockId> ids;
  const auto advance = [&](std::size_t i) -> Result<void> {
    const auto more = runs[i].next();
    if (!more) return error(more);
    if (*more) fronts.emplace(runs[i].at(), i);
    return {};
  };
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (auto ok = advance(i); !ok) return ok;
  }
  while (!fronts.empty()) {
    const std::size_t i = fronts.top().second;
    fronts.pop();
    if (auto taken = sink(PackedLine::read(runs[i].record(), ids)); !taken) return taken;
    if (auto ok = advance(i); !ok) return ok;
  }
  return {};
}

}  // namespace

ArrivalSorter::~ArrivalSorter() {
  for (const int fd : runs_) close(fd);
}

Result<void> ArrivalSorter::add(const TraceLine& line) {
  if (line.at < last_) {
    if (late_++ == 0) first_late_line_ = line.line;
    worst_ = std::max(worst_, last_ - line.at);
  }
  last_ = std::max(last_, line.at);
  ++size_;
  entries_.push_back({line.at, bytes_.size()});
  PackedLine::append(line, bytes_);
  return bytes_.size() + entries_.size() * sizeof(Entry) < memory_bytes_ ? Result<void>() : spill();
}

void ArrivalSorter::sort() {
  const auto earlier = [](const Entry& a, const Entry& b) { return a.at < b.at; };
  if (!std::is_sorted(entries_.begin(), entries_.end(), earlier)) {
    std::stable_sort(entries_.begin(), entries_.end(), earlier);
  }
}

Result<void> ArrivalSorter::spill() {
  sort();
  const auto fd = unnamed_file();
  if (!fd) return error(fd);
  runs_.push_back(*fd);
  std::vector<char> piece;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const char* record = bytes_.data() + entries_[i].offset;
    piece.insert(piece.end(), record, record + PackedLine::size(record));
    if (piece.size() < kRunWindow && i + 1 < entries_.size()) continue;
    if (auto written = write_all(*fd, piece); !written) return written;
    piece.clear();
  }
  if (lseek(*fd, 0, SEEK_SET) < 0) return trouble("what was sorted cannot be read", errno);
  bytes_.clear();
  entries_.clear();
  return {};
}

Result<void> ArrivalSorter::drain(const std::function<Result<void>(const TraceLine&)>& sink) {
  if (!runs_.empty()) {
    if (!entries_.empty()) {
      if (auto spilt = spill(); !spilt) return spilt;
    }
    std::vector<char>().swap(bytes_);
    return merge(runs_, sink);
  }
  sort();
  std::vector<BlockId> ids;
  for (const Entry& entry : entries_) {
    if (auto taken = sink(PackedLine::read(bytes_.data() + entry.offset, ids)); !taken) return taken;
  }
  return {};
}

}  // namespace kv
