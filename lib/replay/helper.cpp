#include "replay/helper.hpp"

#include <cassert>

namespace kv {

Helper::~Helper() {
  begin({});
  thread_.join();
}

void Helper::begin(std::function<void()> work) {
  assert(begun_ == done_ && "one piece of work at a time");
  work_ = std::move(work);
  begun_.fetch_add(1, std::memory_order_release);
  begun_.notify_one();
}

/// atomic::wait spins for about a microsecond before it sleeps.
void Helper::wait() {
  const std::uint32_t begun = begun_.load(std::memory_order_relaxed);
  for (std::uint32_t done = done_.load(std::memory_order_acquire); done != begun;
       done = done_.load(std::memory_order_acquire)) {
    done_.wait(done, std::memory_order_acquire);
  }
}

void Helper::serve() {
  for (std::uint32_t served = 0;;) {
    begun_.wait(served, std::memory_order_acquire);
    if (!work_) return;
    work_();
    ++served;
    done_.store(served, std::memory_order_release);
    done_.notify_one();
  }
}

}  // namespace kv
