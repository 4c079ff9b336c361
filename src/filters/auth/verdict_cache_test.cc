#include "filters/auth/verdict_cache.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

namespace gatehouse::filters {
namespace {

constexpr std::int64_t kNow = 1000;

VerdictCache::Verdict until(std::int64_t ends, std::uint32_t issuer = 1) {
  return {.issuer = issuer, .shape = 2, .generation = 3, .ends = ends, .key = {}};
}
std::string token(std::size_t i, std::size_t size = 600) {
  std::string t = fmt::format("token-{}-", i);
  t.resize(std::max(t.size(), size), 'x');
  return t;
}

TEST(VerdictCache, FindsWhatWasPutIn) {
  VerdictCache cache(VerdictCache::kLeastBytes, 7);
  EXPECT_EQ(cache.find("a"), nullptr);
  ASSERT_TRUE(cache.insert("a", until(2000, 5), "attributes", kNow));
  VerdictCache::Entry* e = cache.find("a");
  ASSERT_TRUE(e);
  EXPECT_EQ(e->token(), "a");
  EXPECT_EQ(e->attributes(), "attributes");
  EXPECT_EQ(e->verdict.issuer, 5U);
  EXPECT_EQ(e->verdict.ends, 2000);
  EXPECT_EQ(cache.find("b"), nullptr);
  EXPECT_EQ(cache.find("A"), nullptr);
  EXPECT_EQ(cache.entries(), 1U);
  cache.erase(*e);
  EXPECT_EQ(cache.find("a"), nullptr);
  EXPECT_EQ(cache.entries(), 0U);
}

TEST(VerdictCache, TheOldestGoesUnlessItWasUsed) {
  VerdictCache cache(VerdictCache::kLeastBytes, 7);
  std::size_t n = 0;
  while (cache.evicted() == 0) {
    ASSERT_TRUE(cache.insert(token(n++), until(2000), "a", kNow));
    EXPECT_TRUE(cache.find(token(0)) || cache.evicted() > 0);
    EXPECT_LE(cache.bytes(), VerdictCache::kLeastBytes);
  }
  EXPECT_TRUE(cache.find(token(0))) << "it was asked for all the time";
  EXPECT_FALSE(cache.find(token(1)));
  EXPECT_TRUE(cache.find(token(2)));
}

TEST(VerdictCache, WhatHasEndedGetsNoSecondChance) {
  VerdictCache cache(VerdictCache::kLeastBytes, 7);
  ASSERT_TRUE(cache.insert(token(0), until(kNow), "a", kNow - 1));
  for (std::size_t n = 1; cache.evicted() == 0; ++n) {
    cache.find(token(0));
    ASSERT_TRUE(cache.insert(token(n), until(2000), "a", kNow));
  }
  EXPECT_FALSE(cache.find(token(0)));
}

TEST(VerdictCache, ATokenThatIsTooLargeIsNotKept) {
  VerdictCache cache(VerdictCache::kLeastBytes, 7);
  EXPECT_FALSE(cache.insert(std::string(VerdictCache::kLeastBytes / 8, 'x'), until(2000), "a", kNow));
  EXPECT_FALSE(cache.insert("", until(2000), "a", kNow));
  EXPECT_EQ(cache.entries(), 0U);
}

// Of everything that can happen in any order: what it finds is what was put in, and it stays in its bounds.
TEST(VerdictCache, AgreesWithAMap) {
  for (unsigned seed = 0; seed < 4; ++seed) {
    std::mt19937 random(seed);
    VerdictCache cache(VerdictCache::kLeastBytes, seed);
    std::map<std::string, std::string> all;
    std::size_t found = 0;
    for (int i = 0; i < 10000; ++i) {
      const std::string t = token(random() % 300, 20 + random() % 2 * 900);
      VerdictCache::Entry* e = cache.find(t);
      if (e) {
        ++found;
        ASSERT_EQ(e->attributes(), all[t]);
        ASSERT_EQ(e->token(), t);
        if (random() % 8 == 0) cache.erase(*e);
      } else {
        std::string attributes(random() % 200, static_cast<char>('a' + random() % 26));
        ASSERT_TRUE(cache.insert(t, until(2000), attributes, kNow));
        all[t] = attributes;
      }
      ASSERT_LE(cache.bytes(), VerdictCache::kLeastBytes);
    }
    EXPECT_GT(found, 1000U);
    EXPECT_GT(cache.evicted(), 100U);
    std::size_t there = 0;
    for (const auto& [t, attributes] : all) there += cache.find(t) ? 1 : 0;
    EXPECT_EQ(there, cache.entries());
  }
}

// Small entries fill the index before the memory.
TEST(VerdictCache, TheIndexIsBoundedToo) {
  VerdictCache cache(VerdictCache::kLeastBytes, 7);
  for (std::size_t i = 0; i < 5000; ++i) {
    ASSERT_TRUE(cache.insert(std::to_string(i), until(2000), "", kNow));
    ASSERT_TRUE(cache.find(std::to_string(i)));
  }
  EXPECT_LE(cache.bytes(), VerdictCache::kLeastBytes);
  EXPECT_GT(cache.entries(), 300U);
}

}  // namespace
}  // namespace gatehouse::filters
