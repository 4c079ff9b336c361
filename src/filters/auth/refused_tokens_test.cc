#include "filters/auth/refused_tokens.h"

#include <gtest/gtest.h>

#include <string>

namespace gatehouse::filters {
namespace {

TEST(RefusedTokens, AreKnownForAWhile) {
  Sha256 sha256;
  RefusedTokens refused;
  const Digest token = sha256("secret", "token");
  EXPECT_FALSE(refused.find(token, 100));
  refused.add(token, {.fault = jose::Fault::expired, .judged_by = 5}, 100);
  for (std::int64_t now : {100, 101, 129}) {
    const auto* f = refused.find(token, now);
    ASSERT_TRUE(f) << now;
    EXPECT_EQ(f->fault, jose::Fault::expired);
    EXPECT_EQ(f->judged_by, 5U);
  }
  EXPECT_FALSE(refused.find(token, 130));
  EXPECT_FALSE(refused.find(token, 99)) << "the clock was set back";
  EXPECT_FALSE(refused.find(sha256("secret", "token2"), 100));
}

TEST(RefusedTokens, TheLatestOfAPlaceStays) {
  Sha256 sha256;
  RefusedTokens refused;
  std::size_t there = 0;
  for (int i = 0; i < 5000; ++i)
    refused.add(sha256("s", std::to_string(i)), {.fault = jose::Fault::bad_signature}, 100);
  EXPECT_TRUE(refused.find(sha256("s", "4999"), 100));
  for (int i = 0; i < 5000; ++i) there += refused.find(sha256("s", std::to_string(i)), 100) ? 1 : 0;
  EXPECT_LE(there, RefusedTokens::kPlaces);
  EXPECT_GT(there, RefusedTokens::kPlaces / 2);
}

TEST(Sha256, IsWhatFips180Says) {
  Sha256 sha256;
  const Digest abc = sha256("a", "bc");
  EXPECT_EQ(abc, sha256("abc"));
  EXPECT_EQ(abc[0], 0xba);
  EXPECT_EQ(abc[1], 0x78);
  EXPECT_EQ(abc[31], 0xad);
  EXPECT_TRUE(same_digest(abc, sha256("abc")));
  EXPECT_FALSE(same_digest(abc, sha256("abd")));
}

}  // namespace
}  // namespace gatehouse::filters
