// With all endpoints out, the next try could go to the one that had just failed: what is used "as if none
// were out" forgot whom to avoid. (Seed 1605 of the simulation, with active checks.)
#include <gtest/gtest.h>

#include "net/memory_network.h"
#include "upstream/client.h"

namespace gatehouse::upstream {
namespace {

TEST(AllEndpointsOut, TheNextTryAvoidsTheOneThatFailed) {
  net::MemoryWorld world(1);
  net::MemoryHost host(world);
  Client client(host.loop, host.network);
  auto set = std::make_shared<EndpointSet>();
  set->state = EndpointSet::State::ready;
  for (std::uint8_t i = 1; i <= 3; ++i) {
    auto address = net::SocketAddress::of(IpAddress::v4(0x0a000000U + i), 81);
    set->endpoints.push_back(std::make_shared<Endpoint>(address, std::to_string(i)));
    set->endpoints.back()->set_checked(false);
  }
  Service service;
  service.shared = std::make_shared<SharedService>();
  service.versions.push_back({"", std::make_shared<SharedVersion>(0)});
  service.versions[0].shared->slot.publish(set);
  for (auto balance : {config::Balance::p2c, config::Balance::least, config::Balance::round}) {
    service.balance = balance;
    for (int i = 0; i < 50; ++i) {
      Result<Lease> lease{Lease()};
      AcquireOptions options;
      options.avoid = set->endpoints[1].get();
      (void)client.try_acquire(service, service.versions[0], options, lease);
      ASSERT_TRUE(lease && lease->valid());
      EXPECT_NE(lease->endpoint().shared->name(), "2");
    }
  }
}

}  // namespace
}  // namespace gatehouse::upstream
