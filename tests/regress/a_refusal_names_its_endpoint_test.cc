// The log did not name the endpoint that refused the connection: the report got its name only once there was
// a connection.
#include <gtest/gtest.h>

#include "net/memory_network.h"
#include "upstream/call.h"

namespace gatehouse::upstream {
namespace {

TEST(Report, NamesTheEndpointThatRefused) {
  net::MemoryWorld world(1);
  net::MemoryHost host(world);
  Client client(host.loop, host.network);
  auto set = std::make_shared<EndpointSet>();
  set->state = EndpointSet::State::ready;
  auto nobody = net::SocketAddress::of(IpAddress::v4(0x0a000007), 81);
  set->endpoints.push_back(std::make_shared<Endpoint>(nobody, "10.0.0.7:81"));
  Service service;
  service.name = "a";
  service.shared = std::make_shared<SharedService>();
  service.versions.push_back({"", std::make_shared<SharedVersion>(0)});
  service.versions[0].shared->slot.publish(set);
  service.policy.retry.tries = 1;

  Arena arena(host.loop.blocks());
  http::RequestHead head(arena);
  head.method = http::Method::get;
  head.method_text = "GET";
  head.host = "a";
  CallReport report;
  auto task = call(client, {.service = service,
                            .version = service.versions[0],
                            .head = head,
                            .target = "/",
                            .policy = service.policy,
                            .arena = arena,
                            .report = report});
  ASSERT_TRUE(world.run_until([&] { return task.done(); }, 5s));
  auto answer = task.take();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::connect_refused);
  EXPECT_EQ(report.tries, 1U);
  EXPECT_EQ(report.endpoint, "10.0.0.7:81");
}

}  // namespace
}  // namespace gatehouse::upstream
