#include "filters/auth/key_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "filters/auth/keys_testing.h"

namespace gatehouse::filters {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::kids;
using testing::test_key;
using testing::test_keys;

constexpr WallTime kNow{std::chrono::hours(500'000)};

class KeyBookTest : public ::testing::Test {
 protected:
  KeyChanges take(std::string_view letters, WallTime now) { return *book.take(test_keys(letters), now); }
  std::string in_force() const { return kids(book.in_force()); }
  KeyBook book;
};

TEST_F(KeyBookTest, NewKeysAreInForceAtOnceAndMissingOnesForAWhile) {
  EXPECT_THAT(take("ab", kNow).added, ElementsAre("a", "b"));
  EXPECT_EQ(in_force(), "ab");
  KeyChanges changes = take("bc", kNow + 1min);
  EXPECT_THAT(changes.added, ElementsAre("c"));
  EXPECT_THAT(changes.removed, ElementsAre("a"));
  EXPECT_TRUE(changes.gone.empty());
  EXPECT_EQ(in_force(), "bca");
  EXPECT_EQ(book.next_change(), kNow + 11min);
  EXPECT_TRUE(book.expire(kNow + 11min - 1ms).empty());
  EXPECT_THAT(book.expire(kNow + 11min).gone, ElementsAre("a"));
  EXPECT_EQ(in_force(), "bc");
  EXPECT_EQ(book.next_change(), std::nullopt);
}

TEST_F(KeyBookTest, TheTimeCountsFromTheFirstSetWithoutTheKey) {
  take("ab", kNow);
  take("b", kNow + 1min);
  EXPECT_TRUE(take("b", kNow + 5min).empty());
  EXPECT_EQ(book.next_change(), kNow + 11min);
  EXPECT_THAT(take("b", kNow + 12min).gone, ElementsAre("a")) << "a fetch lets go, too";
}

TEST_F(KeyBookTest, AKeyThatComesBackStays) {
  take("ab", kNow);
  take("b", kNow + 1min);
  EXPECT_THAT(take("ba", kNow + 2min).added, ElementsAre("a"));
  EXPECT_EQ(book.next_change(), std::nullopt);
}

TEST_F(KeyBookTest, KeptForNoTimeTheyAreGoneAtOnce) {
  book.set_terms(0s, {});
  take("ab", kNow);
  KeyChanges changes = take("b", kNow + 1s);
  EXPECT_THAT(changes.removed, ElementsAre("a"));
  EXPECT_THAT(changes.gone, ElementsAre("a"));
  EXPECT_EQ(in_force(), "b");
}

TEST_F(KeyBookTest, NewTermsHoldForKeysThatWereRemovedBefore) {
  take("ab", kNow);
  take("b", kNow + 1min);
  book.set_terms(0s, {});
  EXPECT_THAT(book.expire(kNow + 2min).gone, ElementsAre("a"));
}

TEST_F(KeyBookTest, ASetWithoutKeysChangesNothing) {
  take("a", kNow);
  EXPECT_FALSE(book.take({}, kNow + 1h));
  EXPECT_EQ(in_force(), "a");
  EXPECT_EQ(book.fetched(), kNow);
  EXPECT_EQ(book.next_change(), std::nullopt);
}

TEST_F(KeyBookTest, AClockThatIsSetBackKeepsNoKeyLonger) {
  take("ab", kNow);
  take("b", kNow + 1h);
  EXPECT_TRUE(book.expire(kNow - 24h).empty());
  EXPECT_EQ(book.next_change(), kNow - 24h + 10min);
}

TEST_F(KeyBookTest, OneKeyUnderTwoNamesIsTwo) {
  ASSERT_TRUE(book.take({test_key("x", 1), test_key("y", 1), test_key("x", 1)}, kNow));
  EXPECT_EQ(in_force(), "xy");
  ASSERT_TRUE(book.take({test_key("y", 1)}, kNow));
  EXPECT_EQ(in_force(), "yx");
}

TEST_F(KeyBookTest, RemovedKeysAreBounded) {
  for (unsigned i = 0; i < KeyBook::kMostRemoved + 50; ++i)
    ASSERT_TRUE(book.take({test_key(std::to_string(i), i)}, kNow + i * 1ms));
  EXPECT_EQ(book.held().size(), KeyBook::kMostRemoved + 1);
  EXPECT_EQ(book.held()[1].key.kid(), std::to_string(KeyBook::kMostRemoved + 48)) << "the latest first";
}

// ---- revocation ------------------------------------------------------------------------------------------

TEST_F(KeyBookTest, NoSetBringsARevokedKeyBack) {
  take("ab", kNow);
  EXPECT_EQ(book.revoke("a", "ann", kNow), 1U);
  EXPECT_EQ(in_force(), "b");
  take("b", kNow + 1s);
  take("ab", kNow + 2s);
  EXPECT_EQ(in_force(), "b");
  EXPECT_EQ(book.revoke("a", "ann", kNow), 0U) << "it is";
  // Not under another name either.
  ASSERT_TRUE(book.take({test_key("new", 'a'), test_key("b", 'b')}, kNow + 3s));
  EXPECT_EQ(in_force(), "b");
}

TEST_F(KeyBookTest, RevokesByThumbprintAndTakesItBack) {
  take("ab", kNow);
  const std::string thumbprint = thumbprint_text(test_key("a", 'a'));
  EXPECT_EQ(book.revoke(thumbprint, "ann", kNow), 1U);
  EXPECT_EQ(in_force(), "b");
  EXPECT_EQ(book.unrevoke("a"), 1U);
  EXPECT_EQ(in_force(), "ab");
  EXPECT_EQ(book.unrevoke("a"), 0U);
}

TEST_F(KeyBookTest, UnknownKeysCannotBeRevoked) {
  take("ab", kNow);
  EXPECT_EQ(book.revoke("c", "ann", kNow), std::nullopt);
}

TEST_F(KeyBookTest, TheConfigurationRevokesToo) {
  const std::string thumbprint = thumbprint_text(test_key("a", 'a'));
  book.set_terms(10min, {thumbprint});
  take("ab", kNow);
  EXPECT_EQ(in_force(), "b");
  EXPECT_EQ(book.unrevoke(thumbprint), 0U);
  book.set_terms(10min, {});
  EXPECT_EQ(in_force(), "ab");
}

TEST_F(KeyBookTest, ASetOfRevokedKeysAloneIsASet) {
  take("ab", kNow);
  book.revoke("a", "ann", kNow);
  ASSERT_TRUE(book.take(test_keys("a"), kNow + 1min));
  (void)book.expire(kNow + 1h);
  EXPECT_EQ(in_force(), "");
}

TEST_F(KeyBookTest, RevocationsAreBounded) {
  std::vector<jose::Key> keys;
  for (unsigned i = 0; i < 101; ++i) keys.push_back(test_key("k", i));
  for (unsigned round = 0; round < 9; ++round) {
    for (unsigned i = 0; i < 101; ++i) keys[i] = test_key("k", round * 1000 + i);
    ASSERT_TRUE(book.take(keys, kNow));
    EXPECT_TRUE(book.revoke("k", "ann", kNow));
  }
  for (unsigned i = 0; i < 101; ++i) keys[i] = test_key("k", 50'000 + i);
  ASSERT_TRUE(book.take(keys, kNow));
  EXPECT_EQ(book.revoke("k", "ann", kNow), std::nullopt);
  EXPECT_EQ(book.revocations().size(), 9U * 101U) << "all of a name, or none";
}

// ---- the disk --------------------------------------------------------------------------------------------

TEST_F(KeyBookTest, ComesBackFromItsTextAsItWas) {
  take("abcd", kNow);
  take("abc", kNow + 1s);
  take("ba", kNow + 1s);
  book.revoke("b", "ann", kNow + 2s);
  const std::string text = book.to_text("source");
  auto again = KeyBook::parse(text, "source", kNow + 3s);
  ASSERT_TRUE(again) << again.error();
  EXPECT_EQ(kids(again->in_force()), in_force());
  EXPECT_EQ(again->to_text("source"), text);
  EXPECT_EQ(again->fetched(), kNow + 1s);
  EXPECT_EQ(again->next_change(), kNow + 1s + 10min) << "the time goes on where it was";
  ASSERT_EQ(again->revocations().size(), 1U);
  EXPECT_EQ(again->revocations()[0].by, "ann");
  EXPECT_EQ(again->revocations()[0].kid, "b");
}

TEST_F(KeyBookTest, KeysOfAnotherSourceAreNotItsOwnButRevocationsHold) {
  take("ab", kNow);
  book.revoke("b", "ann", kNow);
  auto other = KeyBook::parse(book.to_text("source"), "other", kNow);
  ASSERT_TRUE(other);
  EXPECT_TRUE(other->held().empty());
  EXPECT_EQ(other->fetched(), std::nullopt);
  ASSERT_TRUE(other->take(test_keys("ab"), kNow));
  EXPECT_EQ(kids(other->in_force()), "a");
}

TEST_F(KeyBookTest, TimesThatAreNotOverYetCountAsNow) {
  take("ab", kNow);
  take("b", kNow);
  auto again = KeyBook::parse(book.to_text("s"), "s", kNow - 1h);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->fetched(), kNow - 1h);
  EXPECT_EQ(again->next_change(), kNow - 50min);
}

TEST_F(KeyBookTest, WhatIsTornIsRefusedAndSaysSo) {
  take("ab", kNow);
  const std::string text = book.to_text("s");
  for (std::size_t n = 0; n + 2 < text.size(); ++n)
    EXPECT_FALSE(KeyBook::parse(text.substr(0, n), "s", kNow));
  auto why = [](std::string_view t) { return KeyBook::parse(t, "s", kNow).error(); };
  EXPECT_EQ(why("192.0.2.1 cat.example"), "it is not a JSON object");
  EXPECT_EQ(why("{}"), "`source` is not as it was written");
  EXPECT_EQ(why(R"({"source":"s","revoked":[]})"), "`keys` is not as it was written");
  EXPECT_EQ(why(R"({"source":"s","keys":[]})"), "`revoked` is not as it was written");
  EXPECT_EQ(why(R"({"source":"s","keys":[7],"revoked":[]})"), "`keys` is not as it was written");
  EXPECT_EQ(why(R"({"source":"s","keys":[],"revoked":[{"thumbprint":"x","kid":"","at":0,"by":""}]})"),
            "`revoked` is not as it was written");
  EXPECT_EQ(why(R"({"source":"s","fetched":-1,"keys":[],"revoked":[]})"),
            "`fetched` is not as it was written");
  EXPECT_THAT(why(std::string(KeyBook::kMaxBytes + 1, ' ')), HasSubstr("it has more than"));
}

TEST_F(KeyBookTest, AKeyThatIsOfNoUseTakesNoRevocationWithIt) {
  take("ab", kNow);
  book.revoke("b", "ann", kNow);
  std::string text = book.to_text("s");
  text.replace(text.find("Ed25519"), 7, "Ed99999");  // of `a`
  auto again = KeyBook::parse(text, "s", kNow);
  ASSERT_TRUE(again) << again.error();
  EXPECT_EQ(kids(again->in_force()), "");
  EXPECT_EQ(again->revocations().size(), 1U);
}

TEST_F(KeyBookTest, ASecretIsNeverWritten) {
  auto secret = jose::Key::from_secret(std::string(64, 's'), "hush");
  ASSERT_TRUE(secret);
  ASSERT_TRUE(book.take({*secret}, kNow));
  EXPECT_EQ(book.to_text("s").find("hush"), std::string::npos);
}

TEST(KeyNames, ArePrintableAndShort) {
  EXPECT_EQ(printable("a\x1b[31m`\n\xc3\xa9"), "a?[31m????");
  EXPECT_EQ(printable(std::string(100, 'x')), std::string(64, 'x') + "...");
  EXPECT_EQ(name_of(test_key("", 1)).size(), 43U);
}

}  // namespace
}  // namespace gatehouse::filters
