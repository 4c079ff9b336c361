// The examples of RFC 7515 (appendix A), RFC 7520 (section 4), RFC 7638 and RFC 8037 (appendix A).
#include <gmock/gmock.h>
#include <simdjson.h>

#include <string>
#include <string_view>

#include "jose/base64url.h"
#include "jose/key.h"
#include "jose/token.h"
#include "jose/vectors_testing.h"
#include "jose/verify.h"

namespace gatehouse::jose {
namespace {

// Whether it is signed with that key; `changed` byte of the token flipped within base64url, it must not be.
void expect_signed(std::string_view jwk, const std::string& compact) {
  const auto key = Key::from_jwk(jwk);
  ASSERT_TRUE(key) << key.error();
  TokenReader reader;
  const auto token = reader.read_any_payload(compact);
  ASSERT_TRUE(token) << compact;
  EXPECT_TRUE(can_verify(*token, *key));
  EXPECT_TRUE(verify(*token, *key)) << compact;

  std::string changed = compact;
  char& c = changed[changed.rfind('.') + 5];
  c = c == 'A' ? 'B' : 'A';
  const auto other = reader.read_any_payload(changed);
  ASSERT_TRUE(other);
  EXPECT_EQ(verify(*other, *key), std::unexpected(Fault::bad_signature));
}

constexpr std::string_view kJoe =
    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.";

TEST(Rfc7515, A1Hs256) {
  expect_signed(
      R"({"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"})",
      "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9" + std::string(kJoe) +
          "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
}

TEST(Rfc7515, A2Rs256) {
  expect_signed(
      R"({"kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJ)"
      R"(PMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBY)"
      R"(UsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9ia)"
      R"(GNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"})",
      "eyJhbGciOiJSUzI1NiJ9" + std::string(kJoe) +
          "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_"
          "O8W2Fp5jujGbds9uJdbF9C"
          "UAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_"
          "eSN9383LcOLn6_"
          "dO--xi12jzDwusC-"
          "eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0i"
          "gcN_IoypGlUPQGe77Rw");
}

TEST(Rfc7515, A3Es256) {
  expect_signed(
      R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})",
      "eyJhbGciOiJFUzI1NiJ9" + std::string(kJoe) +
          "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q");
}

TEST(Rfc7515, A4Es512) {
  expect_signed(
      R"({"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk","y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"})",
      "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA."
      "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_"
      "7XdtAG8GaSwFKdCAPZgoXD2YBJZC"
      "PEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn");
}

TEST(Rfc7515, A5Unsecured) {
  TokenReader reader;
  EXPECT_EQ(reader.read("eyJhbGciOiJub25lIn0" + std::string(kJoe)).error(), Fault::unsupported_algorithm);
}

TEST(Rfc7638, Thumbprint) {
  const auto key = Key::from_jwk(
      R"({"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"})");
  ASSERT_TRUE(key) << key.error();
  EXPECT_EQ(base64url_encode(key->thumbprint()), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

constexpr std::string_view kEd25519 =
    R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})";

TEST(Rfc8037, A3Thumbprint) {
  const auto key = Key::from_jwk(kEd25519);
  ASSERT_TRUE(key) << key.error();
  EXPECT_EQ(base64url_encode(key->thumbprint()), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

TEST(Rfc8037, A5Validation) {
  expect_signed(kEd25519,
                "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
                "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg");
}

class Cookbook : public ::testing::TestWithParam<const char*> {
 protected:
  simdjson::dom::element load(std::string_view name) {
    text_ = testing::read_vectors("jose-cookbook/" + std::string(name));
    return text_.empty() ? simdjson::dom::element() : parser_.parse(text_).value();
  }
  [[nodiscard]] bool absent() const { return text_.empty(); }

 private:
  std::string text_;
  simdjson::dom::parser parser_;
};

class CookbookSigned : public Cookbook {};

TEST_P(CookbookSigned, IsAccepted) {
  const simdjson::dom::element example = load(GetParam());
  if (absent()) GTEST_SKIP() << "no shared/vectors/jose-cookbook/" << GetParam();
  expect_signed(simdjson::minify(example["input"]["key"].value()),
                std::string(example["output"]["compact"].get_string().value()));
}

INSTANTIATE_TEST_SUITE_P(Rfc7520, CookbookSigned,
                         ::testing::Values("jws/4_1.rsa_v15_signature.json", "jws/4_2.rsa-pss_signature.json",
                                           "jws/4_3.ecdsa_signature.json",
                                           "jws/4_4.hmac-sha2_integrity_protection.json",
                                           "curve25519/jws.json"));

// What a strict verifier of compact tokens has to refuse: no payload in it, and RFC 7797.
class CookbookRefused : public Cookbook {};

TEST_P(CookbookRefused, IsRefused) {
  const simdjson::dom::element example = load(GetParam());
  if (absent()) GTEST_SKIP() << "no shared/vectors/jose-cookbook/" << GetParam();
  const auto key = Key::from_jwk(simdjson::minify(example["input"]["key"].value()));
  ASSERT_TRUE(key);
  TokenReader reader;
  const std::string compact(example["output"]["compact"].get_string().value());
  const auto token = reader.read_any_payload(compact);
  EXPECT_FALSE(token && verify(*token, *key));
}

INSTANTIATE_TEST_SUITE_P(Rfc7520, CookbookRefused,
                         ::testing::Values("jws/4_5.signature_with_detached_content.json",
                                           "rfc7797/hmac-sha2_b64_false.json"));

TEST_F(Cookbook, PrivateKeysAreTheirPublicHalf) {
  for (const auto& [with, without] :
       {std::pair("jwk/3_2.ec_private_key.json", "jwk/3_1.ec_public_key.json"),
        std::pair("jwk/3_4.rsa_private_key.json", "jwk/3_3.rsa_public_key.json")}) {
    const std::string secret = testing::read_vectors("jose-cookbook/" + std::string(with));
    if (secret.empty()) GTEST_SKIP() << "no shared/vectors/jose-cookbook/" << with;
    const auto key = Key::from_jwk(secret);
    const auto open = Key::from_jwk(testing::read_vectors("jose-cookbook/" + std::string(without)));
    ASSERT_TRUE(key && open);
    EXPECT_EQ(key->jwk(), open->jwk());
    EXPECT_EQ(key->thumbprint(), open->thumbprint());
  }
}

TEST_F(Cookbook, AKeyForEncryptionIsNone) {
  const std::string jwk = testing::read_vectors("jose-cookbook/jwk/3_6.symmetric_key_encryption.json");
  if (jwk.empty()) GTEST_SKIP() << "no shared/vectors/jose-cookbook";
  EXPECT_FALSE(Key::from_jwk(jwk));
}

}  // namespace
}  // namespace gatehouse::jose
