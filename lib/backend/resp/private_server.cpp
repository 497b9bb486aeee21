#include "backend/resp/private_server.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <system_error>
#include <thread>

#include "backend/resp/connection.hpp"

namespace kv::resp {
namespace {

using SteadyClock = std::chrono::steady_clock;
namespace fs = std::filesystem;

constexpr Duration kStartLimit = std::chrono::seconds(5);
constexpr Duration kStopLimit = std::chrono::seconds(10);  // a server frees its gigabytes as it dies
constexpr Duration kPause = std::chrono::milliseconds(5);
constexpr int kTcpAttempts = 3;  // somebody else may take a free port before the server does
constexpr int kLifelineInChild = 3;

/// $1: the server's binary, $2: its directory. Standard streams are /dev/null, descriptor 3 is the lifeline.
constexpr const char* kKeeperScript = R"sh(
trap '' HUP INT QUIT TERM
directory=$2
set -- "$1" "$directory/redis.conf"
setpriv --pdeathsig KILL true && set -- setpriv --pdeathsig KILL "$@"
"$@" </dev/null >"$directory/output" 2>&1 3<&- &
server=$!
(read -r _; [ -e "$directory/ended" ] || kill -KILL "$server") <&3 &
watcher=$!
wait "$server"
: >"$directory/ended"
wait "$watcher"
rm -rf -- "$directory"
)sh";

tl::unexpected<Error> failed(std::string_view doing, int code) {
  return error(Code::unavailable,
               fmt::format("private redis-server: {}: {}", doing, std::generic_category().message(code)));
}

Result<std::string> find_binary(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    std::error_code ignored;
    if (access(name.c_str(), X_OK) == 0) return fs::absolute(name, ignored).string();
  } else if (const char* path = std::getenv("PATH")) {
    std::string_view rest = path;
    while (!rest.empty()) {
      const std::string_view directory = rest.substr(0, rest.find(':'));
      rest.remove_prefix(std::min(rest.size(), directory.size() + 1));
      const std::string candidate = fmt::format("{}/{}", directory.empty() ? "." : directory, name);
      if (access(candidate.c_str(), X_OK) == 0) return candidate;
    }
  }
  return error(Code::not_installed, fmt::format("there is no program '{}' to start a private server with", name),
               "apt-get install redis-server, name it with binary= or KVKIT_REDIS_SERVER, or measure a running server "
               "with --backend redis://HOST");
}

/// Fresh, ours alone, and short enough for a socket in it.
Result<std::string> make_directory() {
  constexpr std::string_view kName = "kvkit-redis-XXXXXX", kSocket = "/redis.sock";
  const char* wanted = std::getenv("TMPDIR");
  std::string directory = wanted != nullptr && *wanted == '/' ? wanted : "/tmp";
  if (directory.size() + 1 + kName.size() + kSocket.size() >= sizeof(sockaddr_un::sun_path)) directory = "/tmp";
  directory += "/";
  directory += kName;
  if (mkdtemp(directory.data()) == nullptr) return failed("cannot make " + directory, errno);
  return directory;
}

Result<std::string> make_password() {
  std::array<unsigned char, 24> bytes;
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) return failed("getrandom", errno);
  std::string out;
  for (const unsigned char byte : bytes) out += fmt::format("{:02x}", byte);
  return out;
}

/// Free at this moment on 127.0.0.1.
Result<std::uint16_t> free_port() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return failed("socket", errno);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  const bool ok = bind(fd, generic, size) == 0 && getsockname(fd, generic, &size) == 0;
  const int code = errno;
  close(fd);
  if (!ok) return failed("no free port", code);
  return ntohs(address.sin_port);
}

/// In double quotes as redis.conf reads them.
std::string conf_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  return out + "\"";
}

/// The last lines of a file, for an error message.
std::string tail_of(const std::string& path) {
  constexpr std::streamoff kShown = 600;
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  const std::streamoff size = in ? static_cast<std::streamoff>(in.tellg()) : 0;
  if (size <= 0) return "";
  std::string text(static_cast<std::size_t>(std::min(size, kShown)), '\0');
  in.seekg(size - static_cast<std::streamoff>(text.size()));
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  std::string out;
  for (const char c : text) out += c == '\n' || (c >= ' ' && c < 0x7f) ? c : '?';
  return out;
}

/// What posix_spawn is given: streams to /dev/null, the lifeline as descriptor 3, nothing else open, a new session (so
/// that Ctrl-C does not reach it), no signal blocked.
struct SpawnSetup {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;

  SpawnSetup() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
  }
  ~SpawnSetup() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnSetup(const SpawnSetup&) = delete;
  SpawnSetup& operator=(const SpawnSetup&) = delete;

  int prepare(int lifeline) {
    sigset_t none;
    sigemptyset(&none);
    int code = posix_spawn_file_actions_adddup2(&actions, lifeline, kLifelineInChild);
    for (int stream = 0; stream < 3 && code == 0; ++stream) {
      code = posix_spawn_file_actions_addopen(&actions, stream, "/dev/null", O_RDWR, 0);
    }
    if (code == 0) code = posix_spawn_file_actions_addclosefrom_np(&actions, kLifelineInChild + 1);
    if (code == 0) code = posix_spawnattr_setsigmask(&attributes, &none);
    if (code == 0) code = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
    return code;
  }
};

}  // namespace

