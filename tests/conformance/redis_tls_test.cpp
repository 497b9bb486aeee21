#include <doctest/doctest.h>

#include <memory>

#include "backend/resp/redis.hpp"
#include "base/random.hpp"
#include "conformance/laws.hpp"
#include "net/socket.hpp"
#include "net/tls.hpp"
#include "support/fake_server.hpp"
#include "support/private_redis.hpp"

using namespace kv;
using namespace kv::test;
using resp::Connection;
using resp::Endpoint;
using resp::Reply;

namespace {

TimePoint soon() { return std::chrono::steady_clock::now() + std::chrono::seconds(30); }

net::TlsOptions trusting(const Certificates& certificates, const std::string& ca = "ca.pem") {
  net::TlsOptions out;
  out.ca_file = certificates.path(ca);
  return out;
}

Endpoint over_tls(const PrivateRedis& server, net::TlsOptions options, const std::string& host = "localhost") {
  Endpoint out = server.over_tcp();
  out.host = host;
  out.port = server.tls_port();
  auto tls = net::TlsContext::make(std::move(options));
  INFO((tls ? "" : tls.error().message));
  REQUIRE(tls);
  out.tls = std::move(*tls);
  return out;
}

/// Whether a connection is made and a command answered: TLS 1.3 tells a client only then that it is refused.
Result<void> say(const Endpoint& endpoint) {
  resp::RedisOptions options;
  options.endpoint = endpoint;
  return resp::RedisBackend(options).start(needs(1, 4096));
}

std::string trouble(const Endpoint& endpoint) {
  const auto said = say(endpoint);
  REQUIRE_FALSE(said);
  return said.error().message + " / " + said.error().hint;
}

bool mentions(const std::string& text, std::string_view what) { return text.find(what) != std::string::npos; }

/// A transport that moves a few bytes at a time, at one place after the other, and often none.
class Fitful final : public net::Transport {
 public:
  Fitful(std::unique_ptr<net::Transport> inner, std::uint64_t seed) : inner_(std::move(inner)), random_(seed) {}
  Result<std::size_t> send(std::span<iovec> pieces) override { return some(pieces, &net::Transport::send); }
  Result<std::size_t> receive(std::span<iovec> pieces) override { return some(pieces, &net::Transport::receive); }
  int descriptor() const override { return inner_->descriptor(); }
  std::uint64_t bytes_in() const override { return inner_->bytes_in(); }
  std::uint64_t bytes_out() const override { return inner_->bytes_out(); }

 private:
  using Move = Result<std::size_t> (net::Transport::*)(std::span<iovec>);
  Result<std::size_t> some(std::span<iovec> pieces, Move move) {
    if (random_.uniform() < 0.3) return 0;
    iovec piece = pieces.front();
    piece.iov_len = std::min<std::size_t>(piece.iov_len, 1 + static_cast<std::size_t>(random_.uniform() * 7000));
    return ((*inner_).*move)({&piece, 1});
  }

  std::unique_ptr<net::Transport> inner_;
  Random random_;
};

/// Stores and fetches `count` values of `bytes`, all in one batch, and compares them.
void exchange(Connection& connection, std::size_t count, std::size_t bytes) {
  std::vector<std::byte> values(count * bytes), back(count * bytes);
  Random random(7);
  for (std::byte& b : values) b = static_cast<std::byte>(random.uniform() * 256);
  const resp::SetCommand set(std::nullopt);
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < count; ++i) keys.push_back("value:" + std::to_string(i));
  connection.begin(soon());
  for (std::size_t i = 0; i < count; ++i) {
    connection.add_set(set, keys[i], {}, std::span(values).subspan(i * bytes, bytes));
    connection.add(std::array{std::string_view("GET"), std::string_view(keys[i])},
                   {resp::Expected::Kind::value, {}, std::span(back).subspan(i * bytes, bytes)});
  }
  while (!connection.done()) {
    const auto ok = connection.step(soon());
    INFO((ok ? "" : ok.error().message));
    REQUIRE(ok);
    REQUIRE(connection.reply().kind != Reply::Kind::error);
  }
  CHECK(values == back);
}

}  // namespace

