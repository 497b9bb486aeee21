#include <doctest/doctest.h>
#include <poll.h>

#include <cmath>

#include "base/parse.hpp"
#include "net/wait.hpp"
#include "probe/analysis.hpp"
#include "probe/drive.hpp"
#include "probe/peer_lane.hpp"
#include "probe/peer_protocol.hpp"
#include "probe/peer_server.hpp"

namespace {

using namespace kv;
using namespace kv::probe;

Point point(Operation operation, std::size_t bytes, std::uint32_t connections, std::uint32_t depth, double per_s) {
  Point out;
  out.operation = operation;
  out.codec = "raw";
  out.payload_bytes = bytes;
  out.cut = Cut::of(bytes, resp::kDefaultChunkBytes);
  out.connections = connections;
  out.depth = depth;
  out.per_s = {per_s};
  return out;
}

/// What a point spends: one second in all, of it `waited` for sockets, and the server's CPU time.
Point spending(Point point, double waited_s, std::optional<double> server_cpu_s, double limit_per_s) {
  point.sum.elapsed = std::chrono::seconds(1);
  point.sum.waited = from_seconds(waited_s);
  point.server_cpu_s = server_cpu_s;
  if (limit_per_s > 0) point.limit_per_s = {limit_per_s};
  return point;
}

Plan plan_for(std::vector<std::size_t> sizes) {
  Plan plan;
  plan.sizes = std::move(sizes);
  plan.depths = {1, 16};
  plan.connections = {1, 4};
  plan.codecs = {*parse_codec("raw")};
  plan.operations = {Operation::get, Operation::set, Operation::exists};
  return plan;
}

std::span<const std::byte> bytes_of(const auto& array) { return {array.data(), array.size()}; }

}  // namespace

