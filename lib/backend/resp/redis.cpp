#include "backend/resp/redis.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/parse.hpp"
#include "codec/value.hpp"
#include "metrics/machine.hpp"

namespace kv::resp {
namespace {

constexpr std::size_t kKeysPerBatch = 8192;

/// The Error of a reply that is an error.
Result<void> accepted(const Result<Reply>& reply) {
  if (!reply) return error(reply);
  if (reply->kind == Reply::Kind::error) return tl::unexpected<Error>(refusal(reply->text));
  return {};
}

/// Whether a server with this policy makes use of when a key was last asked for; if not known, perhaps.
bool orders_by_use(const std::optional<std::string>& policy) {
  if (!policy) return true;
  for (const char* other : {"noeviction", "allkeys-random", "volatile-random", "volatile-ttl"}) {
    if (*policy == other) return false;
  }
  return true;
}

/// Waiting for a reply with open eyes pays where every session has a core for itself and its server another.
Duration spin_for(std::uint32_t sessions) {
  constexpr std::chrono::microseconds kSpin{100};
  return 2 * sessions <= describe_machine().cores ? Duration(kSpin) : Duration(0);
}

/// What one of `connections` may have under way of its share of kInFlight, and of a sixteenth of the server's memory:
/// queued replies count in that and push values out of it. One value is always let through.
Bytes in_flight_of_each(const std::optional<Bytes>& max_memory, std::uint64_t connections) {
  constexpr std::uint64_t kShare = 16;
  return (max_memory ? std::min(kInFlight, *max_memory / kShare) : kInFlight) / connections;
}

std::optional<std::uint64_t> since(std::optional<std::uint64_t> before, std::optional<std::uint64_t> now) {
  return before && now ? std::optional(*now - *before) : std::nullopt;
}

}  // namespace

Result<void> RedisBackend::start(const Needs& needs) {
  if (!KeyNames::allows(needs.name_space)) {
    return error(Code::bad_input, fmt::format("'{}' cannot be part of a key", printable(needs.name_space)),
                 fmt::format("use letters, digits, '.', '_' and '-', at most {}", KeyNames::kMaxNameSpace));
  }
  max_body_bytes_ = needs.max_body_bytes;
  options_.endpoint.stop = options_.private_server.stop = needs.stop;
  sessions_ = std::max(needs.sessions, 1U);
  const Duration spin = spin_for(sessions_);
  if (options_.spawn && !private_server_) {
    auto server = PrivateServer::start(options_.private_server);
    if (!server) return error(server);
    private_server_ = std::move(*server);
    options_.endpoint = private_server_->endpoint();
  }
  options_.endpoint.spin = spin;
  common_.reset(new Common{options_.endpoint, KeyNames(needs.name_space), std::max(needs.parts, 1U),
                           TtlCommands(options_.ttl), options_.timeout, options_.chunk_bytes, options_.connections});
  return introduce();
}

Result<void> RedisBackend::introduce() {
  const auto allowed = [&](Connection& connection) { return try_permissions(connection, deadline()); };
  if (auto ok = on_control(allowed); !ok) return ok;
  auto server = on_control([&](Connection& connection) { return ask_server(connection, deadline()); });
  if (!server && server.error().code != Code::unavailable) return error(server);
  if (server) server_ = std::move(*server);  // a refused INFO is no obstacle: what it is stays unknown
  server_.spawned = private_server_ != nullptr;
  common_->most_body_bytes = max_body_bytes_ == 0 ? kMaxValueBytes : max_body_bytes_;
  common_->touches = orders_by_use(server_.eviction_policy);
  const std::uint64_t all = std::uint64_t{sessions_} * common_->connections;
  const Bytes each = in_flight_of_each(server_.max_memory, all);
  common_->endpoint.max_in_flight = options_.endpoint.max_in_flight = each;
  // One value is always let through: where that is more than a connection's share, fewer are used at once.
  const std::uint64_t of_session =
      each.count() * common_->connections / std::max<std::uint64_t>(common_->chunk_bytes, 1);
  common_->get_connections = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(of_session, 1, common_->connections));
  removed_before_ = removals();
  return {};
}

