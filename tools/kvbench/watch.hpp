#pragma once
#include <string>
#include <thread>

#include "replay/replay.hpp"

namespace kvbench {

/// While it lives, SIGINT and SIGTERM end the replay cleanly (a second one ends the program), and a terminal on stderr
/// shows how far it is. Make it before any other thread, so that all of them leave those signals to it.
class Watch {
 public:
  Watch(kv::ReplayControl& control, std::uint64_t requests_in_all);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

 private:
  void loop();
  void show(std::uint64_t done) const;

  kv::ReplayControl& control_;
  std::uint64_t requests_in_all_;
  bool terminal_;
  std::atomic<bool> over_ = false;
  std::thread thread_;
};

}  // namespace kvbench
