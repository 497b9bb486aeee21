#pragma once
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "backend/resp/endpoint.hpp"

namespace kv::test {

/// A server on a unix socket that follows a script, one a connection, and closes at its end.
class FakeServer {
 public:
  struct Step {
    enum class Kind { read, send, drip, end, hold } kind;
    std::string text;
  };
  using Script = std::vector<Step>;

  static Step reads(std::string until) { return {Step::Kind::read, std::move(until)}; }  ///< up to these bytes
  static Step sends(std::string bytes) { return {Step::Kind::send, std::move(bytes)}; }
  static Step drips(std::string bytes) { return {Step::Kind::drip, std::move(bytes)}; }  ///< one every 5 ms
  static Step ends() { return {Step::Kind::end, {}}; }    ///< sends no more, but goes on listening
  static Step holds() { return {Step::Kind::hold, {}}; }  ///< until the client closes

  explicit FakeServer(std::vector<Script> scripts);
  ~FakeServer();
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;

  const std::string& socket_path() const { return path_; }
  /// Spoken to in RESP2, whatever hiredis there is: a script expects no HELLO.
  resp::Endpoint endpoint() const {
    resp::Endpoint out;
    out.socket_path = path_;
    out.protocol = 2;
    return out;
  }
  int connections() const { return connections_; }

 private:
  void serve();
  void play(int fd, const Script& script);
  bool wait(int fd) const;

  std::string directory_, path_;
  std::vector<Script> scripts_;
  int listener_ = -1;
  std::atomic<bool> stop_ = false;
  std::atomic<int> connections_ = 0;
  std::thread thread_;
};

}  // namespace kv::test
