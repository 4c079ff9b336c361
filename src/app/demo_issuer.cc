#include "app/demo_issuer.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <chrono>
#include <cstdlib>

#include "base/json_text.h"
#include "jose/base64url.h"

namespace gatehouse::app {
namespace {

constexpr std::string_view kKid = "demo";

struct FreeKey {
  void operator()(EVP_PKEY* key) const noexcept { ::EVP_PKEY_free(key); }
};
struct FreeContext {
  void operator()(EVP_MD_CTX* context) const noexcept { ::EVP_MD_CTX_free(context); }
};

std::string encoded(std::string json) {
  if (json.ends_with('\n')) json.pop_back();
  return jose::base64url_encode(json);
}

}  // namespace

// Ed25519 (RFC 8037): nothing about it can be chosen wrongly.
struct DemoIssuer::SigningKey {
  std::unique_ptr<EVP_PKEY, FreeKey> key{::EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")};

  std::string public_half() const {
    std::array<unsigned char, 32> raw{};
    std::size_t size = raw.size();
    if (::EVP_PKEY_get_raw_public_key(key.get(), raw.data(), &size) != 1) std::abort();
    return jose::base64url_encode(raw);
  }
  std::string sign(std::string_view text) const {
    std::array<unsigned char, 64> signature{};
    std::size_t size = signature.size();
    const std::unique_ptr<EVP_MD_CTX, FreeContext> context(::EVP_MD_CTX_new());
    const bool good = ::EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
                      ::EVP_DigestSign(context.get(), signature.data(), &size,
                                       reinterpret_cast<const unsigned char*>(text.data()), text.size()) == 1;
    if (!good) std::abort();
    return jose::base64url_encode(signature);
  }
};

DemoIssuer::DemoIssuer()
    : key_(std::make_unique<const SigningKey>()),
      service_([this](const SampleRequest& request) { return answer(request); }) {}
DemoIssuer::~DemoIssuer() = default;

std::string DemoIssuer::url() const { return fmt::format("http://{}", net::to_string(service_.address())); }

SampleAnswer DemoIssuer::answer(const SampleRequest& request) const {
  if (request.target == "/.well-known/openid-configuration")
    return {200, "application/json",
            JsonText()
                .begin_object()
                .field("issuer", url())
                .field("jwks_uri", url() + "/jwks")
                .end_object()
                .take()};
  if (request.target != "/jwks")
    return {404, "text/plain", "The demonstration's issuer has only its keys.\n"};
  JsonText json;
  json.begin_object().key("keys").begin_array().begin_object();
  json.field("kty", "OKP").field("crv", "Ed25519").field("alg", "EdDSA").field("use", "sig");
  json.field("kid", kKid).field("x", key_->public_half());
  return {200, "application/json", json.end_object().end_array().end_object().take()};
}

std::string DemoIssuer::token(std::string_view user, WallTime now) const {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  JsonText header;
  header.begin_object().field("alg", "EdDSA").field("typ", "JWT").field("kid", kKid).end_object();
  JsonText claims;
  claims.begin_object().field("iss", url()).field("aud", kAudience).field("sub", user);
  claims.field("iat", seconds).field("exp", seconds + 3600).end_object();
  const std::string text = encoded(header.take()) + "." + encoded(claims.take());
  return text + "." + key_->sign(text);
}

}  // namespace gatehouse::app
