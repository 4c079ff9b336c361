#include "gateway/trace_context.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

namespace gatehouse::gateway {
namespace {

constexpr std::string_view kGood = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

class TraceContextTest : public testing::Test {
 protected:
  BlockPool pool_;
  Arena arena_{pool_};
  Random random_{7};
  http::HeaderTable headers_{arena_};
};

TEST(ParseTraceparent, TakesWhatTheStandardSays) {
  auto p = parse_traceparent(kGood);
  ASSERT_TRUE(p);
  EXPECT_EQ(p->trace_id, "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(p->parent_id, "b7ad6b7169203331");
  EXPECT_EQ(p->flags, 1u);
  EXPECT_TRUE(parse_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff"));
  EXPECT_TRUE(parse_traceparent("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"));
  EXPECT_TRUE(parse_traceparent("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-comes-later"));
  EXPECT_TRUE(parse_traceparent("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-"));
}

TEST(ParseTraceparent, RefusesTheRest) {
  for (std::string_view bad : {
           "",
           "00",
           "00-",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
           "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
           "00-00000000000000000000000000000000-b7ad6b7169203331-01",
           "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
           "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
           "00-0af7651916cd43dd8448eb211c80319c-B7AD6B7169203331-01",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0A",
           "00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01",
           "0x-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
           "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
           "00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331_01",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 ",
           "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.more",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-011",
       })
    EXPECT_FALSE(parse_traceparent(bad)) << bad;
}

TEST_F(TraceContextTest, ContinuesWithASpanOfItsOwn) {
  headers_.add(http::HeaderId::traceparent, kGood);
  headers_.add(http::HeaderId::tracestate, "a=b");
  TraceContext t = trace_context(headers_, random_, arena_);
  auto mine = parse_traceparent(t.traceparent);
  ASSERT_TRUE(mine) << t.traceparent;
  EXPECT_EQ(mine->trace_id, "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(t.trace_id, mine->trace_id);
  EXPECT_NE(mine->parent_id, "b7ad6b7169203331");
  EXPECT_EQ(mine->flags, 1u);
  EXPECT_TRUE(headers_.has(http::HeaderId::tracestate));
}

TEST_F(TraceContextTest, KeepsTheFlagsItKnows) {
  for (auto [given, kept] :
       {std::pair("00", 0u), {"01", 1u}, {"03", 3u}, {"02", 2u}, {"ff", 3u}, {"fc", 0u}}) {
    http::HeaderTable headers(arena_);
    headers.add(http::HeaderId::traceparent,
                arena_.concat("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-", given));
    EXPECT_EQ(parse_traceparent(trace_context(headers, random_, arena_).traceparent)->flags, kept) << given;
  }
}

TEST_F(TraceContextTest, AVersionFromTheFutureContinuesAsVersionZero) {
  headers_.add(http::HeaderId::traceparent, "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x");
  TraceContext t = trace_context(headers_, random_, arena_);
  EXPECT_TRUE(t.traceparent.starts_with("00-0af7651916cd43dd8448eb211c80319c-"));
  EXPECT_EQ(t.traceparent.size(), 55u);
}

TEST_F(TraceContextTest, BeginsWhereThereIsNone) {
  headers_.add(http::HeaderId::tracestate, "a=b");
  TraceContext one = trace_context(headers_, random_, arena_);
  TraceContext two = trace_context(headers_, random_, arena_);
  ASSERT_TRUE(parse_traceparent(one.traceparent)) << one.traceparent;
  EXPECT_EQ(parse_traceparent(one.traceparent)->flags, 1u);
  EXPECT_NE(one.trace_id, two.trace_id);
  EXPECT_FALSE(headers_.has(http::HeaderId::tracestate));
}

TEST_F(TraceContextTest, TwoAreNone) {
  headers_.add(http::HeaderId::traceparent, kGood);
  headers_.add(http::HeaderId::traceparent, kGood);
  EXPECT_NE(trace_context(headers_, random_, arena_).trace_id, "0af7651916cd43dd8448eb211c80319c");
}

TEST_F(TraceContextTest, RequestIdsAreKeptFromTrustedPeersOnly) {
  headers_.add(http::HeaderId::x_request_id, "Abc-123_x.y");
  EXPECT_EQ(request_id_for(headers_, true, random_, arena_), "Abc-123_x.y");
  std::string_view made = request_id_for(headers_, false, random_, arena_);
  EXPECT_EQ(made.size(), 32u);
  EXPECT_EQ(made.find_first_not_of("0123456789abcdef"), made.npos);
  EXPECT_NE(made, request_id_for(headers_, false, random_, arena_));
}

TEST_F(TraceContextTest, MadeIdsAreNumbersInHex) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Random random(seed);
    Random same(seed);
    const std::string made(request_id_for(headers_, false, random, arena_));
    const std::uint64_t first = same.next();
    EXPECT_EQ(made, fmt::format("{:016x}{:016x}", first, same.next()));
  }
}

TEST_F(TraceContextTest, RequestIdsThatAreNotWellFormedAreReplaced) {
  const std::string longest(128, 'a');
  EXPECT_TRUE(well_formed_request_id(longest));
  for (const std::string& bad :
       {std::string(), longest + "a", std::string("a b"), std::string("a\"b"), std::string("a,b"),
        std::string("\xc3\xa4"), std::string("a/b"), std::string("a\tb")}) {
    EXPECT_FALSE(well_formed_request_id(bad)) << bad;
    http::HeaderTable headers(arena_);
    headers.add(http::HeaderId::x_request_id, bad);
    EXPECT_NE(request_id_for(headers, true, random_, arena_), bad);
  }
}

}  // namespace
}  // namespace gatehouse::gateway
