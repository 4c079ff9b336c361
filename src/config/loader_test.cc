#include "config/loader.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "config/tables.h"
#include "config/yaml.h"

namespace gatehouse::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

using Texts = std::map<std::string, std::string>;

Environment environment_of(const Texts& variables, const Texts& files = {}) {
  Environment out;
  const auto look_up = [](const Texts& texts, const std::string& name) {
    const auto found = texts.find(name);
    return found == texts.end() ? std::nullopt : std::optional(found->second);
  };
  out.variable = [=](const std::string& name) { return look_up(variables, name); };
  out.read_file = [=](const std::string& path) { return look_up(files, path); };
  out.glob = [=](const std::string& pattern) {
    std::vector<std::string> found;
    const std::string folder = pattern.substr(0, pattern.find('*'));
    for (const auto& [path, text] : files) {
      if (path.starts_with(folder)) found.push_back(path);
    }
    return found;
  };
  return out;
}

std::string text_of(const Diagnostics& diagnostics) {
  std::string out;
  for (const Diagnostic& diagnostic : diagnostics) out += diagnostic.text() + "\n";
  return out;
}

Spec loaded(const std::string& text, const Environment& environment = environment_of({})) {
  Loaded out = load_text(text, "gatehouse.yaml", environment);
  EXPECT_TRUE(out.spec.has_value()) << text_of(out.diagnostics);
  return out.spec ? std::move(*out.spec) : Spec{};
}

std::string errors(const std::string& text, const Environment& environment = environment_of({})) {
  const Loaded out = load_text(text, "gatehouse.yaml", environment);
  EXPECT_FALSE(out.spec.has_value());
  return text_of(out.diagnostics);
}

std::vector<std::string> names_of(const std::vector<RouteSpec>& routes) {
  std::vector<std::string> out;
  out.reserve(routes.size());
  for (const RouteSpec& route : routes) out.push_back(route.name);
  return out;
}

TEST(Loader, AnEmptyFileIsOneListenerWithAllDefaults) {
  const Spec spec = loaded("");
  ASSERT_EQ(spec.listeners.size(), 1U);
  EXPECT_EQ(spec.listeners[0].name, "public");
  EXPECT_EQ(spec.listeners[0].port, 8080);
  EXPECT_TRUE(spec.routes.empty());
  EXPECT_TRUE(spec.admin.enabled);
  EXPECT_EQ(spec.state.reveal(), "/var/lib/gatehouse");
}

TEST(Loader, StateFolderComesFromTheEnvironment) {
  EXPECT_EQ(loaded("", environment_of({{"XDG_STATE_HOME", "/home/a/.local/state"}})).state.reveal(),
            "/home/a/.local/state/gatehouse");
  EXPECT_EQ(
      loaded("", environment_of({{"XDG_STATE_HOME", "/x"}, {"STATE_DIRECTORY", "/s/a:/s/b"}})).state.reveal(),
      "/s/a");
  EXPECT_EQ(loaded("state: /y", environment_of({{"STATE_DIRECTORY", "/s"}})).state.reveal(), "/y");
}

TEST(Loader, NoIsAString) {
  const Spec spec =
      loaded("services: {a: http://a}\nroutes: [{path: /x, to: a, when: {header.norway: no}}]\n");
  EXPECT_EQ(spec.routes.at(0).when.at(0).at(0).any_of.at(0).text, "no");
}

TEST(Loader, BaseRoutes) {
  const Spec spec = loaded(
      "services: {a: http://a, b: {versions: {v1: http://b1, v2: http://b2}}, c: http://c, d: {url: "
      "http://d, path: none}, "
      "e: {url: http://e, path: /ee}}\n"
      "routes: [{path: /a1, to: a}, {path: /b2, to: b.v2}]\n");
  EXPECT_THAT(names_of(spec.routes),
              ElementsAre("/a1 to a", "/b2 to b.v2", "/b/* to b", "/c/* to c", "/ee to e"));
  EXPECT_FALSE(spec.routes[1].base);
  EXPECT_TRUE(spec.routes[2].base);
  EXPECT_TRUE(spec.routes[2].to.at(0).version.empty());
}

