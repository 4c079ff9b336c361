// Attacks that change what the signature is taken for: `none`, confusion of public keys with secrets, and
// what a header says about its key.
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "jose/attacks_testing.h"

namespace gatehouse::jose::testing {

namespace {

std::string pem(const Signer& signer) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), &BIO_free);
  must(PEM_write_bio_PUBKEY(out.get(), signer.key()) == 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string der(const Signer& signer) {
  unsigned char* data = nullptr;
  const int size = i2d_PUBKEY(signer.key(), &data);
  must(size > 0);
  std::string out(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
  OPENSSL_free(data);
  return out;
}

void add_none(std::vector<Attack>& all) {
  Attacks attacks(all, good_token(Algorithm::rs256, kClaims, R"("kid":"k1")"),
                  jwk(published(Algorithm::rs256)));
  for (std::string_view none :
       {"none", "None", "NONE", "nOnE", "none ", " none", "", "null", "RS256none", "\\u006eone"}) {
    const std::string unsigned_part = input(fmt::format(R"({{"alg":"{}","kid":"k1"}})", none), kClaims);
    attacks.add(fmt::format("alg `{}`, no signature", none), unsigned_part + ".",
                Fault::unsupported_algorithm);
  }
  const std::string none = R"({"alg":"none","kid":"k1"})";
  attacks.add("alg none with a signature of RS256", with_header(Algorithm::rs256, none),
              Fault::unsupported_algorithm);
  attacks.add("alg none without the last dot", input(none, kClaims), Fault::malformed);
  attacks.add("alg RS256, no signature", input(header(Algorithm::rs256), kClaims) + ".",
              Fault::bad_signature);
  for (std::string_view alg : {"null", "1", "true", "[\"RS256\"]", "{}"})
    attacks.add(fmt::format("alg is {}", alg),
                with_header(Algorithm::rs256, fmt::format(R"({{"alg":{}}})", alg)), Fault::malformed);
  attacks.add("no alg", with_header(Algorithm::rs256, R"({"kid":"k1"})"), Fault::malformed);
  for (std::string_view alg : {"rs256", "RS-256", "RS256 ", "RS1", "RSA", "ES256K", "HS1", "A128GCM",
                               "RSA-OAEP", "dir", "RS256\\u0000", "Ed448"})
    attacks.add(fmt::format("alg `{}`", alg),
                with_header(Algorithm::rs256, fmt::format(R"({{"alg":"{}"}})", alg)),
                Fault::unsupported_algorithm);
}

void add_confusion(std::vector<Attack>& all, Algorithm algorithm) {
  const Signer& signer = signers().of(algorithm);
  const std::string_view name = name_of(algorithm);
  Attacks attacks(all, good_token(algorithm, kClaims, R"("kid":"k1")"), set_of({published(algorithm)}));
  const std::string as_secret = header(Algorithm::hs256, R"("kid":"k1")");
  const std::string text = pem(signer);
  const std::vector<std::pair<std::string_view, std::string>> secrets = {
      {"the PEM", text},
      {"the PEM without its last line feed", text.substr(0, text.size() - 1)},
      {"the DER", der(signer)},
      {"the published JWK", published(algorithm)},
      {"the bare JWK", signer.jwk()},
      {"nothing", ""},
  };
  for (const auto& [what, secret] : secrets)
    attacks.add(fmt::format("HS256 with {} of an {} key as its secret", what, name),
                mac_token(secret, Algorithm::hs256, as_secret, kClaims), Fault::algorithm_not_allowed);
  // The signature is of HS256, the name is not.
  attacks.add(fmt::format("{} with a MAC of HS256 by the PEM", name),
              mac_token(text, Algorithm::hs256, header(algorithm, R"("kid":"k1")"), kClaims),
              Fault::bad_signature);
  // An issuer whose set holds a secret too.
  const std::string shared = fmt::format(R"({{"kty":"oct","kid":"k1","k":"{}"}})", base64url_encode(kSecret));
  attacks.add(fmt::format("HS256 with a published secret beside an {} key", name),
              mac_token(kSecret, Algorithm::hs256, as_secret, kClaims), Fault::algorithm_not_allowed,
              set_of({shared, published(algorithm)}));
}

void add_secret(std::vector<Attack>& all) {
  const std::string secret(kSecret);
  const Keys keys{.set = {}, .jwk = {}, .secret = secret};
  for (auto algorithm : {Algorithm::hs256, Algorithm::hs384, Algorithm::hs512}) {
    const std::string good = mac_token(secret, algorithm, header(algorithm), kClaims);
    const std::string_view name = name_of(algorithm);
    Attacks attacks(all, good, keys);
    attacks.add(fmt::format("{} by another secret", name),
                mac_token(secret + "x", algorithm, header(algorithm), kClaims), Fault::bad_signature);
    attacks.add(fmt::format("{} by no secret", name), mac_token("", algorithm, header(algorithm), kClaims),
                Fault::bad_signature);
    attacks.add(fmt::format("{} cut to 128 bits", name), good.substr(0, good.rfind('.') + 1 + 22 - 1) + "A",
                Fault::bad_signature);
    attacks.add(fmt::format("RS256 where {} is expected", name), good_token(Algorithm::rs256, kClaims),
                Fault::algorithm_not_allowed);
  }
  const std::string header512 = header(Algorithm::hs512);
  Attacks attacks(all, mac_token(secret, Algorithm::hs512, header512, kClaims), keys);
  attacks.add("HS512 with a MAC of HS256", mac_token(secret, Algorithm::hs256, header512, kClaims),
              Fault::bad_signature);
  const std::string short_secret = secret.substr(0, 32);
  attacks.add("HS512 by a secret of 256 bits", mac_token(short_secret, Algorithm::hs512, header512, kClaims),
              Fault::unknown_key, Keys{.set = {}, .jwk = {}, .secret = short_secret});
  attacks.add("HS256 by a secret of 248 bits",
              mac_token(short_secret.substr(1), Algorithm::hs256, header(Algorithm::hs256), kClaims),
              Fault::unknown_key, Keys{.set = {}, .jwk = {}, .secret = short_secret.substr(1)});
}

}  // namespace

void add_algorithm_attacks(std::vector<Attack>& all) {
  add_none(all);
  for (auto algorithm : {Algorithm::rs256, Algorithm::ps256, Algorithm::es256, Algorithm::eddsa})
    add_confusion(all, algorithm);
  add_secret(all);
}

// A token whose header brings a key along, signed with that key.
void add_header_attacks(std::vector<Attack>& all) {
  const auto algorithm = Algorithm::es256;
  const Keys keys = set_of({published(algorithm)});
  // `twin`: the same header and the right key. What it brings is ignored.
  const auto add = [&](std::string name, std::string_view extra, Fault expected = Fault::bad_signature) {
    const std::string text = header(algorithm, extra);
    Attacks(all, with_header(algorithm, text), keys)
        .add(std::move(name), token(signers().p256_other, how(algorithm), text, kClaims), expected);
  };
  const std::string own = signers().p256_other.jwk(R"("kid":"k1")");
  add("jwk: its own key", fmt::format(R"("jwk":{})", own));
  add("jwk: its own key under the kid of ours", fmt::format(R"("kid":"k1","jwk":{})", own));
  add("jwk: its own secret", fmt::format(R"("jwk":{{"kty":"oct","k":"{}"}})", base64url_encode(kSecret)));
  add("jku: a set of its own", R"("kid":"k1","jku":"https://evil.example/jwks.json")");
  add("jku: a set of its own behind our issuer's name",
      R"("jku":"https://issuer.example@evil.example/jwks.json")");
  add("jku: a file", R"("jku":"file:///etc/passwd")");
  add("x5u: a certificate of its own", R"("x5u":"https://evil.example/cert.pem")");
  add("x5c: a certificate of its own", R"("x5c":["MIIBszCCAVmgAwIBAgIUQ"])");
  add("x5t: a hash of its own", R"("x5t":"dGhlIGhhc2g","x5t#S256":"dGhlIGhhc2g")");
  add("jwk, jku, x5u and x5c at once",
      fmt::format(R"("jwk":{},"jku":"https://evil.example","x5u":"https://evil.example","x5c":["MIIB"])",
                  own));

  const std::string plain = with_header(algorithm, header(algorithm, R"("kid":"k1")"));
  Attacks attacks(all, plain, keys);
  for (std::string_view kid :
       {"../../../../dev/null", "/proc/self/environ", "' OR '1'='1", "k1' UNION SELECT 'secret'--", "$(id)",
        "k1\\u0000", "K1", "k1 ", "https://evil.example/key", "", "k"}) {
    const bool empty = kid.empty();  // says as much as no kid
    if (empty) continue;
    attacks.add(fmt::format("kid `{}`", kid),
                with_header(algorithm, header(algorithm, fmt::format(R"("kid":"{}")", kid))),
                Fault::unknown_key);
  }
  for (std::string_view kid : {"1", "null", "[\"k1\"]", R"({"kid":"k1"})", "true"})
    attacks.add(fmt::format("kid is {}", kid),
                with_header(algorithm, header(algorithm, fmt::format(R"("kid":{})", kid))), Fault::malformed);
  for (std::string_view crit : {R"(["b64"])", R"(["exp"])", "[]", "null", R"("b64")", R"(["alg"])", "true"})
    attacks.add(fmt::format("crit is {}", crit),
                with_header(algorithm, header(algorithm, fmt::format(R"("crit":{})", crit))),
                Fault::critical_header);
  for (std::string_view b64 : {"false", "true", "0", "null"})
    attacks.add(fmt::format("b64 is {}", b64),
                with_header(algorithm, header(algorithm, fmt::format(R"("b64":{})", b64))),
                Fault::critical_header);
  attacks.add("b64 false and crit",
              with_header(algorithm, header(algorithm, R"("b64":false,"crit":["b64"])")),
              Fault::critical_header);
  attacks.add("crit spelt with escapes", with_header(algorithm, header(algorithm, R"("\u0063rit":["x"])")),
              Fault::critical_header);
  attacks.add("typ is a number", with_header(algorithm, header(algorithm, R"("typ":1)")), Fault::malformed);
  attacks.add("typ is null", with_header(algorithm, header(algorithm, R"("typ":null)")), Fault::malformed);
}

}  // namespace gatehouse::jose::testing
