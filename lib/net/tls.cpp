#include "net/tls.hpp"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>

#include <algorithm>
#include <optional>

#include "net/address.hpp"
#include "net/wait.hpp"

namespace kv::net {
namespace {

/// Several records at a time: a record has 16 KiB at most, and two reads for each would be half of the time.
constexpr std::size_t kReadAhead = std::size_t{128} << 10;

template <auto function>
struct Free {
  template <class T>
  void operator()(T* object) const {
    function(object);
  }
};
using Context = std::unique_ptr<SSL_CTX, Free<SSL_CTX_free>>;
using Ssl = std::unique_ptr<SSL, Free<SSL_free>>;
using BioMethod = std::unique_ptr<BIO_METHOD, Free<BIO_meth_free>>;

/// The reason of OpenSSL's oldest complaint, which is the cause of the others; empties the queue.
std::string complaint() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason != nullptr ? reason : "no reason given";
}

/// What OpenSSL calls to move bytes: the transport below, and why it failed if it did.
struct Below {
  std::unique_ptr<Transport> transport;
  std::optional<Error> failure;

  /// As OpenSSL counts: bytes, or -1 to be tried again, or 0 for the end.
  int moved(BIO* bio, const Result<std::size_t>& n, int again) {
    BIO_clear_retry_flags(bio);
    if (!n) {
      failure = n.error();
      return 0;
    }
    if (*n > 0) return static_cast<int>(*n);
    BIO_set_flags(bio, again | BIO_FLAGS_SHOULD_RETRY);
    return -1;
  }
};

Below& below(BIO* bio) { return *static_cast<Below*>(BIO_get_data(bio)); }

int write_below(BIO* bio, const char* data, int bytes) {
  iovec piece{const_cast<char*>(data), static_cast<std::size_t>(std::max(bytes, 0))};
  return below(bio).moved(bio, below(bio).transport->send({&piece, 1}), BIO_FLAGS_WRITE);
}

int read_below(BIO* bio, char* data, int bytes) {
  iovec piece{data, static_cast<std::size_t>(std::max(bytes, 0))};
  return below(bio).moved(bio, below(bio).transport->receive({&piece, 1}), BIO_FLAGS_READ);
}

long control_below(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

int create_below(BIO* bio) {
  BIO_set_init(bio, 1);
  return 1;
}

BioMethod method_below() {
  BioMethod method(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "kvkit transport"));
  if (!method) return method;
  BIO_meth_set_write(method.get(), write_below);
  BIO_meth_set_read(method.get(), read_below);
  BIO_meth_set_ctrl(method.get(), control_below);
  BIO_meth_set_create(method.get(), create_below);
  return method;
}

class TlsTransport final : public Transport {
 public:
  TlsTransport(std::shared_ptr<const TlsContext> context, Ssl ssl, std::unique_ptr<Below> below_it)
      : context_(std::move(context)), below_(std::move(below_it)), ssl_(std::move(ssl)) {}

  Result<std::size_t> send(std::span<iovec> pieces) override {
    std::size_t sent = 0;
    for (const iovec& piece : pieces) {
      for (std::size_t at = 0; at < piece.iov_len;) {
        std::size_t n = 0;
        ERR_clear_error();
        const int ok = SSL_write_ex(ssl_.get(), static_cast<const char*>(piece.iov_base) + at, piece.iov_len - at, &n);
        if (ok != 1) {
          if (auto waits = judge(ok); !waits) return error(waits);
          return sent;
        }
        at += n;
        sent += n;
      }
    }
    return sent;
  }

  Result<std::size_t> receive(std::span<iovec> pieces) override {
    std::size_t received = 0;
    for (const iovec& piece : pieces) {
      for (std::size_t at = 0; at < piece.iov_len;) {
        std::size_t n = 0;
        ERR_clear_error();
        const int ok = SSL_read_ex(ssl_.get(), static_cast<char*>(piece.iov_base) + at, piece.iov_len - at, &n);
        if (ok != 1) {
          // What has come before the end is handed out first; the end is met again at the next call.
          if (auto waits = judge(ok); !waits && received == 0) return error(waits);
          return received;
        }
        at += n;
        received += n;
      }
    }
    return received;
  }

