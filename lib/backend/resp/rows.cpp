#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>

#include "backend/resp/redis.hpp"
#include "backend/rows.hpp"
#include "base/parse.hpp"
#include "metrics/machine.hpp"

namespace kv {
namespace {

using resp::PrivateServerOptions;
using resp::RedisBackend;
using resp::RedisOptions;

constexpr std::uint16_t kDefaultPort = 6379;
constexpr std::size_t kMaxPasswordBytes = 4096;
constexpr std::uint64_t kMostConnections = 64;
constexpr Bytes kLeastMemory = 4_MiB;  // an empty server takes about one

std::string from_environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// KVKIT_REDIS_PASSWORD, else the first line of the file that KVKIT_REDIS_PASSWORD_FILE names.
Result<std::string> password() {
  if (std::string given = from_environment("KVKIT_REDIS_PASSWORD"); !given.empty()) return given;
  const std::string path = from_environment("KVKIT_REDIS_PASSWORD_FILE");
  if (path.empty()) return std::string();
  std::ifstream in(path, std::ios::binary);
  std::string line(kMaxPasswordBytes, '\0');
  in.read(line.data(), static_cast<std::streamsize>(line.size()));
  line.resize(static_cast<std::size_t>(std::max<std::streamsize>(in.gcount(), 0)));
  line.resize(std::min(line.find_first_of("\r\n"), line.size()));
  if (line.empty()) {
    return error(Code::bad_input, fmt::format("no password can be read from '{}'", path),
                 "KVKIT_REDIS_PASSWORD_FILE names a file whose first line is the password");
  }
  return line;
}

/// How bodies travel: the options that all rows share.
Result<void> read_transfer(const BackendSpec& spec, RedisOptions& options) {
  const Bytes chunk = spec.options.bytes("chunk");
  if (chunk < Bytes(resp::kLeastChunkBytes) || chunk > Bytes(resp::kMaxValueBytes)) {
    return error(Code::bad_input, fmt::format("backend {}: chunk cannot be {}", spec.scheme, format_bytes(chunk)),
                 "give 256 bytes to 512MiB; a little below 1MiB is what servers store without waste");
  }
  const std::uint64_t connections = spec.options.count("connections");
  if (connections < 1 || connections > kMostConnections) {
    return error(Code::bad_input, fmt::format("backend {}: connections cannot be {}", spec.scheme, connections),
                 fmt::format("give 1 to {}", kMostConnections));
  }
  options.chunk_bytes = chunk.count();
  options.connections = static_cast<std::uint32_t>(connections);
  return {};
}

/// One of `known`, or an error that suggests the nearest.
Result<std::string> one_of(const BackendSpec& spec, const std::string& key, std::span<const std::string> known) {
  std::string value = spec.options.text(key);
  if (std::find(known.begin(), known.end(), value) != known.end()) return value;
  std::string hint = fmt::format("known: {}", fmt::join(known, ", "));
  if (const auto close = nearest(value, known)) hint = fmt::format("did you mean '{}'? {}", *close, hint);
  return error(Code::bad_input, fmt::format("backend {}: {} cannot be '{}'", spec.scheme, key, resp::printable(value)),
               hint);
}

/// When values expire: the options that all rows share.
Result<void> read_ttl(const BackendSpec& spec, RedisOptions& options) {
  static const std::array<std::string, 3> modes{"fixed", "sliding", "depth"};  // in the order of TtlMode
  const auto mode = one_of(spec, "ttl_mode", modes);
  if (!mode) return error(mode);
  resp::TtlRule& rule = options.ttl;
  rule.mode = static_cast<resp::TtlMode>(std::find(modes.begin(), modes.end(), *mode) - modes.begin());
  if (spec.options.has("ttl")) rule.full = spec.options.duration("ttl");
  if (!rule.full && rule.mode != resp::TtlMode::fixed) {
    return error(Code::bad_input, fmt::format("backend {}: ttl_mode={} needs a ttl", spec.scheme, *mode),
                 "give one, as in ttl=1h; without it nothing expires");
  }
  rule.halving_blocks = spec.options.count("ttl_halving");
  if (rule.halving_blocks == 0) {
    return error(Code::bad_input, fmt::format("backend {}: ttl_halving cannot be 0", spec.scheme),
                 "give the number of blocks after which the ttl is halved, 1 or more");
  }
  rule.least = spec.options.duration("ttl_least");
  return {};
}

Result<RedisOptions> client_options(const BackendSpec& spec) {
  auto secret = password();
  if (!secret) return error(secret);
  RedisOptions options;
  options.endpoint.host = spec.host;
  options.endpoint.port = spec.port == 0 ? kDefaultPort : spec.port;
  options.endpoint.socket_path = spec.path;
  options.endpoint.user = spec.user.empty() ? from_environment("KVKIT_REDIS_USER") : spec.user;
  options.endpoint.password = std::move(*secret);
  options.endpoint.database = spec.options.count("db");
  options.endpoint.connect_timeout = spec.options.duration("connect_timeout");
  options.timeout = spec.options.duration("timeout");
  if (spec.options.has("send_buffer")) options.endpoint.send_buffer = spec.options.bytes("send_buffer");
  if (auto ok = read_ttl(spec, options); !ok) return error(ok);
  if (auto ok = read_transfer(spec, options); !ok) return error(ok);
  return options;
}

Result<std::unique_ptr<Backend>> make_client(const BackendSpec& spec) {
  auto options = client_options(spec);
  if (!options) return error(options);
  return std::make_unique<RedisBackend>(std::move(*options));
}

Result<std::unique_ptr<Backend>> make_tls_client(const BackendSpec& spec) {
  auto options = client_options(spec);
  if (!options) return error(options);
  net::TlsOptions wanted;
  const auto text = [&spec](const char* key) { return spec.options.has(key) ? spec.options.text(key) : ""; };
  wanted.ca_file = text("ca");
  wanted.cert_file = text("cert");
  wanted.key_file = text("key");
  wanted.key_password = from_environment("KVKIT_REDIS_TLS_KEY_PASSWORD");
  wanted.server_name = text("server_name");
  wanted.verify = spec.options.flag("verify");
  auto tls = net::TlsContext::make(std::move(wanted));
  if (!tls) {
    return error(tls.error().code, fmt::format("backend {}: {}", spec.scheme, resp::printable(tls.error().message)),
                 tls.error().hint);
  }
  options->endpoint.tls = std::move(*tls);
  return std::make_unique<RedisBackend>(std::move(*options));
}

Result<std::unique_ptr<Backend>> make_private(const BackendSpec& spec) {
  static const std::array<std::string, 8> policies{"allkeys-lru",  "allkeys-lfu",  "allkeys-random",  "noeviction",
                                                   "volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"};
  static const std::array<std::string, 2> transports{"unix", "tcp"};
  auto policy = one_of(spec, "policy", policies);
  if (!policy) return error(policy);
  const auto transport = one_of(spec, "transport", transports);
  if (!transport) return error(transport);

  RedisOptions options;
  options.spawn = true;
  PrivateServerOptions& server = options.private_server;
  server.policy = std::move(*policy);
  server.tcp = *transport == "tcp";
  server.max_memory = spec.options.has("maxmemory") ? spec.options.bytes("maxmemory") : machine_memory() / 4;
  if (server.max_memory < kLeastMemory) {
    return error(Code::bad_input,
                 fmt::format("backend {}: maxmemory is below {}", spec.scheme, format_bytes(kLeastMemory)));
  }
  server.binary = spec.options.has("binary") ? spec.options.text("binary") : from_environment("KVKIT_REDIS_SERVER");
  if (server.binary.empty()) server.binary = "redis-server";

  options.timeout = spec.options.duration("timeout");
  if (auto ok = read_transfer(spec, options); !ok) return error(ok);
  if (auto ok = read_ttl(spec, options); !ok) return error(ok);
  return std::make_unique<RedisBackend>(std::move(options));
}

const OptionRow kTimeout{"timeout", OptionKind::duration, "10s", "give up on a batch of values after this long"};

const OptionRow kChunk{"chunk", OptionKind::bytes, "1020KiB",
                       "cut what is stored into values of at most so many bytes"};
const OptionRow kConnections{"connections", OptionKind::count, "1", "sockets of each worker, which share its values"};

const OptionRow kTtlMode{
    "ttl_mode", OptionKind::text, "fixed",
    "fixed: count ttl from the store; sliding: from the last use; depth: less, deeper in a prefix"};
const OptionRow kTtlHalving{"ttl_halving", OptionKind::count, "64",
                            "with ttl_mode=depth: halve the ttl every so many blocks of depth"};
const OptionRow kTtlLeast{"ttl_least", OptionKind::duration, "1m",
                          "with ttl_mode=depth: but not below this, or ttl if that is less"};

const std::vector<OptionRow> kClientOptions{
    {"ttl", OptionKind::duration, "1h", "expire a value this long after it was stored"},
    kTtlMode,
    kTtlHalving,
    kTtlLeast,
    {"db", OptionKind::count, "0", "number of the database"},
    {"connect_timeout", OptionKind::duration, "2s", "give up on a connection after this long"},
    {"send_buffer", OptionKind::bytes, "", "of the socket; the kernel's own over TCP, 1MiB over a unix socket"},
    kTimeout,
    kChunk,
    kConnections,
};

std::vector<OptionRow> with_tls(std::vector<OptionRow> options) {
  options.insert(options.end(),
                 {{"ca", OptionKind::text, "", "PEM file of the authority to trust; else the system's"},
                  {"cert", OptionKind::text, "", "PEM file of our certificate, for servers that ask for one"},
                  {"key", OptionKind::text, "", "PEM file of its key; else it stands in cert"},
                  {"server_name", OptionKind::text, "", "name that the certificate must be for; else the host"},
                  {"verify", OptionKind::flag, "true", "false: take any certificate, so that anybody may listen"}});
  return options;
}

}  // namespace

const BackendRow kRedisRow{
    .scheme = "redis",
    .example = "redis://localhost:6379/0?ttl=1h",
    .summary = "a Redis, Valkey, KeyDB or Dragonfly server over TCP; password in KVKIT_REDIS_PASSWORD",
    .options = kClientOptions,
    .make = make_client,
    .address = AddressForm::host,
};

const BackendRow kRedissRow{
    .scheme = "rediss",
    .example = "rediss://cache.internal:6380?ca=/etc/redis/ca.pem",
    .summary = "the same over TLS 1.2 or later; certificate and name of the server are verified",
    .options = with_tls(kClientOptions),
    .make = make_tls_client,
    .address = AddressForm::host,
};

const BackendRow kRedisUnixRow{
    .scheme = "redis+unix",
    .example = "redis+unix:///run/redis/redis.sock?db=1",
    .summary = "the same over a unix socket on this host",
    .options = kClientOptions,
    .make = make_client,
    .address = AddressForm::socket_path,
};

const BackendRow kSpawnRedisRow{
    .scheme = "spawn+redis",
    .example = "spawn+redis:?maxmemory=8GiB",
    .summary = "a private redis-server that starts and ends with the run",
    .options =
        {
            {"maxmemory", OptionKind::bytes, "",
             "what the server may hold; a quarter of the machine's memory if not given"},
            {"policy", OptionKind::text, "allkeys-lru", "the server's maxmemory-policy"},
            {"transport", OptionKind::text, "unix", "unix or tcp (loopback)"},
            {"binary", OptionKind::text, "", "redis-server to start; else KVKIT_REDIS_SERVER, else from PATH"},
            {"ttl", OptionKind::duration, "", "expire a value this long after it was stored; never if not given"},
            kTtlMode,
            kTtlHalving,
            kTtlLeast,
            kTimeout,
            kChunk,
            kConnections,
        },
    .make = make_private,
};

}  // namespace kv