TEST(Loader, WeightsNameEachServiceAsAWhole) {
  const Spec spec =
      loaded("services: {a: http://a, b: http://b}\nroutes: [{path: /x, to: {a: 90%, b: 10%}}]\n");
  ASSERT_EQ(spec.routes.size(), 1U);
  EXPECT_DOUBLE_EQ(spec.routes[0].to[0].percent, 90);
  EXPECT_EQ(spec.routes[0].name, "/x to a and b");
}

TEST(Loader, RoutesHaveUniqueNames) {
  const Spec spec = loaded(
      "services: {a: http://a}\nroutes:\n"
      "  - {path: /x, to: a}\n  - {path: /x, to: a, when: {header.q: \"1\"}}\n  - {path: /x, to: a, "
      "priority: 1}\n"
      "  - {path: /x, to: a, priority: 2}\n  - {name: /y to a, path: /z, to: a}\n  - {path: /y, to: a, host: "
      "h, method: [GET, PUT]}\n");
  EXPECT_THAT(names_of(spec.routes), ElementsAre("/x to a", "/x to a when header.q: \"1\"", "/x to a (2)",
                                                 "/x to a (3)", "/y to a", "GET,PUT h/y to a"));
}

TEST(Loader, DefaultsAreMerged) {
  const Spec spec = loaded(
      "defaults: {timeout: 2s, retry: {budget: 5%}, health: on, headers: {request: {set: {x-a: 1, x-b: "
      "2}}}}\n"
      "services:\n  a: http://a\n  b: {url: http://b, retry: {tries: 4}, health: off, headers: {request: "
      "{set: {X-A: 9}}}}\n");
  EXPECT_EQ(spec.services[0].timeout, Duration(2s));
  EXPECT_TRUE(spec.services[0].health.has_value());
  EXPECT_EQ(spec.services[1].retry.tries, 4U);
  EXPECT_DOUBLE_EQ(spec.services[1].retry.budget, 0.05);
  EXPECT_FALSE(spec.services[1].health.has_value());
  EXPECT_EQ(spec.services[1].headers.request.set.size(), 2U);
}

TEST(Loader, Conditions) {
  const Spec spec = loaded(
      "services: {a: http://a}\nroutes:\n  - path: /x\n    to: a\n    when:\n"
      "      header.X-One: pre*\n      query.two: not *\n      cookie.c: [\"~a.*\", {is: \"~b\"}, 5]\n      "
      "header.v: \">= 5.2\"\n"
      "      ip: not 10.0.0.0/8\n      host: \"*.example.com\"\n      path: [/x, /y/*]\n      method: \"not "
      "[PUT, POST]\"\n");
  const ConditionSet& set = spec.routes.at(0).when.at(0);
  EXPECT_EQ(set[0].key, (ConditionKey{ConditionKey::Kind::header, "x-one"}));
  EXPECT_EQ(set[0].any_of[0].kind, config::Test::Kind::prefix);
  EXPECT_EQ(set[0].any_of[0].text, "pre");
  EXPECT_TRUE(set[1].negate);
  EXPECT_EQ(set[1].any_of[0].kind, config::Test::Kind::present);
  EXPECT_EQ(set[2].any_of[0].kind, config::Test::Kind::regex);
  EXPECT_EQ(set[2].any_of[1].kind, config::Test::Kind::exact);
  EXPECT_EQ(set[2].any_of[1].text, "~b");
  EXPECT_EQ(set[2].any_of[2].text, "5");
  EXPECT_EQ(set[3].any_of[0].compare, config::Test::Compare::greater_equal);
  EXPECT_EQ(set[3].any_of[0].text, "5.2");
  EXPECT_TRUE(set[4].negate);
  EXPECT_EQ(set[4].any_of[0].kind, config::Test::Kind::cidr);
  EXPECT_TRUE(set[5].hosts[0].wildcard);
  EXPECT_EQ(set[6].paths.size(), 2U);
  EXPECT_TRUE(set[7].negate);
  EXPECT_EQ(set[7].any_of[1].text, "POST");
  EXPECT_EQ(set[4].text, "ip: not 10.0.0.0/8");
}

TEST(Loader, AListOfMapsIsAnOr) {
  const Spec spec = loaded(
      "services: {a: http://a}\nroutes: [{path: /x, to: a, when: [{header.a: x}, {header.b: y, header.c: "
      "z}]}]\n");
  EXPECT_EQ(spec.routes.at(0).when.size(), 2U);
  EXPECT_EQ(spec.routes.at(0).when[1].size(), 2U);
}

