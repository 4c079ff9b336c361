#include "upstream/h1_send.h"

#include <gtest/gtest.h>

#include <string>

#include "net/memory_network.h"

namespace gatehouse::upstream {
namespace {

// Always has more.
class Endless final : public BodySource {
 public:
  bool try_pull(Result<Piece>& out) override {
    out = Piece{Piece::Kind::data, Slice::unowned(text_), nullptr};
    return true;
  }
  net::Task<Result<Piece>> pull_later() override { co_return Piece{}; }
  std::optional<std::uint64_t> length() const noexcept override { return std::nullopt; }

 private:
  std::string text_ = std::string(65536, 'x');
};

// Always takes more.
class Bottomless final : public net::Stream {
 public:
  using Stream::Stream;
  bool stale() const noexcept override { return false; }
  bool peer_closed() const noexcept override { return false; }
  void shutdown_send() noexcept override {}
  void reset_on_close() noexcept override {}
  const net::SocketAddress& peer() const noexcept override { return peer_; }
  bool start_recv(net::RecvOp&) noexcept override { return false; }
  void cancel_recv() noexcept override {}
  bool start_send(net::SendOp& op) noexcept override {
    op.data.clear();
    return true;
  }
  void cancel_send() noexcept override {}
  void watch_close(net::CloseOp&) noexcept override {}
  void unwatch_close() noexcept override {}

 private:
  net::SocketAddress peer_;
};

TEST(SendWithBody, TwoPeersThatAreAlwaysReadyLeaveTheTurnToOthers) {
  net::MemoryWorld world{1};
  net::MemoryHost host(world);
  Bottomless stream(host.loop);
  Endless body;
  SendProgress progress;
  auto sending = send_with_body(stream, Slice{}, body, {http::Framing::Kind::until_close, 0}, {}, progress);
  for (unsigned turns = 1; turns <= 5; ++turns) {
    EXPECT_FALSE(sending.done());
    EXPECT_LE(progress.body_bytes, turns * 1280U * 1024);
    EXPECT_GE(progress.body_bytes, turns * 1024U * 1024);
    host.loop.turn(host.loop.now());
  }
}

}  // namespace
}  // namespace gatehouse::upstream
