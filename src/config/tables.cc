#include "config/tables.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/finish.h"
#include "config/kinds.h"

namespace gatehouse::config {

namespace {

constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kHour = 3'600'000 * kMillisecond;
constexpr std::int64_t kDay = 24 * kHour;
constexpr std::int64_t kTera = 1LL << 40;

// ---- listeners
// ------------------------------------------------------------------------------------------------

using T = TimeoutsSpec;
constinit const Field kTimeoutFields[] = {
    value<&T::handshake>("handshake", kDuration, "for a TLS handshake", {.min = kMillisecond, .max = kHour}),
    value<&T::head>("head", kDuration, "from the first byte of a request to the end of its head",
                    {.min = kMillisecond, .max = kHour}),
    value<&T::body_idle>("body_idle", kDuration, "without a byte of a request's body",
                         {.min = kMillisecond, .max = kDay}),
    value<&T::keep_alive>("keep_alive", kDuration,
                          "from the last answer to the first byte of the next request",
                          {.min = kMillisecond, .max = kDay}),
    value<&T::write_idle>("write_idle", kDuration, "in which a client takes nothing of an answer",
                          {.min = kMillisecond, .max = kDay}),
    value<&T::min_rate>("min_rate", kSize,
                        "per second, averaged over the last 30 s, once 30 s of a body have passed, while the "
                        "client is what is waited for",
                        {.min = 1, .max = kTera, .zero = "off"}),
};
constinit const Table kTimeoutTable =
    table_of<T>("listen.<name>.timeouts", "Against slow clients.", kTimeoutFields);

using Tls = ListenerTlsSpec;
constinit const Field kListenerTlsFields[] = {
    value<&Tls::certificates>("cert", kCertificateFile, "PEM file with the certificate and its chain",
                              {.default_text = "required, or `certificates`, or `dev`"}),
    value<&Tls::certificates>("key", kKeyFile, "PEM file with the private key",
                              {.default_text = "in the file of `cert`"}),
    value<&Tls::certificates>(
        "certificates", kCertificates,
        "several, chosen by the name that the client asks for; the first is the default",
        {.default_text = "none", .filled = true}),
    value<&Tls::client_ca>("client_ca", kPemFile,
                           "PEM file with the authorities whose certificates clients show",
                           {.default_text = "none"}),
    value<&Tls::client>("client", kClientCertificate, "whether clients have to show one",
                        {.default_text = "`required` with `client_ca`, else `none`"}),
    value<&Tls::only_1_3>("min", kTlsVersion, "oldest version of TLS"),
    value<&Tls::handshakes>("handshakes", kNumber,
                            "handshakes under way at a time, per worker; one more, and the oldest gives way",
                            {.min = 1, .max = 100'000}),
};
constinit const Table kListenerTlsTable = [] {
  Table table =
      table_of<Tls>("listen.<name>.tls",
                    "TLS towards clients. `tls: dev` is a self-signed certificate made at start; a list is "
                    "short for `certificates`.",
                    kListenerTlsFields);
  table.short_field = "certificates";
  table.finish = finish_listener_tls;
  return table;
}();

using L = ListenerSpec;
constinit const Field kListenerFields[] = {
    value<&L::port>("port", kPort, "TCP port; 0 = any free one", {.min = 0, .max = 65535}),
    value<&L::bind>("bind", kBind, "address to listen on; `0.0.0.0` and `::` are all"),
    value<&L::max_body>("max_body", kSize, "largest request body; larger ones get 413",
                        {.min = 1, .max = kTera, .zero = "none"}),
    value<&L::max_head>("max_head", kSize, "largest request head; larger ones get 431",
                        {.min = 1024, .max = 1 << 20}),
    value<&L::half_close>("half_close", kSwitch,
                          "whether a client may end its side of the connection and still wait for the "
                          "answer; `off` cancels the request"),
    value<&L::merge_slashes>("merge_slashes", kSwitch,
                             "whether runs of `/` in a path are one; a segment of parameters alone (`/;x/`) "
                             "gets 400 in any case"),
    value<&L::max_connections>(
        "max_connections", kCount,
        "open connections; beyond them new ones are closed, and idle ones make room. "
        "`auto` = the limit of descriptors (`ulimit -Hn`) less a tenth, at least 64 and at "
        "most half of it, which stay free for services, files and the admin API",
        {.min = 1, .max = 10'000'000, .zero = "auto"}),
    value<&L::per_address>("per_address", kCount,
                           "open connections of one address; trusted proxies are never counted",
                           {.min = 1, .max = 10'000'000, .zero = "none"}),
    value<&L::trusted_proxies>("trusted_proxies", kCidrs, "peers whose `X-Forwarded-*` are believed",
                               {.default_text = "none"}),
    group<&L::timeouts>("timeouts", kTimeoutTable, "against slow clients"),
    optional<&L::tls>("tls", kListenerTlsTable, "TLS", {.default_text = "off"}),
    value<&L::redirect>("redirect", kHttpsRedirect,
                        "`https`, or `https:PORT`: every request is sent there (308), before anything else"),
    value<&L::hsts>("hsts", kHsts,
                    "Strict-Transport-Security; `on` is `max-age=31536000`. Never sent in clear text"),
    value<&L::auth>("auth", kAuthRule, "what is asked of who comes through it",
                    {.default_text = "as `auth` at the top"}),
    later("proxy_protocol"),
    later("auth_check"),
    later("jwks"),
};
constinit const Table kListenerTable = [] {
  Table table =
      table_of<L>("listen.<name>", "A door. `listen: 8080` is one listener named `public`.", kListenerFields);
  table.short_field = "port";
  table.finish = finish_listener;
  return table;
}();

// ---- headers
// ----------------------------------------------------------------------------------------------------

using O = HeaderOps;
constinit const Field kHeaderOpFields[] = {
    value<&O::set>("set", kHeaderItems, "headers that get this value, whatever they had",
                   {.default_text = "none"}),
    value<&O::add>("add", kHeaderItems, "values added to what is there", {.default_text = "none"}),
    value<&O::remove>("remove", kHeaderNames, "headers that are removed", {.default_text = "none"}),
};
constinit const Table kHeaderOpTable = table_of<O>(
    "headers.request, headers.response", "What happens to the headers of one direction.", kHeaderOpFields);

using H = HeadersSpec;
constinit const Field kHeadersFields[] = {
    group<&H::request>("request", kHeaderOpTable, "on the way to the service"),
    group<&H::response>("response", kHeaderOpTable, "on the way to the client"),
};
constinit const Table kHeadersTable =
    table_of<H>("headers", "Of a service or a route. The route's come after the service's.", kHeadersFields);

// ---- cors
// -------------------------------------------------------------------------------------------------------

using C = CorsSpec;
constinit const Field kCorsFields[] = {
    value<&C::origins>(
        "origins", kOrigins,
        "whose pages may read the answers: `*` (all), an origin, or `https://*.example.com` (all "
        "below it, never `example.com` itself)",
        {.default_text = "required"}),
    value<&C::methods>("methods", kCorsMethods, "methods they may use; `*` = the one that is asked for"),
    value<&C::headers>("headers", kCorsHeaders,
                       "request headers they may send; `*` = those that are asked for"),
    value<&C::expose>("expose", kCorsHeaders, "response headers they may read besides the basic ones",
                      {.default_text = "none"}),
    value<&C::credentials>("credentials", kSwitch,
                           "whether cookies and the like are sent along; never with the origin `*`"),
    value<&C::max_age>("max_age", kDuration,
                       "how long browsers may keep the answer to a preflight; their own limit is 2 h or 24 h",
                       {.min = 0, .max = kDay}),
    value<&C::private_network>(
        "private_network", kSwitch,
        "whether pages from the public internet may ask for what is in a private network"),
};
constinit const Table kCorsTable = [] {
  Table table =
      table_of<C>("cors",
                  "Of a service or a route: which pages of other origins may read its answers. "
                  "`cors: https://shop.example.com` is its origins. A route's replaces the service's.",
                  kCorsFields);
  table.short_field = "origins";
  table.finish = finish_cors;
  return table;
}();

// ---- services
// ---------------------------------------------------------------------------------------------------

using R = RetrySpec;
constinit const Field kRetryFields[] = {
    value<&R::tries>("tries", kNumber, "attempts in all", {.min = 1, .max = 10}),
    value<&R::on>("on", kRetryOn,
                  "failures after which another attempt is made; any method while nothing was sent, safe "
                  "ones afterwards"),
    value<&R::budget>("budget", kFraction,
                      "further attempts at most, of the live traffic of the last 10 s, plus 3 a second"),
};
constinit const Table kRetryTable = [] {
  Table table =
      table_of<R>("services.<name>.retry", "`retry: 3` is three tries, `retry: off` one.", kRetryFields);
  table.short_field = "tries";
  table.turn_off = [](void* retry) { static_cast<R*>(retry)->tries = 1; };
  return table;
}();

using Health = HealthSpec;
constinit const Field kHealthFields[] = {
    value<&Health::path>("path", kHealthPath, "what is asked for; 2xx and 3xx are healthy"),
    value<&Health::every>("every", kDuration, "between two checks of an endpoint",
                          {.min = 100 * kMillisecond, .max = kHour}),
    value<&Health::fall>("fall", kNumber, "failures in a row that take an endpoint out",
                         {.min = 1, .max = 100}),
    value<&Health::rise>("rise", kNumber, "successes in a row that bring it back", {.min = 1, .max = 100}),
};
constinit const Table kHealthTable = [] {
  Table table = table_of<Health>("services.<name>.health",
                                 "Active checks. `health: /path` is short for the path.", kHealthFields);
  table.short_field = "path";
  return table;
}();

constinit const Field kCanaryFields[] = {
    value<&CanarySpec::to>("to", kText, "version that gets the percentage"),
    later("steps"),
    later("every"),
    later("by"),
    later("rollback_if"),
    later("on_fail"),
    later("confidence"),
};
constinit const Table kCanaryTable = table_of<CanarySpec>("services.<name>.canary", "", kCanaryFields);

using ServiceTls = ServiceTlsSpec;
constinit const Field kServiceTlsFields[] = {
    value<&ServiceTls::ca>("ca", kPemFile, "PEM file with the authorities to trust",
                           {.default_text = "the system's"}),
    value<&ServiceTls::identity>("cert", kOwnCertificate, "PEM file with the gateway's own certificate",
                                 {.default_text = "none"}),
    value<&ServiceTls::identity>("key", kOwnKey, "PEM file with its private key",
                                 {.default_text = "in the file of `cert`"}),
    value<&ServiceTls::server_name>("server_name", kServerName,
                                    "name that is asked for and that the certificate covers",
                                    {.default_text = "the URL's host"}),
    value<&ServiceTls::verify>("verify", kSwitch,
                               "whether the certificate is checked; `off` is warned about"),
};
constinit const Table kServiceTlsTable = [] {
  Table table = table_of<ServiceTls>("services.<name>.tls", "TLS towards a service with `https://` URLs.",
                                     kServiceTlsFields);
  table.finish = finish_service_tls;
  return table;
}();

using S = ServiceSpec;
constinit const Field kServiceFields[] = {
    value<&S::versions>(
        "url", kUrls,
        "where the service is; names are resolved again by their TTL, each address is an endpoint",
        {.default_text = "required, or `versions`", .in_defaults = false}),
    value<&S::versions>("versions", kVersions, "URLs by version; the first is the stable one",
                        {.default_text = "none", .in_defaults = false}),
    value<&S::path>("path", kServicePath, "of its base route; `none` = only the routes that are written",
                    {.default_text = "/<name>/*"}),
    value<&S::rewrite>("rewrite", kRewrite,
                       "path sent to the service, for its routes that have no `rewrite` of their own"),
    value<&S::host>("host", kServiceHost, "Host sent to the service", {.default_text = "the client's"}),
    group<&S::headers>("headers", kHeadersTable, "set, added and removed headers"),
    value<&S::timeout>("timeout", kDuration,
                       "per try, from the last byte of the request sent to the head of the answer",
                       {.min = kMillisecond, .max = kDay}),
    value<&S::connect_timeout>("connect_timeout", kDuration, "for a connection to an endpoint",
                               {.min = kMillisecond, .max = kHour}),
    value<&S::deadline>("deadline", kOptionalDuration,
                        "all tries together, to the head of the answer; the time in which the request's body "
                        "arrives does not count",
                        {.min = kMillisecond, .max = kDay, .zero = "off"}),
    value<&S::idle>("idle", kDuration,
                    "how long an unused connection is kept; never longer than the service's `Keep-Alive: "
                    "timeout` less 1 s",
                    {.min = kMillisecond, .max = kDay}),
    value<&S::body_idle>("body_idle", kDuration, "in which nothing of an answer's body moves",
                         {.min = kMillisecond, .max = 7 * kDay}),
    value<&S::stream_idle>("stream_idle", kDuration, "likewise, for event streams and tunnels",
                           {.min = kMillisecond, .max = 7 * kDay}),
    group<&S::retry>("retry", kRetryTable, "further attempts"),
    optional<&S::health>("health", kHealthTable,
                         "active checks; if all endpoints are out, they are used as if none were",
                         {.default_text = "off"}),
    value<&S::balance>("balance", kBalance,
                       "how an endpoint is chosen: the better of two, the least loaded, one after the other"),
    value<&S::allow>("allow", kCidrs, "client addresses that may use it",
                     {.default_text = "all", .filled = true}),
    value<&S::deny>("deny", kCidrs, "client addresses that may not; wins over `allow`",
                    {.default_text = "none"}),
    value<&S::only>("only", kListeners, "listeners through which it can be reached",
                    {.default_text = "all", .filled = true}),
    optional<&S::cors>("cors", kCorsTable, "pages of other origins that may read the answers",
                       {.default_text = "off"}),
    value<&S::encoded_slash_keep>("encoded_slash", kEncodedSlash,
                                  "whether `%2F` in a path is refused, or kept and forwarded as it came"),
    group<&S::tls>("tls", kServiceTlsTable, "of `https://` URLs"),
    value<&S::max_in_flight>("max_in_flight", kCount,
                             "requests at a time, open WebSockets among them; more get 503",
                             {.min = 1, .max = 10'000'000, .zero = "none"}),
    value<&S::canary>("canary", kCanary, "a version and its share of what goes to the service as a whole",
                      {.in_defaults = false}),
    value<&S::auth>("auth", kAuthRule, "what is asked of who uses it; goes before `auth.public`",
                    {.default_text = "the listener's"}),
    optional<&S::limit>("limit", kLimitTable, "of all that goes to it; a rate as in `limits`",
                        {.default_text = "none"}),
    later("breaker"),
    later("fallback"),
    later("cache"),
    later("stale_for"),
    later("vary"),
    later("queue"),
    later("idempotency"),
    later("sticky"),
    later("compress"),
    later("validate"),
    later("mirror"),
};
constinit const Table kServiceTable = [] {
  Table table = table_of<S>(
      "services.<name>", "What stands behind the gateway. A service may be its URL alone.", kServiceFields);
  table.short_field = "url";
  table.finish = finish_service;
  return table;
}();

// ---- routes
// -----------------------------------------------------------------------------------------------------

using Redirect = RedirectSpec;
constinit const Field kRedirectFields[] = {
    value<&Redirect::to>("to", kRedirectTo,
                         "URL or path; `:id` and a final `*` are filled in from the route's path",
                         {.default_text = "required"}),
    value<&Redirect::status>("status", kStatus, "of the answer", {.min = 301, .max = 308}),
};
constinit const Table kRedirectTable = [] {
  Table table =
      table_of<Redirect>("routes[].redirect", "An answer that sends the client elsewhere.", kRedirectFields);
  table.short_field = "to";
  table.finish = finish_redirect;
  return table;
}();

using Reply = ReplySpec;
constinit const Field kReplyFields[] = {
    value<&Reply::status>("status", kStatus, "of the answer", {.min = 200, .max = 599}),
    value<&Reply::headers>("headers", kHeaderItems, "of the answer", {.default_text = "none"}),
    value<&Reply::body>("body", kSecret, "of the answer", {.default_text = "empty"}),
};

using Route = RouteSpec;
constinit const Field kRouteFields[] = {
    value<&Route::name>("name", kRouteName, "in log and metrics; unique",
                        {.default_text = "made from what it matches"}),
    value<&Route::paths>(
        "path", kPaths,
        "paths it matches: `/x/*` is `/x` and all below it, `:id` one segment, `~` begins a regex",
        {.default_text = "any", .filled = true}),
    value<&Route::hosts>("host", kHosts, "hosts it matches", {.default_text = "any", .filled = true}),
    value<&Route::methods>("method", kMethods, "methods it matches; `GET` serves `HEAD` too",
                           {.default_text = "any", .filled = true}),
    value<&Route::when>("when", kWhen, "conditions; several keys must all hold, of a list of maps one",
                        {.default_text = "always"}),
    value<&Route::to>("to", kTargets, "service, one of its versions, or several with weights",
                      {.default_text = "one of `to`, `redirect`, `reply`"}),
    optional<&Route::redirect>("redirect", kRedirectTable, "sends the client elsewhere"),
    optional<&Route::reply>("reply", kReplyTable, "answers without a service"),
    value<&Route::rewrite>("rewrite", kRouteRewrite,
                           "path sent to the service; the part under `*` and the `:id`s may be used",
                           {.default_text = "the service's"}),
    value<&Route::priority>("priority", kInteger, "higher ones are tried first, before all else is compared",
                            {.min = -1'000'000, .max = 1'000'000}),
    value<&Route::timeout>("timeout", kOptionalDuration, "instead of the service's",
                           {.min = kMillisecond, .max = kDay, .default_text = "the service's"}),
    group<&Route::headers>("headers", kHeadersTable, "set, added and removed headers"),
    value<&Route::auth>("auth", kAuthRule, "what is asked of who uses it; goes before all others",
                        {.default_text = "the service's"}),
    optional<&Route::cors>("cors", kCorsTable, "instead of the service's; `off` is none",
                           {.default_text = "the service's"}),
    optional<&Route::limit>("limit", kLimitTable, "of all that takes it; a rate as in `limits`",
                            {.default_text = "none"}),
    later("experiment"),
    later("class"),
};
constinit const Table kRouteTable = [] {
  Table table = table_of<Route>("routes[]", "Which requests go where.", kRouteFields);
  table.sample = "- {path: /users/*, to: users}";
  table.finish = finish_route;
  table.key = nullptr;  // routes are a list; their names are fields
  return table;
}();

// ---- the rest
// ---------------------------------------------------------------------------------------------------

using Log = LogSpec;
constinit const Field kLogTableFields[] = {
    value<&Log::to>("to", kLogTarget, "`stdout`, or a file (reopened on SIGUSR1)"),
    value<&Log::format>("format", kLogFormat, "one JSON object a line"),
    value<&Log::fields>("fields", kLogFields, "fields of a record, in this order",
                        {.default_text = "all but `query` and `tls_*`", .filled = true}),
    value<&Log::keep>("keep", kLogKeep, "requests that `sample` never leaves out", {.default_text = "none"}),
    value<&Log::sample>("sample", kFraction, "share of the requests that is logged"),
};
constinit const Table kLogTable = [] {
  Table table = table_of<Log>("log", "The access log. `log: stdout` is its target.", kLogTableFields);
  table.short_field = "to";
  return table;
}();

using Admin = AdminSpec;
constinit const Field kAdminFields[] = {
    value<&Admin::bind>("bind", kBind, "address to listen on"),
    value<&Admin::port>("port", kPort, "TCP port; 0 = any free one", {.min = 0, .max = 65535}),
    value<&Admin::token>("token", kSecret, "needed for all but `/healthz`, `/readyz` and `/metrics`",
                         {.default_text = "a random one in the state folder"}),
    value<&Admin::tokens>("tokens", kTokens, "further tokens; the name is the \"who\" of the log",
                          {.default_text = "none"}),
    value<&Admin::hosts>("hosts", kHostNames, "Hosts that are answered besides addresses and `localhost`",
                         {.default_text = "none"}),
};
constinit const Table kAdminTable = [] {
  Table table = table_of<Admin>("admin", "The admin API. `admin: off` is none.", kAdminFields);
  table.turn_off = [](void* admin) { static_cast<Admin*>(admin)->enabled = false; };
  table.is_off = [](const void* admin) { return !static_cast<const Admin*>(admin)->enabled; };
  table.finish = finish_admin;
  return table;
}();

constexpr Kind kInclude{"files", "a file such as `teams/*.yaml`, or a list of them",
                        R"({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})"};

constinit const Field kTopFields[] = {
    value<&Spec::workers>("workers", kNumber,
                          "threads that serve; `cores` = one a core. A change needs a restart",
                          {.min = 1, .max = 1024, .zero = "cores"}),
    value<&Spec::state>(
        "state", kFilePath, "folder for what outlives a restart",
        {.default_text = "`$STATE_DIRECTORY`, else `$XDG_STATE_HOME/gatehouse`, else `/var/lib/gatehouse`"}),
    elsewhere("include", &kInclude, nullptr,
              "files with `services` and `routes`, so that teams own their part; one of them, or the main "
              "file, may hold `auth`"),
    elsewhere("defaults", nullptr, &kServiceTable, "the same keys as a service, for all services"),
    groups<&Spec::listeners>("listen", Shape::named, kListenerTable, "the doors", {.short_name = "public"}),
    groups<&Spec::services>("services", Shape::named, kServiceTable, "what stands behind the gateway",
                            {.in_include = true}),
    groups<&Spec::routes>("routes", Shape::list, kRouteTable, "which requests go where",
                          {.in_include = true}),
    optional<&Spec::auth>("auth", kAuthTable, "who is let in: with it, every route needs valid credentials",
                          {.default_text = "off", .in_include = true, .on = false}),
    groups<&Spec::limits>("limits", Shape::named, kLimitTable,
                          "how many requests are let through; `default` is per user", {.in_include = true}),
    value<&Spec::limit_memory>(
        "limit_memory", kSize,
        "for what limits count apart; 1 MB is about 28000 users. A change needs a restart",
        {.min = 1 << 20, .max = kTera}),
    group<&Spec::log>("log", kLogTable, "the access log"),
    value<&Spec::drain>("drain", kDuration, "for what is in flight after SIGTERM", {.min = 0, .max = kDay}),
    value<&Spec::ready_grace>("ready_grace", kDuration,
                              "in which `/readyz` says 503 before connections are refused",
                              {.min = 0, .max = kHour}),
    group<&Spec::admin>("admin", kAdminTable, "the admin API"),
    later("region"),
    later("regions"),
    later("redis"),
    later("database"),
    later("classes"),
    later("business_metrics"),
    later("experiments"),
    later("graphql"),
    later("dns"),
    later("alerts"),
    later("trace"),
};
constinit const Table kTopTable = table_of<Spec>("", "The file itself.", kTopFields);

constexpr const Table* kOwnTables[] = {&kTopTable,      &kListenerTable,   &kListenerTlsTable, &kTimeoutTable,
                                       &kServiceTable,  &kServiceTlsTable, &kRetryTable,       &kHealthTable,
                                       &kRouteTable,    &kRedirectTable,   &kReplyTable,       &kHeadersTable,
                                       &kHeaderOpTable, &kCorsTable,       &kLogTable,         &kAdminTable};

}  // namespace

constinit const Table kReplyTable = [] {
  Table table = table_of<Reply>(
      "routes[].reply", "An answer that the gateway gives itself. `reply: 404` is its status.", kReplyFields);
  table.short_field = "status";
  table.finish = finish_reply;
  return table;
}();

const Table& top_table() { return kTopTable; }
const Table& listener_table() { return kListenerTable; }
const Table& listener_tls_table() { return kListenerTlsTable; }
const Table& service_table() { return kServiceTable; }
const Table& route_table() { return kRouteTable; }
const Table& canary_table() { return kCanaryTable; }
const Table& cors_table() { return kCorsTable; }

std::span<const Table* const> all_tables() {
  static const std::vector<const Table*> kAll = [] {
    std::vector<const Table*> all(std::begin(kOwnTables), std::end(kOwnTables));
    const auto log = std::ranges::find(all, &kLogTable);
    all.insert(log, auth_tables().begin(), auth_tables().end());
    all.insert(std::ranges::find(all, &kLogTable), &kLimitTable);
    return all;
  }();
  return kAll;
}

}  // namespace gatehouse::config
