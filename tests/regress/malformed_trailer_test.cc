// A malformed trailer got its 400, but the body counted as read to its end: the bytes behind it were taken
// for a request. A body that broke off must say so, and must never say that it is finished.
#include <gtest/gtest.h>

#include "net/memory_network.h"
#include "upstream/h1_body.h"

namespace gatehouse::upstream {
namespace {

net::Task<void> open(net::MemoryHost& host, net::SocketAddress to, net::StreamPtr& into) {
  auto stream = co_await host.network.connect(to, kNever);
  if (stream) into = std::move(*stream);
}

TEST(Regress, AMalformedTrailerEndsTheConnection) {
  net::MemoryWorld world(1);
  net::MemoryHost host(world, IpAddress::v4(0x7f000001));
  auto address = net::SocketAddress::of(IpAddress::v4(0x7f000001), 9000);
  auto listening = world.bind(address);
  ASSERT_TRUE(listening);
  net::StreamPtr stream;
  auto opening = open(host, address, stream);
  world.run_for(1s);
  ASSERT_TRUE(stream);

  Arena arena(host.loop.blocks());
  Slice input = Slice::unowned("3\r\nabc\r\n0\r\nX-A : 1\r\n\r\nGET /second HTTP/1.1\r\nHost: a\r\n\r\n");
  H1Body body(*stream, input, {http::Framing::Kind::chunked, 0}, arena, {.sender = Origin::client});
  Result<Piece> piece{Piece{}};
  ASSERT_TRUE(body.try_pull(piece));
  ASSERT_TRUE(piece);
  EXPECT_EQ(piece->data.view(), "abc");
  ASSERT_TRUE(body.try_pull(piece));
  EXPECT_FALSE(piece);
  EXPECT_TRUE(body.failed());
  EXPECT_FALSE(body.finished());
}

}  // namespace
}  // namespace gatehouse::upstream