TEST_SUITE("redis tls") {
  TEST_CASE("a server whose certificate is good is spoken to, by name and by address") {
    if (!have_redis()) return;
    const Certificates certificates;
    const PrivateRedis server({}, &certificates);
    for (const char* host : {"localhost", "127.0.0.1"}) {
      CHECK(say(over_tls(server, trusting(certificates), host)));
    }
  }

  TEST_CASE("an authority that is not trusted, another name, another address: each is refused and says why") {
    if (!have_redis()) return;
    const Certificates certificates;
    const PrivateRedis server({}, &certificates);
    const std::string stranger = trouble(over_tls(server, trusting(certificates, "stranger-ca.pem")));
    CHECK(mentions(stranger, "certificate is refused"));
    CHECK(mentions(stranger, "ca="));
    CHECK(mentions(trouble(over_tls(server, {})), "ca="));  // the system's authorities

    const PrivateRedis other(
        {"tls-cert-file " + certificates.path("other.pem"), "tls-key-file " + certificates.path("other.key")},
        &certificates);
    for (const char* host : {"localhost", "127.0.0.1"}) {
      const std::string mismatch = trouble(over_tls(other, trusting(certificates), host));
      CHECK(mentions(mismatch, "mismatch"));
      CHECK(mentions(mismatch, "server_name="));
    }
    net::TlsOptions by_name = trusting(certificates);
    by_name.server_name = "other.example";
    CHECK(say(over_tls(other, by_name)));
    net::TlsOptions blind;
    blind.verify = false;
    CHECK(say(over_tls(other, blind)));
  }

  TEST_CASE("a server that asks for our certificate gets it; none, or a stranger's, is refused") {
    if (!have_redis()) return;
    const Certificates certificates;
    const PrivateRedis server({"tls-auth-clients yes"}, &certificates);
    CHECK(mentions(trouble(over_tls(server, trusting(certificates))), "cert="));
    for (const auto& [cert, key, password] :
         {std::array<const char*, 3>{"client.pem", "client.key", ""}, {"client.pem", "locked.key", "open sesame"}}) {
      net::TlsOptions ours = trusting(certificates);
      ours.cert_file = certificates.path(cert);
      ours.key_file = certificates.path(key);
      ours.key_password = password;
      CHECK(say(over_tls(server, ours)));
    }
    net::TlsOptions stranger = trusting(certificates);
    stranger.cert_file = certificates.path("stranger.pem");
    stranger.key_file = certificates.path("stranger.key");
    CHECK(mentions(trouble(over_tls(server, stranger)), "cert="));
  }

  TEST_CASE("files that cannot be used are named, with the option") {
    const Certificates certificates;
    const auto complaint = [](net::TlsOptions options) {
      const auto made = net::TlsContext::make(std::move(options));
      REQUIRE_FALSE(made);
      CHECK(made.error().code == Code::bad_input);
      return made.error().message;
    };
    const std::string nowhere = certificates.path("nowhere.pem");
    CHECK(mentions(complaint({.ca_file = nowhere}), "ca=" + nowhere));
    CHECK(mentions(complaint({.ca_file = certificates.path("ca.key")}), "ca="));
    CHECK(mentions(complaint({.cert_file = nowhere}), "cert=" + nowhere));
    CHECK(mentions(complaint({.cert_file = certificates.path("client.pem")}), "key="));
    CHECK(mentions(complaint({.cert_file = certificates.path("client.pem"), .key_file = certificates.path("ca.key")}),
                   "key="));
    CHECK(mentions(complaint({.key_file = certificates.path("client.key")}), "cert="));
    const std::string locked = complaint({.cert_file = certificates.path("client.pem"),
                                          .key_file = certificates.path("locked.key"),
                                          .key_password = "closed"});
    CHECK(mentions(locked, "locked.key"));
    CHECK_FALSE(mentions(locked, "closed"));
  }

  TEST_CASE("TLS to a port without it, and none to one with it, say so; silence ends with the time for connecting") {
    if (!have_redis()) return;
    const Certificates certificates;
    const PrivateRedis server({}, &certificates);
    Endpoint wrong = over_tls(server, trusting(certificates));
    wrong.port = server.over_tcp().port;
    wrong.connect_timeout = std::chrono::milliseconds(500);
    CHECK(mentions(trouble(wrong), "TLS"));
    Endpoint plain = server.over_tcp();
    plain.port = server.tls_port();
    CHECK(mentions(trouble(plain), "rediss://"));

    FakeServer silent({{FakeServer::holds()}});
    Endpoint waits = silent.endpoint();
    waits.tls = wrong.tls;
    waits.connect_timeout = std::chrono::milliseconds(50);
    CHECK(mentions(trouble(waits), "connect_timeout="));
    FakeServer garbage({{FakeServer::sends("HTTP/1.1 400 Bad Request\r\n\r\n"), FakeServer::holds()}});
    waits = garbage.endpoint();
    waits.tls = wrong.tls;
    CHECK(mentions(trouble(waits), "does not speak TLS"));
  }

  TEST_CASE("a large batch of SETs and GETs goes both ways at once and comes back whole") {
    if (!have_redis()) return;
    const Certificates certificates;
    const PrivateRedis server({}, &certificates);
    auto connection = Connection::open(over_tls(server, trusting(certificates)));
    REQUIRE(connection);
    exchange(**connection, 24, (std::size_t{1} << 20) - 4096);
    CHECK((*connection)->bytes_in() > 24 * ((std::size_t{1} << 20) - 4096));  // records add to what they carry
    CHECK((*connection)->bytes_out() > 24 * ((std::size_t{1} << 20) - 4096));
  }

  TEST_CASE("however few bytes the socket takes and gives at a time, nothing is lost or sent twice") {
    if (!have_redis()) return;
    const Certificates certificates;
    const PrivateRedis server({}, &certificates);
    const Endpoint endpoint = over_tls(server, trusting(certificates));
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      auto socket = net::connect_tcp({"localhost", server.tls_port()}, std::chrono::seconds(5));
      REQUIRE(socket);
      auto secured = endpoint.tls->connect(std::make_unique<Fitful>(net::over_socket(std::move(*socket)), seed),
                                           "localhost", soon());
      REQUIRE(secured);
      auto connection = Connection::open(std::move(*secured), endpoint);
      REQUIRE(connection);
      exchange(**connection, 6, 100'000);
    }
  }
}
