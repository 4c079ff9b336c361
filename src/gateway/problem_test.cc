#include "gateway/problem.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "gateway/exchange_testing.h"

namespace gatehouse::gateway {
namespace {

using http::HeaderId;

Error error(Errc code, std::string_view detail = {}) { return {.code = code, .detail = detail}; }

class ProblemTest : public ::testing::Test {
 protected:
  testing::Bench bench_{testing::spec_with({testing::service("a")}, {testing::route("/a", {"a"})}), {}};
  testing::OneExchange x_{bench_, "/a"};
};

TEST(ProblemDocument, SaysEverything) {
  BlockPool pool;
  Arena arena(pool);
  EXPECT_EQ(
      problem_document(error(Errc::no_route, "no route matches this request"), "id-1", arena),
      R"({"type":"about:blank","title":"No route","status":404,"detail":"no route matches this request",)"
      R"("reason":"no_route","request_id":"id-1"})"
      "\n");
  EXPECT_EQ(problem_document(error(Errc::denied), "", arena),
            R"({"type":"about:blank","title":"Access denied","status":403,"reason":"denied","request_id":""})"
            "\n");
}

TEST(ProblemDocument, EscapesItsTexts) {
  BlockPool pool;
  Arena arena(pool);
  const std::string nasty = std::string("\"\\\n\0<", 5) + std::string(1000, '\x01');
  const std::string_view text = problem_document(error(Errc::denied, nasty), nasty, arena);
  EXPECT_THAT(std::string(text), ::testing::HasSubstr(R"("detail":"\"\\\n\u0000<\u0001)"));
  EXPECT_EQ(text.find('\n'), text.size() - 1);
}

TEST(ProblemDocument, EveryErrorHasAStatusThatMayBeSent) {
  BlockPool pool;
  Arena arena(pool);
  for (const ErrcInfo& e : errc_table()) {
    EXPECT_GE(problem_status(e.code), 400) << e.reason;
    EXPECT_LE(problem_status(e.code), 599) << e.reason;
    EXPECT_THAT(std::string(problem_document(error(e.code), "i", arena)),
                ::testing::HasSubstr("\"reason\":\"" + std::string(e.reason) + "\""));
  }
  EXPECT_EQ(problem_status(Errc::client_closed), 500);
  EXPECT_EQ(problem_status(Errc::io_reset), 502);
}

TEST_F(ProblemTest, HeadersOfTheReply) {
  Reply reply = problem_reply(*x_, error(Errc::denied));
  EXPECT_EQ(reply.head->status, 403);
  EXPECT_EQ(reply.head->headers.value(HeaderId::content_type), "application/problem+json");
  EXPECT_EQ(reply.head->headers.value(HeaderId::cache_control), "no-store");
  EXPECT_FALSE(reply.head->headers.has(HeaderId::retry_after));
  EXPECT_FALSE(reply.head->headers.has(HeaderId::allow));
  ASSERT_TRUE(reply.body);
  const std::string text = testing::OneExchange::text_of(reply);
  EXPECT_THAT(text, ::testing::HasSubstr("\"request_id\":\"" + std::string(x_->request_id()) + "\""));
  EXPECT_EQ(x_->request_id().size(), 32u);
}

TEST_F(ProblemTest, AllowOfA405) {
  Reply reply = problem_reply(*x_, error(Errc::method_not_allowed), "GET, HEAD");
  EXPECT_EQ(reply.head->status, 405);
  EXPECT_EQ(reply.head->headers.value(HeaderId::allow), "GET, HEAD");
}

TEST_F(ProblemTest, RetryAfterOfA503IsSpread) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i)
    seen.emplace(problem_reply(*x_, error(Errc::saturated)).head->headers.value(HeaderId::retry_after));
  EXPECT_THAT(seen, ::testing::ElementsAre("1", "2", "3"));
}

TEST_F(ProblemTest, HeadGetsNoBody) {
  x_->request().method = http::Method::head;
  EXPECT_FALSE(problem_reply(*x_, error(Errc::no_route)).body);
}

}  // namespace
}  // namespace gatehouse::gateway
