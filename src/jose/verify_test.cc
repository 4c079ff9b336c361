#include "jose/verify.h"

#include <gmock/gmock.h>

#include <limits>
#include <set>
#include <string>

#include "jose/token_testing.h"

namespace gatehouse::jose {
namespace {

using testing::good_token;
using testing::signers;

constexpr std::int64_t kNow = 1'700'000'000;

// The verdict on a payload, and a header like that of RFC 9068.
std::optional<Fault> verdict(std::string_view payload, const Expectation& expected, std::int64_t now = kNow,
                             std::string_view header = R"({"alg":"ES256","typ":"at+jwt"})") {
  TokenReader reader;
  const std::string compact = testing::input(header, payload) + ".c2ln";
  const auto token = reader.read(compact);
  if (!token) return token.error();
  const auto checked = check_claims(*token, expected, now);
  return checked ? std::nullopt : std::optional(checked.error());
}

std::string header_typed(std::string_view typ) { return fmt::format(R"({{"alg":"ES256","typ":"{}"}})", typ); }

const Expectation& usual() {
  static const Expectation expected{
      .issuer = "https://issuer.example", .audiences = {"api", "other"}, .type = "at+jwt", .leeway_s = 60};
  return expected;
}
constexpr std::string_view kUsual = R"({"iss":"https://issuer.example","aud":"api","exp":1700000100})";

TEST(CheckClaims, AcceptsWhatIsExpected) { EXPECT_EQ(verdict(kUsual, usual()), std::nullopt); }

TEST(CheckClaims, TheOrderIsAlgorithmTypeIssuerAudienceTimes) {
  std::string payload = R"({"iss":"x","aud":"x","exp":1,"cnf":{}})";
  Expectation expected = usual();
  expected.algorithms = AlgorithmSet::symmetric();
  EXPECT_EQ(verdict(payload, expected, kNow, header_typed("JWT")), Fault::algorithm_not_allowed);
  EXPECT_EQ(verdict(payload, usual(), kNow, header_typed("JWT")), Fault::wrong_type);
  EXPECT_EQ(verdict(payload, usual()), Fault::wrong_issuer);
  EXPECT_EQ(verdict(R"({"iss":"https://issuer.example","aud":"x","exp":1,"cnf":{}})", usual()),
            Fault::wrong_audience);
  EXPECT_EQ(verdict(R"({"iss":"https://issuer.example","aud":"api","exp":1,"cnf":{}})", usual()),
            Fault::expired);
  EXPECT_EQ(verdict(R"({"iss":"https://issuer.example","aud":"api","exp":1700000100,"cnf":{}})", usual()),
            Fault::bound_to_sender);
}

TEST(CheckClaims, TheIssuerIsExact) {
  for (std::string_view issuer : {"https://issuer.example/", "https://ISSUER.example",
                                  "https://issuer.exampl", "", " https://issuer.example"})
    EXPECT_EQ(verdict(fmt::format(R"({{"iss":"{}","aud":"api","exp":1700000100}})", issuer), usual()),
              Fault::wrong_issuer)
        << issuer;
  EXPECT_EQ(verdict(R"({"aud":"api","exp":1700000100})", usual()), Fault::wrong_issuer);
  Expectation any = usual();
  any.issuer.clear();
  EXPECT_EQ(verdict(R"({"aud":"api","exp":1700000100})", any), std::nullopt);
}

TEST(CheckClaims, OneOfTheAudiencesIsEnough) {
  const auto with = [](std::string_view aud) {
    return fmt::format(R"({{"iss":"https://issuer.example","aud":{},"exp":1700000100}})", aud);
  };
  EXPECT_EQ(verdict(with(R"(["x","other"])"), usual()), std::nullopt);
  EXPECT_EQ(verdict(with(R"(["x","y"])"), usual()), Fault::wrong_audience);
  EXPECT_EQ(verdict(with("[]"), usual()), Fault::wrong_audience);
  EXPECT_EQ(verdict(R"({"iss":"https://issuer.example","exp":1700000100})", usual()), Fault::wrong_audience);
  Expectation any = usual();
  any.audiences.clear();
  EXPECT_EQ(verdict(R"({"iss":"https://issuer.example","exp":1700000100})", any), std::nullopt);
}

TEST(CheckClaims, TheTypeIsComparedAsAMediaType) {
  for (std::string_view same : {"at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"})
    EXPECT_EQ(verdict(kUsual, usual(), kNow, header_typed(same)), std::nullopt) << same;
  for (std::string_view other :
       {"", "jwt", "at+jwt ", "at+jw", "application/", "text/at+jwt", "application/x/at+jwt"})
    EXPECT_EQ(verdict(kUsual, usual(), kNow, header_typed(other)), Fault::wrong_type) << other;
  EXPECT_EQ(verdict(kUsual, usual(), kNow, R"({"alg":"ES256"})"), Fault::wrong_type);
  Expectation expected = usual();
  expected.type = "application/at+jwt";
  EXPECT_EQ(verdict(kUsual, expected), std::nullopt);
  expected.type.clear();
  EXPECT_EQ(verdict(kUsual, expected, kNow, header_typed("whatever")), std::nullopt);
}

// The verdict on times alone.
std::optional<Fault> timed(std::string_view members, std::int64_t now, std::int64_t leeway) {
  return verdict(fmt::format("{{{}}}", members),
                 {.issuer = {}, .audiences = {}, .type = {}, .leeway_s = leeway}, now);
}

TEST(CheckClaims, ExpiryIsDemandedAndExact) {
  EXPECT_EQ(timed(R"("iat":1)", 10, 0), Fault::no_expiry);
  EXPECT_EQ(timed(R"("exp":100)", 99, 0), std::nullopt);
  EXPECT_EQ(timed(R"("exp":100)", 100, 0), Fault::expired);
  EXPECT_EQ(timed(R"("exp":100)", 109, 10), std::nullopt);
  EXPECT_EQ(timed(R"("exp":100)", 110, 10), Fault::expired);
  EXPECT_EQ(timed(R"("exp":100.9)", 100, 0), Fault::expired);
  EXPECT_EQ(timed(R"("exp":-1)", 0, 0), Fault::expired);
}

TEST(CheckClaims, NotBeforeAndIssuedAt) {
  for (std::string_view name : {"nbf", "iat"}) {
    EXPECT_EQ(timed(fmt::format(R"("exp":1000,"{}":100)", name), 100, 0), std::nullopt);
    EXPECT_EQ(timed(fmt::format(R"("exp":1000,"{}":101)", name), 100, 0), Fault::not_yet_valid);
    EXPECT_EQ(timed(fmt::format(R"("exp":1000,"{}":100.5)", name), 100, 0), Fault::not_yet_valid);
    EXPECT_EQ(timed(fmt::format(R"("exp":1000,"{}":110)", name), 100, 10), std::nullopt);
    EXPECT_EQ(timed(fmt::format(R"("exp":1000,"{}":111)", name), 100, 10), Fault::not_yet_valid);
  }
}

TEST(CheckClaims, NoTimeOverflows) {
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(timed(R"("exp":1e300)", kNow, 60), std::nullopt);
  EXPECT_EQ(timed(R"("exp":9223372036854775807)", kNow, kMax), std::nullopt);
  EXPECT_EQ(timed(R"("exp":-1e300)", kNow, 60), Fault::expired);
  EXPECT_EQ(timed(R"("exp":1e300,"nbf":1e300)", kNow, 60), Fault::not_yet_valid);
  EXPECT_EQ(timed(R"("exp":1e300,"nbf":-1e300,"iat":-1e300)", kNow, 60), std::nullopt);
}

class EachAlgorithm : public ::testing::TestWithParam<int> {};

TEST_P(EachAlgorithm, VerifiesItsOwnAndNothingElse) {
  const auto algorithm = static_cast<Algorithm>(GetParam());
  const std::string compact = is_symmetric(algorithm) ? testing::mac_token(testing::kSecret, algorithm,
                                                                           testing::header(algorithm), kUsual)
                                                      : good_token(algorithm, kUsual);
  const auto key = is_symmetric(algorithm) ? Key::from_secret(testing::kSecret)
                                           : Key::from_jwk(signers().of(algorithm).jwk());
  ASSERT_TRUE(key);
  TokenReader reader;
  const auto token = reader.read(compact);
  ASSERT_TRUE(token);
  EXPECT_TRUE(can_verify(*token, *key));
  EXPECT_TRUE(verify(*token, *key));
  const std::string_view input = token->signing_input();
  const std::string signature(token->signature());
  for (int other = 0; other < static_cast<int>(kAlgorithms); ++other)
    EXPECT_EQ(verify(*key, static_cast<Algorithm>(other), input, signature).has_value(), other == GetParam());
  // Every byte of it counts, and so does its length.
  for (std::size_t i = 0; i < signature.size(); i += 7) {
    std::string changed = signature;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(verify(*key, algorithm, input, changed)) << i;
  }
  EXPECT_FALSE(verify(*key, algorithm, input, signature + std::string(1, '\0')));
  EXPECT_FALSE(verify(*key, algorithm, input, std::string(1, '\0') + signature));
  EXPECT_FALSE(verify(*key, algorithm, input, signature.substr(1)));
  EXPECT_FALSE(verify(*key, algorithm, input, signature.substr(0, signature.size() - 1)));
  EXPECT_FALSE(verify(*key, algorithm, input, ""));
  EXPECT_FALSE(verify(*key, algorithm, std::string(input) + "x", signature));
  EXPECT_FALSE(verify(*key, algorithm, "", signature));
}

INSTANTIATE_TEST_SUITE_P(All, EachAlgorithm, ::testing::Range(0, static_cast<int>(kAlgorithms)),
                         [](const auto& each) {
                           return std::string(name_of(static_cast<Algorithm>(each.param)));
                         });

TEST(CanVerify, KidsAreEqualOrOneHasNone) {
  TokenReader reader;
  const auto fits = [&](std::string_view header_extra, std::string_view key_extra) {
    const std::string compact = good_token(Algorithm::es256, kUsual, header_extra);
    const auto token = reader.read(compact);
    return token && can_verify(*token, *Key::from_jwk(signers().p256.jwk(key_extra)));
  };
  EXPECT_TRUE(fits("", ""));
  EXPECT_TRUE(fits(R"("kid":"a")", R"("kid":"a")"));
  EXPECT_TRUE(fits(R"("kid":"a")", ""));
  EXPECT_TRUE(fits("", R"("kid":"a")"));
  EXPECT_FALSE(fits(R"("kid":"a")", R"("kid":"b")"));
  EXPECT_FALSE(fits(R"("kid":"a")", R"("kid":"A")"));
  EXPECT_FALSE(fits(R"("kid":"a\u0000")", R"("kid":"a")"));
}

TEST(Algorithm, IsNamedLetterForLetter) {
  for (std::size_t i = 0; i < kAlgorithms; ++i) {
    const auto algorithm = static_cast<Algorithm>(i);
    EXPECT_EQ(algorithm_named(name_of(algorithm)), algorithm);
    EXPECT_EQ(is_symmetric(algorithm), name_of(algorithm).starts_with("HS"));
    EXPECT_EQ(AlgorithmSet::asymmetric().contains(algorithm), !is_symmetric(algorithm));
  }
  for (std::string_view other :
       {"", "none", "None", "rs256", "RS256 ", "RS25", "RS1", "ES256K", "Ed25519", "EDDSA", "HS257"})
    EXPECT_EQ(algorithm_named(other), std::nullopt) << other;
}

TEST(Fault, HasALabelAndASentence) {
  std::set<std::string_view> labels;
  std::set<std::string_view> texts;
  for (std::size_t i = 0; i < kFaults; ++i) {
    labels.insert(label_of(static_cast<Fault>(i)));
    texts.insert(text_of(static_cast<Fault>(i)));
  }
  EXPECT_EQ(labels.size(), kFaults);
  EXPECT_EQ(texts.size(), kFaults);
  EXPECT_EQ(text_of(Fault::expired), "the token has expired");
  EXPECT_EQ(label_of(Fault::bad_signature), "bad_signature");
  EXPECT_TRUE(is_final(Fault::expired));
  EXPECT_FALSE(is_final(Fault::unknown_key) || is_final(Fault::not_yet_valid) ||
               is_final(Fault::bad_signature));
}

}  // namespace
}  // namespace gatehouse::jose
