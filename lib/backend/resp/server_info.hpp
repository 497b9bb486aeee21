#pragma once
#include <map>
#include <string>
#include <string_view>

#include "backend/backend.hpp"
#include "backend/resp/connection.hpp"

namespace kv::resp {

/// The fields of an INFO reply.
using Info = std::map<std::string, std::string, std::less<>>;
Info parse_info(std::string_view text);

/// A field as a number; nullopt if the server does not tell it or tells nonsense.
std::optional<std::uint64_t> number_in(const Info& info, std::string_view field);

/// Which server it is, and what of its configuration INFO tells: Redis, Valkey, KeyDB and Dragonfly are told apart;
/// the name is empty where nothing is told.
ServerInfo recognise(const Info& info);

/// INFO, one section or (empty) the default ones.
Result<Info> ask_info(Connection& connection, std::string_view section, TimePoint deadline);
/// INFO, and CONFIG GET where that is allowed; what the server does not tell is null.
Result<ServerInfo> ask_server(Connection& connection, TimePoint deadline);

}  // namespace kv::resp
