#include "net/memory_network.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "net/fake_resolver.h"
#include "net/join.h"
#include "net/nursery.h"

namespace gatehouse::net {
namespace {

constexpr Duration kProgress = 30s;

SocketAddress server_address() { return SocketAddress::of(IpAddress::v4(0x0a000001), 80); }

SliceList slices(std::string_view text) {
  SliceList list;
  list.add(Slice::unowned(text));
  return list;
}

std::string pattern(std::size_t size, unsigned salt) {
  std::string s(size, '\0');
  for (std::size_t i = 0; i < size; ++i) s[i] = static_cast<char>('a' + (i * 7 + i / 26 + salt) % 26);
  return s;
}

// Sends back what comes until the peer ends, then ends too.
Task<> echo(StreamPtr stream) {
  for (;;) {
    Result<Slice> piece = co_await stream->recv(4096, kNever);
    if (!piece || piece->empty()) break;
    SliceList list;
    list.add(std::move(*piece));
    if (!co_await stream->send(std::move(list), kProgress)) co_return;
  }
  stream->shutdown_send();
}

class EchoServer {
 public:
  EchoServer(MemoryWorld& world, const SocketAddress& address, Duration patience = 10ms)
      : host_(world, address.ip), patience_(patience), connections_(host_.loop, 1000) {
    acceptor_ = *host_.network.accept_on(*world.bind(address));
    accepting_ = accept_all();
  }
  Nursery& connections() noexcept { return connections_; }
  int accepted = 0;
  int starved = 0;  // accepts that found no descriptor

 private:
  Task<> accept_all() {
    for (;;) {
      co_await acceptor_->wait();
      for (;;) {
        Result<StreamPtr> stream = acceptor_->try_accept();
        if (!stream) {
          ++starved;
          co_await sleep_for(host_.loop, patience_);
          continue;
        }
        if (!*stream) break;
        ++accepted;
        connections_.adopt(echo(std::move(*stream)));
      }
    }
  }
  MemoryHost host_;
  Duration patience_;
  Nursery connections_;
  std::unique_ptr<Acceptor> acceptor_;
  Task<> accepting_;
};

struct Outcome {
  bool ended = false;
  std::optional<Error> error;
  std::string received;
};

Task<bool> send_all(Stream& stream, std::string_view text) {
  bool sent = (co_await stream.send(slices(text), kProgress)).has_value();
  stream.shutdown_send();
  co_return sent;
}

Task<Result<std::string>> receive_all(Stream& stream) {
  std::string all;
  for (;;) {
    Result<Slice> piece = co_await stream.recv(4096, kNever);
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->empty()) co_return all;
    all += piece->view();
  }
}

Task<> exchange(Network& network, Loop& loop, std::string_view text, Outcome& out) {
  Result<StreamPtr> stream = co_await network.connect(server_address(), after(loop.now(), 5s));
  if (!stream) {
    out.error = stream.error();
  } else {
    auto [sent, received] = co_await both(send_all(**stream, text), receive_all(**stream));
    if (received)
      out.received = std::move(*received);
    else
      out.error = received.error();
  }
  out.ended = true;
}

struct History {
  std::uint64_t trace = 0;
  std::uint64_t steps = 0;
  Time end{};
  std::vector<Outcome> outcomes;
};

// 20 clients on two hosts, two servers on one address.
History play(std::uint64_t seed, const MemoryFaults& faults) {
  History run;
  MemoryWorld world(seed, faults);
  {
    EchoServer one(world, server_address());
    EchoServer two(world, server_address());
    MemoryHost a(world, IpAddress::v4(0x0a000010));
    MemoryHost b(world, IpAddress::v4(0x0a000011));
    const std::string text = pattern(30'000, static_cast<unsigned>(seed));
    run.outcomes.resize(20);
    std::vector<Task<>> clients;
    for (std::size_t i = 0; i < run.outcomes.size(); ++i) {
      MemoryHost& h = i % 2 ? a : b;
      clients.push_back(exchange(h.network, h.loop, std::string_view(text).substr(i * 10), run.outcomes[i]));
    }
    auto all_ended = [&] { return std::ranges::all_of(run.outcomes, &Outcome::ended); };
    EXPECT_TRUE(world.run_until(all_ended, 600s)) << "seed " << seed;
    for (std::size_t i = 0; i < run.outcomes.size(); ++i) {
      const Outcome& o = run.outcomes[i];
      if (!o.error && faults.fin == 0) EXPECT_EQ(o.received, text.substr(i * 10)) << "seed " << seed;
      if (o.error) EXPECT_EQ(text.compare(i * 10, o.received.size(), o.received), 0);
    }
    world.run_for(200s);
    EXPECT_EQ(one.connections().running() + two.connections().running(), 0U) << "seed " << seed;
    EXPECT_EQ(world.open_streams(), 0U);
  }
  run.trace = world.trace();
  run.steps = world.steps();
  run.end = world.clock().now();
  return run;
}

TEST(MemoryNetwork, BytesArriveUnchangedWithoutFaults) {
  History run = play(1, {});
  for (const Outcome& o : run.outcomes) EXPECT_FALSE(o.error);
}

TEST(MemoryNetwork, EqualSeedsGiveEqualRuns) {
  Random random(7);
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    MemoryFaults faults = MemoryFaults::draw(random);
    History first = play(seed, faults);
    History second = play(seed, faults);
    EXPECT_EQ(first.trace, second.trace);
    EXPECT_EQ(first.steps, second.steps);
    EXPECT_EQ(first.end, second.end);
  }
  EXPECT_NE(play(1, {}).trace, play(2, {}).trace);
}

TEST(MemoryNetwork, SurvivesEveryMixOfFaults) {
  Random random(11);
  int failed = 0;
  int whole = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed)
    for (const Outcome& o : play(seed, MemoryFaults::draw(random)).outcomes) ++(o.error ? failed : whole);
  EXPECT_GT(failed, 50);
  EXPECT_GT(whole, 500);
}

