#include "net/tcp.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "net/join.h"
#include "net/nursery.h"

namespace gatehouse::net {
namespace {

constexpr Duration kProgress = 10s;

SliceList slices(std::string_view text) {
  SliceList list;
  while (!text.empty() && !list.full()) {  // in pieces, so that sendmsg is used too
    std::size_t n = list.count() + 1 == SliceList::kMax ? text.size() : (text.size() + 1) / 2;
    list.add(Slice::unowned(text.substr(0, n)));
    text.remove_prefix(n);
  }
  return list;
}

std::string pattern(std::size_t size) {
  std::string s(size, '\0');
  for (std::size_t i = 0; i < size; ++i) s[i] = static_cast<char>('a' + (i * 7 + i / 26) % 26);
  return s;
}

Task<> dial(Network& n, SocketAddress to, Time deadline, Result<StreamPtr>& out) {
  out = co_await n.connect(std::move(to), deadline);
}

Task<> accept_one(Acceptor& a, StreamPtr& out) {
  while (!out) {
    co_await a.wait();
    out = std::move(*a.try_accept());
  }
}

Task<bool> send_all(Stream& s, std::string_view text, bool finish) {
  bool sent = (co_await s.send(slices(text), kProgress)).has_value();
  if (finish) s.shutdown_send();
  co_return sent;
}

Task<Result<std::string>> receive_all(Stream& s) {
  std::string all;
  for (;;) {
    Result<Slice> piece = co_await s.recv(BlockPool::kMedium, s.loop().now() + 10s);
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->empty()) co_return all;
    all += piece->view();
  }
}

class TcpTest : public testing::Test {
 protected:
  // Turns until the task has ended; a minute is as good as never.
  template <class T>
  void run(const Task<T>& t) {
    Time limit = clock.now() + 60s;
    while (!t.done() && clock.now() < limit) loop.turn(limit);
    ASSERT_TRUE(t.done());
  }
  template <class F>
  void turn_until(F done) {
    Time limit = clock.now() + 60s;
    while (!done() && clock.now() < limit) loop.turn(clock.now() + 10ms);
    ASSERT_TRUE(done());
  }
  void listen(const SocketAddress& a = SocketAddress::of(IpAddress::v4(0x7f000001), 0)) {
    auto bound = bind_socket(a, {});
    ASSERT_TRUE(bound) << bound.error().detail;
    address = (*bound)->address();
    acceptor = *network.accept_on(std::move(*bound));
  }
  void connect() {
    Result<StreamPtr> r{nullptr};
    Task<> accepting = accept_one(*acceptor, server);
    Task<> dialling = dial(network, address, kNever, r);
    run(dialling);
    run(accepting);
    ASSERT_TRUE(r);
    client = std::move(*r);
  }

  SystemClock clock;
  EpollPoller poller;
  Loop loop{clock, poller, 1};
  SocketNetwork network{loop, poller};
  SocketAddress address;
  std::unique_ptr<Acceptor> acceptor;
  StreamPtr client, server;
};

TEST_F(TcpTest, ChoosesAPortAndKnowsThePeers) {
  listen();
  EXPECT_NE(address.port, 0);
  connect();
  EXPECT_EQ(client->peer(), address);
  EXPECT_EQ(server->peer().ip, IpAddress::v4(0x7f000001));
  EXPECT_NE(server->peer().port, 0);
}

TEST_F(TcpTest, SixSpeaksToSix) {
  auto bound = bind_socket(SocketAddress::of(*parse_ip("::1"), 0), {});
  if (!bound) GTEST_SKIP() << "no IPv6 here: " << bound.error().detail;
  address = (*bound)->address();
  acceptor = *network.accept_on(std::move(*bound));
  connect();
  EXPECT_EQ(server->peer().ip, *parse_ip("::1"));
}

// Both ends of a connection, found by their ports among this process's descriptors.
std::vector<int> descriptors_with(std::uint16_t port) {
  std::vector<int> found;
  for (int fd = 0; fd < 1024; ++fd) {
    sockaddr_in a{};
    socklen_t size = sizeof a;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&a), &size) != 0) continue;  // not one, or listening
    bool theirs = ntohs(a.sin_port) == port;
    size = sizeof a;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&a), &size) != 0) continue;
    if (theirs || ntohs(a.sin_port) == port) found.push_back(fd);
  }
  return found;
}

