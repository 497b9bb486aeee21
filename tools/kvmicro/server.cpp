#include "server.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "backend/registry.hpp"
#include "backend/resp/private_server.hpp"
#include "metrics/machine.hpp"
#include "net/socket.hpp"
#include "net/wait.hpp"
#include "probe/drive.hpp"
#include "probe/peer_lane.hpp"
#include "probe/peer_server.hpp"

namespace kvmicro {

using kv::resp::Connection;
using kv::resp::Endpoint;
using kv::resp::PrivateServer;
using Steady = std::chrono::steady_clock;

namespace {

constexpr kv::Duration kPatience = std::chrono::seconds(20);
/// What the redis backend does where client and server have a core each.
constexpr kv::Duration kSpin = std::chrono::microseconds(100);

kv::Duration spin() { return kv::describe_machine().cores >= 2 ? kSpin : kv::Duration(0); }

kv::TimePoint deadline() { return std::chrono::time_point_cast<kv::Duration>(Steady::now()) + kPatience; }

kv::Result<std::unique_ptr<PrivateServer>> start(Wire wire) {
  kv::resp::PrivateServerOptions options;
  options.binary = "redis-server";
  options.max_memory = kv::Bytes(std::uint64_t{2} << 30);
  options.policy = "allkeys-lru";
  options.tcp = wire == Wire::tcp;
  return PrivateServer::start(options);
}

kv::Result<Endpoint> endpoint_of(const kv::Result<std::unique_ptr<PrivateServer>>& server) {
  if (!server) return kv::error(server);
  return (*server)->endpoint();
}

/// Bytes per second that bare sockets carry of this traffic; 0: not known.
double bare_bytes_per_s(const Traffic& traffic) {
  constexpr kv::Duration kStretch = std::chrono::milliseconds(60);
  static kv::probe::PeerServer peers({});
  static const Memory rooms(std::size_t{64} << 20);
  const auto operation = traffic.set ? kv::probe::Operation::set : kv::probe::Operation::get;
  kv::probe::Load load{operation, kv::probe::Cut::of(traffic.bytes, kMiBClass), rooms.bytes().first(traffic.bytes), {}};
  const std::size_t slots = rooms.bytes().size() / traffic.bytes;
  std::vector<std::unique_ptr<kv::probe::Lane>> lanes;
  for (std::size_t i = 0; i < traffic.connections; ++i) {
    load.rooms.clear();
    for (std::size_t d = 0; d < traffic.depth; ++d) {
      const std::size_t slot = (i * traffic.depth + d) % slots;
      load.rooms.push_back(rooms.bytes().subspan(slot * traffic.bytes, traffic.bytes));
    }
    auto ends = traffic.wire == Wire::tcp ? kv::net::tcp_ends() : kv::net::unix_ends();
    if (!ends || !peers.serve(std::move(ends->far))) return 0;
    auto lane = kv::probe::PeerLane::open(std::move(ends->near), "", load, kPatience);
    if (!lane) return 0;
    lanes.push_back(*std::move(lane));
  }
  kv::probe::Pace pace{static_cast<std::uint32_t>(traffic.depth), kStretch / 3, kPatience, spin(), nullptr};
  if (!kv::probe::drive(lanes, pace)) return 0;  // warm-up
  pace.least = kStretch;
  const auto stretch = kv::probe::drive(lanes, pace);
  return stretch ? stretch->per_s() * static_cast<double>(traffic.bytes) : 0;
}

/// A server that somebody else has started, so that another program is measured on the same one: its port on loopback
/// or the path of its socket; null: none.
const char* given(Wire wire) { return std::getenv(wire == Wire::tcp ? "KVMICRO_TCP_PORT" : "KVMICRO_SOCKET"); }

}  // namespace

const char* wire_name(Wire wire) { return wire == Wire::tcp ? "tcp" : "unix"; }

std::string server_spec(Wire wire) {
  if (given(wire) == nullptr) return fmt::format("spawn+redis:?maxmemory=1GiB&transport={}", wire_name(wire));
  return wire == Wire::tcp ? fmt::format("redis://127.0.0.1:{}", given(wire))
                           : fmt::format("redis+unix://{}", given(wire));
}

kv::Result<Endpoint> server(Wire wire) {
  if (given(wire) != nullptr) {
    const auto spec = kv::parse_backend(server_spec(wire));
    if (!spec) return kv::error(spec);
    Endpoint endpoint;
    endpoint.host = spec->host;
    endpoint.port = spec->port;
    endpoint.socket_path = spec->path;
    return endpoint;
  }
  if (wire == Wire::tcp) {
    static const auto tcp = start(Wire::tcp);
    return endpoint_of(tcp);
  }
  static const auto unix_socket = start(Wire::unix_socket);
  return endpoint_of(unix_socket);
}

WireRate::WireRate(const Traffic& traffic)
    : traffic_(traffic),
      limit_before_(bare_bytes_per_s(traffic)),
      start_(std::chrono::time_point_cast<kv::Duration>(Steady::now())) {}

void WireRate::set(benchmark::State& state, std::uint64_t bytes_per_iteration) const {
  const double elapsed_s = kv::seconds(std::chrono::time_point_cast<kv::Duration>(Steady::now()) - start_);
  const auto bytes = static_cast<double>(bytes_per_iteration) * static_cast<double>(state.iterations());
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
  const double limit = std::max(limit_before_, bare_bytes_per_s(traffic_));
  if (limit > 0 && elapsed_s > 0) state.counters["efficiency"] = bytes / elapsed_s / limit;
}

kv::Result<Fleet> Fleet::open(Wire wire, std::size_t connections, std::size_t value_bytes) {
  auto endpoint = server(wire);
  if (!endpoint) return kv::error(endpoint);
  Fleet fleet;
  fleet.spin_ = spin();
  endpoint->spin = fleet.spin_;
  for (std::size_t i = 0; i < connections; ++i) {
    endpoint->max_in_flight = kv::resp::kInFlight / connections;
    auto connection = Connection::open(*endpoint);
    if (!connection) return kv::error(connection);
    fleet.members_.push_back({*std::move(connection), fmt::format("kvmicro:{}:{}", value_bytes, i),
                              std::vector<std::byte>(value_bytes, std::byte{'k'})});
  }
  if (auto stored = fleet.set(1, 1); !stored) return kv::error(stored);
  return fleet;
}

void Fleet::begin(Member& member, bool set, std::size_t depth) const {
  static const kv::resp::SetCommand plain_set(std::nullopt);
  --member.batches_left;
  member.connection->begin(deadline());
  for (std::size_t i = 0; i < depth; ++i) {
    if (set) {
      member.connection->add_set(plain_set, member.key, {}, member.value);
    } else {
      member.connection->add(std::array<std::string_view, 2>{"GET", member.key},
                             {kv::resp::Expected::Kind::value, {}, member.value});
    }
  }
}

/// Whatever is ready on this connection; with only one there is nothing else to look at, and it may wait.
kv::Result<void> Fleet::advance(Member& member, bool set, std::size_t depth) const {
  const kv::TimePoint until = members_.size() == 1 ? deadline() : kv::TimePoint();
  while (!member.connection->done()) {
    const auto replied = member.connection->step(until);
    if (!replied) return kv::error(replied);
    if (!*replied) return {};
    const kv::resp::Reply& reply = member.connection->reply();
    const auto wanted = set ? kv::resp::Reply::Kind::status : kv::resp::Reply::Kind::value;
    if (reply.kind != wanted) return kv::error(kv::Code::io, "the server refused: " + kv::resp::printable(reply.text));
    if (member.connection->done() && member.batches_left != 0) begin(member, set, depth);
  }
  return {};
}

kv::Result<void> Fleet::move(bool set, std::size_t batches, std::size_t depth) {
  for (Member& member : members_) {
    member.batches_left = batches;
    begin(member, set, depth);
  }
  std::vector<pollfd> sockets;
  for (bool under_way = true; under_way;) {
    under_way = false;
    sockets.clear();
    for (Member& member : members_) {
      if (auto moved = advance(member, set, depth); !moved) return moved;
      if (member.connection->done()) continue;
      under_way = true;
      const short events = static_cast<short>(POLLIN | (member.connection->wants_to_send() ? POLLOUT : 0));
      sockets.push_back({member.connection->descriptor(), events, 0});
    }
    if (!under_way) break;
    const auto ready = kv::net::wait_for(sockets, deadline(), spin_);
    if (!ready) return kv::error(ready);
    if (!*ready) return kv::error(kv::Code::io, "the server was silent for 20 s");
  }
  return {};
}

}  // namespace kvmicro
