#include "probe/probe.hpp"

#include <fmt/format.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "base/parse.hpp"
#include "probe/peer_lane.hpp"
#include "probe/peer_server.hpp"

namespace kv::probe {
namespace {

using SteadyClock = std::chrono::steady_clock;
using Lanes = std::vector<std::unique_ptr<Lane>>;

constexpr std::uint32_t kMostValues = 256;  // of a ring
constexpr Duration kLongestStretch = std::chrono::milliseconds(200);
constexpr double kWarmUp = 0.5;  // of a stretch, before the first: a server that replaces values gets its memory then
constexpr double kForStretches = 0.85;  // of the time that is left; the rest goes into storing and connecting

TimePoint now() { return std::chrono::time_point_cast<Duration>(SteadyClock::now()); }

/// Room for the values under way, touched once: in a virtual machine fresh memory can come in at 200 MB/s.
class Rooms {
 public:
  Rooms() = default;
  ~Rooms() { free(data_); }
  Rooms(const Rooms&) = delete;
  Rooms& operator=(const Rooms&) = delete;

  bool grow(std::size_t bytes) {
    constexpr std::size_t kHuge = 2 << 20;
    if (bytes <= bytes_) return true;
    free(data_);
    bytes_ = ceil_div(bytes, kHuge) * kHuge;
    data_ = static_cast<std::byte*>(aligned_alloc(kHuge, bytes_));
    if (data_ == nullptr) return bytes_ = 0, false;
    madvise(data_, bytes_, MADV_HUGEPAGE);
    std::memset(data_, 0, bytes_);
    return true;
  }
  std::span<std::byte> at(std::size_t begin, std::size_t bytes) const { return {data_ + begin, bytes}; }

 private:
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
};

class Prober {
 public:
  Prober(const Plan& plan, Control& control, Server& server, Findings& out)
      : plan_(plan), control_(control), server_(server), out_(out), peers_({}) {
    local_peer_ = server.on_this_host();
    with_limit_ = local_peer_ || plan.peer.has_value();
  }

  bool with_limit() const { return with_limit_; }

  /// Also tells whether a peer elsewhere answers, before time is spent.
  Result<void> measure_rtt() {
    std::byte room{};
    Load load{Operation::exists, Cut(), {}, {std::span(&room, 1)}};
    Lanes lanes;
    if (with_limit_) {
      auto lane = open_peer(load);
      if (!lane) return error(lane);
      lanes.push_back(std::move(*lane));
      out_.rtt_source = "peer";
    } else {
      auto ring = server_.store(Cut::of(1, 1), std::span(&room, 1), 1);
      if (!ring) return error(ring);
      ring_ = std::move(*ring);
      if (auto ok = open_server(load, 1, nullptr, lanes); !ok) return ok;
      out_.rtt_source = "server";
    }
    const auto stretch = drive(lanes, pace(1, std::chrono::milliseconds(20)));
    if (!stretch) return error(stretch);
    out_.rtt_ns = static_cast<double>(stretch->latency.quantile(0.5));
    return {};
  }

  void sweep(std::vector<Point> points) {
    until_ = now() + plan_.budget;
    left_ = points.size();
    for (Point& point : points) {
      if (control_.stop) break;
      if (now() > until_ + plan_.budget && !out_.points.empty()) {
        out_.warnings.push_back(fmt::format(
            "{} of {} points were not measured: twice the time budget had passed; give more --time-budget, or "
            "fewer or smaller points",
            left_, out_.planned));
        break;
      }
      auto ok = prepare(point);
      if (ok) ok = measure(point);
      --left_;
      ++control_.done;
      if (!ok && ok.error().code == Code::interrupted) control_.stop = true;
      if (!ok && !control_.stop) {
        point.failure = ok.error().message;
        if (const auto alive = server_.ping(); !alive) out_.failure = ok.error();
        if (!out_.first_error) out_.first_error = ok.error();
      }
      if (!point.per_s.empty() || point.failure) out_.points.push_back(std::move(point));
      if (out_.failure) break;
    }
    out_.interrupted = control_.stop;
  }

 private:
  Pace pace(std::uint32_t depth, Duration least) const {
    return {depth, least, server_.patience(), server_.spin(), &control_.stop};
  }