// ---- secrets
// ----------------------------------------------------------------------------------------------------

TEST(Secrets, WhatAVariableHoldsIsLiteralInACondition) {
  const Environment environment = environment_of({{"T", "~.*"}, {"S", "abc*"}, {"N", "not x"}});
  const Spec spec = loaded(
      "services: {a: http://a}\nroutes: [{path: /x, to: a, when: {header.a: $T, header.b: \"${S}\", "
      "header.c: $N, header.d: \"not ${S}\", header.e: \"${S}*\"}}]\n",
      environment);
  const ConditionSet& set = spec.routes.at(0).when.at(0);
  EXPECT_EQ(set[0].any_of[0].text, "~.*");
  EXPECT_EQ(set[0].any_of[0].kind, config::Test::Kind::exact);
  EXPECT_EQ(set[1].any_of[0].kind, config::Test::Kind::exact);
  EXPECT_EQ(set[1].any_of[0].text, "abc*");
  EXPECT_FALSE(set[2].negate);
  EXPECT_EQ(set[2].any_of[0].text, "not x");
  EXPECT_TRUE(set[3].negate);
  EXPECT_EQ(set[3].any_of[0].text, "abc*");
  EXPECT_EQ(set[4].any_of[0].kind, config::Test::Kind::prefix);
  EXPECT_EQ(set[4].any_of[0].text, "abc*");
}

// Found by the fuzzer: nothing is left to take the `*` from.
TEST(Secrets, OneThatIsMissingIsReportedOnce) {
  EXPECT_EQ(
      errors("services: {a: http://a}\nroutes: [{path: /x, to: a, when: {query.k: \"not ${NONE}*\"}}]\n"),
      "gatehouse.yaml:2:44: the environment variable `NONE` is not set. Set it, or write `$$` for a "
      "dollar.\n");
}

TEST(Secrets, TheyCannotInjectYaml) {
  const Environment environment = environment_of({{"X", "a\nadmin: off"}});
  const Spec spec = loaded("admin: {token: \"${X}\"}\n", environment);
  EXPECT_TRUE(spec.admin.enabled);
  EXPECT_EQ(spec.admin.token.reveal(), "a\nadmin: off");
  EXPECT_EQ(spec.admin.token.source(), "${X}");
  EXPECT_TRUE(spec.admin.token.is_secret());
}

TEST(Secrets, FilesLoseTheirLastNewline) {
  const Environment environment = environment_of({}, {{"/run/token", "abc\n"}, {"conf/near", "def\r\n"}});
  EXPECT_EQ(loaded("admin: {token: file:/run/token}", environment).admin.token.reveal(), "abc");
  const Loaded near = load_text("admin: {token: file:./near}", "conf/gatehouse.yaml", environment);
  ASSERT_TRUE(near.spec.has_value());
  EXPECT_EQ(near.spec->admin.token.reveal(), "def");
  EXPECT_THAT(near.spec->files, ElementsAre("conf/gatehouse.yaml", "conf/near"));
}

TEST(Secrets, DollarsThatAreNone) {
  const Spec spec = loaded(
      "services: {a: {url: http://a, headers: {request: {set: {x: $$HOME, y: a$b, z: \"$\"}}}}}\nroutes: "
      "[{path: ~/a$, to: a}]\n");
  EXPECT_EQ(spec.services[0].headers.request.set[0].value.reveal(), "$HOME");
  EXPECT_EQ(spec.services[0].headers.request.set[1].value.reveal(), "a$b");
  EXPECT_EQ(spec.services[0].headers.request.set[2].value.reveal(), "$");
  EXPECT_EQ(spec.routes[0].paths[0].regex, "/a$");
}

TEST(Secrets, OnlyTheFilesThatAreAllowed) {
  Environment environment = environment_of({}, {{"/etc/shadow", "root"},
                                                {"teams/a.yaml", "services: {a: http://a}"},
                                                {"teams/b.yaml", "services: {b: http://b}"}});
  environment.only_files = std::vector<std::string>{"teams/a.yaml"};
  EXPECT_THAT(errors("admin: {token: file:/etc/shadow}", environment), HasSubstr("may not be used here"));
  EXPECT_THAT(errors("include: teams/b.yaml", environment), HasSubstr("may not be used here"));
  EXPECT_EQ(loaded("include: teams/*.yaml", environment).services.size(), 1U);
}

