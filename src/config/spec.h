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

namespace gatehouse::config {

// Text that came from `$NAME`, `${NAME}` or `file:`. Prints as its source everywhere; `reveal` is the only
// way in.
class Secret {
 public:
  Secret() = default;
  Secret(std::string value, std::string source, bool secret)
      : value_(std::move(value)), source_(std::move(source)), secret_(secret) {}
  static Secret plain(const std::string& text) { return {text, text, false}; }

  const std::string& reveal() const noexcept { return value_; }
  const std::string& source() const noexcept { return source_; }  // what may be shown: the text as written
  bool is_secret() const noexcept { return secret_; }
  bool empty() const noexcept { return value_.empty(); }
  friend bool operator==(const Secret&, const Secret&) = default;

 private:
  std::string value_;
  std::string source_;
  bool secret_ = false;
};

// Where the fields of one struct were written, by their position in its table; what is missing has its
// default. A struct copied from `defaults` brings the places of `defaults` along.
struct Written {
  struct Entry {
    std::uint16_t field = 0;  // index in the struct's table
    std::uint16_t file = 0;   // index in Spec::files
    std::uint32_t line = 0;
    std::string source;  // shown instead of the value, which came from a substitution; else empty
  };
  std::vector<Entry> entries;
  const Entry* find(std::size_t field) const noexcept;
};

// An address block. IPv4 is held as an IPv4-mapped IPv6 address, so one comparison serves both.
struct Cidr {
  std::array<std::uint8_t, 16> address{};
  std::uint8_t bits = 128;  // of the 128
  friend bool operator==(const Cidr&, const Cidr&) = default;
};

// ---- paths and hosts (rules 4 and 5)
// ------------------------------------------------------------------------

struct PathSegment {
  enum class Kind : std::uint8_t { literal, parameter };
  Kind kind = Kind::literal;
  std::string text;  // the literal, or the parameter's name
  friend bool operator==(const PathSegment&, const PathSegment&) = default;
};

// `/a/:id/*`, or `~regex` over the whole path.
struct PathPattern {
  std::string text;                   // as written (a substitution as its source)
  std::vector<PathSegment> segments;  // empty for a regex
  bool below = false;                 // ends in `/*`: the path itself and all below it
  bool trailing_slash = false;  // written with a final `/` (names that form exactly); never for `/` itself
  std::string regex;            // without the `~`; empty if the pattern is none
  friend bool operator==(const PathPattern& a, const PathPattern& b) noexcept {  // by meaning
    return a.segments == b.segments && a.below == b.below && a.trailing_slash == b.trailing_slash &&
           a.regex == b.regex;
  }
};

// `api.example.com`, `*.example.com`, or any.
struct HostPattern {
  std::string text;  // lower case, without port; for a wildcard the suffix with its leading dot; empty = any
  bool wildcard = false;
  std::string shown{};  // as written, where a substitution is in it: what may be printed
  friend bool operator==(const HostPattern& a, const HostPattern& b) noexcept {  // by meaning
    return a.text == b.text && a.wildcard == b.wildcard;
  }
};

// What may be printed of it: `*.example.com`, `*`.
std::string shown(const HostPattern& host);

// ---- conditions (rule 3)
// ------------------------------------------------------------------------------------

struct Test {
  enum class Kind : std::uint8_t { present, exact, prefix, regex, version, cidr };
  enum class Compare : std::uint8_t { less, less_equal, equal, greater_equal, greater };
  Kind kind = Kind::exact;
  std::string text;  // exact, prefix: the text; regex: the expression; version: "5.2"
  Compare compare = Compare::equal;
  Cidr cidr;
  std::string shown{};  // the whole test as written, where a substitution is in it: what may be printed
  friend bool operator==(const Test& a, const Test& b) noexcept {  // by meaning
    return a.kind == b.kind && a.text == b.text && a.compare == b.compare && a.cidr == b.cidr;
  }
};

struct ConditionKey {
  enum class Kind : std::uint8_t {
    host,
    path,
    method,
    header,
    query,
    cookie,
    ip,
    listener,
    cert,
    user,
    claim
  };
  Kind kind = Kind::header;
  std::string name;  // of header (lower case), query, cookie or claim; `subject`, `san` or `sha256` of cert
  friend bool operator==(const ConditionKey&, const ConditionKey&) = default;
};

// One key of a `when`: true if any of the tests holds, or with `negate` if none does.
struct Condition {
  ConditionKey key;
  bool negate = false;
  std::vector<Test> any_of;
  std::vector<HostPattern> hosts;  // for Kind::host instead of tests
  std::vector<PathPattern> paths;  // for Kind::path instead of tests
  Location at;
  std::string text;  // `header.x-beta: "true"`, as written: what may be shown (a test may hold a secret)
};

using ConditionSet = std::vector<Condition>;  // all must hold
using When = std::vector<ConditionSet>;       // any may hold; empty = always

// ---- identity (rules 3 and 7)
// -------------------------------------------------------------------------------

struct Rate {  // `50/s burst 100`
  std::uint64_t count = 0;
  Duration per{1s};
  std::uint64_t burst = 0;  // as many as `count` where it is not said
  friend bool operator==(const Rate&, const Rate&) = default;
};

// A header that tells the service about the user.
struct SendItem {
  enum class From : std::uint8_t {
    user,
    claim,
    issuer,  // the name of the issuer, or `api_keys`
    method,  // `jwt` or `api_key`
    remove   // of `authorization` only: the credential itself is not passed on
  };
  std::string header;  // lower case
  From from = From::user;
  std::string claim;  // of From::claim
  friend bool operator==(const SendItem&, const SendItem&) = default;
};

// An http or https URL with a path.
struct WebUrl {
  std::string shown;  // as written (a substitution as its source): what may be printed
  std::string host;   // name, or address without brackets; lower case
  std::uint16_t port = 443;
  bool tls = true;
  std::string target;  // path and query, at least `/`
};

// The keys of an issuer: a URL that is fetched, or a file, whose text is here and which is watched.
struct JwksSource {
  std::string shown;  // what may be printed
  std::optional<WebUrl> url;
  std::string text;  // of the file (or of a `$NAME` that holds it)
  Location at;
};

struct ApiKeySpec {
  std::string name;                                         // the user
  std::array<std::uint8_t, 32> sha256{};                    // of the key as it is sent
  std::vector<std::pair<std::string, std::string>> claims;  // name, text; a list gives several of one name
  std::optional<WallTime> expires;                          // from this moment on it is refused
  bool disabled = false;
  bool of_file = false;  // stands in ApiKeysSpec::file
  Location at;
  Written written{};
};

struct ApiKeysSpec {
  enum class In : std::uint8_t { header, query, cookie };
  std::vector<ApiKeySpec> keys;  // those of the configuration, then those of `file`; names and hashes unique
  std::string file;              // as it may be printed; empty = none
  In in = In::header;
  std::string name = "x-api-key";  // of the header (lower case), query parameter or cookie
  bool send = false;               // the key is passed on to the service
  Location at;
  Written written{};
};

// Where the keys of an issuer come from: exactly one of `discovery`, `jwks`, `secret`.
struct IssuerSpec {
  std::string name;                 // `main` where only one is written
  std::string issuer;               // the `iss` of its tokens, byte for byte
  std::string shown;                // of `issuer`, what may be printed
  std::optional<WebUrl> discovery;  // of the document that names the keys; where nothing else gives them
  std::optional<JwksSource> jwks;
  Secret secret;                      // of HS; at least 256 bits
  std::vector<std::string> audience;  // one of them has to be in `aud`; empty = any
  std::vector<std::string> algs;      // as `RS256`; resolved, never empty once loaded
  std::string typ;                    // required `typ`; empty = any
  std::string user = "sub";           // the claim that names the user
  Duration leeway{60s};
  Duration keep_removed_keys{10min};
  std::vector<std::string> revoked;  // thumbprints of keys (RFC 7638, SHA-256, base64url: 43 characters)
  Location at;
  Written written{};
};

// What a route, service, listener, or `auth` for all of them asks. See auth_rules.h for which one decides.
struct AuthRule {
  enum class Mode : std::uint8_t { required, optional, off };
  Mode mode = Mode::required;
  std::vector<std::string> issuers{};  // names, `api_keys` for these; empty = all
  When require{};                      // empty = nothing further; only of Mode::required
  Location at{};
  std::string text{};  // as written: what may be shown
};

struct AuthSpec {
  std::vector<IssuerSpec> issuers;  // may be empty where `api_keys` is given
  IssuerSpec shared;                // what stands beside `issuer`; handed on to each that says nothing else
  std::optional<ApiKeysSpec> api_keys;
  std::vector<PathPattern> public_paths;
  std::vector<SendItem> send{{"x-user", SendItem::From::user, {}}};
  std::uint64_t cache_memory = 64ULL * 1024 * 1024;  // bytes, for the process
  Rate bad_signatures{50, 1s, 50};                   // fresh ones, per address; more are answered 429
  AuthRule rule;                                     // for all that says nothing narrower
  Location at;
  Written written{};
};

// ---- small values
// ---------------------------------------------------------------------------------------------

struct HeaderOps {
  struct Item {
    std::string name;
    Secret value;
  };
  std::vector<Item> set;
  std::vector<Item> add;
  std::vector<std::string> remove;
  Written written{};
  bool empty() const noexcept { return set.empty() && add.empty() && remove.empty(); }
};

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

struct ReplySpec {
  std::uint16_t status = 200;
  std::vector<HeaderOps::Item> headers;
  Secret body;
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
  LogSpec log;
  Duration drain{30s};
  Duration ready_grace{0s};
  AdminSpec admin;
  PemText system_ca;               // what the system trusts; empty = no service needs it, or it has none
  std::vector<std::string> files;  // every file read, the main one first; what control watches
  Written written{};
};

}  // namespace gatehouse::config
