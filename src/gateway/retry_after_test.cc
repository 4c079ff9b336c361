#include "gateway/retry_after.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace gatehouse::gateway {
namespace {

// All that is said of so long a wait.
std::set<std::string> said_of(Duration wait) {
  Random random(1);
  std::set<std::string> all;
  for (int i = 0; i < 400; ++i) {
    BlockPool pool;
    Arena arena(pool);
    http::HeaderTable headers(arena);
    add_retry_after(wait, random, headers, arena);
    const http::Header* h = headers.find(http::HeaderId::retry_after);
    all.emplace(h ? h->value : "none");
  }
  return all;
}

TEST(RetryAfter, IsWholeSecondsAndNotTheSameForAll) {
  using Set = std::set<std::string>;
  EXPECT_EQ(said_of(Duration::zero()), (Set{"1", "2"}));
  EXPECT_EQ(said_of(1s), (Set{"1", "2"}));
  EXPECT_EQ(said_of(1001ms), (Set{"2", "3"}));
  EXPECT_EQ(said_of(12s), (Set{"12", "13", "14", "15"}));
  for (const std::string& text : said_of(24h)) {
    EXPECT_GE(std::stol(text), 86'400);
    EXPECT_LE(std::stol(text), 90'000) << "an hour more at most";
  }
}

TEST(RetryAfter, ReplacesWhatAnyoneSaidBefore) {
  BlockPool pool;
  Arena arena(pool);
  http::HeaderTable headers(arena);
  Random random(1);
  headers.add(http::HeaderId::retry_after, "3600");
  add_retry_after(1s, random, headers, arena);
  std::size_t count = 0;
  for (const http::Header& h : headers) count += h.id == http::HeaderId::retry_after ? 1 : 0;
  EXPECT_EQ(count, 1U);
}

}  // namespace
}  // namespace gatehouse::gateway