int option(int fd, int level, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  EXPECT_EQ(::getsockopt(fd, level, name, &value, &size), 0);
  return value;
}

TEST_F(TcpTest, PeersThatAreGoneAreFoundByProbes) {
  listen();
  connect();
  auto both_ends = descriptors_with(address.port);
  ASSERT_EQ(both_ends.size(), 2U);
  for (int fd : both_ends) {
    EXPECT_EQ(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
    EXPECT_EQ(option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 60);
    EXPECT_EQ(option(fd, IPPROTO_TCP, TCP_KEEPINTVL), 10);
    EXPECT_EQ(option(fd, IPPROTO_TCP, TCP_KEEPCNT), 3);
    EXPECT_NE(option(fd, IPPROTO_TCP, TCP_NODELAY), 0);
  }
}

// More than any socket buffer holds: sends are partial on both sides, and neither side may starve.
TEST_F(TcpTest, BulkBothWaysAtOnce) {
  listen();
  connect();
  const std::string up = pattern(8 << 20);
  const std::string down = pattern(5 << 20);
  auto side = [](Stream& s, std::string_view out, std::string_view expected, bool& good) -> Task<bool> {
    auto [sent, got] = co_await both(send_all(s, out, true), receive_all(s));
    good = sent && got && *got == expected;
    co_return true;
  };
  bool a = false;
  bool b = false;
  Task<bool> one = side(*client, up, down, a);
  Task<bool> two = side(*server, down, up, b);
  run(one);
  run(two);
  EXPECT_TRUE(a);
  EXPECT_TRUE(b);
}

TEST_F(TcpTest, DataThatComesWithTheEndIsDelivered) {
  listen();
  connect();
  ASSERT_TRUE(send_all(*client, "last words", true).done());
  turn_until([&] { return server->peer_closed(); });
  EXPECT_TRUE(server->stale());
  EXPECT_FALSE(server->peer_gone());
  Task<Result<std::string>> reading = receive_all(*server);
  run(reading);
  EXPECT_EQ(reading.take().value(), "last words");
}

// The kernel reports a hang-up once both have ended: it is not a reset, and what was sent must still be read.
TEST_F(TcpTest, TwoOrderlyEndsAreNoReset) {
  listen();
  connect();
  ASSERT_TRUE(send_all(*client, "question", true).done());
  server->shutdown_send();
  turn_until([&] { return server->peer_closed() && client->peer_closed(); });
  EXPECT_FALSE(server->peer_gone());
  EXPECT_FALSE(client->peer_gone());
  Task<Result<std::string>> reading = receive_all(*server);
  run(reading);
  EXPECT_EQ(reading.take().value(), "question");
}

TEST_F(TcpTest, AResetIsAnError) {
  listen();
  connect();
  Task<Result<std::string>> reading = receive_all(*server);
  client->reset_on_close();
  client.reset();
  run(reading);
  EXPECT_EQ(reading.take().error().code, Errc::io_reset);
  EXPECT_TRUE(server->peer_gone());
}

TEST_F(TcpTest, SendingToAResetConnectionFails) {
  listen();
  connect();
  client->reset_on_close();
  client.reset();
  turn_until([&] { return server->peer_gone(); });
  Task<bool> sending = send_all(*server, "x", false);
  ASSERT_TRUE(sending.done());
  EXPECT_FALSE(sending.take());
}

TEST_F(TcpTest, StaleTellsOfBytesNobodyAskedFor) {
  listen();
  connect();
  loop.turn(clock.now());
  EXPECT_FALSE(client->stale());
  EXPECT_FALSE(client->probe_stale());
  ASSERT_TRUE(send_all(*server, "408", false).done());
  EXPECT_TRUE(client->probe_stale()) << "before any event";
  turn_until([&] { return client->stale(); });
}

TEST_F(TcpTest, ARecvTimesOutAndTheStreamLives) {
  listen();
  connect();
  auto read = [](Stream& s, Time deadline) -> Task<Result<Slice>> {
    co_return co_await s.recv(100, deadline);
  };
  Time before = clock.now();
  Task<Result<Slice>> first = read(*server, before + 20ms);
  run(first);
  EXPECT_EQ(first.take().error().code, Errc::io_timeout);
  EXPECT_GE(clock.now() - before, 20ms);
  Task<Result<Slice>> second = read(*server, kNever);
  ASSERT_TRUE(send_all(*client, "late", false).done());
  run(second);
  EXPECT_EQ(second.take()->view(), "late");
}

TEST_F(TcpTest, ASendThatDoesNotMoveTimesOut) {
  listen();
  connect();
  const std::string much = pattern(64 << 20);
  auto push = [](Stream& s, std::string_view text) -> Task<Result<void>> {
    co_return co_await s.send(slices(text), 50ms);
  };
  Task<Result<void>> sending = push(*client, much);
  run(sending);
  EXPECT_EQ(sending.take().error().code, Errc::io_timeout);
}

TEST_F(TcpTest, CancelledWaitsLeaveNothingBehind) {
  listen();
  connect();
  const std::string much = pattern(64 << 20);
  Task<Result<std::string>> reading = receive_all(*server);
  Task<bool> sending = send_all(*server, much, false);
  ASSERT_FALSE(sending.done());
  reading.cancel();
  sending.cancel();
  server.reset();
  Task<Result<std::string>> rest = receive_all(*client);
  run(rest);
}

TEST_F(TcpTest, TheReaderMayDestroyItsStream) {
  listen();
  connect();
  auto read_and_drop = [](StreamPtr& s) -> Task<> {
    (void)co_await s->recv(100, kNever);
    s.reset();
  };
  Task<> t = read_and_drop(server);
  ASSERT_TRUE(send_all(*client, "bye", true).done());
  run(t);
  EXPECT_FALSE(server);
}

TEST_F(TcpTest, AWatchCancelsWorkForAClientThatLeft) {
  listen();
  connect();
  bool ended = true;
  auto guard = [](Stream& s, bool& out) -> Task<> {
    auto work = [](Loop& l) -> Task<> { co_await sleep_for(l, 1h); };
    out = co_await until_closed(s, true, work(s.loop()));
  };
  Task<> t = guard(*server, ended);
  client.reset();
  run(t);
  EXPECT_FALSE(ended);
}

TEST_F(TcpTest, AbortEndsARecvUnderWay) {
  listen();
  connect();
  Task<Result<std::string>> reading = receive_all(*server);
  server->abort();
  run(reading);
}

TEST_F(TcpTest, NobodyListensMeansRefused) {
  auto bound = bind_socket(SocketAddress::of(IpAddress::v4(0x7f000001), 0), {});
  address = (*bound)->address();
  bound->reset();
  Result<StreamPtr> r{nullptr};
  Task<> t = dial(network, address, kNever, r);
  run(t);
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, Errc::io_refused);
}

