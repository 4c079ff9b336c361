#include "gateway/h1_interim.h"

#include <gtest/gtest.h>

#include <string>

#include "net/memory_network.h"

namespace gatehouse::gateway {
namespace {

const auto kAddress = net::SocketAddress::of(IpAddress::v4(0x7f000001), 80);

net::Task<void> accept(net::Acceptor* acceptor, net::StreamPtr* out) {
  while (!*out) {
    co_await acceptor->wait();
    *out = std::move(*acceptor->try_accept());
  }
}

net::Task<void> hear(net::MemoryHost* host, std::string* heard) {
  auto stream = co_await host->network.connect(kAddress, kNever);
  for (;;) {
    auto bytes = co_await (*stream)->recv(BlockPool::kSmall, kNever);
    if (!bytes || bytes->empty()) co_return;
    *heard += bytes->view();
  }
}

TEST(Interims, NoneComesIntoAnAnswer) {
  net::MemoryWorld world(1);
  net::MemoryHost host(world);
  net::MemoryHost peer(world);
  auto acceptor = std::move(*host.network.accept_on(std::move(*world.bind(kAddress))));
  net::StreamPtr stream;
  std::string heard;
  auto accepting = accept(acceptor.get(), &stream);
  auto hearing = hear(&peer, &heard);
  world.run_for(1s);
  ASSERT_TRUE(stream);
  H1Interims interims(*stream);
  auto before = interims.send(Slice::unowned("HTTP/1.1 103 Early Hints\r\n\r\n"), 1s);
  world.run_for(1s);
  interims.end();
  auto after = interims.send(Slice::unowned("HTTP/1.1 100 Continue\r\n\r\n"), 1s);
  world.run_for(1s);
  EXPECT_TRUE(before.done() && before.take());
  EXPECT_TRUE(after.done() && after.take()) << "it is no failure: the answer says it all";
  EXPECT_EQ(heard, "HTTP/1.1 103 Early Hints\r\n\r\n");
}

}  // namespace
}  // namespace gatehouse::gateway