Result<std::unique_ptr<PrivateServer>> PrivateServer::start(const PrivateServerOptions& options) {
  const auto binary = find_binary(options.binary);
  if (!binary) return error(binary);
  for (int attempt = 1;; ++attempt) {
    std::unique_ptr<PrivateServer> server(new PrivateServer());
    auto ok = server->launch(options, *binary);
    if (ok) return server;
    if (!options.tcp || attempt == kTcpAttempts || ok.error().code == Code::interrupted) return error(ok);
  }
}

Result<void> PrivateServer::launch(const PrivateServerOptions& options, const std::string& binary) {
  auto directory = make_directory();
  if (!directory) return error(directory);
  directory_ = *directory;
  endpoint_.stop = options.stop;
  if (options.tcp) {
    const auto port = free_port();
    if (!port) return error(port);
    auto password = make_password();
    if (!password) return error(password);
    endpoint_.host = "127.0.0.1";
    endpoint_.port = *port;
    endpoint_.password = std::move(*password);
  } else {
    endpoint_.socket_path = directory_ + "/redis.sock";
  }
  if (auto ok = write_config(options); !ok) return ok;
  if (auto ok = spawn_keeper(binary); !ok) return ok;
  return wait_until_ready();
}

Result<void> PrivateServer::write_config(const PrivateServerOptions& options) const {
  std::string config = "save \"\"\nappendonly no\ndaemonize no\nprotected-mode yes\n";
  config += fmt::format("dir {}\nlogfile {}\n", conf_string(directory_), conf_string(directory_ + "/log"));
  config += fmt::format("maxmemory {}\nmaxmemory-policy {}\n", options.max_memory.count(), options.policy);
  if (options.tcp) {
    config += fmt::format("bind 127.0.0.1\nport {}\nrequirepass {}\n", endpoint_.port, endpoint_.password);
  } else {
    config += fmt::format("port 0\nunixsocket {}\nunixsocketperm 700\n", conf_string(endpoint_.socket_path));
  }
  const std::string path = directory_ + "/redis.conf";
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return failed("cannot write " + path, errno);
  const bool written = write(fd, config.data(), config.size()) == static_cast<ssize_t>(config.size());
  const int code = errno;
  if (close(fd) != 0 || !written) return failed("cannot write " + path, code);
  return {};
}

Result<void> PrivateServer::spawn_keeper(const std::string& binary) {
  std::array<int, 2> ends;
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return failed("pipe", errno);
  lifeline_ = ends[1];
  // dup2 onto itself would leave close-on-exec set, so the lifeline must not be where the keeper wants it.
  const int lifeline = fcntl(ends[0], F_DUPFD_CLOEXEC, kLifelineInChild + 1);
  close(ends[0]);
  if (lifeline < 0) return failed("pipe", errno);

  std::array<std::string, 6> words{"sh", "-c", kKeeperScript, "kvkit-redis-keeper", binary, directory_};
  std::array<char*, 7> argv{};
  for (std::size_t i = 0; i < words.size(); ++i) argv[i] = words[i].data();
  SpawnSetup setup;
  int code = setup.prepare(lifeline);
  if (code == 0) code = posix_spawn(&keeper_, "/bin/sh", &setup.actions, &setup.attributes, argv.data(), environ);
  close(lifeline);
  if (code != 0) {
    keeper_ = -1;
    return failed("cannot start /bin/sh", code);
  }
  return {};
}

Result<void> PrivateServer::wait_until_ready() const {
  const TimePoint until = SteadyClock::now() + kStartLimit;
  Endpoint endpoint = endpoint_;
  endpoint.connect_timeout = std::chrono::seconds(1);
  std::string trouble;
  while (SteadyClock::now() < until && !endpoint_.stopping()) {
    if (auto connection = Connection::open(endpoint)) {
      const auto reply = (*connection)->ask({"PING"}, until);
      if (reply && reply->kind == Reply::Kind::status) return {};
      trouble = reply ? printable(reply->text) : reply.error().message;
    } else {
      trouble = connection.error().message;
    }
    if (access((directory_ + "/ended").c_str(), F_OK) == 0) {
      trouble = "it ended at once";
      break;
    }
    std::this_thread::sleep_for(kPause);
  }
  if (endpoint_.stopping()) return error(Code::interrupted, "interrupted while the private redis-server was starting");
  return error(Code::unavailable,
               fmt::format("the private redis-server does not answer: {}\n{}{}", trouble,
                           tail_of(directory_ + "/output"), tail_of(directory_ + "/log")),
               "does redis-server start by hand? another one can be named with binary=");
}

PrivateServer::~PrivateServer() { stop(); }

void PrivateServer::stop() {
  if (lifeline_ >= 0) close(lifeline_);
  // The keeper ends the server and removes the directory; it is waited for, so that nothing is left once we have ended.
  for (const TimePoint until = SteadyClock::now() + kStopLimit; keeper_ > 0 && SteadyClock::now() < until;) {
    const pid_t ended = waitpid(keeper_, nullptr, WNOHANG);
    if (ended != 0 && !(ended < 0 && errno == EINTR)) break;
    std::this_thread::sleep_for(kPause);
  }
  std::error_code ignored;
  if (!directory_.empty()) fs::remove_all(directory_, ignored);  // left where there was no keeper, or it was killed
}

}  // namespace kv::resp