TEST_SUITE("probe analysis") {
  TEST_CASE("a median is the middle value, a spread the range over it") {
    CHECK(median({3, 1, 2}) == 2);
    CHECK(median({4, 1, 3, 2}) == 2.5);
    CHECK(median({}) == 0);
    CHECK(spread({90, 100, 120}) == doctest::Approx(0.3));
    CHECK(spread({100}) == 0);
  }

  TEST_CASE("an exact line is found again, whatever its latency and bandwidth") {
    for (const double latency : {5e3, 40e3}) {
      for (const double per_ns : {0.5, 2.0}) {  // bytes
        std::vector<Sample> samples;
        for (const double bytes : {65536.0, 1048576.0, 16777216.0})
          samples.push_back({bytes, latency + bytes / per_ns});
        const auto model = fit(samples);
        REQUIRE(model);
        CHECK(model->latency_ns == doctest::Approx(latency).epsilon(1e-6));
        CHECK(model->bandwidth_bytes_per_s == doctest::Approx(per_ns * 1e9).epsilon(1e-6));
        CHECK(model->max_relative_residual < 1e-6);
        CHECK(model->time(Bytes(1000000)).count() == doctest::Approx(latency + 1e6 / per_ns).epsilon(1e-6));
      }
    }
  }

  TEST_CASE("relative residuals are what is made small") {
    // By hand: n = 1, 2, 4 and t = 2, 3, 6; weights 1/4, 1/9, 1/36. Sw = 14/36, Swn = 21/36, Swnn = 41/36, Swt = 1,
    // Swnt = 11/6: the determinant is (14*41 - 21*21) / 1296 = 133/1296, the slope (14/36*11/6 - 21/36) / that =
    // 168/133 and the latency (41/36 - 21/36*11/6) / that = 90/133.
    const std::vector<Sample> samples = {{1, 2}, {2, 3}, {4, 6}};
    const auto model = fit(samples);
    REQUIRE(model);
    CHECK(model->latency_ns == doctest::Approx(90.0 / 133));
    CHECK(1e9 / model->bandwidth_bytes_per_s == doctest::Approx(168.0 / 133));
    // Modelled 258/133, 426/133, 762/133: off by -8/266, 27/399 and -36/798.
    CHECK(model->max_relative_residual == doctest::Approx(27.0 / 399));
    const double squares = std::pow(8.0 / 266, 2) + std::pow(27.0 / 399, 2) + std::pow(36.0 / 798, 2);
    CHECK(model->rms_relative_residual == doctest::Approx(std::sqrt(squares / 3)));
    CHECK(model->sizes == 3);
    CHECK(model->least_bytes == 1);
    CHECK(model->most_bytes == 4);
  }

  TEST_CASE("no line through one size, nor through times that fall; a latency is never negative") {
    CHECK_FALSE(fit(std::vector<Sample>{{10, 5}, {10, 6}}));
    CHECK_FALSE(fit(std::vector<Sample>{}));
    CHECK_FALSE(fit(std::vector<Sample>{{10, 0}, {20, 6}}));
    CHECK_FALSE(fit(std::vector<Sample>{{1, 100}, {100, 1}}));
    // 1 -> 1, 10 -> 20 grows faster than in proportion. Through 0: slope = sum(n/t) / sum(n^2/t^2) = 1.5 / 1.25.
    const auto model = fit(std::vector<Sample>{{1, 1}, {10, 20}});
    REQUIRE(model);
    CHECK(model->latency_ns == 0);
    CHECK(1e9 / model->bandwidth_bytes_per_s == doctest::Approx(1.2));
  }

  TEST_CASE("the best point is the simplest of those within 3 % of the fastest") {
    const std::vector<Point> points = {point(Operation::get, 1000, 1, 1, 900), point(Operation::get, 1000, 4, 4, 975),
                                       point(Operation::get, 1000, 1, 4, 971), point(Operation::get, 1000, 1, 16, 1000),
                                       point(Operation::set, 1000, 1, 1, 5000)};
    const Point* best = best_of(points, Operation::get);
    REQUIRE(best != nullptr);
    CHECK(best->depth == 4);
    CHECK(best->connections == 1);
    CHECK(best_of(points, Operation::exists) == nullptr);
    std::vector<Point> failed = points;
    for (Point& one : failed) one.failure = "gone";
    CHECK(best_of(failed, Operation::get) == nullptr);
  }

  TEST_CASE("what bounds a point: each of the four, and none") {
    // 1000 operations/s on 2 connections at depth 5 take 10 ms each; a round trip of 5 ms is half of it.
    const Point p = point(Operation::get, 1000, 2, 5, 1000);
    CHECK(bound_of(spending(p, 0.9, 0.1, 2000), 5.0e6) == Bound::latency);
    CHECK(bound_of(spending(p, 0.9, 0.1, 1170), 4.9e6) == Bound::wire);  // 1000 / 1170 = 0.855
    CHECK(bound_of(spending(p, 0.4, 0.7, 2000), 4.9e6) == Bound::server_cpu);
    CHECK(bound_of(spending(p, 0.2, 0.7, 2000), 4.9e6) == Bound::client_cpu);
    CHECK(bound_of(spending(p, 0.2, std::nullopt, 0), std::nullopt) == Bound::client_cpu);
    CHECK(bound_of(spending(p, 0.6, 0.45, 2000), 4.9e6) == Bound::unknown);
    CHECK(bound_of(Point(), 1.0) == Bound::unknown);
  }

  TEST_CASE("a model is made of the points with one connection and depth 1, and knows the best rate of all") {
    std::vector<Point> points;
    for (const std::size_t bytes : {std::size_t{100}, std::size_t{900}}) {
      points.push_back(point(Operation::set, bytes, 1, 1, 1e9 / (50 + static_cast<double>(bytes) / 2)));
      points.push_back(point(Operation::set, bytes, 4, 8, 7e6));
      points.push_back(point(Operation::exists, 0, 1, 1, 1e5));
    }
    const auto models = models_of(points);
    REQUIRE(models.size() == 1);
    CHECK(models[0].operation == "SET");
    CHECK(models[0].latency_ns == doctest::Approx(50));
    CHECK(models[0].bandwidth_bytes_per_s == doctest::Approx(2e9));
    CHECK(models[0].pipelined_bytes_per_s == doctest::Approx(6.3e9));
  }
}