// What services without `ca` are verified by is a file of the configuration, wherever the system has it.
TEST(Tls, WhatTheSystemTrustsIsReadWhereItIsNeeded) {
  constexpr std::string_view kPem = "-----BEGIN CERTIFICATE-----";
  Environment environment = environment_of({}, {{"/etc/pki/tls/certs/ca-bundle.crt", std::string(kPem)},
                                                {"/etc/ssl/ca-bundle.pem", "another"},
                                                {"/mine", std::string(kPem) + " mine"},
                                                {"ca.pem", std::string(kPem)}});
  const auto shown = [&](const char* service) {
    const Spec spec = loaded("services: {a: " + std::string(service) + "}", environment);
    return spec.system_ca.shown;
  };
  EXPECT_EQ(shown("https://a"), "/etc/pki/tls/certs/ca-bundle.crt");
  EXPECT_EQ(shown("http://a"), "");
  EXPECT_EQ(shown("{url: https://a, tls: {ca: ca.pem}}"), "");
  EXPECT_EQ(shown("{url: https://a, tls: {verify: off}}"), "");
  environment.only_files = std::vector<std::string>{};
  EXPECT_NE(shown("https://a"), "") << "it is not what whoever sends a configuration may choose";
  environment.variable = [](const std::string& name) -> std::optional<std::string> {
    return name == "SSL_CERT_FILE" ? std::optional<std::string>("/mine") : std::nullopt;
  };
  EXPECT_EQ(shown("https://a"), "/mine");
  environment.variable = [](const std::string& name) -> std::optional<std::string> {
    return name == "SSL_CERT_FILE" ? std::optional<std::string>("/mistyped") : std::nullopt;
  };
  EXPECT_THAT(errors("services: {a: https://a}", environment), HasSubstr("SSL_CERT_FILE names `/mistyped`"))
      << "nobody else is trusted in its place";
  EXPECT_EQ(shown("http://a"), "") << "where it is not needed it is not read";
  environment.variable = [](const std::string& name) -> std::optional<std::string> {
    return name == "SSL_CERT_DIR" ? std::optional<std::string>("/some/folder") : std::nullopt;
  };
  EXPECT_EQ(shown("https://a"), "") << "folders are OpenSSL's to read";
}

// Every field that takes a text is given a secret, and print and errors are searched for it.
TEST(Secrets, NoFieldShowsOne) {
  const Environment environment = environment_of({{"S", "canary-value"}});
  for (const Table* table : all_tables()) {
    for (const Field& field : table->fields) {
      if (field.shape != Shape::value) continue;
      std::string inner = std::string(field.name) + ": $S";
      const std::string name(table->name);
      std::string text;
      if (name == "listen.<name>") text = "listen: {public: {" + inner + "}}";
      if (name == "services.<name>") {
        text = field.name == "url" ? "services: {a: {" : "services: {a: {url: http://a, ";
        text += inner;
        text += "}}";
      }
      if (name == "routes[]") text = "services: {a: http://a}\nroutes: [{path: /x, to: a, " + inner + "}]";
      if (name == "log" || name == "admin") text = fmt::format("{}: {{{}}}", name, inner);
      if (name.empty()) text = inner;
      if (text.empty()) continue;
      const Loaded out = load_text(text, "f", environment);
      EXPECT_THAT(text_of(out.diagnostics), Not(HasSubstr("canary-value"))) << text;
      if (out.spec) EXPECT_THAT(print(*out.spec), Not(HasSubstr("canary-value"))) << text;
    }
  }
}

// ---- bounds
// -----------------------------------------------------------------------------------------------------

TEST(Bounds, YamlBombs) {
  EXPECT_THAT(errors("a: &a [x]\nb: [*a, *a]"), HasSubstr("not taken"));
  EXPECT_THAT(errors(std::string(100000, '[')), HasSubstr("deeper"));
  EXPECT_THAT(errors(std::string(kMaxFileSize + 1, ' ')), HasSubstr("larger than 4 MB"));
  std::string many = "[";
  for (std::size_t i = 0; i <= kMaxNodes; ++i) many += "a,";
  EXPECT_THAT(errors(many + "]"), HasSubstr("more than"));
}

