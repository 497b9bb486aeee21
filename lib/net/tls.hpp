#pragma once
#include <memory>
#include <string>

#include "base/units.hpp"
#include "net/transport.hpp"

namespace kv::net {

struct TlsOptions {
  std::string ca_file = {};       ///< PEM, whom to trust; empty: the system's own
  std::string cert_file = {};     ///< PEM, our certificate and what leads to its root; empty: none is shown
  std::string key_file = {};      ///< PEM, its key; empty: it stands in cert_file
  std::string key_password = {};  ///< of the key, where that is encrypted; never shown
  std::string server_name = {};   ///< whom the certificate must be for, and SNI asks for; empty: the host
  bool verify = true;             ///< off: anybody's certificate will do
};

/// What all TLS connections to a server share: OpenSSL's context, with its certificates read once. TLS 1.2 or later.
/// Immutable, safe to share between threads.
class TlsContext : public std::enable_shared_from_this<TlsContext> {
 public:
  /// Code::bad_input, with file and reason, if a certificate or key cannot be read or they do not belong together.
  static Result<std::shared_ptr<const TlsContext>> make(TlsOptions options);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  /// TLS over `inner`, once the handshake is done and the server's certificate was found good for `host` (or
  /// TlsOptions::server_name). Waits until `until` at most. Code::unavailable says what is wrong and what to set; it
  /// does not name the server.
  Result<std::unique_ptr<Transport>> connect(std::unique_ptr<Transport> inner, const std::string& host,
                                             TimePoint until) const;
  bool verifies() const { return options_.verify; }

 private:
  struct Parts;
  TlsContext(TlsOptions options, std::unique_ptr<Parts> parts);
  Result<void> load();

  TlsOptions options_;
  std::unique_ptr<Parts> parts_;
};

/// "OpenSSL 3.0.17", as it is loaded.
std::string tls_library();

}  // namespace kv::net
