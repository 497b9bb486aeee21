#pragma once
#include <sys/types.h>

#include <memory>
#include <string>

#include "backend/resp/endpoint.hpp"

namespace kv::resp {

struct PrivateServerOptions {
  std::string binary;  ///< a path, or a name to be found in PATH
  Bytes max_memory;
  std::string policy = "allkeys-lru";
  bool tcp = false;                         ///< else a unix socket
  const std::atomic<bool>* stop = nullptr;  ///< once true, start() gives up with Code::interrupted
};

/// A Redis server of our own, in a fresh directory that only we may enter; loopback TCP is guarded by a random
/// password. It keeps nothing on disk. It and the directory go when this object does, and also if the process dies in
/// whatever way: a small shell in a session of its own waits for the end of a pipe whose other end we hold.
class PrivateServer {
 public:
  /// Returns once the server answers; a server that does not within 5 s is an Error with the end of its log.
  static Result<std::unique_ptr<PrivateServer>> start(const PrivateServerOptions& options);
  ~PrivateServer();
  PrivateServer(const PrivateServer&) = delete;
  PrivateServer& operator=(const PrivateServer&) = delete;

  const Endpoint& endpoint() const { return endpoint_; }
  const std::string& directory() const { return directory_; }

 private:
  PrivateServer() = default;
  Result<void> launch(const PrivateServerOptions& options, const std::string& binary);
  Result<void> write_config(const PrivateServerOptions& options) const;
  Result<void> spawn_keeper(const std::string& binary);
  Result<void> wait_until_ready() const;
  void stop();

  std::string directory_;
  Endpoint endpoint_;
  int lifeline_ = -1;  // write end of the pipe; nothing is ever written
  pid_t keeper_ = -1;
};

}  // namespace kv::resp