// A queue of one that nobody empties: the kernel drops further SYNs.
TEST_F(TcpTest, AConnectThatIsNotAnsweredTimesOut) {
  auto bound =
      *bind_socket(SocketAddress::of(IpAddress::v4(0x7f000001), 0), {.backlog = 0, .reuse_port = true});
  std::vector<Result<StreamPtr>> results;
  results.reserve(8);
  std::vector<Task<>> dialling;
  bool timed_out = false;
  for (int i = 0; i < 8 && !timed_out; ++i) {
    results.emplace_back(nullptr);
    dialling.push_back(dial(network, bound->address(), clock.now() + 100ms, results.back()));
    run(dialling.back());
    timed_out = !results.back() && results.back().error().code == Errc::io_timeout;
  }
  EXPECT_TRUE(timed_out);
}

TEST_F(TcpTest, ACancelledConnectLeavesNothing) {
  listen();
  Result<StreamPtr> r{nullptr};
  Task<> t = dial(network, address, kNever, r);
  t.cancel();
  loop.turn(clock.now());
  StreamPtr accepted;
  Task<> accepting = accept_one(*acceptor, accepted);
  run(accepting);
  Task<Result<std::string>> reading = receive_all(*accepted);
  run(reading);
}

TEST_F(TcpTest, AnAddressInUseIsSaid) {
  auto first =
      bind_socket(SocketAddress::of(IpAddress::v4(0x7f000001), 0), {.backlog = 1, .reuse_port = false});
  auto second = bind_socket((*first)->address(), {.backlog = 1, .reuse_port = false});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().detail, "the address is in use");
}

TEST_F(TcpTest, WorkersShareAnAddress) {
  auto first = *bind_socket(SocketAddress::of(IpAddress::v4(0x7f000001), 0), {});
  auto second = bind_socket(first->address(), {});
  EXPECT_TRUE(second);
}