  int descriptor() const override { return below_->transport->descriptor(); }
  bool wants_to_send() const override { return wants_to_send_; }
  std::uint64_t bytes_in() const override { return below_->transport->bytes_in(); }
  std::uint64_t bytes_out() const override { return below_->transport->bytes_out(); }

  /// True once the handshake is done; false if it waits for the socket.
  Result<bool> shake_hands() {
    ERR_clear_error();
    const int ok = SSL_connect(ssl_.get());
    if (ok == 1) return true;
    if (auto waits = judge(ok); !waits) return error(waits);
    return false;
  }
  const SSL* ssl() const { return ssl_.get(); }

 private:
  /// Ok if the call only has to be made again later.
  Result<void> judge(int returned) {
    const int why = SSL_get_error(ssl_.get(), returned);
    wants_to_send_ = why == SSL_ERROR_WANT_WRITE;
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) return {};
    if (why == SSL_ERROR_ZERO_RETURN) return error(Code::io, "the server closed the connection");
    // An alert that came before the end of the connection says more than the end does.
    if (why == SSL_ERROR_SYSCALL || (below_->failure && !is_alert(ERR_peek_error()))) {
      ERR_clear_error();
      return tl::unexpected<Error>(below_->failure.value_or(Error{Code::io, "the connection was lost", ""}));
    }
    return explain();
  }

  static bool is_alert(unsigned long code) {
    return ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) > SSL_AD_REASON_OFFSET;
  }

  Result<void> explain() const {
    const int reason = ERR_GET_REASON(ERR_peek_error());
    if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
      ERR_clear_error();
      const long verdict = SSL_get_verify_result(ssl_.get());
      const bool other_name = verdict == X509_V_ERR_HOSTNAME_MISMATCH || verdict == X509_V_ERR_IP_ADDRESS_MISMATCH;
      return error(Code::unavailable,
                   fmt::format("the server's certificate is refused: {}", X509_verify_cert_error_string(verdict)),
                   other_name ? "connect to a name that it is for, or say which with server_name="
                              : "name the file of the authority that signed it with ca=");
    }
    if (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST) {
      ERR_clear_error();
      return error(Code::unavailable, "what answers there does not speak TLS",
                   "name the server's tls-port, or use redis:// without TLS");
    }
    const bool wants_ours = reason == SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED ||
                            reason == SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE ||
                            reason == SSL_R_SSLV3_ALERT_BAD_CERTIFICATE || reason == SSL_R_TLSV1_ALERT_UNKNOWN_CA;
    return error(Code::unavailable, fmt::format("TLS failed: {}", complaint()),
                 wants_ours ? "the server wants a certificate of ours that it trusts: cert= and key=" : "");
  }

  std::shared_ptr<const TlsContext> context_;  // whose BIO_METHOD ssl_ uses
  std::unique_ptr<Below> below_;
  Ssl ssl_;  // destroyed first: its BIO looks at below_
  bool wants_to_send_ = false;
};

/// SSL_set_tlsext_host_name, which is a macro with a cast in it.
long ask_for(SSL* ssl, const std::string& name) {
  return SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, const_cast<char*>(name.c_str()));
}

int give_password(char* into, int room, int, void* password) {
  const auto& text = *static_cast<const std::string*>(password);
  if (text.empty() || text.size() > static_cast<std::size_t>(std::max(room, 0))) return 0;  // never asks a terminal
  text.copy(into, text.size());
  return static_cast<int>(text.size());
}

tl::unexpected<Error> unreadable(std::string_view option, const std::string& path, std::string_view hint) {
  return error(Code::bad_input, fmt::format("{}={}: {}", option, path, complaint()), std::string(hint));
}

}  // namespace

struct TlsContext::Parts {
  Context context;
  BioMethod method;
};

TlsContext::TlsContext(TlsOptions options, std::unique_ptr<Parts> parts)
    : options_(std::move(options)), parts_(std::move(parts)) {}
