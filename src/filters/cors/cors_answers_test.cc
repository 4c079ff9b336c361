// Whose pages may read what the gateway says itself: each way in which an answer can come about, over whole
// connections.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "filters/cors/cors_filter.h"
#include "gateway/exchange.h"
#include "gateway/worker_testing.h"

namespace gatehouse::filters {
namespace {

using gateway::Exchange;
using gateway::Verdict;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// Refuses as later filters do: 401 at once or later, 429 with a reply of its own.
class RefusingFilter final : public gateway::FilterKind {
 public:
  std::string_view name() const noexcept override { return "refusing"; }
  void compile(const gateway::RouteContext&, gateway::Chain& chain, config::Diagnostics&) const override {
    chain.request.push_back({&refuse, nullptr});
    chain.response.push_back({&replace, nullptr});
  }

 private:
  static Verdict refuse(const void*, Exchange& x) {
    if (x.request().headers.find("x-401")) return x.refuse_with(Errc::unauthorized, "planted");
    if (!x.request().headers.find("x-429")) return Verdict::next();
    return Verdict::reply({.head = x.new_response(429), .body = nullptr});
  }
  static Verdict replace(const void*, Exchange& x, gateway::Reply& reply) {
    if (!x.request().headers.find("x-replace") || reply.head->status == 418) return Verdict::next();
    return Verdict::reply({.head = x.new_response(418), .body = nullptr});
  }
};

class CorsAnswers : public gateway::testing::WorkerTest {
 protected:
  CorsAnswers() {
    kinds_.push_back(cors_filter());
    kinds_.push_back(std::make_unique<RefusingFilter>());
  }

