#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <string>

#include "base/parse.hpp"
#include "commands.hpp"
#include "common/output.hpp"
#include "common/watch.hpp"
#include "probe/peer_protocol.hpp"
#include "probe/peer_server.hpp"

namespace kvtool {
namespace {

struct Options {
  std::string listen, idle = "1m";
  std::uint32_t connections = 64;
};

int peer(const Options& options) {
  const auto address = kv::net::parse_host_port(options.listen);
  if (!address) return fail(address.error());
  const auto idle = kv::parse_duration(options.idle);
  if (!idle) return fail({idle.error().code, "--idle: " + idle.error().message, idle.error().hint});
  kv::probe::PeerOptions peer;
  if (const char* token = std::getenv("KVKIT_PEER_TOKEN")) peer.token = token;
  if (peer.token.size() > kv::probe::kMaxTokenBytes) {
    return fail(
        {kv::Code::bad_input, fmt::format("KVKIT_PEER_TOKEN has over {} bytes", kv::probe::kMaxTokenBytes), ""});
  }
  peer.max_connections = options.connections;
  peer.idle_limit = *idle;
  const auto listener = kv::net::listen_at(*address);
  if (!listener) return fail(listener.error());
  std::atomic<bool> stop = false;
  const Watch watch(stop, [at = listener->at] { return fmt::format("listening at {}; Ctrl-C ends it", at); });
  say(fmt::format("kvbench: peer listens at {}\n", listener->at));
  if (!listener->loopback && peer.token.empty()) {
    say("kvbench: warning: whoever reaches this address can make it send: set KVKIT_PEER_TOKEN on both sides\n");
  }
  kv::probe::PeerServer server(std::move(peer));
  const auto ended = server.listen(*listener, stop, [](const std::string& what) { say("kvbench: " + what + "\n"); });
  return ended ? 0 : fail(ended.error());
}

}  // namespace

void add_peer(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("peer", "The far end of kvbench probe --peer: what the network alone can do");
  command->add_option("--listen", options->listen, "Where; an empty host means 127.0.0.1, port 0 a free one")
      ->required()
      ->type_name("HOST:PORT");
  command->add_option("--max-connections", options->connections, "Served at once")
      ->check(CLI::Range(1U, 4096U))
      ->capture_default_str();
  command->add_option("--idle", options->idle, "Close a connection on which nothing moves for so long")
      ->capture_default_str();
  command->footer(
      "Example: KVKIT_PEER_TOKEN=... kvbench peer --listen 10.0.0.7:7654\n"
      "It moves bytes from and to a buffer of its own, reads no file and keeps nothing. The token travels "
      "unencrypted.");
  command->callback([options, &exit_code] { exit_code = peer(*options); });
}

}  // namespace kvtool
