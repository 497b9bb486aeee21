#pragma once
#include <memory>
#include <vector>

#include "backend/resp/connection.hpp"
#include "support.hpp"

namespace kvmicro {

/// How a benchmark reaches its server: the names of rows and of SPEC's `transport`.
enum class Wire { unix_socket, tcp };
const char* wire_name(Wire wire);

/// The largest value below 1 MiB that leaves a page for what a server adds: 2^20 B would take the next allocator class.
inline constexpr std::size_t kMiBClass = (std::size_t{1} << 20) - 4096;

/// A redis-server of this process for each wire, started when first asked for; gone with the process. The environment's
/// KVMICRO_TCP_PORT and KVMICRO_SOCKET name one that runs already instead.
kv::Result<kv::resp::Endpoint> server(Wire wire);
/// A SPEC for that server, or for a private one.
std::string server_spec(Wire wire);
/// What a benchmark moves, and how.
struct Traffic {
  Wire wire;
  bool set;
  std::size_t bytes;  ///< of a value; above kMiBClass in pieces of that
  std::size_t connections = 1, depth = 1;
};

/// As ByteRate, but by the wall clock and against bare sockets that carry the same messages (kvbench probe's far end),
/// measured right before and right after, of which the better one counts: a benchmark that waits for a server.
class WireRate {
 public:
  explicit WireRate(const Traffic& traffic);
  void set(benchmark::State& state, std::uint64_t bytes_per_iteration) const;

 private:
  Traffic traffic_;
  double limit_before_;
  kv::TimePoint start_;
};

/// Values that `connections` connections move at once, all driven by this thread: the client must not fight the server
/// for the machine's cores.
class Fleet {
 public:
  /// Keys are stored with `value_bytes` bytes each.
  static kv::Result<Fleet> open(Wire wire, std::size_t connections, std::size_t value_bytes);

  /// On each connection `batches` batches of `depth` commands, a batch begun as soon as the last one has ended.
  kv::Result<void> get(std::size_t batches, std::size_t depth) { return move(false, batches, depth); }
  kv::Result<void> set(std::size_t batches, std::size_t depth) { return move(true, batches, depth); }

 private:
  struct Member {
    std::unique_ptr<kv::resp::Connection> connection;
    std::string key;
    std::vector<std::byte> value;
    std::size_t batches_left = 0;
  };
  kv::Result<void> move(bool set, std::size_t batches, std::size_t depth);
  void begin(Member& member, bool set, std::size_t depth) const;
  kv::Result<void> advance(Member& member, bool set, std::size_t depth) const;

  kv::Duration spin_{0};
  std::vector<Member> members_;
};

}  // namespace kvmicro