/// Everything that a run needs, on a key of its own, so that a missing permission shows now. A server that is full is
/// let through: its refusals are counted while the run goes on. One that renews no ttl is warned of by stats().
Result<void> RedisBackend::try_permissions(Connection& connection, TimePoint deadline) {
  const std::string key = common_->names.text({0, 0}) + ":hello";
  if (auto ok = accepted(connection.ask({"EXISTS", key}, deadline)); !ok) return ok;
  const auto set = connection.ask({"SET", key, "hello", "PX", "10000"}, deadline);
  if (!set) return error(set);
  if (set->kind == Reply::Kind::error && !says_full(set->text)) {
    return tl::unexpected<Error>(refusal(set->text));
  }
  if (auto ok = accepted(connection.ask({"GET", key}, deadline)); !ok) return ok;
  if (common_->ttl.sliding()) {
    const auto renewed = connection.ask({"PEXPIRE", key, "10000"}, deadline);
    if (!renewed) return error(renewed);
    if (renewed->kind == Reply::Kind::error) common_->refuse_renewal(renewed->text);
  }
  const auto unlinked = connection.ask({"UNLINK", key}, deadline);
  if (!unlinked) return error(unlinked);
  common_->unlinks = unlinked->kind != Reply::Kind::error;
  return common_->unlinks ? Result<void>() : accepted(connection.ask({"DEL", key}, deadline));
}

Capabilities RedisBackend::capabilities() const {
  Capabilities out;
  out.remote = true;
  out.capacity = server_.max_memory;
  return out;
}

Result<std::unique_ptr<Session>> RedisBackend::open() { return RespSession::open(common_); }

std::string RedisBackend::key_text(const Key& key, std::uint32_t part) const {
  return common_ ? common_->names.text(key) : Backend::key_text(key, part);
}

/// Runs `work` on the connection for everything but values. One that has died since its last use is made anew, once;
/// after a silence it is not, for the server would be silent again. Errors say which server.
template <class Work>
auto RedisBackend::on_control(const Work& work) -> decltype(work(std::declval<Connection&>())) {
  const bool fresh = !control_;
  if (fresh) {
    auto connection = Connection::open(options_.endpoint);
    if (!connection) return error(connection);
    control_ = std::move(*connection);
  }
  auto result = work(*control_);
  if (result) return result;
  const Error why = control_->advise(result.error(), options_.endpoint);
  const Code code = why.code;
  if (code == Code::io || code == Code::interrupted) {
    const bool again = code == Code::io && !fresh && !control_->timed_out();
    control_.reset();
    if (again) return on_control(work);
  }
  return error(code, fmt::format("{}: {}", options_.endpoint.where(), why.message), why.hint);
}

/// INFO of a server of our own; what others evict elsewhere says nothing about this run.
std::optional<Info> RedisBackend::private_info() {
  if (!private_server_) return std::nullopt;
  const auto info = on_control([&](Connection& connection) { return ask_info(connection, "", deadline()); });
  return info ? std::optional(*info) : std::nullopt;
}

Result<BackendStats> RedisBackend::stats() {
  BackendStats out;
  out.insertions = common_->insertions;
  out.orphan_bytes = common_->orphan_bytes;
  out.wire_in_bytes = common_->wire_in;
  out.wire_out_bytes = common_->wire_out;
  if (options_.endpoint.tls && !options_.endpoint.tls->verifies()) {
    out.warnings.emplace_back("verify=false: the server's certificate was not looked at, so anybody may have answered");
  }
  if (const std::uint64_t refused = common_->refused_stores; refused > 0) {
    out.warnings.push_back(fmt::format(
        "the server is full and refused {} value{}: raise its maxmemory, or set a maxmemory-policy that evicts, "
        "such as allkeys-lru",
        refused, refused == 1 ? "" : "s"));
  }
  count_lifetimes(out);
  if (const auto info = private_info()) {
    // A server evicts values, of which a block has several: how many blocks that broke is known if it was none.
    out.lifetimes.expired_values = since(removed_before_.expired, number_in(*info, "expired_keys"));
    out.lifetimes.evicted_values = since(removed_before_.evicted, number_in(*info, "evicted_keys"));
    if (out.lifetimes.evicted_values == 0U) out.evictions = 0;
    if (const auto used = number_in(*info, "used_memory")) out.used = Bytes(*used);
  }
  return out;
}

