// What TLS connections of one listener, or to one service, have in common: certificates, trust, and rules.
// Immutable, made on the control thread, shared by all loops.
//
// Only TLS 1.2 and 1.3, with the cipher suites and groups of Mozilla's "intermediate" guideline (version 5.7)
// less those without forward secrecy by elliptic curves. No renegotiation, no compression, no early data.
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "base/time.h"
#include "net/tls_authorities.h"
#include "net/tls_tickets.h"

struct ssl_ctx_st;
struct ssl_st;

namespace gatehouse::net {

struct TlsContextDeleter {
  void operator()(ssl_ctx_st* context) const noexcept;
};
using TlsContextPtr = std::unique_ptr<ssl_ctx_st, TlsContextDeleter>;

// A chain of certificates, the server's own first, and its private key; PEM texts.
struct TlsIdentity {
  std::string chain;
  std::string key;
};

// Why a context could not be made. Never quotes what was given.
struct TlsTrouble {
  enum class Part : std::uint8_t { chain, key, ca };
  Part part;
  std::size_t identity = 0;  // which one, of several
  std::string what;          // "is no PEM certificate", "does not belong to the certificate"
};

// Lines for a key log file (SSLKEYLOGFILE): whoever has them reads everything. Any thread.
using TlsKeyLog = std::function<void(std::string_view line)>;

// Towards clients.
class TlsServerContext {
 public:
  enum class ClientCertificate : std::uint8_t { none, optional, required };
  struct Settings {
    std::vector<TlsIdentity> identities;  // chosen by SNI; the first is the default. At least one
    std::string client_ca;                // PEM; whose certificates clients may show
    ClientCertificate client = ClientCertificate::none;
    bool only_1_3 = false;
    std::vector<std::string> protocols = {"http/1.1"};  // by ALPN, best first
    std::string scope;  // sessions resume within one scope: the listener's name
    std::shared_ptr<TlsTicketKeys> tickets;
    TlsKeyLog key_log{};
  };
  static std::expected<std::shared_ptr<const TlsServerContext>, TlsTrouble> make(Settings settings);

  // A certificate and those beside it for the same name with other kinds of keys.
  struct Bundle {
    TlsContextPtr context;
    std::vector<std::string> names;  // lower case; "*.example.com" for a wildcard
    bool covers(std::string_view host) const noexcept;
  };
  struct Certificate {
    std::vector<std::string> names;
    WallTime from;
    WallTime until;
  };
  const std::vector<Certificate>& certificates() const noexcept { return certificates_; }
  const Bundle& choose(
      std::string_view server_name) const noexcept;  // any case; the default if none covers it
  bool speaks_for(const Bundle& in_use, std::string_view host) const noexcept;  // see TlsInfo
  TlsTicketKeys& ticket_keys() const noexcept { return *settings_.tickets; }
  const TlsKeyLog& key_log() const noexcept { return settings_.key_log; }

  TlsServerContext(const TlsServerContext&) = delete;
  ~TlsServerContext();

 private:
  friend class TlsServerContextMaker;
  const Bundle* find(std::string_view host) const noexcept;  // lower case
  TlsServerContext() = default;
  std::vector<std::unique_ptr<Bundle>> bundles_;  // the default first
  using Names = std::unordered_map<std::string, const Bundle*, StringHash, std::equal_to<>>;
  Names by_name_;
  Names by_suffix_;  // of wildcards: ".example.com"
  std::vector<Certificate> certificates_;
  Settings settings_;  // without the keys
};

// Towards services.
class TlsClientContext {
 public:
  struct Settings {
    std::string ca{};                                // PEM; empty = the system's
    std::shared_ptr<const TlsAuthorities> system{};  // which those are; null = OpenSSL's own
    TlsIdentity identity{};                          // shown if the service asks; empty = none
    bool verify = true;                              // chain and name
    std::vector<std::string> protocols{"http/1.1"};
    TlsKeyLog key_log{};
  };
  static std::expected<std::shared_ptr<const TlsClientContext>, TlsTrouble> make(const Settings& settings);

  // Equal for equal settings, the log aside.
  static std::string fingerprint(const Settings& settings);

  ssl_ctx_st* context() const noexcept { return context_.get(); }
  const TlsKeyLog& key_log() const noexcept { return key_log_; }

  TlsClientContext(const TlsClientContext&) = delete;

 private:
  TlsClientContext() = default;
  TlsContextPtr context_;
  std::shared_ptr<const TlsAuthorities> system_;
  TlsKeyLog key_log_;
};

// A self-signed certificate for development: for `names` (hosts or addresses), good from now for `days`.
TlsIdentity make_development_identity(const std::vector<std::string>& names, int days);

}  // namespace gatehouse::net
