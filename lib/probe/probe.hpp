#pragma once
#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include "net/socket.hpp"
#include "probe/drive.hpp"
#include "probe/server.hpp"

namespace kv::probe {

/// What to sweep: every size x codec x connections x depth, for every operation; EXISTS, which moves no value, once.
struct Plan {
  BackendSpec backend;
  std::vector<std::size_t> sizes;
  std::vector<std::uint32_t> depths, connections;
  std::vector<CodecSpec> codecs;
  std::vector<Operation> operations;
  std::size_t chunk_bytes = resp::kDefaultChunkBytes;  ///< of the SPEC
  Dtype dtype = Dtype::bf16;                           ///< of the payload, where a codec makes a difference
  FillPayload fill;
  Duration budget = std::chrono::seconds(40);
  Duration least_per_point = std::chrono::milliseconds(100);  ///< on the server, over all repetitions
  std::uint32_t repetitions = 5;
  std::optional<net::HostPort> peer;  ///< the far end for a server that is not on this host
  std::string peer_token;
};

/// One point of the sweep. `value_bytes` is what a size became (value_bytes_for, or what the codec made of it).
struct Point {
  Operation operation = Operation::get;
  std::string codec;
  std::size_t payload_bytes = 0;
  Cut cut;
  std::uint32_t connections = 1, depth = 1;

  std::vector<double> per_s, limit_per_s;  ///< operations, of each repetition; limits empty: not measured
  Stretch sum;                             ///< all repetitions on the server
  std::optional<double> server_cpu_s;      ///< over the same
  std::optional<double> memory_ratio;      ///< MEMORY USAGE over value bytes
  std::optional<std::string> failure;      ///< why there is nothing, or no more, of it
  bool moves_values() const { return operation != Operation::exists; }
};

struct Findings {
  ServerInfo server;
  Transport transport = Transport::tcp;
  bool on_this_host = false;
  std::optional<double> rtt_ns;  ///< median of a small message and its answer
  std::string rtt_source;        ///< "peer" or "server"
  std::vector<Point> points;     ///< measured, in the order of the sweep
  std::uint64_t planned = 0;     ///< points in all
  std::vector<std::string> warnings;
  bool interrupted = false;
  std::optional<Error> first_error;  ///< of a point
  std::optional<Error> failure;      ///< the server went away: points after that are missing
};

/// How the caller watches and stops a probe from another thread.
struct Control {
  std::atomic<bool> stop = false;
  std::atomic<std::uint64_t> done = 0, planned = 0;  ///< points
};

/// A size as the user asks for it -> the exact bytes of the value: itself, but that so many times 2^20 bytes (that is,
/// so many times a chunk and the page that a chunk leaves) mean so many whole chunks.
std::size_t value_bytes_for(std::size_t size, std::size_t chunk_bytes);

/// The points of a plan, in the order in which they are measured; those whose values under way take more than 256 MiB
/// are left out, and counted. Code::bad_input if none is left or the budget is too small for them.
Result<std::vector<Point>> points_of(const Plan& plan, bool with_limit, std::uint64_t& left_out);

/// Runs the sweep: next to every repetition on the server one on a bare socket of the same kind, with the same
/// messages, so that noise hits both. Fails if nothing could be measured.
Result<Findings> probe(const Plan& plan, Control& control);

}  // namespace kv::probe
