#include "filters/cors/cors_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "config/loader.h"
#include "config/values.h"
#include "filters/cors/cors_policy.h"
#include "gateway/exchange_testing.h"

namespace gatehouse::filters {
namespace {

using gateway::testing::Bench;
using gateway::testing::Fields;
using gateway::testing::OneExchange;

// ---- origins -------------------------------------------------------------------------------------------

struct OriginCase {
  std::vector<std::string_view> patterns;
  std::string_view origin;
  bool in;
};

TEST(OriginSet, Table) {
  const std::string long_label = "https://" + std::string(400, 'a') + ".example.com";
  const OriginCase cases[] = {
      {{"*"}, "https://shop.example.com", true},
      {{"*"}, "null", true},
      {{"*"}, "", false},
      {{"https://shop.example.com"}, "https://shop.example.com", true},
      {{"https://shop.example.com"}, "http://shop.example.com", false},
      {{"https://shop.example.com"}, "https://shop.example.com:8443", false},
      {{"https://shop.example.com"}, "https://shop.example.com.evil.test", false},
      {{"https://shop.example.com"}, "https://evil-shop.example.com", false},
      {{"https://shop.example.com"}, "https://shop.example.com/", false},
      {{"https://shop.example.com"}, "https://SHOP.example.com", false},
      {{"https://shop.example.com"}, "null", false},
      {{"https://shop.example.com"}, "", false},
      {{"HTTPS://Shop.Example.com:443"}, "https://shop.example.com", true},
      {{"http://localhost:80"}, "http://localhost", true},
      {{"http://localhost:3000"}, "http://localhost:3000", true},
      {{"http://localhost:3000"}, "http://localhost", false},
      {{"http://[0:0::1]:3000"}, "http://[::1]:3000", true},
      {{"capacitor://localhost"}, "capacitor://localhost", true},
      {{"https://a.test", "https://b.test", "https://c.test"}, "https://b.test", true},
      {{"https://a.test", "https://b.test", "https://c.test"}, "https://d.test", false},
      {{"https://*.example.com"}, "https://shop.example.com", true},
      {{"https://*.example.com"}, "https://a.b-c.shop_1.example.com", true},
      {{"https://*.example.com"}, "https://example.com", false},
      {{"https://*.example.com"}, "https://.example.com", false},
      {{"https://*.example.com"}, "https://..example.com", false},
      {{"https://*.example.com"}, "https://a..b.example.com", false},
      {{"https://*.example.com"}, "https://evilexample.com", false},
      {{"https://*.example.com"}, "https://evil.test/.example.com", false},
      {{"https://*.example.com"}, "https://evil.test:1@a.example.com", false},
      {{"https://*.example.com"}, "https://evil.test#.example.com", false},
      {{"https://*.example.com"}, "https://A.example.com", false},
      {{"https://*.example.com"}, "http://a.example.com", false},
      {{"https://*.example.com"}, "https://a.example.com:8443", false},
      {{"https://*.example.com:8443"}, "https://a.example.com:8443", true},
      {{"https://*.example.com:8443"}, "https://a.example.com", false},
      {{"https://*.example.com"}, long_label, false},
  };
  for (const OriginCase& c : cases) {
    std::vector<config::OriginPattern> patterns;
    for (std::string_view p : c.patterns) patterns.push_back(*config::parse_origin_pattern(p));
    EXPECT_EQ(OriginSet(patterns).contains(c.origin), c.in) << c.patterns.front() << " and " << c.origin;
  }
}

TEST(NameList, Table) {
  for (std::string_view good : {"x-a", "x-a,x-b", "x-a, x-b", "content-type , x_y", "x-a,", "X-A\t,\tx-b"})
    EXPECT_TRUE(is_name_list(good)) << good;
  for (std::string_view bad : {"", "x a", "x-a;q=1", "x-a, \"b\"", "x:y", "(x)", "x\x80", "x/y"})
    EXPECT_FALSE(is_name_list(bad)) << bad;
  EXPECT_TRUE(is_name_list(std::string(4096, 'a')));
  EXPECT_FALSE(is_name_list(std::string(4097, 'a')));
}

// ---- answers -------------------------------------------------------------------------------------------

config::Spec load(const std::string& yaml) {
  config::Environment env;
  env.variable = [](const std::string&) { return std::nullopt; };
  env.read_file = [](const std::string&) { return std::nullopt; };
  env.glob = [](const std::string&) { return std::vector<std::string>{}; };
  auto loaded = config::load_text(yaml, "test.yaml", env);
  for (const auto& d : loaded.diagnostics)
    if (d.level == config::Diagnostic::Level::error) ADD_FAILURE() << d.text();
  return loaded.spec ? std::move(*loaded.spec) : config::Spec{};
}

std::vector<std::unique_ptr<gateway::FilterKind>> filters() {
  std::vector<std::unique_ptr<gateway::FilterKind>> kinds;
  kinds.push_back(cors_filter());
  return kinds;
}

// One service `api` with this `cors`.
struct Api {
  explicit Api(std::string_view cors)
      : bench(load("services: {api: {url: \"http://127.0.0.1:9000\", cors: " + std::string(cors) + "}}"),
              kinds) {}
  std::vector<std::unique_ptr<gateway::FilterKind>> kinds = filters();
  Bench bench;
};

// `Name: value` a line, as they leave.
std::string text_of(const Fields& fields) {
  std::string text;
  for (const auto& [name, value] : fields)
    text += (name.starts_with("Access-Control-") ? name.substr(15) : name) + ": " + value + "\n";
  return text;
}

struct AnswerCase {
  std::string_view name;
  std::string_view cors;
  Fields request;
  Fields service;  // what the service said
  std::string_view expected;
};

constexpr std::string_view kShop = "https://shop.example.com";

const AnswerCase kAnswers[] = {
    {"every origin", "\"*\"", {{"Origin", "https://a.test"}}, {}, "Allow-Origin: *\n"},
    {"every origin, and nobody asks", "\"*\"", {}, {}, "Allow-Origin: *\n"},
    {"a sandboxed page", "\"*\"", {{"Origin", "null"}}, {}, "Allow-Origin: *\n"},
    {"every origin may read more",
     "{origins: \"*\", expose: [X-Total, etag]}",
     {},
     {},
     "Allow-Origin: *\nExpose-Headers: X-Total, etag\n"},
    {"a listed origin",
     "https://shop.example.com",
     {{"Origin", std::string(kShop)}},
     {},
     "vary: Origin\nAllow-Origin: https://shop.example.com\n"},
    {"another origin", "https://shop.example.com", {{"Origin", "https://a.test"}}, {}, "vary: Origin\n"},
    {"no origin", "https://shop.example.com", {}, {}, "vary: Origin\n"},
    {"two origins",
     "https://shop.example.com",
     {{"Origin", std::string(kShop)}, {"Origin", std::string(kShop)}},
     {},
     "vary: Origin\n"},
    {"below a wildcard",
     "\"https://*.example.com\"",
     {{"Origin", std::string(kShop)}},
     {},
     "vary: Origin\nAllow-Origin: https://shop.example.com\n"},
    {"credentials",
     "{origins: https://shop.example.com, credentials: on}",
     {{"Origin", std::string(kShop)}},
     {},
     "vary: Origin\nAllow-Origin: https://shop.example.com\nAllow-Credentials: true\n"},
    {"credentials are not for others",
     "{origins: https://shop.example.com, credentials: on, expose: x-a}",
     {{"Origin", "https://a.test"}},
     {},
     "vary: Origin\n"},
    {"exposed headers",
     "{origins: https://shop.example.com, expose: x-a}",
     {{"Origin", std::string(kShop)}},
     {},
     "vary: Origin\nAllow-Origin: https://shop.example.com\nExpose-Headers: x-a\n"},
    {"what the service says of CORS is gone",
     "https://shop.example.com",
     {{"Origin", "https://a.test"}},
     {{"ACCESS-CONTROL-ALLOW-ORIGIN", "*"},
      {"access-control-allow-credentials", "true"},
      {"Access-Control-Expose-Headers", "*"},
      {"Access-Control-Allow-Methods", "PUT"},
      {"X-Kept", "1"}},
     "X-Kept: 1\nvary: Origin\n"},
    {"and replaced",
     "\"*\"",
     {{"Origin", "https://a.test"}},
     {{"Access-Control-Allow-Origin", "https://other.test"}},
     "Allow-Origin: *\n"},
    {"Vary is added to",
     "https://shop.example.com",
     {},
     {{"Vary", "Accept-Encoding"}},
     "Vary: Accept-Encoding, Origin\n"},
    {"Vary says it already",
     "https://shop.example.com",
     {},
     {{"Vary", "accept, ORIGIN"}},
     "Vary: accept, ORIGIN\n"},
    {"Vary says it in its second field",
     "https://shop.example.com",
     {},
     {{"Vary", "Origin"}, {"Vary", "Accept"}},
     "Vary: Origin\nVary: Accept\n"},
    {"Vary says all", "https://shop.example.com", {}, {{"Vary", "*"}}, "Vary: *\n"},
    {"private networks are a matter of preflights",
     "{origins: https://shop.example.com, private_network: on}",
     {{"Origin", std::string(kShop)}, {"Access-Control-Request-Private-Network", "true"}},
     {},
     "vary: Origin\nAllow-Origin: https://shop.example.com\n"},
    {"an announced method without OPTIONS means nothing",
     "https://shop.example.com",
     {{"Origin", std::string(kShop)}, {"Access-Control-Request-Method", "PUT"}},
     {},
     "vary: Origin\nAllow-Origin: https://shop.example.com\n"},
};

TEST(CorsFilter, Answers) {
  for (const AnswerCase& c : kAnswers) {
    Api api(c.cors);
    OneExchange x(api.bench, "/api/x", "192.0.2.1", "public", c.request);
    EXPECT_FALSE(x.run_request_steps()) << c.name;
    EXPECT_EQ(text_of(x.run_response_steps(c.service)), c.expected) << c.name;
  }
}

// The answer to it is the last that needs it, and steps on the way to the service may take it away.
TEST(CorsFilter, RemembersTheOriginThatLaterStepsRemove) {
  Api api(kShop);
  OneExchange x(api.bench, "/api/x", "192.0.2.1", "public", {{"Origin", std::string(kShop)}});
  EXPECT_FALSE(x.run_request_steps());
  x->request().headers.remove(http::HeaderId::origin);
  EXPECT_THAT(text_of(x.run_response_steps(Fields{})), testing::HasSubstr("Allow-Origin: https://shop"));
}

// ---- preflights ----------------------------------------------------------------------------------------

struct PreflightCase {
  std::string_view name;
  std::string_view cors;
  std::string_view origin;
  Fields asked;  // besides Origin
  std::string_view expected;
};

const Fields kPut = {{"Access-Control-Request-Method", "PUT"}};
Fields put_with(std::string_view headers) {
  return {{"Access-Control-Request-Method", "PUT"}, {"Access-Control-Request-Headers", std::string(headers)}};
}
constexpr std::string_view kVary =
    "vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\n";
constexpr std::string_view kVaryEvery =
    "vary: Access-Control-Request-Method, Access-Control-Request-Headers\n";
constexpr std::string_view kAllow = "Allow-Origin: https://shop.example.com\n";
constexpr std::string_view kMethods = "Allow-Methods: GET, HEAD, POST, PUT, PATCH, DELETE\n";

const PreflightCase kPreflights[] = {
    {"every origin", "\"*\"", "https://a.test", kPut, "204 V* Allow-Origin: *\nM Max-Age: 600\n"},
    {"a sandboxed page", "\"*\"", "null", kPut, "204 V* Allow-Origin: *\nM Max-Age: 600\n"},
    {"a listed origin", "https://shop.example.com", kShop, kPut, "204 V A M Max-Age: 600\n"},
    {"below a wildcard", "\"https://*.example.com\"", kShop, kPut, "204 V A M Max-Age: 600\n"},
    {"another origin", "https://shop.example.com", "https://a.test", kPut, "403 V "},
    {"the bare domain", "\"https://*.example.com\"", "https://example.com", kPut, "403 V "},
    {"a sandboxed page that is not listed", "https://shop.example.com", "null", kPut, "403 V "},
    {"credentials", "{origins: https://shop.example.com, credentials: on}", kShop, kPut,
     "204 V A Allow-Credentials: true\nM Max-Age: 600\n"},
    {"another origin gets no credentials", "{origins: https://shop.example.com, credentials: on}",
     "https://a.test", kPut, "403 V "},
    {"headers are given back as they were asked for", "https://shop.example.com", kShop,
     put_with("authorization,content-type"),
     "204 V A M Allow-Headers: authorization,content-type\nMax-Age: 600\n"},
    {"what is no list of headers is not given back", "https://shop.example.com", kShop, put_with("a b; c"),
     "204 V A M Max-Age: 600\n"},
    {"two lists of headers are none",
     "https://shop.example.com",
     kShop,
     {{"Access-Control-Request-Method", "PUT"},
      {"Access-Control-Request-Headers", "x-a"},
      {"Access-Control-Request-Headers", "x-b"}},
     "204 V A M Max-Age: 600\n"},
    {"a list of headers is told whole", "{origins: https://shop.example.com, headers: [X-A, x-b]}", kShop,
     put_with("x-z"), "204 V A M Allow-Headers: X-A, x-b\nMax-Age: 600\n"},
    {"no headers", "{origins: https://shop.example.com, headers: []}", kShop, put_with("x-z"),
     "204 V A M Max-Age: 600\n"},
    {"methods of its own", "{origins: https://shop.example.com, methods: [GET, PURGE]}", kShop, kPut,
     "204 V A Allow-Methods: GET, PURGE\nMax-Age: 600\n"},
    {"no methods", "{origins: https://shop.example.com, methods: []}", kShop, kPut, "204 V A Max-Age: 600\n"},
    {"any method",
     "{origins: https://shop.example.com, methods: \"*\"}",
     kShop,
     {{"Access-Control-Request-Method", "PROPFIND"}},
     "204 V A Allow-Methods: PROPFIND\nMax-Age: 600\n"},
    {"not to be kept", "{origins: https://shop.example.com, max_age: 0s}", kShop, kPut,
     "204 V A M Max-Age: 0\n"},
    {"kept for long", "{origins: https://shop.example.com, max_age: 1d}", kShop, kPut,
     "204 V A M Max-Age: 86400\n"},
    {"half a second is none", "{origins: https://shop.example.com, max_age: 500ms}", kShop, kPut,
     "204 V A M Max-Age: 0\n"},
    {"a private network",
     "{origins: https://shop.example.com, private_network: on}",
     kShop,
     {{"Access-Control-Request-Method", "PUT"}, {"Access-Control-Request-Private-Network", "true"}},
     "204 V, Access-Control-Request-Private-Network\nA M Max-Age: 600\nAllow-Private-Network: true\n"},
    {"a private network that is not asked for", "{origins: https://shop.example.com, private_network: on}",
     kShop, kPut, "204 V, Access-Control-Request-Private-Network\nA M Max-Age: 600\n"},
    {"a private network that is closed",
     "https://shop.example.com",
     kShop,
     {{"Access-Control-Request-Method", "PUT"}, {"Access-Control-Request-Private-Network", "true"}},
     "204 V A M Max-Age: 600\n"},
    {"exposed headers are a matter of answers", "{origins: https://shop.example.com, expose: x-a}", kShop,
     kPut, "204 V A M Max-Age: 600\n"},
};

// The short forms of the table.
std::string spelled_out(std::string_view text) {
  std::string out(text);
  auto replace = [&](std::string_view what, std::string_view by) {
    if (auto at = out.find(what); at != std::string::npos) out.replace(at, what.size(), by);
  };
  replace("V* ", kVaryEvery);
  replace("V ", kVary);
  replace("V, ", std::string(kVary.substr(0, kVary.size() - 1)) + ", ");
  replace("A M ", std::string(kAllow) + std::string(kMethods));
  replace("A ", kAllow);
  replace("M ", kMethods);
  return out;
}

TEST(CorsFilter, Preflights) {
  for (const PreflightCase& c : kPreflights) {
    Api api(c.cors);
    Fields headers = {{"Origin", std::string(c.origin)}};
    headers.insert(headers.end(), c.asked.begin(), c.asked.end());
    OneExchange x(api.bench, "/api/x", "192.0.2.1", "public", headers, "OPTIONS");
    auto* head = x.run_request_steps();
    ASSERT_TRUE(head) << c.name;
    head->headers.remove(http::HeaderId::content_type);
    head->headers.remove(http::HeaderId::cache_control);
    EXPECT_EQ(std::to_string(head->status) + " " + text_of(x.run_response_steps()), spelled_out(c.expected))
        << c.name;
    if (head->status == 403)
      EXPECT_THAT(x.body(), testing::HasSubstr(R"("reason":"origin_denied")")) << c.name;
  }
}

// OPTIONS that is no preflight goes where OPTIONS goes.
TEST(CorsFilter, OtherOptionsPass) {
  const Fields cases[] = {
      {},
      {{"Origin", std::string(kShop)}},
      {{"Access-Control-Request-Method", "PUT"}},
      {{"Origin", std::string(kShop)}, {"Access-Control-Request-Method", ""}},
      {{"Origin", std::string(kShop)}, {"Access-Control-Request-Method", "P U T"}},
      {{"Origin", std::string(kShop)}, {"Access-Control-Request-Method", std::string(65, 'A')}},
      {{"Origin", std::string(kShop)},
       {"Origin", std::string(kShop)},
       {"Access-Control-Request-Method", "PUT"}},
      {{"Origin", std::string(kShop)},
       {"Access-Control-Request-Method", "PUT"},
       {"Access-Control-Request-Method", "GET"}},
  };
  for (const Fields& headers : cases) {
    Api api("https://shop.example.com");
    OneExchange x(api.bench, "/api/x", "192.0.2.1", "public", headers, "OPTIONS");
    EXPECT_FALSE(x.run_request_steps());
    EXPECT_EQ(x->announced_method(), "");
    EXPECT_THAT(text_of(x.run_response_steps(Fields{})), testing::StartsWith("vary: Origin\n"));
  }
}

// ---- which route answers --------------------------------------------------------------------------------

constexpr std::string_view kRoutes = R"(
services:
  open: {url: "http://127.0.0.1:9000", path: none, cors: "https://open.test"}
  closed: {url: "http://127.0.0.1:9000", path: none}
routes:
  - {name: read, path: /m/*, method: GET, to: open}
  - {name: write, path: /m/*, method: [PUT, DELETE], to: closed}
  - {name: options, path: /m/*, method: OPTIONS, to: closed}
  - {name: by condition, path: /w/*, when: {method: PATCH}, to: open}
  - {name: other condition, path: /w/*, to: closed}
  - {name: general, path: /h/*, to: open}
  - {name: beta, path: /h/*, when: {header.x-beta: "1"}, to: closed}
  - {name: only beta, path: /b/*, when: {header.x-beta: "1"}, to: open}
  - {name: only cookie, path: /c/*, when: {cookie.beta: "1", query.v: "2"}, to: open}
  - {name: not beta, path: /n/*, when: {header.x-beta: not 1}, to: open}
  - {name: all of n, path: /n/*, to: closed}
  - {name: of a user, path: /u/*, when: {header.authorization: "*"}, to: closed}
  - {name: of anybody, path: /u/*, to: open}
  - {name: by origin, path: /o/*, when: {header.origin: "https://open.test"}, to: open}
  - {name: other origins, path: /o/*, to: closed}
  - {name: redirect, path: /r/*, redirect: /m/*, cors: "https://open.test"}
  - {name: reply, path: /y/*, reply: 410, cors: "*"}
  - {name: silent, path: /s/*, to: open, cors: off}
  - {name: d1, path: /d/*, when: {header.x-tenant: "1"}, to: open}
  - {name: d2, path: /d/*, when: {header.x-tenant: "2"}, to: open}
  - {name: d3, path: /d/*, when: {header.x-tenant: "3"}, to: open}
  - {name: d4, path: /d/*, when: {header.x-tenant: "4"}, to: open}
  - {name: d5, path: /d/*, when: {header.x-tenant: "5"}, to: open}
  - {name: d6, path: /d/*, when: {header.x-tenant: "6"}, to: open}
  - {name: d7, path: /d/*, when: {header.x-tenant: "7"}, to: open}
  - {name: d8, path: /d/*, when: {header.x-tenant: "8"}, to: open}
  - {name: d9, path: /d/*, when: {header.x-tenant: "9"}, to: open}
)";

struct RouteCase {
  std::string_view method;  // announced
  std::string_view target;
  std::string_view route;
  bool answered;  // by the gateway
  std::string_view origin = "https://open.test";
};

TEST(CorsFilter, ThePreflightTakesTheRouteOfItsRequest) {
  const RouteCase cases[] = {
      {"GET", "/m/x", "read", true},
      {"HEAD", "/m/x", "read", true},
      {"PUT", "/m/x", "options", false},  // where OPTIONS goes: `write` has no cors
      {"DELETE", "/m/x", "options", false},
      {"POST", "/m/x", "options", false},  // no route has this method
      {"PATCH", "/w/x", "by condition", true},
      {"PUT", "/w/x", "other condition", false},
      {"PUT", "/h/x", "general", true},
      {"PUT", "/b/x", "only beta", true},
      {"PUT", "/c/x?v=2", "only cookie", true},
      {"PUT", "/n/x", "not beta", true},
      {"PUT", "/u/x", "of anybody", true},
      {"PUT", "/o/x", "by origin", true},
      {"PUT", "/o/x", "other origins", false, "https://a.test"},
      {"PUT", "/r/x", "redirect", true},
      {"BREW", "/y/x", "reply", true},
      {"PUT", "/s/x", "silent", false},
      {"PUT", "/d/x", "d1", true},
  };
  auto kinds = filters();
  Bench bench(load(std::string(kRoutes)), kinds);
  ASSERT_TRUE(bench.snapshot());
  for (const RouteCase& c : cases) {
    OneExchange x(
        bench, c.target, "192.0.2.1", "public",
        {{"Origin", std::string(c.origin)}, {"Access-Control-Request-Method", std::string(c.method)}},
        "OPTIONS");
    EXPECT_EQ(x->route()->name, c.route) << c.method << " " << c.target;
    EXPECT_EQ(x->announced_method(), c.answered ? c.method : "") << c.method << " " << c.target;
    EXPECT_EQ(x.run_request_steps() != nullptr, c.answered) << c.method << " " << c.target;
  }
}

// ---- compiling -----------------------------------------------------------------------------------------

TEST(CorsFilter, WithoutItThereIsNoStep) {
  auto kinds = filters();
  Bench bench(load("services: {api: \"http://127.0.0.1:9000\"}"), kinds);
  ASSERT_TRUE(bench.snapshot());
  const gateway::Chain& chain = bench.snapshot()->routes()[0].chain;
  EXPECT_TRUE(chain.request.empty());
  EXPECT_EQ(chain.response.size(), 1U) << "the gateway's own";
  EXPECT_FALSE(chain.answers_preflights);
}

TEST(CorsFilter, ARouteThatTakesOptionsAndAsksForCredentialsGetsAHint) {
  const std::pair<std::string_view, bool> cases[] = {
      {"", true}, {", auth: off", false}, {", auth: optional", false}, {", cors: https://x.test", false}};
  for (const auto& [more, hinted] : cases) {
    auto kinds = filters();
    Bench bench(load("auth: {api_keys: {keys: {a: {sha256: "
                     "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8}}}}\n"
                     "routes: [{path: /x, method: [GET, OPTIONS], reply: 200" +
                     std::string(more) + "}]\n"),
                kinds);
    ASSERT_TRUE(bench.snapshot()) << more;
    ASSERT_EQ(bench.snapshot()->remarks().size(), hinted ? 1U : 0U) << more;
    if (hinted)
      EXPECT_THAT(bench.snapshot()->remarks()[0].text(), testing::HasSubstr("hint: the route takes OPTIONS"));
  }
  auto kinds = filters();
  Bench bench(load("auth: {api_keys: {keys: {a: {sha256: "
                   "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8}}}}\n"
                   "routes: [{path: /x, reply: 200}, {path: /y, reply: 200}]\n"),
              kinds);
  ASSERT_TRUE(bench.snapshot());
  ASSERT_EQ(bench.snapshot()->remarks().size(), 1U) << "once for all routes";
  EXPECT_THAT(bench.snapshot()->remarks()[0].text(), testing::HasSubstr("nothing has `cors`"));
}

TEST(CorsFilter, ASplitNeedsOneAnswer) {
  constexpr std::string_view kServices = R"(
services:
  a: {url: "http://127.0.0.1:9000", path: none, cors: "*"}
  b: {url: "http://127.0.0.1:9000", path: none, cors: "*"}
  c: {url: "http://127.0.0.1:9000", path: none}
routes:
)";
  const std::pair<std::string_view, bool> cases[] = {{"{a: 50%, b: 50%}", true},
                                                     {"{a: 50%, c: 50%}", false},
                                                     {"{c: 50%, a: 50%}", false},
                                                     {"{a: 50%, c: 50%}, cors: off", true},
                                                     {"{c: 50%, a: 50%}, cors: https://x.test", true}};
  for (const auto& [to, good] : cases) {
    auto kinds = filters();
    Bench bench(load(std::string(kServices) + "  - {path: /x/*, to: " + std::string(to) + "}\n"), kinds);
    EXPECT_EQ(bench.snapshot() != nullptr, good) << to;
    if (good) continue;
    ASSERT_EQ(bench.diagnostics().size(), 1U);
    EXPECT_THAT(bench.diagnostics()[0].text(), testing::HasSubstr("whose `cors` differ"));
  }
}

}  // namespace
}  // namespace gatehouse::filters
