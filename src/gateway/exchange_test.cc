// The data path from socket to service over the network in memory: real codecs, real pools, scripted peers.
#include <gtest/gtest.h>

#include "config/loader.h"
#include "gateway/worker.h"
#include "net/join.h"
#include "net/memory_network.h"

namespace gatehouse::gateway {
namespace {

using net::SocketAddress;

const SocketAddress kGateway = SocketAddress::of(IpAddress::v4(0x7f000001), 8080);
const SocketAddress kService = SocketAddress::of(IpAddress::v4(0x7f000001), 9000);

struct Sink final : RecordSink {
  void record(const RequestRecord& r) noexcept override {
    ++count;
    status = r.status;
    reason = r.failed ? std::string(errc_info(r.reason).reason) : "";
    route = r.route;
    bytes_in = r.bytes_in;
    bytes_out = r.bytes_out;
  }
  int count = 0;
  int status = 0;
  std::string reason;
  std::string route;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
};

// A peer that says given bytes and keeps what it hears.
struct Host {
  explicit Host(net::MemoryWorld& world)
      : poller(world), loop(world.clock(), poller, 7), network(world, loop, poller) {}
  net::MemoryPoller poller;
  net::Loop loop;
  net::MemoryNetwork network;
};

net::Task<void> say(net::Stream& s, std::string_view text) {
  net::SliceList out;
  out.add(Slice::unowned(text));
  (void)co_await s.send(std::move(out), 5s);
}

net::Task<void> hear(net::Stream& s, std::string& into) {
  for (;;) {
    auto bytes = co_await s.recv(4096, kNever);
    if (!bytes || bytes->empty()) co_return;
    into += bytes->view();
  }
}

class ExchangeTest : public ::testing::Test {
 protected:
  void start(std::string_view yaml) {
    config::Environment env;
    env.variable = [](const std::string&) { return std::nullopt; };
    env.read_file = [](const std::string&) { return std::nullopt; };
    env.glob = [](const std::string&) { return std::vector<std::string>{}; };
    auto loaded = config::load_text(yaml, "test.yaml", env);
    for (const auto& d : loaded.diagnostics) ADD_FAILURE_IF_ERROR(d);
    ASSERT_TRUE(loaded.spec);
    auto snapshot = Snapshot::compile(std::make_shared<config::Spec>(*loaded.spec), registry, {});
    ASSERT_TRUE(snapshot);
    for (const auto& s : (*snapshot)->services()) {
      auto set = std::make_shared<upstream::EndpointSet>();
      set->state = upstream::EndpointSet::State::ready;
      set->endpoints.push_back(std::make_shared<upstream::Endpoint>(kService, "service"));
      for (const auto& v : s.versions) v.shared->slot.publish(set);
    }
    std::vector<NewSocket> sockets;
    sockets.push_back({"public", std::move(*world.bind(kGateway))});
    worker->publish(*snapshot, std::move(sockets));
    service_acceptor = std::move(*peer.network.accept_on(std::move(*world.bind(kService))));
  }
  static void ADD_FAILURE_IF_ERROR(const config::Diagnostic& d) {
    if (d.level == config::Diagnostic::Level::error) ADD_FAILURE() << d.text();
  }

  // Serves connections one after another, each with the same bytes for each request it hears.
  net::Task<void> serve(std::string_view answer) {
    for (;;) {
      co_await service_acceptor->wait();
      for (;;) {
        auto s = service_acceptor->try_accept();
        if (!s || !*s) break;
        streams.push_back(std::move(*s));
        tasks.push_back(answer_all(*streams.back(), answer));
      }
    }
  }
  net::Task<void> answer_all(net::Stream& s, std::string_view answer) {
    for (;;) {
      auto bytes = co_await s.recv(65536, kNever);
      if (!bytes || bytes->empty()) co_return;
      heard += bytes->view();
      if (!answer.empty()) co_await say(s, answer);
    }
  }
  net::Task<void> ask(std::string_view request, std::string& answer) {
    auto s = co_await peer.network.connect(kGateway, kNever);
    if (!s) co_return;
    client = std::move(*s);
    co_await say(*client, request);
    co_await hear(*client, answer);
  }