  /// The values of a size and codec are made and stored when its first point comes.
  Result<void> prepare(Point& point) {
    const CodecSpec* codec = nullptr;
    for (const CodecSpec& one : plan_.codecs) {
      if (one.text == point.codec) codec = &one;
    }
    std::size_t payload_bytes = point.payload_bytes;
    if (!point.moves_values()) payload_bytes = value_bytes_for(plan_.sizes.front(), plan_.chunk_bytes);
    if (!coding_ || coded_ != std::pair(point.codec, payload_bytes)) {
      coding_.reset();
      coded_ = {point.codec, payload_bytes};
      auto coding = Coding::make(*codec, payload_bytes, plan_.dtype, plan_.fill);
      if (!coding) return error(coding);
      stored_cut_ = Cut::of(coding->value_bytes(), plan_.chunk_bytes);
      auto ring = server_.store(stored_cut_, coding->value(), kMostValues);
      if (!ring) return error(ring);
      ring_ = std::move(*ring);
      coding_.emplace(std::move(*coding));
    }
    if (!point.moves_values()) return {};
    point.payload_bytes = coding_->payload_bytes();
    point.cut = stored_cut_;
    point.memory_ratio = server_.memory_ratio(ring_, stored_cut_);
    return {};
  }

  Result<std::unique_ptr<PeerLane>> open_peer(const Load& load) {
    if (!local_peer_) {
      auto socket = net::connect_tcp(*plan_.peer, server_.patience());
      if (!socket) {
        return error(Code::unavailable,
                     fmt::format("cannot connect to {}: {}", net::text_of(*plan_.peer), socket.error().message),
                     "is kvbench peer --listen running there?");
      }
      return PeerLane::open(std::move(*socket), plan_.peer_token, load, server_.patience());
    }
    auto ends = server_.transport() == Transport::unix_socket ? net::unix_ends() : net::tcp_ends();
    if (!ends) return error(ends);
    if (auto ok = peers_.serve(std::move(ends->far)); !ok) return error(ok);
    return PeerLane::open(std::move(ends->near), "", load, server_.patience());
  }

  Result<void> open_server(const Load& load, std::uint32_t connections, Coding* coding, Lanes& lanes) {
    auto connection = server_.connect(connections);
    if (!connection) return error(connection);
    const auto index = static_cast<std::uint32_t>(lanes.size());
    lanes.push_back(std::make_unique<RespLane>(std::move(*connection), load, ring_, index * ring_.values / connections,
                                               server_.set_command(), coding));
    return {};
  }

  Load load_of(const Point& point, std::uint32_t lane) const {
    Load load{point.operation, point.cut, coding_->value(), {}};
    const std::size_t bytes = room_bytes(point);
    for (std::uint32_t slot = 0; slot < point.depth; ++slot) {
      load.rooms.push_back(rooms_.at((lane * point.depth + slot) * bytes, bytes));
    }
    return load;
  }
  std::size_t room_bytes(const Point& point) const {
    constexpr std::size_t kCacheLine = 64;
    return point.moves_values() ? ceil_div(coding_->room_bytes(), kCacheLine) * kCacheLine : kCacheLine;
  }

  Duration stretch() const {
    const Duration least = plan_.least_per_point / plan_.repetitions;
    const double stretches = static_cast<double>(left_) * (plan_.repetitions + kWarmUp) * (with_limit_ ? 2 : 1);
    const Duration share = from_seconds(kForStretches * seconds(until_ - now()) / stretches);
    return std::clamp(share, least, std::max(least, kLongestStretch));
  }

  Result<void> measure(Point& point) {
    const std::size_t in_all = std::size_t{point.connections} * point.depth * room_bytes(point);
    if (!rooms_.grow(in_all)) return error(Code::unavailable, "no memory for the values under way");
    Coding* coding = coding_->raw() || !point.moves_values() ? nullptr : &*coding_;
    Lanes server, peer;
    for (std::uint32_t i = 0; i < point.connections; ++i) {
      const Load load = load_of(point, i);
      if (auto ok = open_server(load, point.connections, coding, server); !ok) return ok;
      if (!with_limit_) continue;
      auto lane = open_peer(load);
      if (!lane) return error(lane);
      peer.push_back(std::move(*lane));
    }
    const Duration least = stretch();
    for (const Lanes* lanes : {&peer, &server}) {
      if (lanes->empty()) continue;
      if (auto warm = drive(*lanes, pace(point.depth, from_seconds(kWarmUp * seconds(least)))); !warm)
        return error(warm);
    }
    for (std::uint32_t i = 0; i < plan_.repetitions && !control_.stop; ++i) {
      if (auto ok = repeat(point, server, peer, least); !ok) return ok;
    }
    return verify(point);
  }