void RedisBackend::count_lifetimes(BackendStats& out) const {
  const Lifetimes::Counts counts = common_->lifetimes.counts();
  out.lifetimes.lost_lookups = counts.lost;
  if (options_.ttl.full) out.lifetimes.expired_lookups = counts.expired;
  if (!common_->ttl.sliding()) return;
  out.lifetimes.renewals = counts.renewed;
  const std::lock_guard lock(common_->mutex);
  if (common_->renews) return;
  out.warnings.push_back(fmt::format(
      "ttl_mode=sliding renews nothing: the server refuses PEXPIRE ({}); let the user have +pexpire, or say "
      "ttl_mode=fixed",
      common_->renewal_refusal));
}

Result<void> RedisBackend::clear() {
  if (!common_) return {};
  KeyLog written;
  {
    const std::lock_guard lock(common_->mutex);
    for (const auto& log : common_->logs) {
      for (const Key& key : log->keys()) written.add(key);
    }
  }
  auto removed = on_control([&](Connection& connection) { return remove(connection, written.keys()); });
  if (!removed) return removed;
  const std::lock_guard lock(common_->mutex);
  std::erase_if(common_->logs, [](const auto& log) { return log.use_count() == 1; });  // of sessions that are gone
  for (const auto& log : common_->logs) log->clear();
  common_->insertions = common_->orphan_bytes = common_->refused_stores = common_->wire_in = common_->wire_out = 0;
  common_->lifetimes.clear();
  removed_before_ = removals();
  return {};
}

RedisBackend::Removals RedisBackend::removals() {
  const auto info = private_info();
  return info ? Removals{number_in(*info, "expired_keys"), number_in(*info, "evicted_keys")} : Removals{};
}

Result<void> RedisBackend::remove(Connection& connection, std::span<const Key> keys) {
  const std::size_t blocks_per_batch = std::max<std::size_t>(kKeysPerBatch / names_per_block(), 1);
  std::string_view command = "UNLINK";
  while (!keys.empty()) {
    const auto batch = keys.first(std::min(blocks_per_batch, keys.size()));
    auto ok = remove_batch(connection, command, batch);
    if (!ok && ok.error().code == Code::unavailable && command == "UNLINK") {
      command = "DEL";  // a server before Redis 4, or an ACL without UNLINK
      ok = remove_batch(connection, command, batch);
    }
    if (!ok) return ok;
    keys = keys.subspan(batch.size());
  }
  return {};
}

/// Of a block's manifest and all chunks that it can have.
std::size_t RedisBackend::names_per_block() const {
  return 1 + common_->parts * most_chunks(max_body_bytes_, common_->chunk_bytes);
}

/// One command a block, in one round trip. Code::unavailable: the server refused one of them.
Result<void> RedisBackend::remove_batch(Connection& connection, std::string_view command, std::span<const Key> keys) {
  const std::size_t chunks = most_chunks(max_body_bytes_, common_->chunk_bytes);
  std::vector<KeyNames::Buffer> names(names_per_block());
  std::vector<std::string_view> words;
  const TimePoint until = deadline();
  connection.begin(until);
  for (const Key& key : keys) {
    words.assign(1, command);
    words.push_back(common_->names.manifest(key, names[0]));
    for (std::uint32_t part = 0; part < common_->parts; ++part) {
      for (std::size_t i = 0; i < chunks; ++i) {
        words.push_back(common_->names.chunk(key, part, i, names[words.size() - 1]));
      }
    }
    connection.add(words);
  }
  Result<void> result;
  while (!connection.done()) {
    if (const auto ok = connection.step(until); !ok) return error(ok);
    const Reply& reply = connection.reply();
    if (reply.kind == Reply::Kind::error) result = tl::unexpected<Error>(refusal(reply.text));
  }
  return result;
}

}  // namespace kv::resp