  net::MemoryWorld world{1};
  Host host{world};
  Host peer{world};
  Sink sink;
  StateRegistry registry;
  std::unique_ptr<Worker> worker = std::make_unique<Worker>(host.loop, host.network, sink, Worker::Options{});
  std::unique_ptr<net::Acceptor> service_acceptor;
  std::vector<net::StreamPtr> streams;
  net::StreamPtr client;
  std::string heard;
  std::vector<net::Task<void>> tasks;
};

constexpr std::string_view kConfig = R"(
listen: 8080
services:
  api: http://127.0.0.1:9000
)";

TEST_F(ExchangeTest, ForwardsAndAnswers) {
  start(kConfig);
  auto serving = serve("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
  std::string answer;
  auto asking = ask("GET /api/x?y=1 HTTP/1.1\r\nHost: example.com\r\n\r\n", answer);
  world.run_for(2s);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\nhello")) << answer;
  EXPECT_TRUE(heard.starts_with("GET /api/x?y=1 HTTP/1.1\r\n")) << heard;
  EXPECT_EQ(sink.count, 1);
  EXPECT_EQ(sink.status, 200);
}

TEST_F(ExchangeTest, AnswersPipelinedRequestsInOrder) {
  start(kConfig);
  auto serving = serve("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  std::string answer;
  auto asking = ask("GET /api HTTP/1.1\r\nHost: a\r\n\r\nGET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n", answer);
  world.run_for(2s);
  EXPECT_NE(answer.find("3\r\nabc\r\n0\r\n\r\nHTTP/1.1 404"), std::string::npos) << answer;
  EXPECT_EQ(sink.count, 2);
  EXPECT_EQ(sink.reason, "no_route");
}

TEST_F(ExchangeTest, RefusesWhatIsMalformedAndCloses) {
  start(kConfig);
  std::string answer;
  auto asking = ask("GET /api HTTP/1.1\r\nHost : a\r\n\r\n", answer);
  world.run_for(10s);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << answer;
  EXPECT_TRUE(asking.done());  // the gateway has closed
  EXPECT_EQ(worker->stats().connections.value(), 0U);
}

TEST_F(ExchangeTest, PassesBodiesOn) {
  start(kConfig);
  auto serving = serve("");
  std::string answer;
  std::string request =
      "POST /api HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + std::string(100000, 'b');
  auto asking = ask(request, answer);
  world.run_for(1s);
  EXPECT_NE(heard.find("\r\n\r\n" + std::string(100000, 'b')), std::string::npos);
  world.run_for(20s);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 504 ")) << answer;
  EXPECT_EQ(sink.reason, "upstream_timeout");
}

TEST_F(ExchangeTest, AServiceThatRefusesIs503) {
  start(kConfig);
  service_acceptor.reset();
  std::string answer;
  auto asking = ask("GET /api HTTP/1.1\r\nHost: a\r\n\r\n", answer);
  world.run_for(2s);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 ")) << answer;
  EXPECT_NE(answer.find("connect_refused"), std::string::npos) << answer;
}

TEST_F(ExchangeTest, AClientThatLeavesCancelsTheCall) {
  start(kConfig);
  auto serving = serve("");
  std::string answer;
  auto asking = ask("GET /api HTTP/1.1\r\nHost: a\r\n\r\n", answer);
  world.run_for(100ms);
  EXPECT_EQ(worker->stats().connections.value(), 1U);
  asking.cancel();
  client.reset();
  world.run_for(100ms);
  EXPECT_EQ(sink.reason, "client_closed");
  EXPECT_EQ(worker->stats().connections.value(), 0U);
  EXPECT_EQ(world.open_streams(), 1U);  // the service's own end, which nobody closed
}

TEST_F(ExchangeTest, ASplitCallsEachServiceInItsOwnManner) {
  start(R"(
services:
  a: {url: "http://127.0.0.1:9000", host: a.internal, rewrite: /a/*, encoded_slash: keep}
  b: {url: "http://127.0.0.1:9000", host: b.internal, rewrite: /b/*}
routes: [{path: /s/*, to: {a: 0%, b: 100%}}]
)");
  auto serving = serve("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  std::string answer;
  auto asking =
      ask("GET /s/x HTTP/1.1\r\nHost: c\r\n\r\n"
          "GET /s/x%2fy HTTP/1.1\r\nHost: c\r\n\r\n",
          answer);
  world.run_for(2s);
  EXPECT_TRUE(heard.starts_with("GET /b/x HTTP/1.1\r\nHost: b.internal\r\n")) << heard;
  EXPECT_NE(answer.find("HTTP/1.1 400 "), std::string::npos) << "b did not say that it keeps encoded slashes";
}

TEST_F(ExchangeTest, WhatTheEndOfADrainCutsOffIsLoggedAsSuch) {
  start(kConfig);
  auto serving = serve("HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\nfirst bytes");
  std::string answer;
  auto asking = ask("POST /api HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nfour", answer);
  world.run_for(1s);
  worker->begin_drain(after(world.clock().now(), 5s));
  world.run_for(4s);
  EXPECT_EQ(sink.count, 0);
  world.run_for(2s);
  EXPECT_EQ(sink.count, 1);
  EXPECT_EQ(sink.status, 200);
  EXPECT_EQ(sink.reason, "shutting_down");
  EXPECT_EQ(sink.bytes_in, 4U);
  EXPECT_EQ(sink.bytes_out, 11U);
}

TEST_F(ExchangeTest, SoIsARequestThatHadOnlyBegunToCome) {
  start(kConfig);
  std::string answer;
  auto asking = ask("GET /api HTT", answer);
  world.run_for(1s);
  worker->begin_drain(after(world.clock().now(), 5s));
  world.run_for(6s);
  EXPECT_EQ(sink.count, 1);
  EXPECT_EQ(sink.reason, "shutting_down");
}

TEST_F(ExchangeTest, AClientThatLeavesInAnAnswerHasHadThatMuchOfIt) {
  start(kConfig);
  auto serving = serve("HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\nfirst bytes");
  std::string answer;
  auto asking = ask("GET /api HTTP/1.1\r\nHost: a\r\n\r\n", answer);
  world.run_for(1s);
  asking.cancel();
  client.reset();
  world.run_for(1s);
  EXPECT_EQ(sink.reason, "client_closed");
  EXPECT_EQ(sink.bytes_out, 11U);
}

}  // namespace
}  // namespace gatehouse::gateway