TEST(MemoryNetwork, SmallBuffersPushBack) {
  MemoryFaults faults;
  faults.buffer_min = faults.buffer_max = 1000;
  MemoryWorld world(3, faults);
  MemoryHost server(world), client(world);
  auto acceptor = *server.network.accept_on(*world.bind(server_address()));
  std::string text = pattern(5000, 0);
  bool sent = false;
  auto run = [](Network& n, std::string_view t, bool& done) -> Task<> {
    Result<StreamPtr> s = co_await n.connect(server_address(), kNever);
    done = (co_await (*s)->send(slices(t), kProgress)).has_value();
  };
  Task<> sending = run(client.network, text, sent);
  world.run_for(5s);
  StreamPtr stream = *acceptor->try_accept();
  EXPECT_FALSE(sent) << "nobody reads";
  std::string got;
  auto read = [](Stream& s, std::string& out) -> Task<> {
    for (;;) {
      Result<Slice> piece = co_await s.recv(4096, kNever);
      if (!piece || piece->empty()) co_return;
      EXPECT_LE(piece->size(), 1000U);
      out += piece->view();
    }
  };
  Task<> reading = read(*stream, got);
  EXPECT_TRUE(world.run_until([&] { return reading.done(); }, 10s));
  EXPECT_TRUE(sent);
  EXPECT_EQ(got, text);
}

// A pair of connected streams on two hosts.
struct Pair {
  explicit Pair(MemoryWorld& w)
      : world(w), left(w, IpAddress::v4(0x0a000020)), right(w, server_address().ip) {
    acceptor = *right.network.accept_on(*w.bind(server_address()));
    auto dial = [](Network& n, StreamPtr& out) -> Task<> {
      out = std::move(*co_await n.connect(server_address(), kNever));
    };
    Task<> dialling = dial(left.network, a);
    EXPECT_TRUE(w.run_until([&] { return dialling.done(); }, 1s));
    b = *acceptor->try_accept();
  }
  MemoryWorld& world;
  MemoryHost left, right;
  std::unique_ptr<Acceptor> acceptor;
  StreamPtr a, b;
};

Task<> send_text(Stream& s, std::string_view text) { (void)co_await s.send(slices(text), kProgress); }
Task<> read_into(Stream& s, std::string& out, std::optional<Error>& error) {
  Result<std::string> r = co_await receive_all(s);
  if (r)
    out = *r;
  else
    error = r.error();
}

