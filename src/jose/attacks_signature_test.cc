// Attacks on the signature's bytes and on what it covers; and on what the claims say, rightly signed.
#include "jose/attacks_testing.h"

namespace gatehouse::jose::testing {

namespace {

std::string from_hex(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += 2)
    out += static_cast<char>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16));
  return out;
}

void add_ecdsa(std::vector<Attack>& all) {
  const auto algorithm = Algorithm::es256;
  const Signer& signer = signers().p256;
  const std::string message = input(header(algorithm), kClaims);
  const std::string good = signer.sign(message, how(algorithm));
  Attacks attacks(all, message + "." + base64url_encode(good), jwk(signer.jwk()));
  const auto add = [&](std::string name, std::string_view signature) {
    attacks.add("ES256: " + std::move(name), message + "." + base64url_encode(signature),
                Fault::bad_signature);
  };
  const std::string zero(32, '\0');
  const std::string one = std::string(31, '\0') + "\x01";
  const std::string n = from_hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
  const std::string r = good.substr(0, 32);
  const std::string s = good.substr(32);
  add("zeros (CVE-2022-21449)", zero + zero);
  add("r = 0", zero + s);
  add("s = 0", r + zero);
  add("r = 1, s = 1", one + one);
  add("r = n, s = n", n + n);
  add("r = n", n + s);
  add("s = n", r + n);
  add("all ones", std::string(64, '\xff'));
  add("r and s exchanged", s + r);
  add("DER", signer.sign(message, {"SHA256", -1, 0}));
  add("padded to 33 bytes each", std::string(1, '\0') + r + std::string(1, '\0') + s);
  add("without the last byte", good.substr(0, 63));
  add("with one byte more", good + std::string(1, '\0'));
  add("of one byte", "\x30");
  add("twice", good + good);
  add("by another key", signers().p256_other.sign(message, how(algorithm)));
  add("of SHA-1", signer.sign(message, {"SHA1", -1, 32}));
  add("of SHA-512", signer.sign(message, {"SHA512", -1, 32}));
  add("of the payload alone", signer.sign(kClaims, how(algorithm)));
  add("of another payload", signer.sign(input(header(algorithm), "{}"), how(algorithm)));
  add("of another header", signer.sign(input(R"({"alg":"ES256" })", kClaims), how(algorithm)));
}

void add_rsa(std::vector<Attack>& all) {
  for (auto algorithm : {Algorithm::rs256, Algorithm::ps256}) {
    const Signer& signer = signers().rsa;
    const std::string message = input(header(algorithm), kClaims);
    const bool salted = algorithm == Algorithm::ps256;
    std::string good = signer.sign(message, how(algorithm));
    // A zero in front, left out, leaves the same number: that is a row of its own below.
    while (salted && good.front() == '\0') good = signer.sign(message, how(algorithm));
    Attacks attacks(all, message + "." + base64url_encode(good), jwk(signer.jwk()));
    const auto add = [&](std::string_view name, std::string_view signature) {
      attacks.add(fmt::format("{}: {}", name_of(algorithm), name),
                  message + "." + base64url_encode(signature), Fault::bad_signature);
    };
    add("zeros", std::string(256, '\0'));
    add("one", std::string(255, '\0') + "\x01");
    add("all ones", std::string(256, '\xff'));
    add("without the first byte", good.substr(1));
    add("without the last byte", good.substr(0, 255));
    add("a zero before", std::string(1, '\0') + good);
    add("a zero behind", good + std::string(1, '\0'));
    add("by another key", signers().rsa_other.sign(message, how(algorithm)));
    add("of SHA-1", signer.sign(message, {"SHA1", algorithm == Algorithm::rs256 ? -1 : 20, 0}));
    add("of SHA-512", signer.sign(message, {"SHA512", algorithm == Algorithm::rs256 ? -1 : 64, 0}));
    add("of the other padding", signer.sign(message, {"SHA256", algorithm == Algorithm::rs256 ? 32 : -1, 0}));
    add("the bare PKCS #1 block", "\x01" + std::string(222, '\xff') + std::string(33, '\0'));
    if (!salted) continue;
    std::string zero_first = good;  // one in 183 begins so
    while (zero_first.front() != '\0') zero_first = signer.sign(message, how(algorithm));
    add("its leading zero left out", zero_first.substr(1));
    for (int salt : {0, 20, 31, 33, 64, 222})
      add(fmt::format("a salt of {} bytes", salt), signer.sign(message, {"SHA256", salt, 0}));
  }
}

void add_eddsa(std::vector<Attack>& all) {
  const auto algorithm = Algorithm::eddsa;
  const std::string message = input(header(algorithm), kClaims);
  const std::string good = signers().ed25519.sign(message, how(algorithm));
  Attacks attacks(all, message + "." + base64url_encode(good), jwk(signers().ed25519.jwk()));
  const auto add = [&](std::string_view name, std::string_view signature) {
    attacks.add(fmt::format("EdDSA: {}", name), message + "." + base64url_encode(signature),
                Fault::bad_signature);
  };
  add("zeros", std::string(64, '\0'));
  add("all ones", std::string(64, '\xff'));
  add("without the last byte", good.substr(0, 63));
  add("with one byte more", good + std::string(1, '\0'));
  add("by another key", signers().ed25519_other.sign(message, how(algorithm)));
  // S + L is the same number modulo L, and no second signature (RFC 8032 section 5.1.7).
  const std::string order = from_hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  std::string larger = good;
  unsigned carry = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    carry += static_cast<unsigned>(static_cast<unsigned char>(good[32 + i])) +
             static_cast<unsigned char>(order[i]);
    larger[32 + i] = static_cast<char>(carry & 0xffU);
    carry >>= 8U;
  }
  add("S not reduced", larger);
}