  /// The limit first, so that what lies in the rooms in the end came from the server.
  Result<void> repeat(Point& point, const Lanes& server, const Lanes& peer, Duration least) {
    double limit = 0;
    if (with_limit_) {
      const auto stretch = drive(peer, pace(point.depth, least));
      if (!stretch) return error(stretch);
      limit = stretch->per_s();
    }
    const auto cpu_before = server_.cpu_s();
    const auto stretch = drive(server, pace(point.depth, least));
    if (!stretch) return error(stretch);
    const auto cpu_after = server_.cpu_s();
    if (control_.stop && !point.per_s.empty()) return {};  // cut short: not one of the repetitions
    if (with_limit_) point.limit_per_s.push_back(limit);
    point.per_s.push_back(stretch->per_s());
    point.sum.merge(*stretch);
    const bool told = cpu_before && cpu_after && (point.per_s.size() == 1 || point.server_cpu_s);
    point.server_cpu_s = told ? std::optional(point.server_cpu_s.value_or(0) + *cpu_after - *cpu_before) : std::nullopt;
    return {};
  }

  /// Off the clock: what came last into every room must be what was stored.
  Result<void> verify(const Point& point) const {
    if (point.operation != Operation::get || control_.stop) return {};
    const std::span<const std::byte> want = coding_->value();
    for (std::uint32_t lane = 0; lane < point.connections; ++lane) {
      for (const std::span<std::byte> room : load_of(point, lane).rooms) {
        if (std::memcmp(room.data(), want.data(), want.size()) == 0) continue;
        return error(Code::corrupt, "a value came back other than it was stored");
      }
    }
    return {};
  }

  const Plan& plan_;
  Control& control_;
  Server& server_;
  Findings& out_;
  PeerServer peers_;
  bool local_peer_ = false, with_limit_ = false;
  Rooms rooms_;
  Ring ring_;
  Cut stored_cut_;
  std::optional<Coding> coding_;
  std::pair<std::string, std::size_t> coded_;
  TimePoint until_{};
  std::size_t left_ = 0;
};

void warn(const Plan& plan, const Server& server, std::uint64_t left_out, Findings& out) {
  if (!server.on_this_host() && !plan.peer) {
    out.warnings.emplace_back(
        "the server is on another machine: its raw limit and efficiency are unknown; run kvbench peer --listen there "
        "and "
        "name it with --peer HOST:PORT");
  }
  if (server.on_this_host() && plan.peer) {
    out.warnings.emplace_back("--peer is not used: the server is on this machine, and so is the far end of the limit");
  }
  if (server.on_this_host()) {
    out.warnings.emplace_back("client and server share this machine's cores, and so do both ends of the raw limit");
  }
  if (left_out > 0) {
    out.warnings.push_back(
        fmt::format("{} points were left out: their values under way would take more than 256 MiB", left_out));
  }
}

}  // namespace

Result<Findings> probe(const Plan& plan, Control& control) {
  std::uint64_t left_out = 0;
  if (auto checked = points_of(plan, false, left_out); !checked) return error(checked);
  auto server = Server::open(plan.backend, &control.stop);
  if (!server) return error(server);
  Findings out;
  out.server = (*server)->info();
  out.transport = (*server)->transport();
  out.on_this_host = (*server)->on_this_host();
  Prober prober(plan, control, **server, out);
  auto points = points_of(plan, prober.with_limit(), left_out);
  if (!points) return error(points);
  control.planned = out.planned = points->size();
  if (auto ok = prober.measure_rtt(); !ok) return error(ok);
  warn(plan, **server, left_out, out);
  prober.sweep(std::move(*points));
  const bool nothing =
      std::all_of(out.points.begin(), out.points.end(), [](const Point& p) { return p.per_s.empty(); });
  if (nothing && out.first_error) return tl::unexpected<Error>(*out.first_error);
  return out;
}

}  // namespace kv::probe
