#include "backend/resp/server_info.hpp"

#include <charconv>

namespace kv::resp {
namespace {

std::optional<std::string> text_in(const Info& info, std::string_view field) {
  const auto found = info.find(field);
  if (found == info.end() || found->second.empty()) return std::nullopt;
  return printable(found->second);
}

std::optional<std::uint64_t> to_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

/// The value of one setting, or nullopt where CONFIG is forbidden or the setting unknown.
Result<std::optional<std::string>> ask_setting(Connection& connection, std::string_view name, TimePoint deadline) {
  const auto reply = connection.ask({"CONFIG", "GET", name}, deadline);
  if (!reply) return error(reply);
  if (reply->kind != Reply::Kind::list || reply->items.size() != 2) return std::optional<std::string>();
  return std::optional(reply->items[1]);
}

std::string persistence_name(bool snapshots, bool append_only) {
  if (snapshots) return append_only ? "rdb+aof" : "rdb";
  return append_only ? "aof" : "none";
}

}  // namespace

Info parse_info(std::string_view text) {
  Info out;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || line.front() == '#') continue;
    out.try_emplace(std::string(line.substr(0, colon)), line.substr(colon + 1));
  }
  return out;
}

std::optional<std::uint64_t> number_in(const Info& info, std::string_view field) {
  const auto found = info.find(field);
  return found == info.end() ? std::nullopt : to_number(found->second);
}

ServerInfo recognise(const Info& info) {
  ServerInfo out;
  const auto executable = text_in(info, "executable").value_or("");
  out.version = text_in(info, "redis_version").value_or("");
  if (const auto dragonfly = text_in(info, "dragonfly_version")) {
    out.name = "dragonfly";
    out.version = dragonfly->substr(0, 4) == "df-v" ? dragonfly->substr(4) : *dragonfly;
    out.io_threads = number_in(info, "thread_count");
  } else if (const auto valkey = text_in(info, "valkey_version")) {
    out.name = "valkey";
    out.version = *valkey;
  } else if (info.count("mvcc_depth") != 0 || executable.find("keydb") != std::string::npos) {
    out.name = "keydb";
  } else if (!out.version.empty()) {
    out.name = "redis";
  }
  out.allocator = text_in(info, "mem_allocator");
  out.eviction_policy = text_in(info, "maxmemory_policy");
  if (const auto limit = number_in(info, "maxmemory"); limit && *limit > 0) out.max_memory = Bytes(*limit);
  return out;
}

Result<Info> ask_info(Connection& connection, std::string_view section, TimePoint deadline) {
  const auto reply = section.empty() ? connection.ask({"INFO"}, deadline) : connection.ask({"INFO", section}, deadline);
  if (!reply) return error(reply);
  if (reply->kind == Reply::Kind::error) return tl::unexpected<Error>(refusal(reply->text));
  return parse_info(reply->text);
}

Result<ServerInfo> ask_server(Connection& connection, TimePoint deadline) {
  const auto info = ask_info(connection, "", deadline);
  if (!info) return error(info);
  ServerInfo out = recognise(*info);

  const auto threads = ask_setting(connection, "io-threads", deadline);
  if (!threads) return error(threads);
  if (*threads && !out.io_threads) out.io_threads = to_number(**threads);

  const auto save = ask_setting(connection, "save", deadline);
  if (!save) return error(save);
  const auto append_only = number_in(*info, "aof_enabled");
  if (*save && append_only) out.persistence = persistence_name(!(*save)->empty(), *append_only != 0);
  return out;
}

}  // namespace kv::resp
