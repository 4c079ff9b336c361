#include "jose/key.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <openssl/core_names.h>
#include <openssl/err.h>

#include <string>
#include <thread>
#include <vector>

#include "jose/key_set.h"
#include "jose/token_testing.h"
#include "jose/verify.h"

namespace gatehouse::jose {
namespace {

using ::testing::HasSubstr;
using testing::kSecret;
using ::testing::Not;
using testing::signers;

std::string error_of(std::string_view jwk) {
  const auto key = Key::from_jwk(jwk);
  return key ? "no error" : key.error();
}

AlgorithmSet set_of(std::initializer_list<Algorithm> algorithms) {
  AlgorithmSet set;
  for (Algorithm algorithm : algorithms) set.insert(algorithm);
  return set;
}

TEST(Key, IsForWhatItsKindAndItsMembersAllow) {
  using enum Algorithm;
  EXPECT_EQ(Key::from_jwk(signers().rsa.jwk())->algorithms(),
            set_of({rs256, rs384, rs512, ps256, ps384, ps512}));
  EXPECT_EQ(Key::from_jwk(signers().rsa.jwk(R"("alg":"PS384")"))->algorithms(), set_of({ps384}));
  EXPECT_EQ(Key::from_jwk(signers().p256.jwk())->algorithms(), set_of({es256}));
  EXPECT_EQ(Key::from_jwk(signers().p384.jwk())->algorithms(), set_of({es384}));
  EXPECT_EQ(Key::from_jwk(signers().p521.jwk())->algorithms(), set_of({es512}));
  EXPECT_EQ(Key::from_jwk(signers().ed25519.jwk())->algorithms(), set_of({eddsa}));
  EXPECT_TRUE(Key::from_jwk(signers().p256.jwk(R"("use":"sig","key_ops":["verify"],"alg":"ES256")")));
  EXPECT_TRUE(Key::from_jwk(signers().p256.jwk(R"("key_ops":["sign","verify"])")));
}

TEST(Key, IsRefusedForAnotherPurpose) {
  EXPECT_THAT(error_of(signers().rsa.jwk(R"("use":"enc")")), HasSubstr("`use` \"enc\""));
  EXPECT_THAT(error_of(signers().rsa.jwk(R"("use":"")")), HasSubstr("`use`"));
  EXPECT_THAT(error_of(signers().rsa.jwk(R"("use":1)")), HasSubstr("not a string"));
  EXPECT_THAT(error_of(signers().rsa.jwk(R"("key_ops":["encrypt"])")), HasSubstr("key_ops"));
  EXPECT_THAT(error_of(signers().rsa.jwk(R"("key_ops":[])")), HasSubstr("key_ops"));
  EXPECT_THAT(error_of(signers().rsa.jwk(R"("key_ops":"verify")")), HasSubstr("key_ops"));
  EXPECT_THAT(error_of(signers().rsa.jwk(R"("key_ops":["verify",1])")), HasSubstr("key_ops"));
  EXPECT_THAT(error_of(signers().rsa.jwk(R"("use":"sig","key_ops":["sign"])")), HasSubstr("key_ops"));
  EXPECT_THAT(error_of(signers().rsa.jwk(R"("alg":"RSA-OAEP")")), HasSubstr("RSA-OAEP"));
  EXPECT_THAT(error_of(signers().rsa.jwk(R"("alg":"none")")), HasSubstr("none"));
  EXPECT_THAT(error_of(signers().rsa.jwk(R"("alg":"")")), HasSubstr("alg"));
  EXPECT_THAT(error_of(signers().rsa.jwk(R"("alg":"HS256")")), HasSubstr("not for such a key"));
  EXPECT_THAT(error_of(signers().rsa.jwk(R"("alg":"ES256")")), HasSubstr("not for such a key"));
  EXPECT_THAT(error_of(signers().p256.jwk(R"("alg":"ES384")")), HasSubstr("not for such a key"));
  EXPECT_THAT(error_of(signers().ed25519.jwk(R"("alg":"ES256")")), HasSubstr("not for such a key"));
  EXPECT_THAT(error_of(signers().p256.jwk(R"("kid":7)")), HasSubstr("`kid` is not a string"));
}

TEST(Key, RsaHasItsBounds) {
  const auto rsa = [](std::string_view n, std::string_view e) {
    return fmt::format(R"({{"kty":"RSA","n":"{}","e":"{}"}})", base64url_encode(n), base64url_encode(e));
  };
  const std::string n = *base64url_decode(signers().rsa.number(OSSL_PKEY_PARAM_RSA_N, 0));
  const std::string three("\x03");
  EXPECT_EQ(error_of(rsa(n, three)), "no error");
  EXPECT_EQ(error_of(rsa(n, "\xff\xff\xff\xff\xff\xff\xff\xff")), "no error");
  EXPECT_THAT(error_of(rsa(n, "\x01")), HasSubstr("exponent"));
  EXPECT_THAT(error_of(rsa(n, "\x02")), HasSubstr("exponent"));
  EXPECT_THAT(error_of(rsa(n, std::string(1, '\0'))), HasSubstr("exponent"));
  EXPECT_THAT(error_of(rsa(n, "\x01\x01\x01\x01\x01\x01\x01\x01\x01")), HasSubstr("exponent"));
  EXPECT_THAT(error_of(rsa(n, "")), HasSubstr("`e` is missing"));
  EXPECT_THAT(error_of(rsa("", three)), HasSubstr("`n` is missing"));
  std::string even = n;
  even.back() = static_cast<char>(even.back() & ~1);
  EXPECT_THAT(error_of(rsa(even, three)), HasSubstr("even"));
  const std::string largest = "\x80" + std::string(1022, '\x11') + "\x01";
  EXPECT_EQ(error_of(rsa(largest, three)), "no error");
  EXPECT_THAT(error_of(rsa("\x01" + largest, three)), HasSubstr("8193"));
  EXPECT_THAT(error_of(rsa("\x7f" + n.substr(1), three)), HasSubstr("this one 2047"));
  EXPECT_THAT(error_of(rsa(std::string(300, '\0'), three)), HasSubstr("this one 0"));
  // Java writes a zero before a number whose first bit is set: the same key.
  EXPECT_EQ(Key::from_jwk(rsa(std::string(1, '\0') + n, three))->jwk(), Key::from_jwk(rsa(n, three))->jwk());
}

TEST(Key, EcPointsAreOnTheCurveAndWhole) {
  const std::string x = signers().p256.number(OSSL_PKEY_PARAM_EC_PUB_X, 32);
  const std::string y = signers().p256.number(OSSL_PKEY_PARAM_EC_PUB_Y, 32);
  const auto ec = [](std::string_view crv, std::string_view first, std::string_view second) {
    return fmt::format(R"({{"kty":"EC","crv":"{}","x":"{}","y":"{}"}})", crv, first, second);
  };
  EXPECT_EQ(error_of(ec("P-256", x, y)), "no error");
  EXPECT_THAT(error_of(ec("P-256", y, x)), HasSubstr("not on P-256"));
  EXPECT_THAT(error_of(ec("P-256", x, x)), HasSubstr("not on P-256"));
  const std::string zero = base64url_encode(std::string(32, '\0'));
  const std::string ones = base64url_encode(std::string(32, '\xff'));  // not below p
  EXPECT_THAT(error_of(ec("P-256", zero, zero)), HasSubstr("not on P-256"));
  EXPECT_THAT(error_of(ec("P-256", ones, y)), HasSubstr("not on P-256"));
  EXPECT_THAT(error_of(ec("P-384", x, y)), HasSubstr("48 bytes"));
  EXPECT_THAT(error_of(ec("P-256", x.substr(0, 40), y)), HasSubstr("32 bytes"));
  EXPECT_THAT(error_of(ec("P-256", "AAAA" + x, y)), HasSubstr("32 bytes"));
  EXPECT_THAT(error_of(ec("P-256", x + "=", y)), HasSubstr("not base64url"));
  for (std::string_view crv : {"secp256k1", "P-224", "p-256", "prime256v1", "", "Ed25519"})
    EXPECT_THAT(error_of(ec(crv, x, y)), HasSubstr("not supported")) << crv;
}

TEST(Key, OkpIsEd25519Only) {
  const auto okp = [](std::string_view crv, std::string_view x) {
    return fmt::format(R"({{"kty":"OKP","crv":"{}","x":"{}"}})", crv, base64url_encode(x));
  };
  EXPECT_THAT(error_of(okp("X25519", std::string(32, 'x'))), HasSubstr("X25519"));
  EXPECT_THAT(error_of(okp("Ed448", std::string(57, 'x'))), HasSubstr("Ed448"));
  EXPECT_THAT(error_of(okp("Ed25519", std::string(31, 'x'))), HasSubstr("32 bytes"));
  EXPECT_THAT(error_of(okp("Ed25519", std::string(33, 'x'))), HasSubstr("32 bytes"));
}

TEST(Key, IsNoKeyWithoutGoodJson) {
  for (std::string_view jwk : {"", "[]", "{", R"({"kty":"RSA","kty":"RSA"})", "\"x\"", "{}x"})
    EXPECT_THAT(error_of(jwk), HasSubstr("JSON")) << jwk;
  EXPECT_THAT(error_of("{}"), HasSubstr("`kty` is missing"));
  EXPECT_THAT(error_of(R"({"kty":1})"), HasSubstr("`kty` is not a string"));
  EXPECT_THAT(error_of(R"({"kty":"rsa"})"), HasSubstr("\"rsa\" is not supported"));
  EXPECT_THAT(error_of("{\"kty\":\"" + std::string(5000, 'x') + "\"}").size(), ::testing::Lt(100U));
  EXPECT_THAT(error_of("{\"kty\":\"\\u001b[31m\"}"), Not(HasSubstr("\x1b")));
  EXPECT_THAT(error_of("{\"x\":\"" + std::string(Key::kMaxJwkBytes, 'x') + "\"}"), HasSubstr("at most"));
}

TEST(Key, IsReadAgainFromWhatItWrites) {
  for (const auto& jwk :
       {signers().rsa.jwk(R"("kid":"a\"\\\u0000ä","use":"sig","alg":"RS512","x5c":["x"],"d":"c2VjcmV0")"),
        signers().p521.jwk(R"("kid":"k","d":"c2VjcmV0")"), signers().ed25519.jwk()}) {
    const auto key = Key::from_jwk(jwk);
    ASSERT_TRUE(key) << key.error();
    EXPECT_THAT(key->jwk(), Not(HasSubstr("c2VjcmV0")));
    const auto again = Key::from_jwk(key->jwk());
    ASSERT_TRUE(again) << again.error();
    EXPECT_EQ(again->jwk(), key->jwk());
    EXPECT_EQ(again->kid(), key->kid());
    EXPECT_EQ(again->thumbprint(), key->thumbprint());
    EXPECT_EQ(again->algorithms(), key->algorithms());
  }
}

TEST(Key, TheThumbprintIsOfTheKeyAlone) {
  const auto plain = Key::from_jwk(signers().p256.jwk());
  EXPECT_EQ(Key::from_jwk(signers().p256.jwk(R"("kid":"x","alg":"ES256")"))->thumbprint(),
            plain->thumbprint());
  EXPECT_NE(Key::from_jwk(signers().p256_other.jwk())->thumbprint(), plain->thumbprint());
}

TEST(Key, ASecretIsAsLongAsItsHash) {
  using enum Algorithm;
  EXPECT_EQ(Key::from_secret(kSecret.substr(0, 64))->algorithms(), set_of({hs256, hs384, hs512}));
  EXPECT_EQ(Key::from_secret(kSecret.substr(0, 63))->algorithms(), set_of({hs256, hs384}));
  EXPECT_EQ(Key::from_secret(kSecret.substr(0, 48))->algorithms(), set_of({hs256, hs384}));
  EXPECT_EQ(Key::from_secret(kSecret.substr(0, 47))->algorithms(), set_of({hs256}));
  EXPECT_EQ(Key::from_secret(kSecret.substr(0, 32))->algorithms(), set_of({hs256}));
  EXPECT_THAT(Key::from_secret(kSecret.substr(0, 31)).error(), HasSubstr("256 bits, this one 248"));
  EXPECT_FALSE(Key::from_secret(""));
  const auto key = Key::from_secret(kSecret, "k1");
  EXPECT_EQ(key->kid(), "k1");
  EXPECT_EQ(key->jwk(), "");
  EXPECT_THAT(error_of(fmt::format(R"({{"kty":"oct","alg":"HS512","k":"{}"}})",
                                   base64url_encode(kSecret.substr(0, 63)))),
              HasSubstr("shorter"));
  EXPECT_THAT(error_of(fmt::format(R"({{"kty":"oct","alg":"RS256","k":"{}"}})", base64url_encode(kSecret))),
              HasSubstr("not for such a key"));
}

TEST(Key, LeavesNothingInOpenSslsQueue) {
  ERR_clear_error();
  EXPECT_FALSE(Key::from_jwk(R"({"kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",)"
                             R"("y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"})"));
  EXPECT_EQ(ERR_peek_error(), 0U);
  const auto key = Key::from_jwk(signers().rsa.jwk());
  EXPECT_FALSE(verify(*key, Algorithm::rs256, "message", std::string(256, 'x')));
  EXPECT_EQ(ERR_peek_error(), 0U);
}

TEST(Key, ManyThreadsVerifyWithOne) {
  for (Algorithm algorithm : {Algorithm::rs256, Algorithm::ps256, Algorithm::es256, Algorithm::eddsa}) {
    const auto& signer = signers().of(algorithm);
    const auto key = Key::from_jwk(signer.jwk());
    const std::string good = signer.sign("message", testing::how(algorithm));
    std::vector<std::jthread> threads;
    threads.reserve(4);
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&, copy = *key] {
        for (int n = 0; n < 50; ++n) {
          EXPECT_TRUE(verify(copy, algorithm, "message", good));
          EXPECT_FALSE(verify(copy, algorithm, "massage", good));
        }
      });
  }
}

