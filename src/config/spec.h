// The configuration as typed values: what the files say, with every default filled in and short forms
// expanded.
//
// Immutable once loaded; control owns it. Names are unique and keep the order of the files. See shared
// vocabulary in docs/reference.md, which is generated from the same tables as the loader.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/time.h"
#include "config/diagnostic.h"
#include "config/spec_auth.h"
#include "config/spec_limits.h"
#include "config/spec_values.h"

namespace gatehouse::config {

// ---- small values
// ---------------------------------------------------------------------------------------------

struct HeadersSpec {
  HeaderOps request;
  HeaderOps response;
  Written written{};
};

// `*`, `https://shop.example.com`, `https://*.example.com`.
struct OriginPattern {
  enum class Kind : std::uint8_t {
    every,
    exact,
    below  // one or more labels below the host, never the host itself
  };
  Kind kind = Kind::every;
  // As browsers write an origin: lower case, without a default port.
  std::string scheme;   // with its `://`
  std::string host;     // with its port; of `below` with its leading dot
  std::string shown{};  // as written, where a substitution is in it: what may be printed
  friend bool operator==(const OriginPattern& a, const OriginPattern& b) noexcept {  // by meaning
    return a.kind == b.kind && a.scheme == b.scheme && a.host == b.host;
  }
};

// What may be printed of it.
std::string shown(const OriginPattern& origin);

// Which pages of other origins may read the answers, and what they may send (Fetch standard, section 3.3).
struct CorsSpec {
  std::vector<OriginPattern> origins;
  std::vector<std::string> methods = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};
  std::vector<std::string> headers = {"*"};  // of requests; `*` = those that are asked for
  std::vector<std::string> expose;           // headers of answers
  bool credentials = false;
  Duration max_age{10min};
  bool private_network = false;
  Location at;
  Written written{};
  friend bool operator==(const CorsSpec& a, const CorsSpec& b) noexcept {  // by meaning
    return a.origins == b.origins && a.methods == b.methods && a.headers == b.headers &&
           a.expose == b.expose && a.credentials == b.credentials && a.max_age == b.max_age &&
           a.private_network == b.private_network;
  }
};

// `/y/*`, `/y/:id`; empty text = the path unchanged.
struct Rewrite {
  std::string text;
  std::vector<PathSegment> segments;
  bool below = false;
  bool trailing_slash = false;
  friend bool operator==(const Rewrite&, const Rewrite&) = default;
};

// A PEM text from a file (or from a `$NAME` that holds it). What it holds is never shown.
struct PemText {
  std::string shown;  // the path, or the source
  std::string text;
  Location at;
  bool empty() const noexcept { return text.empty(); }
};

struct CertificateSpec {
  PemText cert;  // the chain, the server's own first
  PemText key;   // empty = beside the certificate, in its file
};

// TLS towards clients.
struct ListenerTlsSpec {
  enum class Client : std::uint8_t { none, optional, required };
  std::vector<CertificateSpec> certificates;  // chosen by SNI; the first is the default
  bool development = false;                   // `tls: dev`: one is made at start
  PemText client_ca;
  Client client = Client::none;
  bool only_1_3 = false;
  unsigned handshakes = 256;  // under way at a time, per worker
  Location at;
  Written written{};
};

// TLS towards a service.
struct ServiceTlsSpec {
  PemText ca;                // empty = the system's
  CertificateSpec identity;  // shown to the service; empty = none
  std::string server_name;   // empty = the URL's host
  bool verify = true;
  Location at;
  Written written{};
};

struct TimeoutsSpec {  // of a listener; against slow clients
  Duration handshake{10s};
  Duration head{10s};
  Duration body_idle{30s};
  Duration keep_alive{75s};
  Duration write_idle{30s};
  std::uint64_t min_rate = 200;  // bytes per second; 0 = off
  Written written{};
};

struct ListenerSpec {
  std::string name;
  Location at;
  std::uint16_t port = 8080;
  std::string bind = "0.0.0.0";
  std::uint64_t max_body = 0;  // bytes; 0 = unlimited
  std::uint64_t max_head = 32 * 1024;
  bool half_close = false;
  bool merge_slashes = true;
  std::uint64_t max_connections = 0;  // 0 = from the descriptor limit (gateway::Snapshot::compile)
  std::uint64_t per_address = 0;      // 0 = unlimited
  std::vector<Cidr> trusted_proxies;
  TimeoutsSpec timeouts;
  std::optional<ListenerTlsSpec> tls;
  std::uint16_t redirect = 0;  // HTTPS port to which every request is sent; 0 = none
  std::string hsts;            // Strict-Transport-Security; empty = off
  std::optional<AuthRule> auth;
  Written written{};
};

// ---- services
// -------------------------------------------------------------------------------------------------

enum class RetryOn : std::uint8_t {
  connect = 1,
  reset = 2,
  timeout = 4,
  status_502 = 8,
  status_503 = 16,
  status_504 = 32
};

struct RetrySpec {
  unsigned tries = 2;  // attempts in all
  std::uint8_t on = static_cast<std::uint8_t>(RetryOn::connect) | static_cast<std::uint8_t>(RetryOn::reset) |
                    static_cast<std::uint8_t>(RetryOn::status_503);
  double budget = 0.20;  // of the live traffic of the last 10 s, plus 3 a second
  Written written{};
};

