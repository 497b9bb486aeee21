#pragma once
#include <atomic>
#include <functional>
#include <string>
#include <thread>

namespace kvtool {

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