TEST(MemoryNetwork, AddressesAreThoseOfTheHosts) {
  MemoryWorld world(5);
  Pair p(world);
  EXPECT_EQ(p.b->peer().ip, IpAddress::v4(0x0a000020));
  EXPECT_EQ(p.a->peer(), server_address());
}

TEST(MemoryNetwork, DataBeforeAnEndIsDelivered) {
  MemoryWorld world(5);
  Pair p(world);
  Task<> sending = send_text(*p.a, "last words");
  ASSERT_TRUE(sending.done());
  p.a.reset();
  world.run_for(1s);
  EXPECT_TRUE(p.b->peer_closed());
  EXPECT_TRUE(p.b->stale());
  std::string got;
  std::optional<Error> error;
  Task<> reading = read_into(*p.b, got, error);
  world.run_until([&] { return reading.done(); }, 1s);
  EXPECT_EQ(got, "last words");
  EXPECT_FALSE(error);
}

TEST(MemoryNetwork, AResetDiscardsWhatWasNotRead) {
  MemoryWorld world(5);
  Pair p(world);
  Task<> sending = send_text(*p.a, "never seen");
  p.a->reset_on_close();
  p.a.reset();
  world.run_for(1s);
  std::string got;
  std::optional<Error> error;
  Task<> reading = read_into(*p.b, got, error);
  ASSERT_TRUE(reading.done());
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, Errc::io_reset);
}

TEST(MemoryNetwork, ClosingWithUnreadDataResets) {
  MemoryWorld world(5);
  Pair p(world);
  Task<> sending = send_text(*p.a, "ignored");
  world.run_for(1s);
  p.b.reset();
  world.run_for(1s);
  std::string got;
  std::optional<Error> error;
  Task<> reading = read_into(*p.a, got, error);
  ASSERT_TRUE(reading.done());
  EXPECT_TRUE(error);
}

TEST(MemoryNetwork, SendingToAClosedPeerResetsLater) {
  MemoryWorld world(5);
  Pair p(world);
  p.b.reset();
  EXPECT_FALSE(p.a->stale()) << "the end is on its way";
  EXPECT_TRUE(send_text(*p.a, "too late").done()) << "as with a real socket, the first send is taken";
  world.run_for(1s);
  EXPECT_TRUE(p.a->stale());
  auto r = p.a->send(slices("x"), kProgress);
  EXPECT_TRUE(r.await_ready());
  EXPECT_FALSE(r.await_resume().has_value());
}

TEST(MemoryNetwork, ProbeSeesWhatNoEventHasToldYet) {
  MemoryFaults faults;
  faults.turn_max = Duration::zero();
  MemoryWorld world(5, faults);
  Pair p(world);
  world.run_for(1s);
  p.b.reset();
  // The end arrives while the loop has no turn.
  bool told = true;
  bool probed = false;
  world.at(world.clock().now() + 1s, [&] {
    told = p.a->stale();
    probed = p.a->probe_stale();
  });
  world.clock().advance_to(world.clock().now() + 1s);
  world.step();
  EXPECT_FALSE(told);
  EXPECT_TRUE(probed);
}

TEST(MemoryNetwork, UntilClosedCancelsWhenTheClientIsGone) {
  MemoryWorld world(5);
  Pair p(world);
  bool ended = true;
  auto watch = [](Stream& s, Loop& loop, bool& out) -> Task<> {
    auto work = [](Loop& l) -> Task<> { co_await sleep_for(l, 1h); };
    out = co_await UntilClosed(s, true, work(loop));
  };
  Task<> watching = watch(*p.b, p.right.loop, ended);
  world.run_for(1s);
  EXPECT_FALSE(watching.done());
  p.a.reset();
  world.run_for(1s);
  ASSERT_TRUE(watching.done());
  EXPECT_FALSE(ended);
}

TEST(MemoryNetwork, AbortEndsARecvUnderWay) {
  MemoryWorld world(5);
  Pair p(world);
  std::string got;
  std::optional<Error> error;
  Task<> reading = read_into(*p.b, got, error);
  p.b->abort();
  world.run_for(1s);
  EXPECT_TRUE(reading.done());
  EXPECT_TRUE(p.a->peer_closed());
}

