#pragma once
#include <atomic>
#include <functional>
#include <thread>

namespace kv {

/// A second thread of one worker, which does one piece of work at a time while the worker does another. It sleeps in
/// between. Not thread-safe: it belongs to its worker.
class Helper {
 public:
  Helper() : thread_([this] { serve(); }) {}
  ~Helper();
  Helper(const Helper&) = delete;
  Helper& operator=(const Helper&) = delete;

  /// Starts `work` there; what was begun before must have been waited for. Work must not throw.
  void begin(std::function<void()> work);
  /// Returns once it is done: what it wrote can be read.
  void wait();

 private:
  void serve();

  std::function<void()> work_;                       // empty: end
  std::atomic<std::uint32_t> begun_ = 0, done_ = 0;  // pieces of work; their order hands work_ over
  std::thread thread_;
};

}  // namespace kv
