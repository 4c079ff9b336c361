#include "gateway/h1_connection.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "gateway/worker_testing.h"
#include "upstream/upstream_testing.h"

namespace gatehouse::gateway {
namespace {

using H1ConnectionTest = testing::WorkerTest;
using testing::RawClient;
using upstream::testing::ip;
using upstream::testing::ScriptedService;
using upstream::testing::Step;

constexpr std::string_view kHello = "routes: [{path: /, reply: {body: hello}}]";
constexpr std::string_view kProxy = R"(
services: {s: {url: "http://10.0.0.1"}}
routes: [{path: /, to: s}]
)";
constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

std::string many(std::string_view text, unsigned n) {
  std::string all;
  while (n-- > 0) all += text;
  return all;
}

// ---- one turn is not one client's ------------------------------------------------------------------------

// Requests that need nobody else, all there before the first is read.
TEST_F(H1ConnectionTest, PipelinedRequestsLeaveTheTurnToOthers) {
  RawClient greedy(peer, many(kGet, 200));
  until([&] { return greedy.connected(); });
  world.run_for(10ms);
  RawClient modest(peer, std::string(kGet));
  until([&] { return modest.connected(); });
  world.run_for(10ms);
  serve(kHello);
  unsigned most = 0;
  for (unsigned at = 0; at < 201 && world.step(world.clock().now() + 1s); at = sink.records)
    most = std::max(most, sink.records - at);
  EXPECT_EQ(sink.records, 201U);
  EXPECT_LE(most, 33U) << "16 in its event, 16 behind it, and the other client's";
}

TEST_F(H1ConnectionTest, ManyThatConnectAtOnceLeaveTheTurnToOthers) {
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 300; ++i) clients.push_back(std::make_unique<RawClient>(peer));
  until([&] { return std::ranges::all_of(clients, [](auto& c) { return c->connected(); }); });
  serve(kHello);
  std::size_t most = 0;
  for (std::size_t at = 0; at < 300 && world.step(world.clock().now() + 1s); at = worker.connections())
    most = std::max(most, worker.connections() - at);
  EXPECT_EQ(worker.connections(), 300U);
  EXPECT_LE(most, 128U);
}

// ---- idle ------------------------------------------------------------------------------------------------

TEST_F(H1ConnectionTest, IdleAfterAChunkedBodyItHoldsNoBlock) {
  ScriptedService service(world, ip(1), {Step{}});
  serve(kProxy);
  RawClient client(peer, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n");
  until([&] { return client.connected(); });
  world.run_for(10ms);
  client.say("hello\r\n0\r\n\r\n");
  EXPECT_TRUE(until([&] { return client.received.ends_with("ok"); })) << client.received;
  EXPECT_EQ(sink.records, 1U);
  EXPECT_FALSE(client.ended);
  EXPECT_EQ(host.loop.blocks().in_use(), 0U);
}

// ---- answers that end with their connection --------------------------------------------------------------

// Answers before it has read the request's body, and goes on listening.
class EarlyService {
 public:
  EarlyService(net::MemoryWorld& world, std::string answer, bool close)
      : host_(world, ip(1)),
        answer_(std::move(answer)),
        close_(close),
        acceptor_(*host_.network.accept_on(*world.bind(testing::kService))),
        running_(run()) {}

 private:
  net::Task<void> run() {
    while (!stream_) {
      co_await acceptor_->wait();
      stream_ = std::move(*acceptor_->try_accept());
    }
    (void)co_await stream_->recv(4096, kNever);
    (void)co_await stream_->send(Slice::unowned(answer_), 1h);
    if (close_) stream_.reset();
  }
  net::MemoryHost host_;
  std::string answer_;
  bool close_;
  std::unique_ptr<net::Acceptor> acceptor_;
  net::StreamPtr stream_;
  net::Task<void> running_;
};

constexpr std::string_view kOpenEnded = "HTTP/1.1 200 OK\r\n\r\nhalf";

TEST_F(H1ConnectionTest, AnOpenEndedAnswerThatWasCutForTheBodysSakeIsNotWhole) {
  EarlyService service(world, std::string(kOpenEnded), false);
  serve(kProxy);
  RawClient client(peer, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
  ASSERT_TRUE(until([&] { return client.received.find("half") != std::string::npos; }));
  client.say("no chunk\r\n");
  ASSERT_TRUE(until([&] { return sink.records == 1; }));
  until([&] { return client.ended; });
  EXPECT_EQ(client.received.find("\r\n0\r\n"), std::string::npos) << client.received;
  EXPECT_EQ(sink.failed, 1U);
  EXPECT_EQ(sink.reason, Errc::malformed_request);
}

TEST_F(H1ConnectionTest, WithoutChunksACutIsAReset) {
  EarlyService service(world, std::string(kOpenEnded), false);
  serve(kProxy);
  RawClient client(peer, "POST / HTTP/1.0\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello");
  ASSERT_TRUE(until([&] { return client.received.find("half") != std::string::npos; }));
  ASSERT_TRUE(until([&] { return client.ended; }, 10min)) << "the body's rest does not come";
  EXPECT_TRUE(client.reset);
  EXPECT_EQ(sink.failed, 1U);
  EXPECT_EQ(sink.reason, Errc::client_too_slow);
}

TEST_F(H1ConnectionTest, WithoutChunksATruncatedAnswerIsAReset) {
  EarlyService service(world, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", true);
  serve(kProxy);
  RawClient client(peer, "GET / HTTP/1.0\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(until([&] { return client.ended; }));
  EXPECT_TRUE(client.reset);
  EXPECT_EQ(sink.reason, Errc::upstream_truncated);
}

TEST_F(H1ConnectionTest, WithoutChunksAWholeAnswerIsNoReset) {
  EarlyService service(world, std::string(kOpenEnded), true);
  serve(kProxy);
  RawClient client(peer, "GET / HTTP/1.0\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(until([&] { return client.ended; }));
  EXPECT_FALSE(client.reset);
  EXPECT_TRUE(client.received.ends_with("half"));
  EXPECT_EQ(sink.failed, 0U);
}

}  // namespace
}  // namespace gatehouse::gateway
