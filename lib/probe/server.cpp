#include "probe/server.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <random>

#include "base/parse.hpp"
#include "net/socket.hpp"

namespace kv::probe {
namespace {

using resp::Reply;

constexpr std::uint64_t kRingBytes = 64 << 20;
constexpr std::uint64_t kShareOfMemory = 4;  // 1 / of what the server has left
constexpr std::size_t kKeysPerBatch = 1024;

/// Unlike any other's: a probe of somebody else may run against the same server.
std::string fresh_name() {
  std::random_device device;
  return fmt::format("probe-{:08x}{:08x}", device(), device());
}

std::optional<double> seconds_in(const resp::Info& info, std::string_view field) {
  const auto found = info.find(field);
  if (found == info.end() || found->second.empty()) return std::nullopt;
  char* end = nullptr;
  const double value = std::strtod(found->second.c_str(), &end);
  if (*end != '\0' || !(value >= 0)) return std::nullopt;
  return value;
}

}  // namespace

std::string_view transport_name(Transport transport) {
  switch (transport) {
    case Transport::tcp:
      return "tcp";
    case Transport::unix_socket:
      return "unix";
    case Transport::tls:
      break;
  }
  return "tls";
}

Server::Server(const BackendSpec& spec) : patience_(spec.options.duration("timeout")) {}

Result<std::unique_ptr<Server>> Server::open(const BackendSpec& spec, const std::atomic<bool>* stop) {
  auto backend = make_backend(spec);
  if (!backend) return error(backend);
  auto* redis = dynamic_cast<resp::RedisBackend*>(backend->get());
  if (redis == nullptr) {
    return error(
        Code::bad_input, fmt::format("{}: is no server, so there is no wire to probe", spec.scheme),
        "probe redis://HOST, rediss://HOST, redis+unix:///PATH or spawn+redis:; what memory gives is in kvmicro");
  }
  std::unique_ptr<Server> server(new Server(spec));
  server->owner_ = std::move(*backend);
  server->backend_ = redis;
  const std::string name = fresh_name();
  server->prefix_ = fmt::format("kvkit:{}:", name);
  Needs needs;
  needs.name_space = name;
  needs.stop = stop;
  if (auto ok = redis->start(needs); !ok) return error(ok);
  server->set_ = resp::SetCommand(redis->ttl());
  auto control = server->connect();
  if (!control) return error(control);
  server->control_ = std::move(*control);
  if (redis->endpoint().host.empty()) server->transport_ = Transport::unix_socket;
  if (redis->endpoint().tls) server->transport_ = Transport::tls;
  server->on_this_host_ = net::is_on_this_host(server->control_->descriptor());
  return server;
}

Server::~Server() {
  if (!info().spawned) remove_all();
}

Result<std::unique_ptr<resp::Connection>> Server::connect(std::uint32_t of) const {
  resp::Endpoint endpoint = backend_->endpoint();
  endpoint.max_in_flight = endpoint.max_in_flight / of;
  return resp::Connection::open(endpoint);
}

Result<void> Server::ping() {
  const auto reply = control_->ask({"EXISTS", prefix_}, deadline());
  return reply ? Result<void>() : error(reply);
}

std::optional<double> Server::cpu_s() {
  const auto info = resp::ask_info(*control_, "cpu", deadline());
  if (!info) return std::nullopt;
  const auto user = seconds_in(*info, "used_cpu_user"), system = seconds_in(*info, "used_cpu_sys");
  if (!user || !system) return std::nullopt;
  return *user + *system;
}

std::optional<std::uint64_t> Server::memory_left() {
  const auto info = resp::ask_info(*control_, "memory", deadline());
  if (!info) return std::nullopt;
  const auto most = resp::number_in(*info, "maxmemory"), used = resp::number_in(*info, "used_memory");
  if (!most || *most == 0 || !used) return std::nullopt;
  return *most - std::min(*most, *used);
}

Result<Ring> Server::store(const Cut& cut, std::span<const std::byte> value, std::uint32_t most_values) {
  remove_all();
  const auto left = memory_left();
  const std::uint64_t room = std::min(kRingBytes, left ? *left / kShareOfMemory : kRingBytes);
  const std::uint64_t fitting = room / std::max<std::uint64_t>(cut.value_bytes(), 1);
  if (fitting == 0 && left && cut.value_bytes() > *left / kShareOfMemory) {
    return error(Code::unavailable,
                 fmt::format("a value of {} is more than a quarter of the {} that the server has left",
                             format_bytes(Bytes(cut.value_bytes())), format_bytes(Bytes(*left))),
                 "probe smaller --sizes, or give the server more memory (maxmemory)");
  }
  Ring ring;
  ring.values = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(fitting, 1, most_values));
  for (std::uint32_t value_index = 0; value_index < ring.values; ++value_index) {
    for (std::uint32_t message = 0; message < cut.messages(); ++message) {
      ring.keys.push_back(fmt::format("{}{}:{}", prefix_, value_index, message));
    }
  }
  written_ = ring.keys;
  if (auto ok = send_values(ring, cut, value); !ok) return error(ok);
  return ring;
}

Result<void> Server::send_values(const Ring& ring, const Cut& cut, std::span<const std::byte> value) {
  // Time for fresh memory, which a virtual machine may get at 200 MB/s.
  control_->begin(deadline() + from_seconds(static_cast<double>(ring.values * cut.value_bytes()) / 20e6));
  for (std::size_t i = 0; i < ring.keys.size(); ++i) {
    control_->add_set(set_, ring.keys[i], {}, cut.slice(value, static_cast<std::uint32_t>(i % cut.messages())));
  }
  Result<void> result;
  while (!control_->done()) {
    if (const auto ok = control_->step(TimePoint::max()); !ok) return error(ok);
    const Reply& reply = control_->reply();
    if (reply.kind == Reply::Kind::error && result) result = tl::unexpected<Error>(resp::refusal(reply.text));
  }
  return result;
}

std::optional<double> Server::memory_ratio(const Ring& ring, const Cut& cut) {
  double used = 0;
  for (std::uint32_t message = 0; message < cut.messages(); ++message) {
    const auto reply = control_->ask({"MEMORY", "USAGE", ring.keys[message]}, deadline());
    if (!reply || reply->kind != Reply::Kind::integer || reply->integer <= 0) return std::nullopt;
    used += static_cast<double>(reply->integer);
  }
  if (cut.value_bytes() == 0) return std::nullopt;
  return used / static_cast<double>(cut.value_bytes());
}

/// On a connection of its own if the other one broke. What cannot be removed expires.
void Server::remove_all() {
  if (written_.empty()) return;
  if (auto fresh = connect()) control_ = std::move(*fresh);
  std::string_view command = "UNLINK";
  std::vector<std::string_view> words;
  for (std::size_t begin = 0; begin < written_.size();) {
    const std::size_t end = std::min(begin + kKeysPerBatch, written_.size());
    words.assign(1, command);
    words.insert(words.end(), written_.begin() + static_cast<std::ptrdiff_t>(begin),
                 written_.begin() + static_cast<std::ptrdiff_t>(end));
    control_->begin(deadline());
    control_->add(words);
    const auto ok = control_->step(TimePoint::max());
    if (!ok) return;
    if (control_->reply().kind == Reply::Kind::error) {
      if (command == "DEL") return;
      command = "DEL";  // a server before Redis 4, or an ACL without UNLINK
      continue;
    }
    begin = end;
  }
  written_.clear();
}

}  // namespace kv::probe
