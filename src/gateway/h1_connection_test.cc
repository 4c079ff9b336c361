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
constexpr std::string_view kService = R"(
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
  serve(kService);
  RawClient client(peer, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n");
  until([&] { return client.connected(); });
  world.run_for(10ms);
  client.say("hello\r\n0\r\n\r\n");
  EXPECT_TRUE(until([&] { return client.received.ends_with("ok"); })) << client.received;
  EXPECT_EQ(sink.records, 1U);
  EXPECT_FALSE(client.ended);
  EXPECT_EQ(host.loop.blocks().in_use(), 0U);
}

}  // namespace
}  // namespace gatehouse::gateway