TEST_SUITE("probe plan") {
  TEST_CASE("so many MiB mean so many whole chunks; other sizes are themselves") {
    const std::size_t chunk = resp::kDefaultChunkBytes;
    CHECK(chunk == 1044480);
    CHECK(value_bytes_for(1 << 20, chunk) == chunk);
    CHECK(value_bytes_for(16 << 20, chunk) == 16 * chunk);
    CHECK(value_bytes_for(64 << 10, chunk) == 65536);
    CHECK(value_bytes_for(3 << 19, chunk) == 3 << 19);
    CHECK(Cut::of(16 * chunk, chunk).messages() == 16);
    CHECK(Cut::of(65536, chunk).messages() == 1);
    CHECK(Cut::of(0, chunk).messages() == 1);
    const Cut cut = Cut::of(chunk + 5, chunk);
    std::vector<std::byte> value(chunk + 5);
    CHECK(cut.messages() == 2);
    CHECK(cut.slice(std::span(value), 1).size() == 5);
    CHECK(cut.slice(std::span(value), 1).data() == value.data() + chunk);
  }

  TEST_CASE("every size is swept, EXISTS once, and what would take too much memory is left out and counted") {
    std::uint64_t left_out = 0;
    // 2 depths x 2 connections: GET and SET of two sizes, EXISTS of one.
    CHECK(points_of(plan_for({65536, 1 << 20}), true, left_out)->size() == 4 * 2 * 2 + 4);
    CHECK(left_out == 0);
    // 64 MiB x 4 x 16 and x 1 x 16 are over 256 MiB, x 4 x 1 is just below (so many chunks).
    CHECK(points_of(plan_for({64 << 20}), true, left_out)->size() == 2 * 2 + 4);
    CHECK(left_out == 4);
    Plan huge = plan_for({std::size_t{512} << 20});
    huge.operations = {Operation::get};
    CHECK_FALSE(points_of(huge, true, left_out));
  }

  TEST_CASE("sizes beyond what a server takes and budgets that cannot do are refused, with what would") {
    std::uint64_t left_out = 0;
    CHECK_FALSE(points_of(plan_for({0}), true, left_out));
    CHECK_FALSE(points_of(plan_for({(std::size_t{512} << 20) + 1}), true, left_out));
    Plan plan = plan_for({65536});  // 12 points of 100 ms, twice with the limit
    plan.budget = std::chrono::milliseconds(2399);
    const auto refused = points_of(plan, true, left_out);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().hint.find("11 points would fit") != std::string::npos);
    CHECK(points_of(plan, false, left_out));
    plan.budget = std::chrono::milliseconds(2400);
    CHECK(points_of(plan, true, left_out));
  }

  TEST_CASE("addresses are read strictly") {
    CHECK(net::parse_host_port("cache:7654")->host == "cache");
    CHECK(net::parse_host_port("[::1]:7")->host == "::1");
    CHECK(net::parse_host_port(":0")->host.empty());
    for (const char* bad : {"", "cache", "cache:", "cache:x", "cache:65536", "::1:7", "a b:7", "cache:-1", "[]:1"}) {
      CAPTURE(bad);
      CHECK_FALSE(net::parse_host_port(bad));
    }
  }
}

