#include "gateway/tls_handshakes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "gateway/worker_testing.h"
#include "net/tls_stream.h"

namespace gatehouse::gateway {
namespace {

using testing::RawClient;

constexpr std::string_view kHello = R"(
listen: {public: {port: 8080, tls: dev, hsts: on, timeouts: {handshake: 3s}}}
routes: [{path: /, reply: {body: hello}}]
)";

// One request over TLS, with whatever certificate the gateway has.
class TlsClient {
 public:
  explicit TlsClient(net::MemoryHost& host) : running_(run(host)) {}
  bool done() const noexcept { return running_.done(); }
  bool shaken = false;
  std::string received;

 private:
  net::Task<void> run(net::MemoryHost& host) {
    auto plain = co_await host.network.connect(testing::kGateway, kNever);
    if (!plain) co_return;
    auto context = net::TlsClientContext::make({.verify = false});
    net::TlsStream stream(std::move(*plain), *context, {"localhost", nullptr});
    shaken = (co_await stream.handshake(kNever)).has_value();
    if (!shaken) co_return;
    (void)co_await stream.send(Slice::unowned("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), 1h);
    for (;;) {
      auto bytes = co_await stream.recv(BlockPool::kSmall, kNever);
      if (!bytes || bytes->empty()) co_return;
      received += bytes->view();
    }
  }
  net::Task<void> running_;
};

using TlsHandshakesTest = testing::WorkerTest;

TEST_F(TlsHandshakesTest, EndInAConnectionThatIsServed) {
  serve(kHello);
  TlsClient client(peer);
  EXPECT_TRUE(until([&] { return client.done(); }));
  EXPECT_TRUE(client.shaken);
  EXPECT_TRUE(client.received.starts_with("HTTP/1.1 200 ")) << client.received;
  EXPECT_TRUE(client.received.ends_with("hello")) << client.received;
  EXPECT_NE(client.received.find("Strict-Transport-Security: max-age=31536000\r\n"), std::string::npos);
  EXPECT_EQ(worker.stats().tls_full.value(), 1U);
  EXPECT_TRUE(until([&] { return world.open_streams() == 0; }));
}

TEST_F(TlsHandshakesTest, OneComputesInATurn) {
  std::vector<std::unique_ptr<TlsClient>> clients;
  clients.reserve(50);
  for (int i = 0; i < 50; ++i) clients.push_back(std::make_unique<TlsClient>(peer));
  world.run_for(10ms);  // all that they say first is there
  serve(kHello);
  std::uint64_t most = 0;
  for (std::uint64_t before = 0; before < 50 && world.step(world.clock().now() + 1s);) {
    std::uint64_t now = worker.handshakes().turns().given();
    most = std::max(most, now - before);
    before = now;
  }
  EXPECT_EQ(most, 1U);
  EXPECT_TRUE(until([&] { return worker.stats().tls_full.value() == 50; }));
  EXPECT_TRUE(
      until([&] { return std::ranges::all_of(clients, [](auto& c) { return c->done() && c->shaken; }); }));
}

TEST_F(TlsHandshakesTest, ClearTextGetsAClear400) {
  serve(kHello);
  RawClient client(peer, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(until([&] { return client.ended; }));
  EXPECT_TRUE(client.received.starts_with("HTTP/1.1 400 Bad Request\r\n")) << client.received;
  EXPECT_TRUE(client.received.ends_with("https:// instead of http://\n")) << client.received;
  EXPECT_EQ(worker.stats().tls_failed.value(), 1U);
  ASSERT_EQ(failed.size(), 1U);
  EXPECT_EQ(failed[0].listener, "public");
  EXPECT_EQ(failed[0].client, IpAddress::v4(0x7f000001));
  EXPECT_EQ(failed[0].error.detail, "plain HTTP on a TLS port");
}

TEST_F(TlsHandshakesTest, WhyAClientFailedIsToldOnce) {
  serve(kHello);
  RawClient silent(peer);
  RawClient begun(peer, "\x16\x03\x01");
  RawClient nonsense(peer, std::string("\x16\x03\x01\x00\x05nonsense", 13));
  RawClient binary(peer, "\x01\x02\x03");
  EXPECT_TRUE(until([&] { return silent.ended && begun.ended && nonsense.ended && binary.ended; }));
  std::map<std::string_view, std::uint64_t> reasons;
  for (const auto& f : failed) reasons[f.error.detail] += f.count;
  EXPECT_EQ(reasons.size(), 3U) << "he who says nothing has not failed";
  EXPECT_EQ(reasons["it was not over within timeouts.handshake"], 1U);
  EXPECT_EQ(reasons["the client does not speak TLS"], 1U);
  EXPECT_EQ(worker.stats().tls_failed.value(), 3U);
}

TEST_F(TlsHandshakesTest, SilenceIsClosedInTime) {
  serve(kHello);
  RawClient client(peer);
  EXPECT_FALSE(until([&] { return client.ended; }, 2900ms));
  EXPECT_TRUE(until([&] { return client.ended; }, 200ms));
}

TEST_F(TlsHandshakesTest, TheLongestGivesWayWhereThereAreTooMany) {
  serve(R"(
listen: {public: {port: 8080, tls: dev, timeouts: {handshake: 1h}}}
routes: [{path: /, reply: {body: hello}}]
)");
  constexpr std::string_view kBegun = "\x16\x03\x01\x02\x00";  // the head of a record, and no more
  std::vector<std::unique_ptr<RawClient>> stalled;
  RawClient silent(peer);
  for (int i = 0; i < 257; ++i) {
    stalled.push_back(std::make_unique<RawClient>(peer, std::string(kBegun)));
    world.run_for(5ms);
  }
  EXPECT_TRUE(stalled.front()->ended);
  EXPECT_TRUE(std::ranges::none_of(stalled.begin() + 1, stalled.end(), [](auto& c) { return c->ended; }));
  EXPECT_FALSE(silent.ended) << "it costs next to nothing";
  ASSERT_EQ(failed.size(), 1U);
  EXPECT_EQ(failed[0].error.code, Errc::saturated);
  TlsClient client(peer);
  EXPECT_TRUE(until([&] { return client.done(); }));
  EXPECT_TRUE(client.shaken);
}

TEST_F(TlsHandshakesTest, ADrainEndsThem) {
  serve(kHello);
  RawClient silent(peer);
  RawClient begun(peer, "\x16\x03\x01");
  world.run_for(100ms);
  host.loop.post([&] { worker.begin_drain(after(host.loop.now(), 10s)); });
  EXPECT_TRUE(until([&] { return silent.ended && begun.ended; }, 100ms));
}

}  // namespace
}  // namespace gatehouse::gateway
