#include "net/ares_resolver.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "net/nursery.h"
#include "net/tcp.h"

namespace gatehouse::net {
namespace {

std::string number16(unsigned n) { return {static_cast<char>(n >> 8), static_cast<char>(n & 0xff)}; }
std::string number32(std::uint32_t n) { return number16(n >> 16) + number16(n & 0xffff); }

constexpr unsigned kA = 1;
constexpr unsigned kAaaa = 28;

struct Zone {
  struct Record {
    unsigned type;
    IpAddress ip;
    std::uint32_t ttl;
  };
  std::vector<Record> records;
  unsigned code = 0;       // RCODE: 2 server failure, 3 no such name
  bool silent = false;     // never answers
  bool truncated = false;  // over UDP: come back over TCP
};

// A name server on the test's own loop, over UDP and TCP.
class NameServer final : private EpollHandler {
 public:
  NameServer(Loop& loop, EpollPoller& poller, SocketNetwork& network)
      : poller_(poller), sessions_(loop, 100) {
    // The TCP port first; the UDP port of the same number is free unless another test is very unlucky, so
    // look on.
    for (int attempt = 0; attempt < 100 && fd_ < 0; ++attempt) {
      auto bound = *bind_socket(SocketAddress::of(IpAddress::v4(0x7f000001), 0), {});
      port = bound->address().port;
      int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
      sockaddr_in a{};
      a.sin_family = AF_INET;
      a.sin_port = htons(port);
      a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      if (::bind(fd, reinterpret_cast<sockaddr*>(&a), sizeof a) != 0) {
        ::close(fd);
        continue;
      }
      fd_ = fd;
      acceptor_ = *network.accept_on(std::move(bound));
    }
    ticket_ = poller_.add(fd_, EPOLLIN, *this);
    accepting_ = accept_all();
  }
  ~NameServer() {
    poller_.remove(ticket_);
    ::close(fd_);
  }
  std::string at() const { return "127.0.0.1:" + std::to_string(port); }

  std::map<std::string, Zone> zones;
  std::uint16_t port = 0;
  int questions = 0;
  int over_tcp = 0;

 private:
  void on_events(std::uint32_t) noexcept override {
    char buffer[2048];
    sockaddr_in from{};
    socklen_t size = sizeof from;
    ssize_t n;
    while ((n = ::recvfrom(fd_, buffer, sizeof buffer, 0, reinterpret_cast<sockaddr*>(&from), &size)) > 0) {
      auto reply = answer({buffer, static_cast<std::size_t>(n)}, false);
      if (reply) ::sendto(fd_, reply->data(), reply->size(), 0, reinterpret_cast<sockaddr*>(&from), size);
    }
  }

  Task<> accept_all() {
    for (;;) {
      co_await acceptor_->wait();
      while (auto stream = std::move(*acceptor_->try_accept())) sessions_.adopt(serve(std::move(stream)));
    }
  }

  Task<> serve(StreamPtr stream) {
    std::string in;
    for (;;) {
      auto piece = co_await stream->recv(BlockPool::kSmall, kNever);
      if (!piece || piece->empty()) co_return;
      in += piece->view();
      while (in.size() >= 2) {
        std::size_t length = static_cast<std::size_t>(static_cast<unsigned char>(in[0])) << 8 |
                             static_cast<unsigned char>(in[1]);
        if (in.size() < 2 + length) break;
        ++over_tcp;
        std::string reply = answer(std::string_view(in).substr(2, length), true).value_or("");
        in.erase(0, 2 + length);
        reply = number16(static_cast<unsigned>(reply.size())) + reply;
        // In two pieces: the length alone is the case in which one event stands for several reads.
        for (std::string_view part :
             {std::string_view(reply).substr(0, 1), std::string_view(reply).substr(1)}) {
          SliceList list;
          list.add(Slice::unowned(part));
          if (!co_await stream->send(std::move(list), 10s)) co_return;
        }
      }
    }
  }

