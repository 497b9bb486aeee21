#pragma once
#include <atomic>
#include <cstddef>
#include <functional>
#include <string>
#include <thread>

namespace kvtool {

/// How many of all are done, told by one thread and shown by another.
struct Counted {
  void operator()(std::size_t so_far, std::size_t planned) {
    done = so_far;
    all = planned;
  }
  /// "3 of 10 things", or `before` until there is something to count.
  std::string text(const char* things, const char* before) const;

  std::atomic<std::size_t> done = 0, all = 0;
};

/// While it lives, SIGINT and SIGTERM set `stop`, which ends what is measured cleanly (a second one ends the program),
/// and a terminal on stderr shows how far it is, in the words of `progress`. Make it before any other thread, so that
/// all of them leave those signals to it.
class Watch {
 public:
  using Progress = std::function<std::string()>;
  Watch(std::atomic<bool>& stop, Progress progress);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

 private:
  void loop();

  std::atomic<bool>& stop_;
  Progress progress_;
  bool terminal_;
  std::atomic<bool> over_ = false;
  std::thread thread_;
};

}  // namespace kvtool