  // The answer to one request, where the service says `said` (nothing: it is not there) and closes.
  std::string answer(std::string_view request, std::string said = {}) {
    serve(R"(
listen: {public: {port: 8080, max_body: 1KB}}
services:
  api: {url: "http://10.0.0.1", cors: "https://shop.test", retry: off, timeout: 1s}
routes:
  - {path: /api/*, to: api}
  - {path: /get/*, method: GET, to: api}
  - {path: /old/*, redirect: /new/*, cors: "https://shop.test"}
)",
          kinds_);
    net::Task<void> serving;
    if (!said.empty()) {
      acceptor_ =
          std::move(*service_host_.network.accept_on(std::move(*world.bind(gateway::testing::kService))));
      serving = say(std::move(said));
    }
    gateway::testing::RawClient client(host, std::string(request));
    EXPECT_TRUE(until(
        [&] { return sink.records > 0 && client.received.find("\r\n\r\n") != std::string::npos; }, 60s));
    return client.received;
  }
  net::Task<void> say(std::string said) {
    while (!service_) {
      co_await acceptor_->wait();
      if (auto stream = acceptor_->try_accept()) service_ = std::move(*stream);
    }
    (void)co_await service_->recv(65536, kNever);
    (void)co_await service_->send(Slice::unowned(said), 1h);
    service_.reset();
  }

 private:
  std::vector<std::unique_ptr<gateway::FilterKind>> kinds_;
  net::MemoryHost service_host_{world, IpAddress::v4(0x0a000001)};
  std::unique_ptr<net::Acceptor> acceptor_;
  net::StreamPtr service_;
};

auto readable(std::string_view status) {
  return AllOf(StartsWith("HTTP/1.1 " + std::string(status)),
               HasSubstr("Access-Control-Allow-Origin: https://shop.test\r\n"), HasSubstr("ary: Origin\r\n"));
}
auto unreadable(std::string_view status) {
  return AllOf(StartsWith("HTTP/1.1 " + std::string(status)), Not(HasSubstr("llow-Origin")));
}
std::string get(std::string_view path, std::string_view more = {}) {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\nOrigin: https://shop.test\r\n" +
         std::string(more) + "\r\n";
}
std::string post(std::string_view more) {
  return "POST /api/x HTTP/1.1\r\nHost: a\r\nOrigin: https://shop.test\r\n" + std::string(more);
}

TEST_F(CorsAnswers, OfTheService) {
  EXPECT_THAT(
      answer(get("/api/x"), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nAccess-Control-Allow-Origin: *\r\n\r\n"),
      AllOf(readable("200"), Not(HasSubstr("Origin: *"))));
}
TEST_F(CorsAnswers, ToAnotherOrigin) {
  EXPECT_THAT(answer("GET /api/x HTTP/1.1\r\nHost: a\r\nOrigin: https://evil.test\r\n\r\n",
                     "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nAccess-Control-Allow-Origin: *\r\n\r\n"),
              AllOf(unreadable("200"), HasSubstr("vary: Origin\r\n")));
}
TEST_F(CorsAnswers, Unauthorized) { EXPECT_THAT(answer(get("/api/x", "X-401: 1\r\n")), readable("401")); }
TEST_F(CorsAnswers, TooManyRequests) { EXPECT_THAT(answer(get("/api/x", "X-429: 1\r\n")), readable("429")); }
TEST_F(CorsAnswers, ServiceIsNotThere) { EXPECT_THAT(answer(get("/api/x")), readable("503")); }
TEST_F(CorsAnswers, ServiceIsMalformed) {
  EXPECT_THAT(answer(get("/api/x"), "what?\r\n\r\n"), readable("502"));
}
TEST_F(CorsAnswers, ServiceCloses) { EXPECT_THAT(answer(get("/api/x"), "HTTP/1.1 200"), readable("502")); }
TEST_F(CorsAnswers, ServiceSaysNothingFinal) {
  EXPECT_THAT(answer(get("/api/x"), "HTTP/1.1 100 Continue\r\n\r\n"), readable("502"));
}
TEST_F(CorsAnswers, BodyFailedBeforeTheHeadLeft) {
  EXPECT_THAT(answer(get("/api/x"), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n"),
              readable("502"));
  EXPECT_EQ(sink.reason, Errc::upstream_malformed);
}
TEST_F(CorsAnswers, ReplacedByAResponseStep) {
  EXPECT_THAT(answer(get("/api/x", "X-Replace: 1\r\n"), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
              readable("418"));
}
TEST_F(CorsAnswers, AnnouncedBodyIsTooLarge) {
  EXPECT_THAT(answer(post("Content-Length: 1025\r\n\r\n")), readable("413"));
}
TEST_F(CorsAnswers, ChunkedBodyIsTooLarge) {
  const std::string body =
      "Transfer-Encoding: chunked\r\n\r\n401\r\n" + std::string(1025, 'a') + "\r\n0\r\n\r\n";
  EXPECT_THAT(answer(post(body), "HTTP/1.1 100 Continue\r\n\r\n"), readable("413"));
}
TEST_F(CorsAnswers, EncodedSlash) { EXPECT_THAT(answer(get("/api/a%2Fb")), readable("400")); }
TEST_F(CorsAnswers, Redirect) {
  EXPECT_THAT(answer(get("/old/x")), AllOf(readable("308"), HasSubstr("ocation: /new/x\r\n")));
}
TEST_F(CorsAnswers, Preflight) {
  EXPECT_THAT(
      answer("OPTIONS /api/x HTTP/1.1\r\nHost: a\r\nOrigin: https://shop.test\r\n"
             "Access-Control-Request-Method: PUT\r\nX-401: 1\r\n\r\n"),
      AllOf(StartsWith("HTTP/1.1 204 "), HasSubstr("Access-Control-Allow-Methods: GET, HEAD, POST, PUT"),
            Not(HasSubstr("ontent-"))));
  EXPECT_EQ(sink.status, 204);
}
TEST_F(CorsAnswers, RefusedPreflight) {
  EXPECT_THAT(answer("OPTIONS /api/x HTTP/1.1\r\nHost: a\r\nOrigin: https://evil.test\r\n"
                     "Access-Control-Request-Method: PUT\r\n\r\n"),
              AllOf(unreadable("403"), HasSubstr("origin_denied")));
  EXPECT_EQ(sink.reason, Errc::origin_denied);
}
// Without a route nobody can say whose pages may read the answer.
TEST_F(CorsAnswers, NoRoute) { EXPECT_THAT(answer(get("/nothing")), unreadable("404")); }
TEST_F(CorsAnswers, NoRouteForTheMethod) {
  EXPECT_THAT(answer("DELETE /get/x HTTP/1.1\r\nHost: a\r\nOrigin: https://shop.test\r\n\r\n"),
              unreadable("405"));
}

}  // namespace
}  // namespace gatehouse::filters
