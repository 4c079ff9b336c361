#include "upstream/url_client.h"

#include <gtest/gtest.h>

#include "net/fake_resolver.h"
#include "net/tls_testing.h"
#include "upstream/upstream_testing.h"

namespace gatehouse::upstream {
namespace {

using testing::ip;
using testing::ScriptedService;
using testing::Step;

class UrlClientTest : public ::testing::Test {
 protected:
  UrlClientTest() {
    resolver.set("id.example", {ip(1)});
    request.url = {.shown = "http://id.example/keys?v=1",
                   .host = "id.example",
                   .port = 80,
                   .tls = false,
                   .target = "/keys?v=1"};
  }
  net::Task<void> run() { answer = co_await urls.get(request); }
  const Result<UrlAnswer>& get() {
    answer.reset();
    task = run();
    world.run_until([&] { return task.done(); }, 1min);
    return *answer;
  }
  std::string_view failure() {
    const auto& got = get();
    return got ? "none" : got.error().detail;
  }

  net::MemoryWorld world{1};
  net::MemoryHost host{world};
  net::FakeResolver resolver{host.loop};
  Client client{host.loop, host.network};
  UrlClient urls{client, resolver};
  UrlRequest request;
  std::optional<Result<UrlAnswer>> answer;
  net::Task<void> task;
};

TEST_F(UrlClientTest, BringsStatusFieldsAndBody) {
  ScriptedService s(
      world, ip(1),
      {{.answer = "HTTP/1.1 404 Not Found\r\nCache-Control: max-age=60\r\nCache-Control: public\r\n"
                  "Age: 7\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\nbody"}});
  const auto& got = get();
  ASSERT_TRUE(got) << got.error().detail;
  EXPECT_EQ(got->status, 404);
  EXPECT_EQ(got->cache_control, "max-age=60, public");
  EXPECT_EQ(got->age, "7");
  EXPECT_EQ(got->content_type, "application/json");
  EXPECT_EQ(got->body, "body");
  ASSERT_EQ(s.requests.size(), 1U);
  EXPECT_TRUE(s.requests[0].starts_with("GET /keys?v=1 HTTP/1.1\r\n")) << s.requests[0];
  EXPECT_NE(s.requests[0].find("\r\nHost: id.example\r\n"), std::string::npos) << s.requests[0];
  EXPECT_NE(s.requests[0].find("dentity\r\n"), std::string::npos) << s.requests[0];
}

TEST_F(UrlClientTest, FollowsNoRedirect) {
  ScriptedService s(
      world, ip(1),
      {{.answer = "HTTP/1.1 302 Found\r\nLocation: http://10.0.0.9/\r\nContent-Length: 0\r\n\r\n"}});
  EXPECT_EQ(failure(), "the answer is a redirect, and none is followed");
  EXPECT_EQ(s.requests.size(), 1U);
}

TEST_F(UrlClientTest, BoundsTheBodyWhateverItsFraming) {
  request.max_bytes = 4;
  ScriptedService s(
      world, ip(1),
      {{.answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345"},
       {.answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n123\r\n2\r\n45\r\n0\r\n\r\n"},
       {.answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n123\r\n1\r\n4\r\n0\r\n\r\n"}});
  EXPECT_EQ(failure(), "the answer is too large");
  EXPECT_EQ(failure(), "the answer is too large");
  EXPECT_EQ(get().value().body, "1234");
}

TEST_F(UrlClientTest, TakesNoCoding) {
  ScriptedService s(world, ip(1),
                    {{.answer = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx"}});
  EXPECT_EQ(failure(), "the answer is compressed, which it was not asked to be");
}

TEST_F(UrlClientTest, OneDeadlineForAllOfIt) {
  ScriptedService s(
      world, ip(1),
      {{.answer = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nslow", .then = Step::Then::silence}});
  resolver.set_delay(2s);
  const Time began = host.loop.now();
  EXPECT_FALSE(get());
  EXPECT_EQ(answer->error().code, Errc::upstream_timeout);
  EXPECT_LT(host.loop.now() - began, 5100ms);
}

TEST_F(UrlClientTest, ACutBodyIsNoAnswer) {
  ScriptedService s(
      world, ip(1),
      {{.answer = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", .then = Step::Then::close}});
  EXPECT_FALSE(get());
}

TEST_F(UrlClientTest, TriesEveryAddressOfAName) {
  resolver.set("id.example", {ip(7), ip(8), ip(1)});  // nobody listens on the first two
  ScriptedService s(world, ip(1), {Step{}});
  const auto& got = get();
  ASSERT_TRUE(got) << got.error().detail;
  EXPECT_EQ(got->body, "ok");
}

TEST_F(UrlClientTest, ANameThatDoesNotResolve) {
  request.url.host = "nobody.example";
  EXPECT_EQ(failure(), "no such name");
}

TEST_F(UrlClientTest, NothingIsLeftOfCalls) {
  ScriptedService s(world, ip(1), {Step{}});
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(get());
  world.run_for(2s);
  EXPECT_EQ(s.open(), 0U) << "connections";
  std::size_t endpoints = 0;
  client.for_each_endpoint([&](const LocalEndpoint&) { ++endpoints; });
  EXPECT_EQ(endpoints, 0U);
}

TEST_F(UrlClientTest, CallsThatAreCancelledLeaveNothing) {
  ScriptedService s(world, ip(1), {{.wait = 1h}});
  for (int i = 0; i < 10; ++i) {
    task = run();
    world.run_for(10ms);
    task.cancel();
  }
  world.run_for(2s);
  EXPECT_EQ(world.open_streams(), s.open()) << "the service's own ends, which still think";
  std::size_t endpoints = 0;
  client.for_each_endpoint([&](const LocalEndpoint&) { ++endpoints; });
  EXPECT_EQ(endpoints, 0U);
}

TEST_F(UrlClientTest, CallsAtOnceDoNotMix) {
  resolver.set("other.example", {ip(2)});
  ScriptedService a(world, ip(1), {{.wait = 50ms}});
  ScriptedService b(world, ip(2), {{.answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother"}});
  task = run();
  auto first = std::move(task);
  Result<UrlAnswer> other{UrlAnswer{}};
  UrlRequest second = request;
  second.url.host = "other.example";
  auto ask = [](UrlClient& c, UrlRequest r, Result<UrlAnswer>& out) -> net::Task<void> {
    out = co_await c.get(std::move(r));
  };
  auto t = ask(urls, second, other);
  world.run_until([&] { return t.done() && first.done(); }, 1min);
  EXPECT_EQ(other.value().body, "other");
  EXPECT_EQ(answer->value().body, "ok");
}

TEST_F(UrlClientTest, HttpsWithoutAuthoritiesAsksNobody) {
  request.url.tls = true;
  ScriptedService s(world, ip(1), {Step{}});
  EXPECT_FALSE(get());
  EXPECT_EQ(answer->error().code, Errc::upstream_tls);
  EXPECT_EQ(s.accepted, 0);
}

}  // namespace
}  // namespace gatehouse::upstream