  std::optional<std::string> answer(std::string_view query, bool tcp) {
    ++questions;
    std::string name;
    std::size_t i = 12;
    while (query[i]) {
      auto n = static_cast<std::size_t>(query[i]);
      if (!name.empty()) name += '.';
      name += query.substr(i + 1, n);
      i += n + 1;
    }
    auto type = static_cast<unsigned char>(query[i + 2]);
    std::string question(query.substr(12, i + 5 - 12));
    auto found = zones.find(name);
    Zone nothing;
    nothing.code = 3;
    const Zone& zone = found == zones.end() ? nothing : found->second;
    if (zone.silent) return std::nullopt;
    bool cut = zone.truncated && !tcp;
    unsigned count = 0;
    std::string records;
    for (const Zone::Record& r : zone.records) {
      if (r.type != type || cut) continue;
      ++count;
      std::string data(reinterpret_cast<const char*>(r.ip.bytes.data()), 16);
      if (r.type == kA) data.erase(0, 12);
      records += "\xc0\x0c" + number16(type) + number16(1) + number32(r.ttl) +
                 number16(static_cast<unsigned>(data.size())) + data;
    }
    return std::string(query.substr(0, 2)) + number16(0x8180U | zone.code | (cut ? 0x200U : 0U)) +
           number16(1) + number16(count) + number16(0) + number16(0) + question + records;
  }