TlsContext::~TlsContext() = default;

Result<std::shared_ptr<const TlsContext>> TlsContext::make(TlsOptions options) {
  ERR_clear_error();
  auto parts = std::make_unique<Parts>(Parts{Context(SSL_CTX_new(TLS_client_method())), method_below()});
  if (!parts->context || !parts->method) return error(Code::unavailable, "OpenSSL cannot be used: " + complaint());
  std::shared_ptr<TlsContext> out(new TlsContext(std::move(options), std::move(parts)));
  if (auto ok = out->load(); !ok) return error(ok);
  return std::shared_ptr<const TlsContext>(std::move(out));
}

Result<void> TlsContext::load() {
  SSL_CTX* context = parts_->context.get();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_default_read_buffer_len(context, kReadAhead);
  SSL_CTX_set_verify(context, options_.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_default_passwd_cb(context, give_password);
  SSL_CTX_set_default_passwd_cb_userdata(context, &options_.key_password);
  if (options_.ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(context);
  } else if (SSL_CTX_load_verify_file(context, options_.ca_file.c_str()) != 1) {
    return unreadable("ca", options_.ca_file, "name a PEM file with the certificate of the authority");
  }
  if (options_.cert_file.empty()) {
    if (options_.key_file.empty()) return {};
    return error(Code::bad_input, "key= without cert=", "name the certificate that the key belongs to");
  }
  if (SSL_CTX_use_certificate_chain_file(context, options_.cert_file.c_str()) != 1) {
    return unreadable("cert", options_.cert_file, "name a PEM file with our certificate");
  }
  const std::string& key = options_.key_file.empty() ? options_.cert_file : options_.key_file;
  if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return unreadable("key", key,
                      "name a PEM file with the key of cert=; the password of an encrypted one stands in "
                      "KVKIT_REDIS_TLS_KEY_PASSWORD");
  }
  return {};
}

Result<std::unique_ptr<Transport>> TlsContext::connect(std::unique_ptr<Transport> inner, const std::string& host,
                                                       TimePoint until) const {
  ERR_clear_error();
  Ssl ssl(SSL_new(parts_->context.get()));
  BIO* bio = BIO_new(parts_->method.get());
  if (!ssl || bio == nullptr) {
    BIO_free(bio);
    return error(Code::unavailable, "OpenSSL cannot be used: " + complaint());
  }
  auto below_it = std::make_unique<Below>(Below{std::move(inner), {}});
  BIO_set_data(bio, below_it.get());
  SSL_set_bio(ssl.get(), bio, bio);
  const std::string& name = options_.server_name.empty() ? host : options_.server_name;
  const bool address = is_numeric(name);
  if (address) {
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), name.c_str()) != 1) {
      return error(Code::bad_input, "no address that TLS can verify");
    }
  } else if (SSL_set1_host(ssl.get(), name.c_str()) != 1 || ask_for(ssl.get(), name) != 1) {
    return error(Code::bad_input, "server_name= is no name that TLS can ask for");
  }
  auto out = std::make_unique<TlsTransport>(shared_from_this(), std::move(ssl), std::move(below_it));
  while (true) {
    const auto done = out->shake_hands();
    if (!done)
      return error(done.error().code == Code::io ? Code::unavailable : done.error().code, done.error().message,
                   done.error().hint);
    if (*done) return std::unique_ptr<Transport>(std::move(out));
    pollfd entry{out->descriptor(), static_cast<short>(out->wants_to_send() ? POLLOUT : POLLIN), 0};
    const auto ready = wait_for({&entry, 1}, until, Duration(0));
    if (!ready) return error(ready);
    if (!*ready) {
      return error(Code::unavailable, "no TLS handshake within the time for connecting",
                   "is TLS spoken on that port? raise connect_timeout=, if the network is that slow");
    }
  }
}

std::string tls_library() { return fmt::format("OpenSSL {}", OpenSSL_version(OPENSSL_VERSION_STRING)); }

}  // namespace kv::net