TEST_SUITE("probe peer") {
  TEST_CASE("a peer owes what was asked for, however the bytes come in") {
    std::vector<std::byte> sent;
    const auto add = [&sent](std::span<const std::byte> bytes) { sent.insert(sent.end(), bytes.begin(), bytes.end()); };
    add(bytes_of(make_hello("secret")));
    add(bytes_of(make_request(Wish::give, 1000)));
    add(bytes_of(make_request(Wish::take, 37)));
    sent.resize(sent.size() + 37, std::byte{1});
    add(bytes_of(make_request(Wish::give, 5)));
    for (std::size_t piece = 1; piece <= sent.size(); ++piece) {
      PeerStream stream("secret");
      std::uint64_t owed = 0;
      for (std::size_t at = 0; at < sent.size(); at += piece) {
        const auto more = stream.consume(std::span(sent).subspan(at, std::min(piece, sent.size() - at)));
        REQUIRE(more);
        owed += *more;
      }
      CHECK(owed == kWelcomeBytes + 1000 + kAckBytes + 5);
      CHECK(stream.welcomed());
    }
  }

  TEST_CASE("strangers, wrong tokens, garbage and messages beyond bounds are refused") {
    CHECK_FALSE(PeerStream("").consume(bytes_of(make_hello("x"))));
    CHECK_FALSE(PeerStream("x").consume(bytes_of(make_hello(""))));
    CHECK_FALSE(PeerStream("x").consume(bytes_of(make_hello("y"))));
    const std::string http = "GET / HTTP/1.1\r\nHost: somewhere.example.org\r\nUser-Agent: scanner\r\n\r\n";
    CHECK_FALSE(PeerStream("").consume(std::as_bytes(std::span(http))));
    for (const std::uint64_t bytes : {std::uint64_t{0}, kMaxPeerMessage + 1, ~std::uint64_t{0}}) {
      PeerStream stream("");
      REQUIRE(stream.consume(bytes_of(make_hello(""))));
      CHECK_FALSE(stream.consume(bytes_of(make_request(Wish::give, bytes))));
    }
    PeerStream stream("");
    REQUIRE(stream.consume(bytes_of(make_hello(""))));
    CHECK_FALSE(stream.consume(bytes_of(make_request(static_cast<Wish>(3), 1))));
    CHECK(stream.consume(bytes_of(make_request(Wish::give, kMaxPeerMessage))));
  }

  TEST_CASE("lanes over both kinds of sockets complete every operation that was submitted") {
    PeerServer server({});
    for (auto* ends_of : {net::tcp_ends, net::unix_ends}) {
      for (const Operation operation : {Operation::get, Operation::set, Operation::exists}) {
        std::vector<std::byte> source(100'000), rooms(std::size_t{4} * 100'000);
        std::vector<std::unique_ptr<Lane>> lanes;
        for (std::size_t lane = 0; lane < 2; ++lane) {
          Load load{operation, operation == Operation::exists ? Cut() : Cut::of(100'000, 40'000), source, {}};
          for (std::size_t slot = 0; slot < 2; ++slot) {
            load.rooms.push_back(std::span(rooms).subspan((2 * lane + slot) * 100'000, 100'000));
          }
          auto ends = ends_of();
          REQUIRE(ends);
          REQUIRE(server.serve(std::move(ends->far)));
          auto opened = PeerLane::open(std::move(ends->near), "", load, std::chrono::seconds(5));
          REQUIRE(opened);
          lanes.push_back(std::move(*opened));
        }
        Pace pace;
        pace.depth = 2;
        const auto stretch = drive(lanes, pace);
        REQUIRE(stretch);
        CHECK(stretch->operations >= 4);
        CHECK(stretch->latency.count() == stretch->operations);
        CHECK(net::is_on_this_host(lanes[0]->descriptor()));
        if (operation == Operation::get) CHECK(rooms.front() == rooms.back());
        if (operation == Operation::get) CHECK(rooms.front() != std::byte{0});
      }
    }
  }

  TEST_CASE("a peer that serves enough already, or another token, is an error that says so") {
    PeerServer full({.token = "", .max_connections = 0, .idle_limit = std::chrono::seconds(1)});
    CHECK_FALSE(full.serve(std::move(net::unix_ends()->far)));
    PeerServer guarded({.token = "right", .max_connections = 4, .idle_limit = std::chrono::seconds(5)});
    for (const char* token : {"right", "wrong"}) {
      auto ends = net::unix_ends();
      REQUIRE(ends);
      REQUIRE(guarded.serve(std::move(ends->far)));
      const auto lane =
          PeerLane::open(std::move(ends->near), token, Load{Operation::exists, Cut(), {}, {}}, std::chrono::seconds(5));
      CHECK(lane.has_value() == (std::string(token) == "right"));
    }
  }

  TEST_CASE("an answer that a lane holds already is taken, though its socket has nothing to tell") {
    class Holding final : public Lane {
     public:
      explicit Holding(int fd) : fd_(fd) {}
      Result<void> submit() override { return ++held_, Result<void>(); }
      Result<bool> step() override { return held_ > 0 ? --held_, true : false; }
      int descriptor() const override { return fd_; }
      bool wants_to_send() const override { return false; }

     private:
      int fd_, held_ = 0;
    };
    auto silent = net::unix_ends();
    REQUIRE(silent);
    std::vector<std::unique_ptr<Lane>> lanes;
    lanes.push_back(std::make_unique<Holding>(silent->near.fd()));
    lanes.push_back(std::make_unique<Holding>(silent->near.fd()));
    Pace pace;
    pace.depth = 3;
    pace.least = std::chrono::milliseconds(2);
    pace.patience = std::chrono::milliseconds(100);
    const auto stretch = drive(lanes, pace);
    REQUIRE(stretch);
    CHECK(stretch->operations > 6);
  }

  TEST_CASE("what never completes is left when patience ends, though bytes keep coming") {
    class Dripping final : public Lane {
     public:
      explicit Dripping(int fd) : fd_(fd) {}
      Result<void> submit() override { return {}; }
      Result<bool> step() override { return false; }
      int descriptor() const override { return fd_; }
      bool wants_to_send() const override { return true; }  // and can: its socket is always ready

     private:
      int fd_;
    };
    auto ends = net::unix_ends();
    REQUIRE(ends);
    std::vector<std::unique_ptr<Lane>> lanes;
    lanes.push_back(std::make_unique<Dripping>(ends->near.fd()));
    Pace pace;
    pace.patience = std::chrono::milliseconds(100);
    const auto stretch = drive(lanes, pace);
    REQUIRE_FALSE(stretch);
    CHECK(stretch.error().message.find("no answer") != std::string::npos);
  }

  TEST_CASE("a wait whose end has passed long ago, or never comes, does not overflow") {
    auto ends = net::unix_ends();
    REQUIRE(ends);
    pollfd entry{ends->near.fd(), POLLIN, 0};
    for (const TimePoint past : {TimePoint::min(), TimePoint()}) {
      const auto ready = net::wait_for({&entry, 1}, past, Duration(0));
      REQUIRE(ready);
      CHECK_FALSE(*ready);
    }
    entry.events = POLLOUT;
    CHECK(net::wait_for({&entry, 1}, TimePoint::max(), Duration(0)).value());
  }

  TEST_CASE("a peer that falls silent is left when patience ends") {
    auto ends = net::unix_ends();
    REQUIRE(ends);
    const Welcome greeting = welcome();
    std::byte room[8];
    iovec piece{const_cast<std::byte*>(greeting.data()), greeting.size()};
    REQUIRE(net::send_pieces(ends->far.fd(), {&piece, 1}));
    std::vector<std::unique_ptr<Lane>> lanes;
    Load load{Operation::get, Cut::of(8, 8), {}, {std::span(room)}};
    auto opened = PeerLane::open(std::move(ends->near), "", load, std::chrono::seconds(5));
    REQUIRE(opened);
    lanes.push_back(std::move(*opened));
    Pace pace;
    pace.patience = std::chrono::milliseconds(100);
    const auto stretch = drive(lanes, pace);
    REQUIRE_FALSE(stretch);
    CHECK(stretch.error().message.find("no answer") != std::string::npos);
  }
}
