// `min_rate`: who is too slow is ended, and only who is waited for can be too slow. In both directions.
#include <gtest/gtest.h>

#include "net/memory_network.h"
#include "upstream/h1_body.h"
#include "upstream/h1_send.h"

namespace gatehouse::upstream {
namespace {

const auto kAddress = net::SocketAddress::of(IpAddress::v4(0x7f000001), 80);

// A client and the gateway's end of its connection.
class MinRate : public ::testing::Test {
 protected:
  MinRate() : acceptor_(std::move(*host_.network.accept_on(std::move(*world_.bind(kAddress))))) {
    auto connect = [](MinRate* t) -> net::Task<void> {
      t->client_ = std::move(*co_await t->peer_.network.connect(kAddress, kNever));
    };
    auto accept = [](MinRate* t) -> net::Task<void> {
      while (!t->gateway_) {
        co_await t->acceptor_->wait();
        t->gateway_ = std::move(*t->acceptor_->try_accept());
      }
    };
    auto a = accept(this);
    auto c = connect(this);
    world_.run_until([&] { return a.done() && c.done(); }, 1s);
  }

  net::Task<void> say(std::size_t bytes) {
    (void)co_await client_->send(Slice::unowned(std::string_view(text_).substr(0, bytes)), 1h);
  }
  // 100 bytes, each `every`.
  net::Task<void> drip(std::size_t bytes, Duration every) {
    for (; bytes > 0; bytes -= 100) {
      co_await say(100);
      co_await net::sleep_for(peer_.loop, every);
    }
  }
  net::Task<void> say_thrice() {
    co_await net::sleep_for(peer_.loop, 1s);
    co_await say(100);
    co_await net::sleep_for(peer_.loop, 1s);
    co_await say(100);  // is taken a minute later
    co_await net::sleep_for(peer_.loop, 62s);
    co_await say(100);
  }
  // Takes what has come, each `every`; the connection holds 1000 bytes.
  net::Task<void> sip(Duration every) {
    for (;;) {
      co_await net::sleep_for(peer_.loop, every);
      auto bytes = co_await client_->recv(BlockPool::kSmall, kNever);
      if (!bytes || bytes->empty()) co_return;
    }
  }
  // Reads a body; after each piece whoever takes it is busy for `pause`.
  net::Task<void> read(std::size_t bytes, Duration pause) {
    H1Body body(*gateway_, input_, {http::Framing::Kind::length, bytes}, arena_, {.min_rate = 200});
    for (;;) {
      auto piece = co_await pull(body);
      if (!piece) error_ = piece.error().code;
      if (!piece || piece->kind != Piece::Kind::data) break;
      co_await net::sleep_for(host_.loop, pause);
    }
    ended_ = host_.loop.now();
  }
  net::Task<void> send(BodySource& body) {
    SendProgress progress;
    auto sent = co_await send_with_body(*gateway_, {}, body, {http::Framing::Kind::until_close, 0},
                                        {.idle = 1h, .min_rate = 200}, progress);
    if (!sent) error_ = sent.error().code;
    ended_ = host_.loop.now();
  }
  // How long the task took, up to 10 minutes.
  Duration time_of(net::Task<void> task) {
    Time begun = world_.clock().now();
    world_.run_until([&] { return task.done(); }, 600s);
    return task.done() ? ended_ - begun : 600s;
  }

  static net::MemoryFaults small_buffers() {
    net::MemoryFaults faults;
    faults.buffer_min = faults.buffer_max = 1000;
    return faults;
  }
  net::MemoryWorld world_{1, small_buffers()};
  net::MemoryHost host_{world_};
  net::MemoryHost peer_{world_};
  std::unique_ptr<net::Acceptor> acceptor_;
  net::StreamPtr client_;
  net::StreamPtr gateway_;
  std::string text_ = std::string(100'000, 'x');
  BlockPool blocks_;
  Arena arena_{blocks_};
  Slice input_;
  std::optional<Errc> error_;
  Time ended_{};
};

TEST_F(MinRate, ABodyThatComesTooSlowlyIsEndedAfterThirtySeconds) {
  auto sending = drip(100'000, 1s);  // 100 B/s
  Duration took = time_of(read(100'000, 0s));
  EXPECT_EQ(error_, Errc::client_too_slow);
  EXPECT_GE(took, 30s);
  EXPECT_LE(took, 31s);
}

TEST_F(MinRate, ABodyThatKeepsItIsNot) {
  auto sending = drip(100'000, 400ms);  // 250 B/s
  EXPECT_LT(time_of(read(100'000, 0s)), 410s);
  EXPECT_FALSE(error_);
}

TEST_F(MinRate, ABodyThatWaitsForItsServiceIsNotCharged) {
  auto sending = say_thrice();
  EXPECT_GT(time_of(read(300, 60s)), 120s);
  EXPECT_FALSE(error_);
}

TEST_F(MinRate, AnAnswerThatIsTakenTooSlowlyIsEnded) {
  TextBody body(text_);
  auto taking = sip(10s);  // 100 B/s
  Duration took = time_of(send(body));
  EXPECT_EQ(error_, Errc::io_timeout);
  EXPECT_GE(took, 30s);
  EXPECT_LE(took, 36s);
}

TEST_F(MinRate, AnAnswerThatIsTakenSlowlyEnoughIsNot) {
  TextBody body(text_);
  auto taking = sip(4s);  // 250 B/s
  EXPECT_GT(time_of(send(body)), 380s);
  EXPECT_FALSE(error_);
}

// A service that has a piece every minute.
class SlowBody final : public BodySource {
 public:
  explicit SlowBody(net::Loop& loop) noexcept : loop_(loop) {}
  bool try_pull(Result<Piece>&) override { return false; }
  net::Task<Result<Piece>> pull_later() override {
    co_await net::sleep_for(loop_, 60s);
    if (++pieces_ == 5) co_return Piece{};
    co_return Piece{Piece::Kind::data, Slice::unowned("twelve bytes"), nullptr};
  }
  std::optional<std::uint64_t> length() const noexcept override { return std::nullopt; }

 private:
  net::Loop& loop_;
  int pieces_ = 0;
};

TEST_F(MinRate, AnAnswerThatItsServiceMakesSlowlyIsNotCharged) {
  SlowBody body(host_.loop);
  auto taking = sip(0s);
  EXPECT_GT(time_of(send(body)), 290s);
  EXPECT_FALSE(error_);
}

}  // namespace
}  // namespace gatehouse::upstream