TEST(KeySet, TakesWhatItCanAndSaysWhyNotTheRest) {
  const std::string json = fmt::format(
      R"({{"keys":[{},{},{},{{"kty":"oct","kid":"shared","k":"{}"}},{{"kty":"XYZ","kid":"new"}},7,{}],"more":true}})",
      signers().rsa.jwk(R"("kid":"r")"), signers().rsa.jwk(R"("kid":"e","use":"enc")"),
      signers().p256.jwk(R"("kid":"p")"), base64url_encode(kSecret), signers().p384.jwk(R"("kid":3)"));
  const auto set = KeySet::parse(json);
  ASSERT_TRUE(set) << set.error();
  ASSERT_EQ(set->keys.size(), 2U);
  EXPECT_EQ(set->keys[0].kid(), "r");
  EXPECT_EQ(set->keys[1].kid(), "p");
  ASSERT_EQ(set->skipped.size(), 5U);
  EXPECT_EQ(set->skipped[0].index, 1U);
  EXPECT_EQ(set->skipped[0].kid, "e");
  EXPECT_THAT(set->skipped[0].why, HasSubstr("enc"));
  EXPECT_EQ(set->skipped[1].kid, "shared");
  EXPECT_THAT(set->skipped[1].why, HasSubstr("no secret"));
  EXPECT_THAT(set->skipped[2].why, HasSubstr("XYZ"));
  EXPECT_THAT(set->skipped[3].why, HasSubstr("not a JSON object"));
  EXPECT_EQ(set->skipped[4].index, 6U);
  EXPECT_EQ(set->skipped[4].kid, "");
}

