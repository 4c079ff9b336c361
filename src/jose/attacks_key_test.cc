// Attacks that mix up keys: of another kind, for another use, or too weak to be one.
#include <openssl/core_names.h>

#include "jose/attacks_testing.h"

namespace gatehouse::jose::testing {

namespace {

// A token of `says`, signed as `is` by that one's key; the key offered is `has`'s.
void add_mixed(std::vector<Attack>& all) {
  using enum Algorithm;
  struct Mix {
    Algorithm says, is, has;
    Fault expected;
  };
  constexpr Mix kMixes[] = {
      {es256, es384, es384, Fault::unknown_key},   {es384, es256, es256, Fault::unknown_key},
      {es512, es256, es256, Fault::unknown_key},   {es256, es512, es512, Fault::unknown_key},
      {es256, es384, es256, Fault::bad_signature}, {es384, es256, es384, Fault::bad_signature},
      {rs256, es256, es256, Fault::unknown_key},   {es256, rs256, rs256, Fault::unknown_key},
      {eddsa, es256, es256, Fault::unknown_key},   {es256, eddsa, eddsa, Fault::unknown_key},
      {rs256, eddsa, eddsa, Fault::unknown_key},   {eddsa, rs256, rs256, Fault::unknown_key},
      {ps256, rs256, rs256, Fault::unknown_key},   {rs256, ps256, ps256, Fault::unknown_key},
      {rs384, rs256, rs256, Fault::unknown_key},   {rs256, rs384, rs384, Fault::unknown_key},
      {rs512, rs256, rs512, Fault::bad_signature}, {rs256, rs512, rs256, Fault::bad_signature},
      {rs256, ps256, rs256, Fault::bad_signature}, {ps256, rs256, ps256, Fault::bad_signature},
      {ps384, ps256, ps384, Fault::bad_signature}, {ps512, ps384, ps512, Fault::bad_signature},
      {eddsa, es256, eddsa, Fault::bad_signature}, {es256, eddsa, es256, Fault::bad_signature},
  };
  for (const Mix& mix : kMixes) {
    const std::string name =
        fmt::format("says {}, is {}, key for {}", name_of(mix.says), name_of(mix.is), name_of(mix.has));
    Attacks(all, good_token(mix.has, kClaims), jwk(published(mix.has)))
        .add(name, token(signers().of(mix.is), how(mix.is), header(mix.says), kClaims), mix.expected);
  }
}

void add_purposes(std::vector<Attack>& all) {
  const auto algorithm = Algorithm::rs256;
  const std::string good = good_token(algorithm, kClaims);
  const Signer& signer = signers().rsa;
  Attacks attacks(all, good, set_of({signer.jwk(R"("use":"sig","key_ops":["verify"])")}));
  const auto with = [&](std::string name, std::string_view extra) {
    attacks.add(std::move(name), good, Fault::unknown_key, set_of({signer.jwk(extra)}));
  };
  with("a key with use enc", R"("use":"enc")");
  with("a key with use SIG", R"("use":"SIG")");
  with("a key with an empty use", R"("use":"")");
  with("a key with a use that is a list", R"("use":["sig"])");
  with("a key with key_ops encrypt", R"("key_ops":["encrypt"])");
  with("a key with key_ops sign", R"("key_ops":["sign"])");
  with("a key with no key_ops", R"("key_ops":[])");
  with("a key whose key_ops are a string", R"("key_ops":"verify")");
  with("a key with use sig and key_ops wrapKey", R"("use":"sig","key_ops":["wrapKey"])");
  with("a key with alg RSA-OAEP", R"("alg":"RSA-OAEP")");
  with("a key with alg RS512", R"("alg":"RS512")");
  with("a key with alg PS256", R"("alg":"PS256")");
  with("a key with alg HS256", R"("alg":"HS256")");
  with("a key with alg none", R"("alg":"none")");
  with("a key with a number for alg", R"("alg":256)");
  attacks.add("a key of another kid", good_token(algorithm, kClaims, R"("kid":"k2")"), Fault::unknown_key,
              set_of({published(algorithm)}));
  attacks.add("another key of the same kid", good_token(algorithm, kClaims, R"("kid":"k1")"),
              Fault::bad_signature, set_of({signers().rsa_other.jwk(R"("kid":"k1")")}));
  attacks.add(
      "a set with a member twice", good, Fault::unknown_key,
      Keys{.set = fmt::format(R"({{"keys":[],"keys":[{}]}})", signer.jwk()), .jwk = {}, .secret = {}});
  attacks.add("a key with a member twice", good, Fault::unknown_key, set_of({signer.jwk(R"("kty":"RSA")")}));
  attacks.add("an empty set", good, Fault::unknown_key, set_of({}));
}

void add_weak(std::vector<Attack>& all) {
  const std::string good = good_token(Algorithm::rs256, kClaims);
  const std::string n = signers().rsa.number(OSSL_PKEY_PARAM_RSA_N, 0);
  Attacks attacks(all, good, set_of({signers().rsa.jwk()}));
  const auto rsa = [&](std::string name, std::string_view modulus, std::string_view exponent) {
    attacks.add(std::move(name), good, Fault::unknown_key,
                set_of({fmt::format(R"({{"kty":"RSA","n":"{}","e":"{}"}})", modulus, exponent)}));
  };
  rsa("RSA with exponent 1", n, "AQ");
  rsa("RSA with exponent 2", n, "Ag");
  rsa("RSA with exponent 0", n, "AA");
  rsa("RSA with an exponent of 72 bits", n, "AQEBAQEBAQEB");
  rsa("RSA with padding in its exponent", n, "AQAB==");
  rsa("RSA with padding in its modulus", n + "=", "AQAB");
  rsa("RSA with a space in its modulus", " " + n, "AQAB");
  const Signer weak = Signer::rsa(1024);
  attacks.add("RSA of 1024 bits", token(weak, how(Algorithm::rs256), header(Algorithm::rs256), kClaims),
              Fault::unknown_key, set_of({weak.jwk()}));

  const std::string ec = good_token(Algorithm::es256, kClaims);
  const std::string x = signers().p256.number(OSSL_PKEY_PARAM_EC_PUB_X, 32);
  const std::string y = signers().p256.number(OSSL_PKEY_PARAM_EC_PUB_Y, 32);
  const std::string zero = base64url_encode(std::string(32, '\0'));
  Attacks points(all, ec, set_of({signers().p256.jwk()}));
  const auto point = [&](std::string name, std::string_view crv, std::string_view first,
                         std::string_view second) {
    points.add(std::move(name), ec, Fault::unknown_key,
               set_of({fmt::format(R"({{"kty":"EC","crv":"{}","x":"{}","y":"{}"}})", crv, first, second)}));
  };
  point("EC with a point that is not on the curve", "P-256", x, x);
  point("EC with the point 0, 0", "P-256", zero, zero);
  point("EC with the coordinates of another curve", "P-384", x, y);
  point("EC on secp256k1", "secp256k1", x, y);
  point("EC with a coordinate too short", "P-256", x.substr(0, 40), y);
  point("EC with a coordinate too long", "P-256", "AAAA" + x, y);
  point("EC without y", "P-256", x, "");
  points.add("EC with kty RSA", ec, Fault::unknown_key,
             set_of({fmt::format(R"({{"kty":"RSA","crv":"P-256","x":"{}","y":"{}"}})", x, y)}));
  points.add("EC with kty ec", ec, Fault::unknown_key,
             set_of({fmt::format(R"({{"kty":"ec","crv":"P-256","x":"{}","y":"{}"}})", x, y)}));
}

}  // namespace

void add_key_attacks(std::vector<Attack>& all) {
  add_mixed(all);
  add_purposes(all);
  add_weak(all);
}

}  // namespace gatehouse::jose::testing