  EpollPoller& poller_;
  EpollPoller::Ticket ticket_ = 0;
  int fd_ = -1;
  Nursery sessions_;
  std::unique_ptr<Acceptor> acceptor_;
  Task<> accepting_;
};

class AresResolverTest : public testing::Test {
 protected:
  AresOptions fast() const {
    return {.servers = server.at(), .timeout = 50ms, .tries = 2, .search = false, .hosts_file = false};
  }
  Result<Resolution> ask(Resolver& whom, const std::string& name) {
    Task<Result<Resolution>> t = whom.resolve(name);
    Time limit = clock.now() + 60s;
    while (!t.done() && clock.now() < limit) loop.turn(limit);
    if (!t.done()) return fail(Errc::internal, "the look-up never ended");
    return t.take();
  }
  SystemClock clock;
  EpollPoller poller;
  Loop loop{clock, poller, 1};
  SocketNetwork network{loop, poller};
  NameServer server{loop, poller, network};
  AresResolver resolver{loop, poller, fast()};
};

const IpAddress kFour = IpAddress::v4(0xc0000201);
const IpAddress kFourToo = IpAddress::v4(0xc0000202);
const IpAddress kSix = *parse_ip("2001:db8::1");

TEST_F(AresResolverTest, BothFamiliesWithTheSmallestTtl) {
  server.zones["both.test"].records = {
      {kA, kFourToo, 60}, {kA, kFour, 300}, {kA, kFour, 300}, {kAaaa, kSix, 30}};
  Result<Resolution> r = ask(resolver, "both.test");
  ASSERT_TRUE(r) << r.error().detail;
  EXPECT_EQ(r->addresses, (std::vector{kFour, kFourToo, kSix}));
  EXPECT_EQ(r->ttl, 30s);
  EXPECT_EQ(resolver.in_flight(), 0U);
}

TEST_F(AresResolverTest, OneFamilyIsEnough) {
  server.zones["four.test"].records = {{kA, kFour, 60}};
  server.zones["six.test"].records = {{kAaaa, kSix, 60}};
  EXPECT_EQ(ask(resolver, "four.test")->addresses, std::vector{kFour});
  EXPECT_EQ(ask(resolver, "six.test")->addresses, std::vector{kSix});
}

TEST_F(AresResolverTest, TtlHasBounds) {
  server.zones["short.test"].records = {{kA, kFour, 0}};
  server.zones["long.test"].records = {{kA, kFour, 1'000'000}};
  EXPECT_EQ(ask(resolver, "short.test")->ttl, kMinTtl);
  EXPECT_EQ(ask(resolver, "long.test")->ttl, kMaxTtl);
}

TEST_F(AresResolverTest, SaysWhyNot) {
  server.zones["empty.test"];
  server.zones["broken.test"].code = 2;
  auto reason = [this](const std::string& name) {
    Result<Resolution> r = ask(resolver, name);
    if (r) return std::string_view("resolved");
    EXPECT_EQ(r.error().code, Errc::name_not_resolved);
    return r.error().detail;
  };
  EXPECT_EQ(reason("nobody.test"), "no such name");
  EXPECT_EQ(reason("empty.test"), "the name has no address");
  EXPECT_EQ(reason("broken.test"), "the name servers failed or cannot be reached");
  EXPECT_EQ(reason("bad..name"), "not a valid name");
}

TEST_F(AresResolverTest, AServerThatIsSilentTimesOut) {
  server.zones["silent.test"].silent = true;
  Time before = clock.now();
  Result<Resolution> r = ask(resolver, "silent.test");
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().detail, "the name servers did not answer in time");
  EXPECT_GE(clock.now() - before, 50ms);
  EXPECT_GE(server.questions, 4) << "two tries for two families";
}

TEST_F(AresResolverTest, NobodyAtTheServersAddress) {
  auto bound = *bind_socket(SocketAddress::of(IpAddress::v4(0x7f000001), 0), {});
  AresOptions o = fast();
  o.servers = "127.0.0.1:" + std::to_string(bound->address().port);  // nobody there speaks UDP
  AresResolver lost(loop, poller, o);
  EXPECT_FALSE(ask(lost, "both.test"));
}

TEST_F(AresResolverTest, ATruncatedAnswerComesOverTcp) {
  Zone& zone = server.zones["large.test"];
  zone.truncated = true;
  for (std::uint32_t i = 0; i < 200; ++i) {
    zone.records.push_back({kA, IpAddress::v4(0x0a000000 + i), 60});
    IpAddress six = kSix;
    six.bytes[14] = static_cast<std::uint8_t>(i);
    zone.records.push_back({kAaaa, six, 60});
  }
  Result<Resolution> r = ask(resolver, "large.test");
  ASSERT_TRUE(r) << r.error().detail;
  EXPECT_EQ(r->addresses.size(), 400U);
  EXPECT_EQ(server.over_tcp, 2);
}

TEST_F(AresResolverTest, ManyAtOnce) {
  constexpr int kNames = 200;
  std::vector<Task<Result<Resolution>>> all;
  for (int i = 0; i < kNames; ++i) {
    std::string name = "n" + std::to_string(i) + ".test";
    server.zones[name].records = {{kA, IpAddress::v4(static_cast<std::uint32_t>(i)), 60}};
    server.zones[name].truncated = i % 7 == 0;
    all.push_back(resolver.resolve(name));
  }
  Time limit = clock.now() + 60s;
  auto open = [&] { return std::ranges::any_of(all, [](auto& t) { return !t.done(); }); };
  while (open() && clock.now() < limit) loop.turn(limit);
  ASSERT_FALSE(open());
  for (int i = 0; i < kNames; ++i) {
    Result<Resolution> r = all[static_cast<std::size_t>(i)].take();
    ASSERT_TRUE(r) << r.error().detail;
    EXPECT_EQ(r->addresses.front(), IpAddress::v4(static_cast<std::uint32_t>(i)));
  }
}

TEST_F(AresResolverTest, ACancelledWaitIsSafe) {
  server.zones["both.test"].records = {{kA, kFour, 60}};
  server.zones["silent.test"].silent = true;
  {
    Task<Result<Resolution>> a = resolver.resolve("both.test");
    Task<Result<Resolution>> b = resolver.resolve("silent.test");
    EXPECT_EQ(resolver.in_flight(), 2U);
  }
  EXPECT_EQ(resolver.in_flight(), 2U) << "c-ares goes on; nobody waits";
  Time limit = clock.now() + 60s;
  while (resolver.in_flight() && clock.now() < limit) loop.turn(limit);
  EXPECT_EQ(resolver.in_flight(), 0U);
}

TEST_F(AresResolverTest, AResolverMayDieBeforeItsAnswers) {
  server.zones["silent.test"].silent = true;
  auto doomed = std::make_unique<AresResolver>(loop, poller, fast());
  Task<Result<Resolution>> waiting = doomed->resolve("silent.test");
  {
    Task<Result<Resolution>> abandoned = doomed->resolve("silent.test");
  }
  doomed.reset();
  EXPECT_FALSE(waiting.done()) << "nobody is resumed from inside a destructor";
  loop.turn(clock.now());
  ASSERT_TRUE(waiting.done());
  EXPECT_EQ(waiting.take().error().detail, "the resolver was stopped");
}

TEST_F(AresResolverTest, LiteralsAndTheHostsFileAnswerAtOnce) {
  AresOptions o = fast();
  o.hosts_file = true;
  AresResolver local(loop, poller, o);
  Task<Result<Resolution>> literal = local.resolve("2001:db8::1");
  ASSERT_TRUE(literal.done());
  EXPECT_EQ(literal.take()->addresses, std::vector{kSix});
  Task<Result<Resolution>> host = local.resolve("localhost");
  ASSERT_TRUE(host.done());
  Result<Resolution> r = host.take();
  ASSERT_TRUE(r) << r.error().detail;
  for (const IpAddress& ip : r->addresses) EXPECT_TRUE(ip.is_loopback());
  EXPECT_EQ(server.questions, 0);
}

}  // namespace
}  // namespace gatehouse::net
