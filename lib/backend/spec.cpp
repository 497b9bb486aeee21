#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/un.h>

#include <algorithm>
#include <charconv>

#include "backend/registry.hpp"

namespace kv {
namespace {

constexpr std::size_t kMaxSpecBytes = 4096;
constexpr std::size_t kMaxHostBytes = 255;  // RFC 1035
constexpr std::size_t kMaxSocketPath = sizeof(sockaddr_un::sun_path) - 1;

std::string shortest_form(const BackendRow& row) {
  return row.address == AddressForm::none ? row.scheme + ":" : row.example;
}

tl::unexpected<Error> unknown_scheme(std::string_view scheme) {
  std::vector<std::string> known;
  std::string list;
  for (const BackendRow& row : backends()) {
    known.push_back(row.scheme);
    list += (list.empty() ? "" : ", ") + shortest_form(row);
  }
  std::string hint = "known backends: " + list;
  if (const auto close = nearest(scheme, known)) hint = fmt::format("did you mean '{}:'? {}", *close, hint);
  return error(Code::bad_input, fmt::format("unknown backend '{}'", scheme.substr(0, 60)), hint);
}

tl::unexpected<Error> malformed(const BackendRow& row, std::string_view what) {
  return error(Code::bad_input, fmt::format("backend {}: {}", row.scheme, what),
               fmt::format("write it like {}", row.example));
}

/// Never quotes anything: what stands there is a secret.
tl::unexpected<Error> password_refused(const BackendRow& row) {
  return error(Code::bad_input, fmt::format("backend {}: a password does not belong on the command line", row.scheme),
               "put it into the environment variable KVKIT_REDIS_PASSWORD (or a file's path into "
               "KVKIT_REDIS_PASSWORD_FILE), the user into KVKIT_REDIS_USER");
}

/// A password may hold '/', '?' or '@' as it is, so everything up to the last '@' is looked at, not just the authority.
bool holds_password(std::string_view rest) {
  const std::size_t at = rest.rfind('@');
  return at != std::string_view::npos && rest.substr(0, at).find(':') != std::string_view::npos;
}

Result<void> parse_user(const BackendRow& row, std::string_view text, BackendSpec& spec) {
  auto user = percent_decode(text);
  if (!user) return malformed(row, "the user before '@': " + user.error().message);
  if (user->find(':') != std::string::npos) return password_refused(row);
  if (user->empty()) return malformed(row, "the user before '@' is empty");
  spec.user = std::move(*user);
  return {};
}

bool is_host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

/// Does not quote the text: in "redis://ann:secret" it is none.
Result<void> parse_port(const BackendRow& row, std::string_view text, BackendSpec& spec) {
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, spec.port);
  if (parsed.ec != std::errc() || parsed.ptr != end || spec.port == 0) {
    return malformed(row, "what follows the ':' is not a port between 1 and 65535");
  }
  return {};
}

Result<void> parse_bracketed_host(const BackendRow& row, std::string_view text, BackendSpec& spec) {
  const std::size_t close = text.find(']');
  if (close == std::string_view::npos) return malformed(row, "the '[' before an IPv6 address is not closed");
  spec.host = text.substr(1, close - 1);
  in6_addr address{};
  if (inet_pton(AF_INET6, spec.host.c_str(), &address) != 1) {
    return malformed(row, fmt::format("'{}' is not an IPv6 address", spec.host.substr(0, 60)));
  }
  text.remove_prefix(close + 1);
  if (text.empty()) return {};
  if (text.front() != ':') return malformed(row, "after ']' only a port may follow");
  return parse_port(row, text.substr(1), spec);
}

Result<void> parse_host_and_port(const BackendRow& row, std::string_view text, BackendSpec& spec) {
  if (!text.empty() && text.front() == '[') return parse_bracketed_host(row, text, spec);
  const std::size_t colon = text.find(':');
  if (colon != text.rfind(':')) return malformed(row, "an IPv6 address stands in brackets, as in redis://[::1]:6379");
  spec.host = text.substr(0, colon);
  if (spec.host.empty()) return malformed(row, "the host is missing");
  if (spec.host.size() > kMaxHostBytes || !std::all_of(spec.host.begin(), spec.host.end(), is_host_character)) {
    return malformed(row, fmt::format("'{}' is not a host name", spec.host.substr(0, 60)));
  }
  if (colon == std::string_view::npos) return {};
  return parse_port(row, text.substr(colon + 1), spec);
}

/// "//[user@]" off the front of `address`; what is left is host or path.
Result<void> parse_authority(const BackendRow& row, std::string_view& address, BackendSpec& spec) {
  if (address.substr(0, 2) != "//") return malformed(row, "'//' must follow the colon");
  address.remove_prefix(2);
  const std::string_view authority = address.substr(0, address.find('/'));
  const std::size_t at = authority.rfind('@');
  if (at == std::string_view::npos) return {};
  address.remove_prefix(at + 1);
  return parse_user(row, authority.substr(0, at), spec);
}

using Pairs = std::vector<std::pair<std::string, std::string>>;

Result<void> parse_host(const BackendRow& row, std::string_view address, BackendSpec& spec, Pairs& options) {
  if (auto ok = parse_authority(row, address, spec); !ok) return ok;
  const std::size_t slash = std::min(address.find('/'), address.size());
  if (auto ok = parse_host_and_port(row, address.substr(0, slash), spec); !ok) return ok;
  const std::string_view database = address.substr(std::min(slash + 1, address.size()));
  if (!database.empty()) options.emplace_back("db", database);
  return {};
}

Result<void> parse_socket_path(const BackendRow& row, std::string_view address, BackendSpec& spec) {
  if (auto ok = parse_authority(row, address, spec); !ok) return ok;
  auto path = percent_decode(address);
  if (!path) return malformed(row, "the path of the socket: " + path.error().message);
  if (path->size() < 2 || path->front() != '/' || path->find('\0') != std::string::npos) {
    return malformed(row, "the absolute path of a socket must follow, with three slashes in all");
  }
  if (path->size() > kMaxSocketPath) {
    return malformed(row,
                     fmt::format("the path has {} bytes, a socket's has at most {}", path->size(), kMaxSocketPath));
  }
  spec.path = std::move(*path);
  return {};
}

Result<void> parse_address(const BackendRow& row, std::string_view address, BackendSpec& spec, Pairs& options) {
  switch (row.address) {
    case AddressForm::host:
      return parse_host(row, address, spec, options);
    case AddressForm::socket_path:
      return parse_socket_path(row, address, spec);
    case AddressForm::none:
      break;
  }
  if (address.empty()) return {};
  return malformed(row, "an address follows the colon, but it takes only ?options");
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

}  // namespace

Result<BackendSpec> parse_backend(const std::string& text) {
  if (text.size() > kMaxSpecBytes || std::any_of(text.begin(), text.end(), is_control)) {
    return error(Code::bad_input, "a backend is too long or holds control characters", "see kvbench list backends");
  }
  const std::size_t scheme_end = std::min(text.find_first_of(":/?@"), text.size());
  BackendSpec spec;
  spec.text = text;
  spec.scheme = text.substr(0, scheme_end);
  const auto rows = backends();
  const auto row = std::find_if(rows.begin(), rows.end(), [&](const BackendRow& r) { return r.scheme == spec.scheme; });
  if (row == rows.end()) return unknown_scheme(spec.scheme);
  if (scheme_end == text.size() || text[scheme_end] != ':') {
    return error(Code::bad_input, fmt::format("backend '{}' lacks its colon", spec.scheme),
                 fmt::format("did you mean '{}'?", shortest_form(*row)));
  }
  const std::string_view rest = std::string_view(text).substr(scheme_end + 1);
  if (holds_password(rest)) return password_refused(*row);

  const std::size_t question = std::min(rest.find('?'), rest.size());
  auto options = parse_query(rest.substr(std::min(question + 1, rest.size())));
  if (!options) return malformed(*row, options.error().message);
  if (auto ok = parse_address(*row, rest.substr(0, question), spec, *options); !ok) return error(ok);
  auto values = OptionValues::check("backend " + row->scheme, row->options, *options);
  if (!values) return error(values);
  spec.options = std::move(*values);
  return spec;
}

}  // namespace kv
