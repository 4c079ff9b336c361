// `auth`: which rule decides, what is resolved, and what a file of keys may hold. What is said about mistakes
// stands in tests/config/wrong/auth_*.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "config/auth_rules.h"
#include "config/loader.h"

namespace gatehouse::config {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;
using Mode = AuthRule::Mode;

const std::string kSecret(48, 's');
const std::string kTop = "auth: {issuer: {main: https://a.example, other: https://b.example}, audience: x}\n";

Environment environment_of(const std::map<std::string, std::string>& files = {}) {
  Environment out;
  out.variable = [](const std::string& name) -> std::optional<std::string> {
    return name == "SECRET" ? std::optional(kSecret) : std::nullopt;
  };
  out.read_file = [=](const std::string& path) -> std::optional<std::string> {
    const auto found = files.find(path);
    return found == files.end() ? std::nullopt : std::optional(found->second);
  };
  return out;
}

std::string text_of(const Diagnostics& diagnostics) {
  std::string out;
  for (const Diagnostic& diagnostic : diagnostics) out += diagnostic.text() + "\n";
  return out;
}

Spec loaded(const std::string& text, const Environment& environment = environment_of()) {
  Loaded out = load_text(text, "gatehouse.yaml", environment);
  EXPECT_TRUE(out.spec.has_value()) << text_of(out.diagnostics);
  return out.spec ? std::move(*out.spec) : Spec{};
}

std::string errors(const std::string& text, const Environment& environment = environment_of()) {
  const Loaded out = load_text(text, "gatehouse.yaml", environment);
  EXPECT_FALSE(out.spec.has_value());
  return text_of(out.diagnostics);
}

std::string hash_of(std::size_t number) { return fmt::format("{:064x}", number); }

// ---- which rule decides
// ----------------------------------------------------------------------------------------

// What the first route asks through the first listener: of paths at large, and of public ones.
std::string rules(const std::string& text) {
  const Spec spec = loaded(text);
  const AuthRules found = auth_rules(spec, spec.listeners.front(), spec.routes.front());
  return found.otherwise->text + " | " + found.public_paths->text;
}

TEST(AuthRules, WithoutAuthNobodyIsAsked) {
  EXPECT_EQ(rules("services: {a: http://a}"), "off | off");
  EXPECT_EQ(rules("auth: off\nservices: {a: http://a}"), "off | off");
}

TEST(AuthRules, TheNarrowestDecides) {
  const std::string listen = "listen: {public: {port: 80, auth: main}}\n";
  const std::string service = "services: {a: {url: http://a, auth: other}}\n";
  const std::string open = "services: {a: http://a}\n";
  const std::string route = "routes: [{path: /x, to: a, auth: [main, other]}]\n";
  EXPECT_EQ(rules(kTop + open), "required | optional");
  EXPECT_EQ(rules(kTop + listen + open), "main | optional") << "a public path is narrower than a listener";
  EXPECT_EQ(rules(kTop + listen + service), "other | other") << "a service is narrower than a public path";
  EXPECT_EQ(rules(kTop + listen + service + route), "[main, other] | [main, other]");
  EXPECT_EQ(rules(kTop + "defaults: {auth: other}\n" + open), "other | other");
}

TEST(AuthRules, ARouteWithoutServiceSkipsThatStep) {
  EXPECT_EQ(rules(kTop + "defaults: {auth: other}\nroutes: [{path: /x, redirect: /y}]"),
            "required | optional");
  EXPECT_EQ(rules(kTop + "routes: [{path: /x, reply: 204, auth: off}]"), "off | off");
}

TEST(AuthRules, TheOneForAllMayRequireMore) {
  const Spec spec = loaded("auth: {issuer: https://a.example, audience: x, require: {claim.aal: \"2\"}}");
  ASSERT_TRUE(spec.auth.has_value());
  EXPECT_EQ(spec.auth->rule.mode, Mode::required);
  ASSERT_EQ(spec.auth->rule.require.size(), 1U);
  EXPECT_EQ(spec.auth->rule.require[0][0].key, (ConditionKey{ConditionKey::Kind::claim, "aal"}));
  EXPECT_EQ(spec.auth->rule.text, "{require: {claim.aal: \"2\"}}");
}

TEST(AuthRules, UsersAreTakenApartWhereThereAreSeveralWays) {
  const std::string keys = "api_keys: {keys: {a: " + hash_of(1) + "}}";
  EXPECT_FALSE(users_have_issuer(*loaded("auth: {issuer: https://a.example, audience: x}").auth));
  EXPECT_FALSE(users_have_issuer(*loaded("auth: {" + keys + "}").auth));
  EXPECT_TRUE(
      users_have_issuer(*loaded("auth: {issuer: https://a.example, audience: x, " + keys + "}").auth));
  EXPECT_TRUE(users_have_issuer(*loaded(kTop).auth));
}

TEST(AuthRules, EveryFormOfARule) {
  const Spec spec = loaded(kTop +
                           "services: {a: http://a}\n"
                           "routes:\n"
                           "  - {path: /a, to: a, auth: off}\n"
                           "  - {path: /b, to: a, auth: false}\n"
                           "  - {path: /c, to: a, auth: optional}\n"
                           "  - {path: /d, to: a, auth: required}\n"
                           "  - {path: /e, to: a, auth: [other, main, other]}\n"
                           "  - {path: /f, to: a, auth: {require: [{user: a}, {user: b}], issuers: main}}\n"
                           "  - {path: /g, to: a, auth: {issuers: [main]}}\n");
  const auto rule = [&](std::size_t index) -> const AuthRule& { return *spec.routes[index].auth; };
  EXPECT_EQ(rule(0).mode, Mode::off);
  EXPECT_EQ(rule(1).mode, Mode::off);
  EXPECT_EQ(rule(2).mode, Mode::optional);
  EXPECT_EQ(rule(3).mode, Mode::required);
  EXPECT_TRUE(rule(3).issuers.empty());
  EXPECT_EQ(rule(4).mode, Mode::required);
  EXPECT_THAT(rule(4).issuers, ElementsAre("other", "main"));
  EXPECT_EQ(rule(5).require.size(), 2U);
  EXPECT_THAT(rule(5).issuers, ElementsAre("main"));
  EXPECT_TRUE(rule(6).require.empty());
  EXPECT_EQ(rule(6).mode, Mode::required);
}

// ---- issuers
// ---------------------------------------------------------------------------------------------------

IssuerSpec issuer(const std::string& fields) { return loaded("auth: {" + fields + "}").auth->issuers.at(0); }

TEST(Issuers, DiscoveryIsBelowTheIssuer) {
  const auto target = [](const std::string& url) {
    return issuer("issuer: \"" + url + "\"").discovery->target;
  };
  EXPECT_EQ(target("https://a.example"), "/.well-known/openid-configuration");
  EXPECT_EQ(target("https://a.example/"), "/.well-known/openid-configuration");
  EXPECT_EQ(target("https://a.example/realms/x"), "/realms/x/.well-known/openid-configuration");
  EXPECT_EQ(issuer("issuer: https://a.example/").issuer, "https://a.example/") << "compared byte for byte";
  EXPECT_FALSE(issuer("issuer: http://localhost:9000").discovery->tls);
}

TEST(Issuers, WhatIsNotWrittenIsResolved) {
  const IssuerSpec one = issuer("issuer: https://a.example");
  EXPECT_EQ(one.name, "main");
  EXPECT_EQ(one.algs.size(), 10U);
  EXPECT_THAT(one.algs, Each(Not(HasSubstr("HS"))));
  EXPECT_EQ(one.user, "sub");
  EXPECT_EQ(one.leeway, 60s);
  EXPECT_EQ(one.keep_removed_keys, 10min);
  const IssuerSpec two = issuer("issuer: me, secret: $SECRET");
  EXPECT_FALSE(two.discovery.has_value());
  EXPECT_THAT(two.algs, ElementsAre("HS256", "HS384")) << "those that 48 bytes are long enough for";
}

TEST(Issuers, WhatStandsBesideIssuerIsForAllThatSayNothingElse) {
  const Spec spec = loaded(
      "auth:\n  leeway: 5s\n  audience: [a, b]\n  user: claim.email\n"
      "  issuer: {one: https://a.example, two: {issuer: https://b.example, audience: c, leeway: 1m}}\n");
  const auto& issuers = spec.auth->issuers;
  EXPECT_THAT(issuers[0].audience, ElementsAre("a", "b"));
  EXPECT_THAT(issuers[1].audience, ElementsAre("c"));
  EXPECT_EQ(issuers[0].leeway, 5s);
  EXPECT_EQ(issuers[1].leeway, 1min);
  EXPECT_EQ(issuers[1].user, "email");
}

TEST(Issuers, KeysFromAFileAreReadAndWatched) {
  const Spec spec = loaded("auth: {issuer: me, jwks: keys/a.json, audience: x}",
                           environment_of({{"keys/a.json", "\n {\"keys\": []}\n"}}));
  ASSERT_TRUE(spec.auth->issuers[0].jwks.has_value());
  EXPECT_FALSE(spec.auth->issuers[0].jwks->url.has_value());
  EXPECT_EQ(spec.auth->issuers[0].jwks->text, "\n {\"keys\": []}");
  EXPECT_THAT(spec.files, ElementsAre("gatehouse.yaml", "keys/a.json"));
}

TEST(Issuers, TheSystemsAuthoritiesAreReadForThem) {
  const Environment environment =
      environment_of({{"/etc/ssl/certs/ca-certificates.crt", "-----BEGIN CERTIFICATE-----"}});
  const auto shown = [&](const std::string& auth) {
    return loaded("auth: {" + auth + "}", environment).system_ca.shown;
  };
  EXPECT_NE(shown("issuer: https://a.example"), "");
  EXPECT_NE(shown("issuer: me, jwks: https://a.example/keys"), "");
  EXPECT_EQ(shown("issuer: http://localhost:1"), "");
  EXPECT_EQ(shown("issuer: me, jwks: http://localhost:1/keys"), "");
  EXPECT_EQ(shown("issuer: me, secret: $SECRET"), "");
}

TEST(Issuers, NoFieldShowsASecret) {
  for (const std::string_view field :
       {"issuer", "jwks", "audience", "algs", "typ", "secret", "user", "leeway", "revoked", "require",
        "public", "send", "bad_signatures", "cache_memory", "api_keys"}) {
    for (const std::string_view value :
         {"$SECRET", "{a: $SECRET}", "{claim.a: $SECRET}", "{a: {issuer: $SECRET}}",
          "{keys: {a: {sha256: $SECRET, claims: {a: $SECRET}}}}", "{file: $SECRET}",
          "{in: $SECRET, keys: {a: $SECRET}}"}) {
      const std::string issuer = field == "issuer" ? "" : "issuer: https://a.example, ";
      const std::string text = fmt::format("auth: {{{}{}: {}}}\n", issuer, field, value);
      const Loaded out = load_text(text, "f", environment_of());
      EXPECT_THAT(text_of(out.diagnostics), Not(HasSubstr(kSecret.substr(0, 8)))) << text;
      if (out.spec) EXPECT_THAT(print(*out.spec), Not(HasSubstr(kSecret.substr(0, 8)))) << text;
    }
  }
}

// ---- API keys
// --------------------------------------------------------------------------------------------------

TEST(ApiKeys, InlineAndOfAFile) {
  const Environment environment =
      environment_of({{"k.yaml", fmt::format("b: {{sha256: {}, claims: {{org: $SECRET}}}}\nc: {}\n",
                                             hash_of(2), hash_of(3))}});
  const Spec spec = loaded("auth: {api_keys: {file: k.yaml, keys: {a: {sha256: " + hash_of(1) +
                               ", claims: {org: acme, scope: [x, y]}, expires: 1970-01-02}}}}",
                           environment);
  const ApiKeysSpec& all = *spec.auth->api_keys;
  ASSERT_EQ(all.keys.size(), 3U);
  EXPECT_THAT(all.keys[0].claims, ElementsAre(Pair("org", "acme"), Pair("scope", "x"), Pair("scope", "y")));
  EXPECT_EQ(all.keys[0].expires, WallTime{} + 24h);
  EXPECT_FALSE(all.keys[0].of_file);
  EXPECT_TRUE(all.keys[1].of_file);
  EXPECT_EQ(all.keys[1].at.file, "k.yaml");
  EXPECT_THAT(all.keys[1].claims, ElementsAre(Pair("org", "$SECRET")))
      << "what programs write is not replaced";
  EXPECT_EQ(all.keys[2].sha256.back(), 3);
  EXPECT_THAT(spec.files, ElementsAre("gatehouse.yaml", "k.yaml"));
  EXPECT_EQ(all.in, ApiKeysSpec::In::header);
  EXPECT_EQ(all.name, "x-api-key");
  EXPECT_FALSE(all.send);
  EXPECT_THAT(print(spec), Not(HasSubstr(hash_of(2)))) << "it stands in the file already";
}

TEST(ApiKeys, TheFileIsBounded) {
  const auto with = [](const std::string& text) { return environment_of({{"k.yaml", text}}); };
  const std::string auth = "auth: {api_keys: {file: k.yaml}}";
  EXPECT_THAT(errors(auth, with(std::string(16 * 1024 * 1024 + 1, '#'))), HasSubstr("larger than 16 MB"));
  std::string many;
  for (std::size_t i = 0; i <= 100'000; ++i) many += fmt::format("k{}: x\n", i);
  EXPECT_THAT(errors(auth, with(many)), HasSubstr("more than 100000 API keys"));
  EXPECT_EQ(errors("auth: {api_keys: {file: k.yaml, keys: {a: x}}}", with("")).find("more than"),
            std::string::npos);
  Environment sent = with("a: " + hash_of(1));
  sent.only_files = std::vector<std::string>{};
  EXPECT_THAT(errors(auth, sent), HasSubstr("may not be used here"));
}

TEST(ApiKeys, ManyTakeNoQuadraticTime) {
  std::string many;
  for (std::size_t i = 0; i < 20'000; ++i) many += fmt::format("k{}: {}\n", i, hash_of(i + 1));
  EXPECT_EQ(loaded("auth: {api_keys: {file: k.yaml}}", environment_of({{"k.yaml", many}}))
                .auth->api_keys->keys.size(),
            20'000U);
}

}  // namespace
}  // namespace gatehouse::config
