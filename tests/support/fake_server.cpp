#include "support/fake_server.hpp"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <stdexcept>

namespace kv::test {

FakeServer::FakeServer(std::vector<Script> scripts)
    : directory_("/tmp/kvkit-fake-XXXXXX"), scripts_(std::move(scripts)) {
  if (mkdtemp(directory_.data()) == nullptr) throw std::runtime_error("mkdtemp");
  path_ = directory_ + "/socket";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
  listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 || listen(listener_, 8) != 0) {
    throw std::runtime_error("bind");
  }
  thread_ = std::thread([this] { serve(); });
}

FakeServer::~FakeServer() {
  stop_ = true;
  thread_.join();
  close(listener_);
  unlink(path_.c_str());
  rmdir(directory_.c_str());
}

/// Until something can be read, or the test is over.
bool FakeServer::wait(int fd) const {
  pollfd entry{fd, POLLIN, 0};
  while (!stop_) {
    if (::poll(&entry, 1, 10) > 0) return true;
  }
  return false;
}

void FakeServer::serve() {
  for (const Script& script : scripts_) {
    if (!wait(listener_)) return;
    const int fd = accept(listener_, nullptr, nullptr);
    ++connections_;
    play(fd, script);
    close(fd);
  }
}

void FakeServer::play(int fd, const Script& script) {
  for (const Step& step : script) {
    std::string seen;
    char byte = 0;
    switch (step.kind) {
      case Step::Kind::read:
        while (seen.size() < step.text.size() ||
               seen.compare(seen.size() - step.text.size(), step.text.size(), step.text) != 0) {
          if (!wait(fd) || read(fd, &byte, 1) != 1) return;
          seen += byte;
        }
        break;
      case Step::Kind::send:
        for (std::size_t at = 0; at < step.text.size() && !stop_;) {
          const ssize_t n = send(fd, step.text.data() + at, step.text.size() - at, MSG_NOSIGNAL);
          if (n <= 0) return;
          at += static_cast<std::size_t>(n);
        }
        break;
      case Step::Kind::drip:
        for (const char c : step.text) {
          if (stop_ || send(fd, &c, 1, MSG_NOSIGNAL) != 1) return;
          usleep(5000);
        }
        break;
      case Step::Kind::end:
        shutdown(fd, SHUT_WR);
        break;
      case Step::Kind::hold:
        while (wait(fd) && read(fd, &byte, 1) == 1) {
        }
        break;
    }
  }
}

}  // namespace kv::test