TEST(MemoryNetwork, NobodyListensMeansRefused) {
  MemoryWorld world(5);
  MemoryHost host(world);
  std::optional<Error> error;
  auto dial = [](Network& n, Time deadline, std::optional<Error>& out) -> Task<> {
    auto r = co_await n.connect(server_address(), deadline);
    if (!r) out = r.error();
  };
  Task<> first = dial(host.network, kNever, error);
  world.run_for(1s);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, Errc::io_refused);

  error.reset();
  world.faults().connect_unanswered = 1;
  Time before = world.clock().now();
  Task<> second = dial(host.network, before + 3s, error);
  world.run_until([&] { return error.has_value(); }, 10s);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, Errc::io_timeout);
  EXPECT_GE(world.clock().now() - before, 3s);
  EXPECT_LE(world.clock().now() - before, 3s + 2ms);
}

TEST(MemoryNetwork, ListenersOnOneAddressShare) {
  MemoryWorld world(6);
  EchoServer one(world, server_address());
  EchoServer two(world, server_address());
  MemoryHost host(world);
  const std::string text = "hello";
  std::vector<Outcome> outcomes(100);
  std::vector<Task<>> clients;
  for (Outcome& o : outcomes) clients.push_back(exchange(host.network, host.loop, text, o));
  world.run_for(10s);
  EXPECT_EQ(one.accepted + two.accepted, 100);
  EXPECT_GT(one.accepted, 20);
  EXPECT_GT(two.accepted, 20);
}

TEST(MemoryNetwork, AListenerThatClosesResetsItsBacklog) {
  MemoryWorld world(6);
  MemoryHost host(world);
  auto bound = *world.bind(SocketAddress::of(IpAddress::v4(0), 80));
  Outcome out;
  const std::string text = "x";
  Task<> client = exchange(host.network, host.loop, text, out);
  world.run_for(1s);
  EXPECT_FALSE(client.done());
  bound.reset();
  world.run_for(1s);
  EXPECT_TRUE(client.done());
  EXPECT_TRUE(out.error);
}

TEST(MemoryNetwork, MailCrossesLoops) {
  MemoryWorld world(9);
  MemoryHost a(world), b(world);
  std::string order;
  b.loop.post([&] {
    order += 'b';
    a.loop.post([&] { order += 'a'; });
  });
  EXPECT_TRUE(world.step());
  EXPECT_TRUE(world.step());
  EXPECT_FALSE(world.step());
  EXPECT_EQ(order, "ba");
  a.loop.stop();
  EXPECT_TRUE(world.step());
  EXPECT_FALSE(world.step()) << "a loop that has stopped has no more turns";
}

TEST(MemoryNetwork, TheClockJumpsOverIdleTime) {
  MemoryWorld world(9);
  MemoryHost host(world);
  bool woke = false;
  auto nap = [](Loop& loop, bool& out) -> Task<> {
    co_await sleep_for(loop, 24h);
    out = true;
  };
  Task<> napping = nap(host.loop, woke);
  Time start = world.clock().now();
  EXPECT_TRUE(world.run_until([&] { return woke; }, 25h));
  EXPECT_GE(world.clock().now() - start, 24h);
  EXPECT_LT(world.clock().now() - start, 24h + 2ms);
  EXPECT_LT(world.steps(), 1000U);
}

TEST(FakeResolver, AnswersFromItsTable) {
  MemoryWorld world(1);
  MemoryHost host(world);
  FakeResolver resolver(host.loop);
  resolver.set("orders", {IpAddress::v4(0x0a000001)}, 5s);
  resolver.fail_with("broken", "server failed");
  resolver.set_delay(100ms);
  Task<Result<Resolution>> good = resolver.resolve("orders");
  Task<Result<Resolution>> bad = resolver.resolve("broken");
  Task<Result<Resolution>> none = resolver.resolve("nobody");
  EXPECT_FALSE(good.done());
  world.run_for(1s);
  EXPECT_EQ(good.take()->ttl, 5s);
  EXPECT_EQ(bad.take().error().detail, "server failed");
  EXPECT_EQ(none.take().error().code, Errc::name_not_resolved);
  EXPECT_EQ(resolver.resolve("192.0.2.7").take()->addresses.front(), IpAddress::v4(0xc0000207));
}

}  // namespace
}  // namespace gatehouse::net
