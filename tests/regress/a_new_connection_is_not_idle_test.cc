// When descriptors ran out, a connection that had just come, and whose request was on its way, was closed as
// an idle one.
#include <gtest/gtest.h>

#include "config/loader.h"
#include "gateway/worker.h"
#include "net/memory_network.h"

namespace gatehouse::gateway {
namespace {

struct NoSink final : RecordSink {
  void record(const RequestRecord&) noexcept override {}
};

TEST(Shortage, SparesAConnectionThatHasJustCome) {
  net::MemoryWorld world(1);
  net::MemoryHost host(world);
  net::MemoryHost peer(world);
  NoSink sink;
  StateRegistry registry;
  Worker worker(host.loop, host.network, sink, {});
  auto loaded = config::load_text("routes: [{path: /, reply: {body: hello}}]", "g.yaml", {});
  ASSERT_TRUE(loaded.spec);
  auto snapshot = Snapshot::compile(std::make_shared<config::Spec>(*loaded.spec), registry, {});
  ASSERT_TRUE(snapshot);
  auto address = net::SocketAddress::of(IpAddress::v4(0x7f000001), 8080);
  std::vector<NewSocket> sockets;
  sockets.push_back({"public", std::move(*world.bind(address))});
  worker.publish(*snapshot, std::move(sockets));

  net::StreamPtr client;
  auto connect = [](net::MemoryHost* h, net::SocketAddress to, net::StreamPtr* out) -> net::Task<void> {
    *out = std::move(*co_await h->network.connect(to, kNever));
  };
  auto connecting = connect(&peer, address, &client);
  ASSERT_TRUE(world.run_until([&] { return worker.connections() == 1 && connecting.done(); }, 100ms));
  EXPECT_FALSE(worker.close_some_idle()) << "its request is on its way";
  EXPECT_EQ(worker.connections(), 1U);
  world.run_for(1500ms);
  EXPECT_TRUE(worker.close_some_idle()) << "it has had its time";
  world.run_for(100ms);
  EXPECT_EQ(worker.connections(), 0U);
}

}  // namespace
}  // namespace gatehouse::gateway