void add_cut(std::vector<Attack>& all) {
  for (auto algorithm : {Algorithm::rs384, Algorithm::rs512, Algorithm::ps384, Algorithm::ps512,
                         Algorithm::es384, Algorithm::es512}) {
    const std::string good = good_token(algorithm, kClaims);
    const std::string message = good.substr(0, good.rfind('.'));
    const std::string signature = *base64url_decode(std::string_view(good).substr(message.size() + 1));
    Attacks attacks(all, good, jwk(signers().of(algorithm).jwk()));
    const auto add = [&](std::string_view name, std::string_view bytes) {
      attacks.add(fmt::format("{}: {}", name_of(algorithm), name), message + "." + base64url_encode(bytes),
                  Fault::bad_signature);
    };
    add("none", "");
    add("half", signature.substr(signature.size() / 2));
    add("zeros", std::string(signature.size(), '\0'));
    add("a zero behind", signature + std::string(1, '\0'));
  }
}

}  // namespace

void add_signature_attacks(std::vector<Attack>& all) {
  add_ecdsa(all);
  add_rsa(all);
  add_eddsa(all);
  add_cut(all);
}

void add_claims_attacks(std::vector<Attack>& all) {
  const auto algorithm = Algorithm::es256;
  const Keys keys = jwk(signers().of(algorithm).jwk());
  Attacks attacks(all, good_token(algorithm, kClaims), keys);
  const auto add = [&](std::string name, std::string_view payload, Fault expected) {
    attacks.add("claims: " + std::move(name), good_token(algorithm, payload), expected);
  };
  const auto claims = [](std::string_view issuer, std::string_view audience, std::string_view rest) {
    return fmt::format(R"({{"iss":{},"aud":{},{}}})", issuer, audience, rest);
  };
  constexpr std::string_view kIssuer = R"("https://issuer.example")";
  constexpr std::string_view kAudience = R"("api")";
  constexpr std::string_view kExpiry = R"("exp":4000000000)";
  add("an empty object", "{}", Fault::wrong_issuer);
  for (std::string_view issuer : {R"("https://evil.example")", R"("")", R"("https://issuer.example/")",
                                  R"("https://issuer.example\u0000")", R"("HTTPS://ISSUER.EXAMPLE")"})
    add(fmt::format("issuer {}", issuer), claims(issuer, kAudience, kExpiry), Fault::wrong_issuer);
  for (std::string_view issuer : {"null", "1", R"(["https://issuer.example"])", "{}"})
    add(fmt::format("issuer is {}", issuer), claims(issuer, kAudience, kExpiry), Fault::malformed);
  for (std::string_view audience :
       {R"("apis")", R"("ap")", R"("API")", R"("")", "[]", R"(["a","pi"])", R"(["api "])", R"("api\u0000")"})
    add(fmt::format("audience {}", audience), claims(kIssuer, audience, kExpiry), Fault::wrong_audience);
  for (std::string_view audience : {"null", "1", R"({"api":true})", R"(["api",1])", R"([["api"]])"})
    add(fmt::format("audience is {}", audience), claims(kIssuer, audience, kExpiry), Fault::malformed);
  add("no expiry", claims(kIssuer, kAudience, R"("iat":1700000000)"), Fault::no_expiry);
  for (std::string_view exp : {"1", "0", "-1", "1795999940", "1e9", "-1e300", "1.7e9"})
    add(fmt::format("exp {}", exp), claims(kIssuer, kAudience, fmt::format(R"("exp":{})", exp)),
        Fault::expired);
  for (std::string_view exp :
       {R"("4000000000")", "null", "true", "[4000000000]", "{}", "99999999999999999999"})
    add(fmt::format("exp is {}", exp), claims(kIssuer, kAudience, fmt::format(R"("exp":{})", exp)),
        Fault::malformed);
  for (std::string_view name : {"nbf", "iat"}) {
    for (std::string_view time : {"3999999999", "1796000060.5", "1e300", "18446744073709551615"})
      add(fmt::format("{} {}", name, time),
          claims(kIssuer, kAudience, fmt::format(R"({},"{}":{})", kExpiry, name, time)),
          Fault::not_yet_valid);
    for (std::string_view time : {R"("0")", "null", "[]"})
      add(fmt::format("{} is {}", name, time),
          claims(kIssuer, kAudience, fmt::format(R"({},"{}":{})", kExpiry, name, time)), Fault::malformed);
  }
  for (std::string_view cnf : {R"({"jkt":"x"})", R"({"x5t#S256":"x"})", "{}", "null"})
    add(fmt::format("cnf {}", cnf), claims(kIssuer, kAudience, fmt::format(R"({},"cnf":{})", kExpiry, cnf)),
        Fault::bound_to_sender);
}

}  // namespace gatehouse::jose::testing