struct HealthSpec {
  std::string path = "/health";
  Duration every{5s};
  unsigned fall = 3;
  unsigned rise = 2;
  Written written{};
};

enum class Balance : std::uint8_t { p2c, least, round };

// One URL of a service: where to connect and what goes before the path.
struct UrlSpec {
  std::string text;  // as written (a substitution as its source)
  std::string host;  // name, or address without brackets; empty for a unix socket
  std::uint16_t port = 80;
  std::string unix_path;  // of `unix:/path`
  bool tls = false;       // https
  Location at;
  bool secret = false;  // came from a substitution: show `text` (its source), never the host
};

// A named set of endpoints. A service without `versions` has one, whose name is empty.
struct VersionSpec {
  std::string name;
  std::vector<UrlSpec> urls;
  Location at;
};

struct CanarySpec {
  std::string to;        // name of the version
  double percent = 0.0;  // 0..100
  Written written{};
};

struct ServiceSpec {
  std::string name;
  Location at;
  std::vector<VersionSpec> versions;  // the first is the stable one
  std::optional<PathPattern> path;    // of the base route; nullopt = `path: none`
  bool path_given = false;
  Rewrite rewrite;   // for its routes that have none of their own
  std::string host;  // sent to the service instead of the client's; empty = the client's
  HeadersSpec headers;
  Duration timeout{10s};
  Duration connect_timeout{500ms};
  std::optional<Duration> deadline{30s};  // nullopt = off
  Duration idle{60s};
  Duration body_idle{5min};
  Duration stream_idle{1h};
  RetrySpec retry;
  std::optional<HealthSpec> health;
  Balance balance = Balance::p2c;
  std::vector<Cidr> allow;
  std::vector<Cidr> deny;
  std::vector<std::string> only;  // listeners; empty = all
  ServiceTlsSpec tls;             // of its https URLs
  std::optional<CorsSpec> cors;   // nullopt = off
  bool encoded_slash_keep = false;
  std::uint64_t max_in_flight = 0;  // 0 = no limit
  std::optional<CanarySpec> canary;
  std::optional<AuthRule> auth;
  std::optional<LimitSpec> limit;
  Written written{};
};

// ---- routes
// ---------------------------------------------------------------------------------------------------

struct Target {  // `payments`, `payments.v2`
  std::string service;
  std::string version;   // empty = the service as a whole (its canary decides)
  double percent = 100;  // weight; those of one route sum to 100
  Location at;
  std::string shown{};  // as written, where a substitution is in it; the names themselves are no secrets
};

std::string shown(const Target& target);  // what may be printed of it

struct RedirectSpec {
  Secret to;  // URL or path; `:id` and a final `*` may be used as in `rewrite`
  std::uint16_t status = 308;
  Written written{};
};

struct RouteSpec {
  std::string name;  // given, or made from what it matches ("/payments/* to payments.v2"); unique
  Location at;
  std::vector<PathPattern> paths;    // empty = any path
  std::vector<HostPattern> hosts;    // empty = any host
  std::vector<std::string> methods;  // empty = any
  When when;
  std::vector<Target> to;  // exactly one of `to`, `redirect`, `reply`
  std::optional<RedirectSpec> redirect;
  std::optional<ReplySpec> reply;
  std::optional<Rewrite> rewrite;
  std::int64_t priority = 0;
  std::optional<Duration> timeout;
  HeadersSpec headers;
  std::optional<CorsSpec> cors;
  bool cors_given = false;  // what stands here decides, `off` too; else the service's
  bool base = false;        // a service's own route (rule 6)
  std::optional<AuthRule> auth;
  std::optional<LimitSpec> limit;
  Written written{};
};

// The `cors` that holds for a route to `service` (null for redirects and replies); null = off.
const CorsSpec* cors_of(const RouteSpec& route, const ServiceSpec* service) noexcept;

// ---- the rest
// -------------------------------------------------------------------------------------------------

struct LogSpec {
  Secret to = Secret::plain("stdout");  // or a path
  std::vector<std::string> fields;      // empty = the default set
  double sample = 1.0;                  // 0..1
  std::vector<std::string> keep;        // `errors`, `slow`: never sampled away
  std::string format = "json";
  Written written{};
};

struct AdminSpec {
  std::string bind = "127.0.0.1";
  std::uint16_t port = 9900;
  Secret token;  // empty = a random one in the state folder
  struct Named {
    std::string name;
    Secret token;
  };
  std::vector<Named> tokens;
  std::vector<std::string> hosts;
  bool enabled = true;
  Location at;
  Written written{};
};

struct Spec {
  unsigned workers = 0;  // 0 = one a core
  Secret state;          // folder; resolved
  std::vector<ListenerSpec> listeners;
  std::vector<ServiceSpec> services;
  std::vector<RouteSpec> routes;  // as written, then the base routes of rule 6
  std::optional<AuthSpec> auth;   // nullopt = nobody is asked who they are
  std::vector<LimitSpec> limits;
  std::uint64_t limit_memory = 64ULL * 1024 * 1024;  // bytes, for the process
  LogSpec log;
  Duration drain{30s};
  Duration ready_grace{0s};
  AdminSpec admin;
  PemText system_ca;               // what the system trusts; empty = no service needs it, or it has none
  std::vector<std::string> files;  // every file read, the main one first; what control watches
  Written written{};
};

}  // namespace gatehouse::config
