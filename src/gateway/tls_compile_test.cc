#include "gateway/tls_compile.h"

#include <gtest/gtest.h>

#include <string>

#include "config/loader.h"
#include "gateway/snapshot.h"
#include "net/tls_testing.h"

namespace gatehouse::gateway {
namespace {

class TlsCompile : public ::testing::Test {
 protected:
  // The files that a configuration may name.
  std::map<std::string, std::string> files;
  StateRegistry registry;
  config::Diagnostics diagnostics;

  std::shared_ptr<const Snapshot> compile(std::string_view yaml) {
    config::Environment environment;
    environment.read_file = [this](const std::string& path) -> std::optional<std::string> {
      auto found = files.find(path);
      return found == files.end() ? std::nullopt : std::optional(found->second);
    };
    auto loaded = config::load_text(yaml, "g.yaml", environment);
    EXPECT_TRUE(loaded.spec);
    if (!loaded.spec) return nullptr;
    auto made = Snapshot::compile(std::make_shared<config::Spec>(std::move(*loaded.spec)), registry, {});
    diagnostics = made ? config::Diagnostics{} : std::move(made.error());
    return made ? *made : nullptr;
  }
  std::string complaint(std::string_view yaml) {
    EXPECT_FALSE(compile(yaml));
    return diagnostics.empty() ? std::string() : diagnostics.front().text();
  }
};

constexpr std::string_view kService = R"(
services: {s: {url: "https://s", tls: {ca: ca.pem}}, t: {url: "https://t", tls: {ca: ca.pem}}, u: http://u}
)";

TEST_F(TlsCompile, UnchangedSettingsOfAServiceKeepContextAndEndpoints) {
  files["ca.pem"] = net::TestAuthority().pem();
  auto one = compile(kService);
  ASSERT_TRUE(one);
  EXPECT_TRUE(one->services()[0].versions[0].tls);
  EXPECT_FALSE(one->services()[2].versions[0].tls);
  EXPECT_NE(one->services()[0].versions[0].tls, one->services()[1].versions[0].tls);
  registry.collect();
  auto two = compile(kService);
  ASSERT_TRUE(two);
  EXPECT_EQ(one->services()[0].versions[0].tls, two->services()[0].versions[0].tls);
  EXPECT_EQ(one->services()[0].versions[0].shared, two->services()[0].versions[0].shared);
  files["ca.pem"] = net::TestAuthority("another").pem();
  auto three = compile(kService);
  ASSERT_TRUE(three);
  EXPECT_NE(two->services()[0].versions[0].tls, three->services()[0].versions[0].tls);
  EXPECT_NE(two->services()[0].versions[0].shared, three->services()[0].versions[0].shared);
  EXPECT_EQ(two->services()[2].versions[0].shared, three->services()[2].versions[0].shared);
}

TEST_F(TlsCompile, WhatTheSystemTrustsIsReadAgain) {
  constexpr std::string_view kSystem =
      "services: {s: {url: https://s}, t: {url: https://t, tls: {ca: ca.pem}}, u: http://u}";
  std::string& system = files["/etc/ssl/certs/ca-certificates.crt"];
  files["ca.pem"] = net::TestAuthority().pem();
  system = "# a comment\n" + net::TestAuthority("one").pem() + "-----BEGIN CERTIFICATE-----\n????\n" +
           "-----END CERTIFICATE-----\n" + net::TestAuthority("two").pem();
  auto one = compile(kSystem);
  ASSERT_TRUE(one);
  registry.collect();
  auto two = compile(kSystem);
  ASSERT_TRUE(two);
  EXPECT_EQ(one->services()[0].versions[0].tls, two->services()[0].versions[0].tls);
  system += net::TestAuthority("three").pem();
  auto three = compile(kSystem);
  ASSERT_TRUE(three);
  EXPECT_NE(two->services()[0].versions[0].tls, three->services()[0].versions[0].tls);
  EXPECT_NE(two->services()[0].versions[0].shared, three->services()[0].versions[0].shared)
      << "pooled connections were made with another trust";
  EXPECT_EQ(two->services()[1].versions[0].tls, three->services()[1].versions[0].tls);
  system = "nothing of use";
  EXPECT_TRUE(compile(kSystem)) << "OpenSSL's own places then";
  system = "-----BEGIN CERTIFICATE-----\n????\n-----END CERTIFICATE-----\n";
  EXPECT_FALSE(compile(kSystem)) << "it is said, and nobody else is trusted";
}

TEST_F(TlsCompile, TheDevelopmentCertificateOutlivesReloads) {
  constexpr std::string_view kDev = "listen: {public: {port: 1, tls: dev}, internal: {port: 2, tls: dev}}";
  auto one = compile(kDev);
  ASSERT_TRUE(one);
  registry.collect();
  auto two = compile(kDev);
  ASSERT_TRUE(two);
  EXPECT_EQ(one->listeners()[0].tls_state, two->listeners()[0].tls_state);
  EXPECT_EQ(one->listeners()[0].tls_state, one->listeners()[1].tls_state);
}

TEST_F(TlsCompile, WhatIsWrongIsSaidWhereItStands) {
  auto good = net::TestAuthority().issue({.name = "DNS:a.test"});
  files["a.pem"] = good.chain;
  files["a-key.pem"] = good.key;
  files["other-key.pem"] = net::TestAuthority().issue({}).key;
  files["both.pem"] = good.chain + good.key;
  files["broken.pem"] = good.chain.substr(0, 200);
  EXPECT_TRUE(compile("listen: {public: {tls: {cert: a.pem, key: a-key.pem}}}"));
  EXPECT_TRUE(compile("listen: {public: {tls: {cert: both.pem}}}"));
  EXPECT_EQ(complaint("listen: {public: {tls: {cert: a.pem, key: other-key.pem}}}"),
            "g.yaml:1:43: `other-key.pem` does not belong to the certificate.");
  EXPECT_EQ(complaint("listen: {public: {tls: {cert: a.pem}}}"),
            "g.yaml:1:31: `a.pem` holds no PEM private key that can be read without a pass phrase.");
  EXPECT_EQ(complaint("listen: {public: {tls: [{cert: both.pem}, {cert: broken.pem, key: a-key.pem}]}}"),
            "g.yaml:1:50: `broken.pem` holds no PEM certificate.");
  EXPECT_EQ(complaint("listen: {public: {tls: {cert: both.pem, client_ca: a-key.pem}}}"),
            "g.yaml:1:52: `a-key.pem` holds no PEM certificate.");
  EXPECT_EQ(complaint("listen: {public: {tls: on}}").substr(0, 42),
            "g.yaml:1:10: `tls` has no certificate. Wri");
  EXPECT_EQ(complaint("services: {s: {url: 'https://s', tls: {ca: broken.pem}}}"),
            "g.yaml:1:44: `broken.pem` holds no PEM certificate.");
}

}  // namespace
}  // namespace gatehouse::gateway
