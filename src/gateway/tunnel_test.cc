#include "gateway/tunnel.h"

#include <gtest/gtest.h>

#include "gateway/worker_testing.h"

namespace gatehouse::gateway {
namespace {

constexpr std::string_view kOffer =
    "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
constexpr std::string_view kConfirmed =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
constexpr std::string_view kWebSocketService = R"(
services: {s: {url: "http://10.0.0.1", stream_idle: 10m, max_in_flight: 1}}
routes: [{path: /*, to: s}]
)";
constexpr std::string_view kWithoutService = "routes: [{path: /, reply: {body: hello}}]";

// One end of a connection: says what it is told, gathers what comes.
class End {
 public:
  explicit End(net::StreamPtr stream) : stream_(std::move(stream)), running_(run()) {}
  void say(std::string_view text) { saying_ = send(std::string(text)); }
  void finish() { stream_->shutdown_send(); }
  void stop_reading() { running_.cancel(); }
  void read_on() { running_ = run(); }
  void reset() {
    running_.cancel();
    saying_.cancel();
    stream_->reset_on_close();
    stream_.reset();
  }
  std::string received;
  bool ended = false;
  bool was_reset = false;

 private:
  net::Task<void> run() {
    while (!ended) {
      auto bytes = co_await stream_->recv(BlockPool::kMedium, kNever);
      was_reset = !bytes;
      ended = !bytes || bytes->empty();
      if (bytes) received += bytes->view();
    }
  }
  net::Task<void> send(std::string text) { (void)co_await stream_->send(Slice::unowned(text), 1h); }
  net::StreamPtr stream_;
  net::Task<void> saying_;
  net::Task<void> running_;
};

class TunnelTest : public testing::WorkerTest {
 protected:
  TunnelTest()
      : acceptor_(*service_host_.network.accept_on(*world.bind(testing::kService))),
        accepting_(accept_all()) {}

  std::unique_ptr<End> connect() {
    std::unique_ptr<End> made;
    auto running = [](TunnelTest* t, std::unique_ptr<End>* into) -> net::Task<void> {
      auto stream = co_await t->peer.network.connect(testing::kGateway, kNever);
      if (stream) *into = std::make_unique<End>(std::move(*stream));
    }(this, &made);
    until([&] { return made != nullptr; });
    return made;
  }
  // A client that has offered, and whose offer has reached the service.
  std::unique_ptr<End> offer(std::string_view more = {}) {
    auto client = connect();
    std::size_t before = services.size();
    client->say(std::string(kOffer) += more);
    EXPECT_TRUE(
        until([&] { return services.size() > before && services.back()->received.contains("\r\n\r\n"); }));
    return client;
  }
  std::unique_ptr<End> open() {
    auto client = offer();
    services.back()->say(kConfirmed);
    EXPECT_TRUE(until([&] { return client->received.contains("\r\n\r\n"); }));
    EXPECT_TRUE(client->received.starts_with("HTTP/1.1 101 ")) << client->received;
    client->received.clear();
    services.back()->received.clear();
    return client;
  }
  std::int64_t tunnels() { return worker.stats().tunnels.value(); }

  net::MemoryHost service_host_{world, IpAddress::v4(0x0a000001)};
  std::vector<std::unique_ptr<End>> services;  // connections that the service has accepted

 private:
  net::Task<void> accept_all() {
    for (;;) {
      co_await acceptor_->wait();
      for (auto s = acceptor_->try_accept(); s && *s; s = acceptor_->try_accept())
        services.push_back(std::make_unique<End>(std::move(*s)));
    }
  }
  std::unique_ptr<net::Acceptor> acceptor_;
  net::Task<void> accepting_;
};

TEST_F(TunnelTest, BytesBothWaysFromTheFirstOn) {
  serve(kWebSocketService);
  auto client = offer("early");
  End& service = *services.back();
  EXPECT_TRUE(service.received.contains("\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"))
      << service.received;
  world.run_for(1s);
  EXPECT_FALSE(service.received.contains("early")) << "it is not yet known whose these bytes are";
  service.received.clear();
  service.say(std::string(kConfirmed) + "first");
  EXPECT_TRUE(until([&] { return client->received.ends_with("first") && service.received == "early"; }));
  EXPECT_TRUE(client->received.starts_with("HTTP/1.1 101 Switching Protocols\r\n")) << client->received;
  EXPECT_TRUE(client->received.contains("\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"))
      << client->received;
  EXPECT_TRUE(client->received.contains("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
  EXPECT_EQ(tunnels(), 1U);
  EXPECT_EQ(sink.records, 0U) << "it is recorded when it is over";
  client->say("ping");
  service.say("pong");
  EXPECT_TRUE(until([&] { return client->received.ends_with("pong") && service.received == "earlyping"; }));
  service.finish();
  EXPECT_TRUE(until([&] { return client->ended; }));
  EXPECT_FALSE(client->was_reset);
  client->say("bye");
  EXPECT_TRUE(until([&] { return service.received == "earlypingbye"; }));
  client->finish();
  EXPECT_TRUE(until([&] { return service.ended && sink.records == 1; }));
  EXPECT_EQ(sink.status, 101);
  EXPECT_EQ(sink.bytes_in, 12U);
  EXPECT_EQ(sink.bytes_out, 9U);
  EXPECT_EQ(sink.failed, 0U);
  EXPECT_EQ(tunnels(), 0U);
  EXPECT_EQ(worker.connections(), 0U);
}

TEST_F(TunnelTest, AnotherAnswerIsOne) {
  serve(kWebSocketService);
  auto client = offer("GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
  services.back()->received.clear();
  services.back()->say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno");
  EXPECT_TRUE(until([&] { return services.back()->received.contains("/next") && !client->received.empty(); }))
      << "what came behind the offer is the next request";
  EXPECT_TRUE(client->received.ends_with("no")) << client->received;
  EXPECT_FALSE(client->received.contains("pgrade"));
  EXPECT_EQ(services.size(), 1U) << "and goes over the same connection to the service";
  EXPECT_FALSE(services.back()->received.contains("Upgrade"));
}

TEST_F(TunnelTest, InterimHeadsMayComeBeforeIt) {
  serve(kWebSocketService);
  auto client = offer();
  services.back()->say("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + std::string(kConfirmed) + "first");
  EXPECT_TRUE(until([&] { return client->received.ends_with("first"); }));
  EXPECT_TRUE(client->received.starts_with("HTTP/1.1 103 "));
}

TEST_F(TunnelTest, WhatConfirmsNothingIsA502) {
  serve(kWebSocketService);
  for (std::string_view answer : {
           "HTTP/1.1 101 Switching Protocols\r\n\r\n",
           "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
           "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
           "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
           "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"
           "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
           "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
           "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
           "\x81\x05hello",
       }) {
    auto client = offer();
    services.back()->say(answer);
    EXPECT_TRUE(until([&] { return client->received.contains("upstream_malformed"); })) << answer;
    EXPECT_TRUE(client->received.starts_with("HTTP/1.1 502 ")) << client->received;
    EXPECT_TRUE(until([&] { return services.back()->ended; }));
  }
  EXPECT_EQ(tunnels(), 0U);
}

TEST_F(TunnelTest, NobodyAskedForIt) {
  serve(kWebSocketService);
  auto client = connect();
  client->say(
      "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nSec-WebSocket-Key: "
      "dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
  until([&] { return !services.empty() && services.back()->received.contains("\r\n\r\n"); });
  EXPECT_FALSE(services.back()->received.contains("Upgrade"));
  services.back()->say(kConfirmed);
  EXPECT_TRUE(until([&] { return client->received.contains("upstream_malformed"); }));
  EXPECT_TRUE(client->received.starts_with("HTTP/1.1 502 ")) << client->received;
}

TEST_F(TunnelTest, EndsWhenNothingMoves) {
  serve(kWebSocketService);
  auto client = open();
  world.run_for(9min);
  services.back()->say("still there");
  world.run_for(9min);
  EXPECT_EQ(client->received, "still there");
  EXPECT_FALSE(client->ended) << "what moves in one direction keeps both";
  world.run_for(61s);
  EXPECT_TRUE(client->ended && services.back()->ended);
  EXPECT_EQ(sink.reason, Errc::tunnel_idle);
}

// The direction that is quiet waits on when the other has moved, and does nothing else.
TEST_F(TunnelTest, WhatWasSaidIsSaidOnce) {
  serve(kWebSocketService);
  auto client = open();
  client->say("ping");
  world.run_for(9min);
  services.back()->say("still there");
  world.run_for(9min);
  EXPECT_FALSE(client->ended);
  EXPECT_EQ(services.back()->received, "ping");
  EXPECT_EQ(client->received, "still there");
}

// A client that ends its direction gets what the service still has to say; not for ever.
TEST_F(TunnelTest, OneSideAloneDoesNotKeepItOpen) {
  serve(kWebSocketService);
  auto client = open();
  client->finish();
  EXPECT_TRUE(until([&] { return services.back()->ended; }));
  world.run_for(20s);
  services.back()->say("late");
  EXPECT_TRUE(until([&] { return client->received == "late"; }));
  EXPECT_FALSE(client->ended);
  world.run_for(11s);
  EXPECT_TRUE(client->ended);
  EXPECT_FALSE(client->was_reset) << "nothing was under way";
  EXPECT_EQ(sink.reason, Errc::tunnel_idle);
  EXPECT_EQ(sink.records, 1U);
}

// What is still under way when we end it must not look whole.
TEST_F(TunnelTest, CutInAMessageIsAReset) {
  serve(kWebSocketService);
  auto client = open();
  client->stop_reading();
  client->finish();
  services.back()->say(std::string(1'000'000, 'x'));
  EXPECT_TRUE(until([&] { return sink.records == 1; }, 40s));
  EXPECT_EQ(sink.reason, Errc::tunnel_idle);
  client->read_on();
  EXPECT_TRUE(until([&] { return client->ended; }));
  EXPECT_TRUE(client->was_reset);
}

// A service that takes no more says why, and closes with bytes of the client's unread.
TEST_F(TunnelTest, TheLastWordOfWhoStopsListeningArrives) {
  serve(kWebSocketService);
  auto client = open();
  services.back()->stop_reading();
  client->say(std::string(1'000'000, 'x'));
  world.run_for(1s);
  services.back()->say("too much");
  world.run_for(1ms);
  services.back()->reset();
  EXPECT_TRUE(until([&] { return client->ended; }));
  EXPECT_EQ(client->received, "too much");
  EXPECT_TRUE(client->was_reset);
  EXPECT_EQ(sink.reason, Errc::upstream_reset);
}

TEST_F(TunnelTest, WithoutA101ThatHasLeftThereIsNone) {
  serve(R"(
listen: {public: {port: 8080, timeouts: {write_idle: 5s}}}
services: {s: {url: "http://10.0.0.1"}}
routes: [{path: /*, to: s}]
)");
  auto client = connect();
  client->stop_reading();
  client->say("GET /big HTTP/1.1\r\nHost: a\r\n\r\n" + std::string(kOffer));
  until([&] { return !services.empty() && services.back()->received.contains("\r\n\r\n"); });
  // As much as the way to the client holds, so that there is no room for the 101.
  const std::string big(world.faults().buffer_max - 100, 'b');
  services.back()->received.clear();
  services.back()->say("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(big.size()) + "\r\n\r\n" + big);
  ASSERT_TRUE(until([&] { return services.back()->received.contains("Upgrade: websocket"); }, 4s));
  services.back()->say(kConfirmed);
  EXPECT_TRUE(until([&] { return services.back()->ended; }, 30s));
  EXPECT_EQ(tunnels(), 0U);
  EXPECT_EQ(sink.records, 2U);
  EXPECT_EQ(sink.reason, Errc::client_too_slow);
}

TEST_F(TunnelTest, AResetIsPassedOn) {
  serve(kWebSocketService);
  auto client = open();
  client->reset();
  EXPECT_TRUE(until([&] { return services.back()->ended; }));
  EXPECT_TRUE(services.back()->was_reset);
  EXPECT_EQ(sink.reason, Errc::client_closed);
  client = open();
  services.back()->reset();
  EXPECT_TRUE(until([&] { return client->ended; }));
  EXPECT_TRUE(client->was_reset);
  EXPECT_EQ(sink.reason, Errc::upstream_reset);
  EXPECT_EQ(worker.connections(), 0U);
}

TEST_F(TunnelTest, CountsAsInFlight) {
  serve(kWebSocketService);
  auto first = open();
  auto second = connect();
  second->say(kOffer);
  EXPECT_TRUE(until([&] { return second->received.contains("saturated"); }));
  first->reset();
  until([&] { return tunnels() == 0; });
  auto third = open();
  EXPECT_EQ(tunnels(), 1U);
}

// Nothing that the tunnel uses goes with the configuration that it was opened under.
TEST_F(TunnelTest, SurvivesReloadsAndPinsNone) {
  serve(kWebSocketService);
  auto client = open();
  socket = std::move(*world.bind(net::SocketAddress::of(IpAddress::v4(0x7f000001), 8081)));
  serve(kWithoutService);
  world.run_for(1s);
  registry.collect();
  EXPECT_EQ(worker.stats().snapshots.value(), 1U);
  client->say("ping");
  services.back()->say("pong");
  EXPECT_TRUE(until([&] { return client->received == "pong" && services.back()->received == "ping"; }));
  client->finish();
  services.back()->finish();
  EXPECT_TRUE(until([&] { return sink.records == 1; }));
}

TEST_F(TunnelTest, TheDrainEndsIt) {
  serve(kWebSocketService);
  auto client = open();
  worker.begin_drain(world.clock().now() + 20s);
  client->say("ping");
  world.run_for(19s);
  EXPECT_EQ(services.back()->received, "ping");
  EXPECT_FALSE(client->ended);
  world.run_for(2s);
  EXPECT_TRUE(client->ended && services.back()->ended);
  EXPECT_EQ(sink.reason, Errc::shutting_down);
  EXPECT_EQ(worker.connections(), 0U);
}

TEST_F(TunnelTest, BulkLosesNothing) {
  serve(kWebSocketService);
  auto client = open();
  std::string bulk(5'000'000, '\0');
  for (std::size_t i = 0; i < bulk.size(); ++i) bulk[i] = static_cast<char>(i * 2654435761U >> 24);
  client->say(bulk);
  services.back()->say(bulk);
  EXPECT_TRUE(until([&] { return client->received.size() == bulk.size(); }, 10min));
  EXPECT_TRUE(until([&] { return services.back()->received.size() == bulk.size(); }, 10min));
  EXPECT_TRUE(client->received == bulk && services.back()->received == bulk);
}

TEST_F(TunnelTest, IdleItHoldsNoBlock) {
  serve(kWebSocketService);
  auto client = open();
  EXPECT_EQ(host.loop.blocks().in_use(), 0U) << "not even for the heads that opened it";
  client->say("ping");
  services.back()->say("pong");
  world.run_for(1s);
  EXPECT_EQ(host.loop.blocks().in_use(), 0U);
}

}  // namespace
}  // namespace gatehouse::gateway
