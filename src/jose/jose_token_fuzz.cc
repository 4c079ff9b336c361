// Tokens as they come, and header and payload of the fuzzer's own in a well-formed token: what is read keeps
// its promises, and nothing is believed that no key has signed.
#include <simdjson.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "jose/base64url.h"
#include "jose/verify.h"

namespace {

using namespace gatehouse::jose;

void require(bool condition) {
  if (!condition) std::abort();
}

const Key& published() {
  static const Key key = *Key::from_jwk(
      R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})");
  return key;
}
const Key& secret() {
  static const Key key =
      *Key::from_secret("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
  return key;
}

void check_claims_of(const Token& token) {
  const Claims& claims = token.claims();
  std::size_t values = 0;
  for (std::string_view path : {"scope", "aud", "a", "a.b", "a.b.c", "realm_access.roles", ""})
    claims.each(path, [&](std::string_view text) {
      require(simdjson::validate_utf8(text.data(), text.size()));
      ++values;
    });
  require(values <= 7 * token.payload().size());
  require(!claims.issuer() || simdjson::validate_utf8(claims.issuer()->data(), claims.issuer()->size()));

  Expectation expected{.issuer = {}, .audiences = {}, .type = {}, .leeway_s = 60};
  expected.algorithms = AlgorithmSet::symmetric();
  for (std::int64_t now : {std::int64_t{0}, std::int64_t{1'700'000'000}, INT64_MAX, INT64_MIN}) {
    const auto checked = check_claims(token, expected, now);
    if (checked) require(claims.expires().has_value() && !claims.bound() && is_symmetric(token.algorithm()));
  }
  expected.issuer = "an issuer";
  expected.audiences = {"api"};
  expected.type = "at+jwt";
  if (check_claims(token, expected, 0)) require(claims.issuer() == "an issuer" && claims.has_audience("api"));
}

void read(std::string_view compact) {
  TokenReader reader;
  const auto token = reader.read(compact);
  if (!token) {
    const Fault fault = token.error();
    require(fault == Fault::malformed || fault == Fault::too_large || fault == Fault::unsupported_algorithm ||
            fault == Fault::critical_header);
    return;
  }
  require(compact.starts_with(token->signing_input()));
  // The only spelling of what it says.
  require(compact == std::string(token->signing_input()) + "." + base64url_encode(token->signature()));
  require(compact.find("." + base64url_encode(token->payload()) + ".") != compact.npos);
  check_claims_of(*token);
  // Whoever finds a signature here has earned it; the key of ES256 is RFC 7515's, whose token is in the
  // corpus.
  if (can_verify(*token, secret())) require(!verify(*token, secret()));
  if (can_verify(*token, published())) (void)verify(*token, published());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read(text);
  const std::size_t line = text.find('\n');
  if (line != text.npos)
    read(base64url_encode(text.substr(0, line)) + "." + base64url_encode(text.substr(line + 1)) + ".AAAA");
  return 0;
}