TEST(Bounds, ErrorsAreCounted) {
  std::string text = "services: {a: http://a}\nroutes:\n";
  for (int i = 0; i < 3000; ++i) text += "  - {path: /x, to: nobody}\n";
  const Loaded out = load_text(text, "f", environment_of({}));
  EXPECT_LE(out.diagnostics.size(), 1001U);
}

// What is compared each with each is few, so that no file takes minutes.
TEST(Bounds, NothingTakesQuadraticTime) {
  const auto map_of = [](std::string_view key, std::string_view value, int count) {
    std::string out = "{";
    for (int i = 0; i < count; ++i)
      out += std::string(key) + std::to_string(i) + ": " + std::string(value) + ", ";
    return out + "}";
  };
  constexpr int kMany = 20000;
  EXPECT_THAT(errors("listen: " + map_of("l", "0", kMany)), HasSubstr("more than 1000"));
  EXPECT_THAT(errors("services: {a: {versions: " + map_of("v", "http://a", kMany) + "}}"),
              HasSubstr("more than 1000"));
  EXPECT_THAT(errors("defaults: {headers: {request: {set: " + map_of("x-", "a", kMany) + "}}}"),
              HasSubstr("more than 1000"));
  EXPECT_THAT(errors("services: {a: http://a}\nroutes: [{path: /x, to: a, when: " +
                     map_of("query.", "a", kMany) + "}]"),
              HasSubstr("more than 1000"));
  EXPECT_EQ(loaded("services: " + map_of("s", "http://a", kMany)).services.size(),
            static_cast<std::size_t>(kMany));
}

TEST(Bounds, ErrorsComeInTheOrderOfTheFile) {
  const Loaded out =
      load_text("services: {a: {url: x}}\nroutes: [{path: /x, to: b}]\nlisten: 99999\nadmin: {port: x}\n",
                "f", environment_of({}));
  EXPECT_TRUE(std::ranges::is_sorted(out.diagnostics, {}, [](const Diagnostic& d) { return d.at.line; }));
  EXPECT_EQ(out.diagnostics.size(), 4U);
}

// ---- what the tables promise
// --------------------------------------------------------------------------------------

TEST(Tables, EveryFieldIsDescribedAndInTheSchema) {
  const std::string schema = json_schema();
  const std::string reference = reference_markdown();
  for (const Table* table : all_tables()) {
    for (const Field& field : table->fields) {
      if (field.shape == Shape::later) continue;
      EXPECT_FALSE(field.help.empty()) << field.name;
      EXPECT_THAT(schema, HasSubstr("\"" + std::string(field.name) + "\": {")) << table->name;
      EXPECT_THAT(reference, HasSubstr("| `" + std::string(field.name) + "` |"));
    }
  }
}

TEST(Tables, WhatIsNotAvailableIsInNoSchema) {
  const std::string schema = json_schema();
  for (std::string_view name :
       {"cache", "breaker", "fallback", "idempotency", "graphql", "redis", "database", "classes"}) {
    EXPECT_THAT(schema, Not(HasSubstr("\"" + std::string(name) + "\"")));
    EXPECT_THAT(print(loaded("services: {a: http://a}")), Not(HasSubstr(std::string(name) + ":")));
  }
}

TEST(Tables, EachFieldOfTheLanguageThatIsNotBuiltIsRefusedByName) {
  for (const Table* table : all_tables()) {
    for (const Field& field : table->fields) {
      if (field.shape != Shape::later ||
          !(table->name.empty() || table->name == "services.<name>" || table->name == "auth"))
        continue;
      const std::string key = std::string(field.name) + ": x";
      const std::string text = table->name.empty()     ? key
                               : table->name == "auth" ? "auth: {issuer: https://a.example, " + key + "}"
                                                       : "services: {a: {url: http://a, " + key + "}}";
      EXPECT_THAT(errors(text),
                  HasSubstr("`" + std::string(field.name) + "` is not available in this version"));
    }
  }
}

}  // namespace
}  // namespace gatehouse::config
