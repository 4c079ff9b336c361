// Answers left without the response steps of their route: the problem document after a body that failed
// before its head had left, a reply that a response step had put in the place of another, a body whose
// Content-Length was above max_body, and `%2F`. A page of another origin could read none of them.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "gateway/exchange.h"
#include "gateway/worker_testing.h"

namespace gatehouse::gateway {
namespace {

// Counts the answers that it marks, and may put another in their place first.
class Marking final : public FilterKind {
 public:
  std::string_view name() const noexcept override { return "marking"; }
  void compile(const RouteContext&, Chain& chain, config::Diagnostics&) const override {
    chain.response.push_back({&mark, nullptr});
    chain.response.push_back({&replace, nullptr});  // the order is turned round: this one runs first
  }

 private:
  static Verdict mark(const void*, Exchange&, Reply& reply) {
    reply.head->headers.add("X-Marked", "yes");
    return Verdict::next();
  }
  static Verdict replace(const void*, Exchange& x, Reply&) {
    if (!x.request().headers.find("x-replace")) return Verdict::next();
    return Verdict::reply({.head = x.new_response(418), .body = nullptr});
  }
};

class WhateverLeaves : public testing::WorkerTest {
 protected:
  WhateverLeaves() { kinds_.push_back(std::make_unique<Marking>()); }

  std::string answer(std::string_view request, std::string_view said) {
    serve(R"(
listen: {public: {port: 8080, max_body: 1KB}}
services: {api: {url: "http://10.0.0.1", retry: off}}
)",
          kinds_);
    acceptor_ = std::move(*service_host_.network.accept_on(*world.bind(testing::kService)));
    auto serving = say(std::string(said));
    testing::RawClient client(host, std::string(request));
    EXPECT_TRUE(until([&] { return client.received.find("\r\n\r\n") != std::string::npos; }));
    return client.received;
  }

 private:
  net::Task<void> say(std::string said) {
    while (!service_) {
      co_await acceptor_->wait();
      if (auto stream = acceptor_->try_accept()) service_ = std::move(*stream);
    }
    (void)co_await service_->recv(BlockPool::kMedium, kNever);
    (void)co_await service_->send(Slice::unowned(said), 1h);
  }
  std::vector<std::unique_ptr<FilterKind>> kinds_;
  net::MemoryHost service_host_{world, IpAddress::v4(0x0a000001)};
  std::unique_ptr<net::Acceptor> acceptor_;
  net::StreamPtr service_;
};

bool marked_once(const std::string& answer, std::string_view status) {
  const std::size_t at = answer.find("X-Marked: yes\r\n");
  return answer.starts_with("HTTP/1.1 " + std::string(status)) && at != std::string::npos &&
         answer.find("X-Marked", at + 1) == std::string::npos;
}

TEST_F(WhateverLeaves, AfterABodyThatFailedBeforeItsHeadHadLeft) {
  const std::string got = answer("GET /api HTTP/1.1\r\nHost: a\r\n\r\n",
                                 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n");
  EXPECT_TRUE(marked_once(got, "502")) << got;
}

TEST_F(WhateverLeaves, InThePlaceOfAnother) {
  const std::string got = answer("GET /api HTTP/1.1\r\nHost: a\r\nX-Replace: 1\r\n\r\n",
                                 "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  EXPECT_TRUE(marked_once(got, "418")) << got;
}

TEST_F(WhateverLeaves, ToABodyThatIsTooLarge) {
  const std::string got = answer("POST /api HTTP/1.1\r\nHost: a\r\nContent-Length: 1025\r\n\r\n", "");
  EXPECT_TRUE(marked_once(got, "413")) << got;
}

TEST_F(WhateverLeaves, ToAnEncodedSlash) {
  const std::string got = answer("GET /api/a%2Fb HTTP/1.1\r\nHost: a\r\n\r\n", "");
  EXPECT_TRUE(marked_once(got, "400")) << got;
}

}  // namespace
}  // namespace gatehouse::gateway
