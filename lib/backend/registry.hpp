#pragma once
#include <memory>
#include <span>
#include <string>

#include "backend/backend.hpp"
#include "base/options.hpp"

namespace kv {

/// SPEC as the user writes it: scheme:[//[user@]host[:port]/path]?key=value&...
struct BackendSpec {
  std::string text;    ///< without secrets: what reports and messages show
  std::string scheme;  ///< "redis+unix"
  std::string user, host, path;
  std::uint16_t port = 0;  ///< 0: not given
  OptionValues options;
};

/// What stands between the scheme and the options of a SPEC.
enum class AddressForm {
  none,         ///< nothing: "local:"
  host,         ///< "//[user@]host[:port][/database]", IPv6 in brackets; the database becomes option "db"
  socket_path,  ///< "//[user@]/path"
};

/// One row a scheme. Parsing, help, `list backends`, docs and suggestions read it.
struct BackendRow {
  std::string scheme;
  std::string example;  ///< a whole SPEC
  std::string summary;
  std::vector<OptionRow> options;
  Result<std::unique_ptr<Backend>> (*make)(const BackendSpec& spec);
  AddressForm address = AddressForm::none;
};
std::span<const BackendRow> backends();

/// Checks scheme, authority and option keys; nothing is opened yet. A password in the SPEC is refused (environment
/// variables KVKIT_REDIS_PASSWORD, KVKIT_REDIS_USER are the way) and never quoted back.
Result<BackendSpec> parse_backend(const std::string& text);
Result<std::unique_ptr<Backend>> make_backend(const BackendSpec& spec);

}  // namespace kv