class UnixTest : public TcpTest {
 protected:
  void SetUp() override {
    char name[] = "/tmp/gatehouse-test-XXXXXX";
    folder = ::mkdtemp(name);
  }
  void TearDown() override {
    acceptor.reset();
    std::filesystem::remove_all(folder);
  }
  std::string folder;
};

TEST_F(UnixTest, SpeaksOverAPath) {
  listen(SocketAddress::unix_socket(folder + "/socket"));
  connect();
  EXPECT_TRUE(server->peer().is_unix());
  const std::string text = pattern(1 << 20);
  Task<bool> sending = send_all(*client, text, true);
  Task<Result<std::string>> reading = receive_all(*server);
  run(reading);
  EXPECT_EQ(reading.take().value(), text);
}

// A unix socket whose peer has closed reports a hang-up together with the last bytes.
TEST_F(UnixTest, DataBeforeACloseIsDelivered) {
  listen(SocketAddress::unix_socket(folder + "/socket"));
  connect();
  ASSERT_TRUE(send_all(*client, "last words", false).done());
  client.reset();
  turn_until([&] { return server->peer_closed(); });
  Task<Result<std::string>> reading = receive_all(*server);
  run(reading);
  EXPECT_EQ(reading.take().value(), "last words");
}

TEST_F(UnixTest, NoSuchPathIsARefusal) {
  Result<StreamPtr> r{nullptr};
  Task<> t = dial(network, SocketAddress::unix_socket(folder + "/nobody"), kNever, r);
  ASSERT_TRUE(t.done());
  EXPECT_EQ(r.error().code, Errc::io_refused);
  Task<> u = dial(network, SocketAddress::unix_socket(std::string(200, 'x')), kNever, r);
  EXPECT_EQ(r.error().code, Errc::io_failed);
}

// Lowers the limit of descriptors to what is open, for its own lifetime.
class NoDescriptors {
 public:
  NoDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    int lowest = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::close(lowest);
    rlimit now = before_;
    now.rlim_cur = static_cast<rlim_t>(lowest);
    ::setrlimit(RLIMIT_NOFILE, &now);
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(TcpTest, OutOfDescriptorsIsSaidAndPasses) {
  listen();
  Result<StreamPtr> r{nullptr};
  Task<> t = dial(network, address, kNever, r);
  run(t);
  ASSERT_TRUE(r);
  {
    NoDescriptors none;
    Result<StreamPtr> accepted = acceptor->try_accept();
    ASSERT_FALSE(accepted);
    EXPECT_EQ(accepted.error().code, Errc::io_no_descriptors);
    Result<StreamPtr> second{nullptr};
    Task<> u = dial(network, address, kNever, second);
    ASSERT_TRUE(u.done());
    EXPECT_EQ(second.error().code, Errc::io_no_descriptors);
  }
  // No event will tell of the connection again: the acceptor must remember that it is there.
  Task<> accepting = accept_one(*acceptor, server);
  EXPECT_TRUE(accepting.done());
}

TEST(TcpThread, AServerOnAnotherThread) {
  auto bound = *bind_socket(SocketAddress::of(IpAddress::v4(0x7f000001), 0), {});
  SocketAddress address = bound->address();
  SystemClock clock;
  EpollPoller server_poller;
  Loop server_loop(clock, server_poller, 1);
  std::thread server([&] {
    SocketNetwork network(server_loop, server_poller);
    auto acceptor = *network.accept_on(std::move(bound));
    auto serve = [](Acceptor& a, Loop& l) -> Task<> {
      StreamPtr s;
      co_await accept_one(a, s);
      Result<std::string> text = co_await receive_all(*s);
      if (text) co_await send_all(*s, *text, true);
      l.stop();
    };
    Task<> serving = serve(*acceptor, server_loop);
    server_loop.run();
  });
  EpollPoller poller;
  Loop loop(clock, poller, 2);
  SocketNetwork network(loop, poller);
  const std::string text = pattern(1 << 20);
  std::string got;
  auto ask = [](Network& n, SocketAddress to, std::string_view out, std::string& in, Loop& l) -> Task<> {
    Result<StreamPtr> s = co_await n.connect(std::move(to), kNever);
    auto [sent, received] = co_await both(send_all(**s, out, true), receive_all(**s));
    if (sent && received) in = std::move(*received);
    l.stop();
  };
  Task<> asking = ask(network, address, text, got, loop);
  loop.run();
  server.join();
  EXPECT_EQ(got, text);
}

}  // namespace
}  // namespace gatehouse::net