TEST(KeySet, IsAnErrorOnlyWhereItIsNoSet) {
  EXPECT_TRUE(KeySet::parse(R"({"keys":[]})")->keys.empty());
  EXPECT_THAT(KeySet::parse("{}").error(), HasSubstr("`keys`"));
  EXPECT_THAT(KeySet::parse(R"({"keys":{}})").error(), HasSubstr("`keys`"));
  EXPECT_THAT(KeySet::parse("[]").error(), HasSubstr("JSON"));
  EXPECT_THAT(KeySet::parse("<html>").error(), HasSubstr("JSON"));
  EXPECT_THAT(KeySet::parse(R"({"keys":[{"kty":"RSA","kty":"EC"}]})").error(), HasSubstr("twice"));
  std::string many = R"({"keys":[{})";
  for (std::size_t i = 1; i < KeySet::kMaxKeys; ++i) many += ",{}";
  EXPECT_EQ(KeySet::parse(many + "]}")->skipped.size(), KeySet::kMaxKeys);
  EXPECT_THAT(KeySet::parse(many + ",{}]}").error(), HasSubstr("at most 128 keys"));
  const std::string full = R"({"keys":[]})" + std::string(KeySet::kMaxBytes - 11, ' ');
  EXPECT_TRUE(KeySet::parse(full));
  EXPECT_THAT(KeySet::parse(full + " ").error(), HasSubstr("bytes"));
}

}  // namespace
}  // namespace gatehouse::jose
