#include "filters/auth/discovery.h"

#include <gtest/gtest.h>

namespace gatehouse::filters {
namespace {

constexpr std::string_view kIssuer = "https://id.example/realms/a";

std::string why(std::string_view json) {
  auto url = parse_discovery(json, kIssuer);
  return url ? "none" : url.error();
}

TEST(Discovery, SaysWhereTheKeysAre) {
  auto url = parse_discovery(
      R"({"issuer":"https://id.example/realms/a","jwks_uri":"https://keys.example:8443/k?v=1","more":[{}]})",
      kIssuer);
  ASSERT_TRUE(url) << url.error();
  EXPECT_EQ(url->host, "keys.example");
  EXPECT_EQ(url->port, 8443);
  EXPECT_TRUE(url->tls);
  EXPECT_EQ(url->target, "/k?v=1");
}

TEST(Discovery, TheIssuerMatchesByteForByte) {
  for (std::string_view other :
       {"https://id.example/realms/a/", "https://ID.example/realms/a", "https://id.example"})
    EXPECT_EQ(why(R"({"issuer":")" + std::string(other) + R"(","jwks_uri":"https://id.example/k"})"),
              "its `issuer` is another one");
  EXPECT_EQ(why(R"({"jwks_uri":"https://id.example/k"})"), "it has no `issuer`");
  EXPECT_EQ(why(R"({"issuer":["https://id.example/realms/a"],"jwks_uri":"https://id.example/k"})"),
            "it has no `issuer`");
}

TEST(Discovery, KeysComeOverHttpsOnly) {
  auto with = [](std::string_view uri) {
    return why(R"({"issuer":"https://id.example/realms/a","jwks_uri":")" + std::string(uri) + R"("})");
  };
  EXPECT_EQ(with("http://id.example/k"), "its `jwks_uri` is not https");
  EXPECT_EQ(with("http://169.254.169.254/k"), "its `jwks_uri` is not https");
  EXPECT_EQ(with("http://127.0.0.1.example/k"), "its `jwks_uri` is not https");
  EXPECT_EQ(with("file:///etc/passwd"), "its `jwks_uri` is no URL");
  EXPECT_EQ(with("https://user:pass@id.example/k"), "its `jwks_uri` is no URL");
  EXPECT_EQ(with("https://id.example/k\\r\\nX: y"), "its `jwks_uri` is no URL");
  EXPECT_EQ(with(""), "its `jwks_uri` is no URL");
  EXPECT_EQ(with("http://127.0.0.1:9000/k"), "none");
  EXPECT_EQ(with("http://localhost/k"), "none");
  EXPECT_EQ(with("http://[::1]/k"), "none");
}

TEST(Discovery, IsStrictJsonAndBounded) {
  EXPECT_EQ(why("<html>"), "it is not a JSON object, or names a member twice");
  EXPECT_EQ(why("[]"), "it is not a JSON object, or names a member twice");
  EXPECT_EQ(why(R"({"issuer":"https://id.example/realms/a","issuer":"x"})"),
            "it is not a JSON object, or names a member twice");
  EXPECT_EQ(why(std::string(kMaxDiscoveryBytes + 1, ' ')), "it has more than 65536 bytes");
  EXPECT_EQ(why(R"({"issuer":"https://id.example/realms/a"})"), "it has no `jwks_uri`");
}

TEST(Discovery, TheOtherPlaceOfTheDocument) {
  config::WebUrl oidc{.shown = {},
                      .host = "id.example",
                      .port = 443,
                      .tls = true,
                      .target = "/realms/a/.well-known/openid-configuration"};
  EXPECT_EQ(oauth_metadata_url(oidc).target, "/.well-known/oauth-authorization-server/realms/a");
  oidc.target = "/.well-known/openid-configuration";
  EXPECT_EQ(oauth_metadata_url(oidc).target, "/.well-known/oauth-authorization-server");
  oidc.target = "/my-document";
  EXPECT_EQ(oauth_metadata_url(oidc).target, "/my-document");
}

TEST(Ttl, IsWhatTheFieldsSayWithinBounds) {
  EXPECT_EQ(ttl_of("", ""), 1h);
  EXPECT_EQ(ttl_of("public, max-age=600", ""), 10min);
  EXPECT_EQ(ttl_of("Max-Age=600", "60"), 9min);
  EXPECT_EQ(ttl_of("max-age=\"600\"", ""), 10min);
  EXPECT_EQ(ttl_of("max-age=5", ""), 1min);
  EXPECT_EQ(ttl_of("max-age=0", ""), 1min);
  EXPECT_EQ(ttl_of("max-age=604800", ""), 1h);
  EXPECT_EQ(ttl_of("max-age=99999999999999999999999999", ""), 1h);
  EXPECT_EQ(ttl_of("max-age=600", "99999999999999999999"), 1min);
  EXPECT_EQ(ttl_of("max-age=-1", ""), 1min);
  EXPECT_EQ(ttl_of("max-age=1h", ""), 1min);
  EXPECT_EQ(ttl_of("max-age", ""), 1h);
  EXPECT_EQ(ttl_of("max-age=600, no-store", ""), 1min);
  EXPECT_EQ(ttl_of("no-cache", ""), 1min);
}

}  // namespace
}  // namespace gatehouse::filters
