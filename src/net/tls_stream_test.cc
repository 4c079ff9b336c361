#include "net/tls_stream.h"

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <optional>
#include <string>

#include "net/join.h"
#include "net/memory_network.h"
#include "net/tls_testing.h"

namespace gatehouse::net {
namespace {

constexpr Duration kProgress = 30s;

SocketAddress server_address() { return SocketAddress::of(IpAddress::v4(0x0a000001), 443); }

SliceList slices(std::string_view text) {
  SliceList list;
  list.add(Slice::unowned(text));
  return list;
}

std::string pattern(std::size_t size) {
  std::string s(size, '\0');
  for (std::size_t i = 0; i < size; ++i) s[i] = static_cast<char>('a' + (i * 7 + i / 26) % 26);
  return s;
}

const TestAuthority& authority() {
  static const TestAuthority made;
  return made;
}
const TlsIdentity& identity() {
  static const TlsIdentity made = authority().issue({.name = "DNS:server.test"});
  return made;
}

TlsServerContext::Settings server_settings() {
  TlsServerContext::Settings s;
  s.identities = {identity()};
  s.tickets = std::make_shared<RotatingTicketKeys>();
  s.scope = "public";
  return s;
}

std::shared_ptr<const TlsServerContext> server(TlsServerContext::Settings settings) {
  auto made = TlsServerContext::make(std::move(settings));
  EXPECT_TRUE(made) << (made ? "" : made.error().what);
  return made ? *made : nullptr;
}
std::shared_ptr<const TlsClientContext> client(TlsClientContext::Settings settings = {}) {
  if (settings.ca.empty()) settings.ca = authority().pem();
  auto made = TlsClientContext::make(settings);
  EXPECT_TRUE(made) << (made ? "" : made.error().what);
  return made ? *made : nullptr;
}

// A client and a server on hosts of their own, and what became of their handshakes.
class Pair {
 public:
  explicit Pair(std::uint64_t seed = 1, MemoryFaults faults = {})
      : world(seed, faults),
        server_host(world, server_address().ip),
        client_host(world, IpAddress::v4(0x0a000002)) {
    acceptor_ = *server_host.network.accept_on(*world.bind(server_address()));
  }

  void connect(std::shared_ptr<const TlsServerContext> s, std::shared_ptr<const TlsClientContext> c,
               const TlsServerName& to = {"server.test", nullptr}) {
    at_server.reset();
    at_client.reset();
    server_result.reset();
    client_result.reset();
    serving_ = accept(std::move(s));
    connecting_ = dial(std::move(c), to);
    EXPECT_TRUE(world.run_until([&] { return server_result && client_result; }, 60s));
  }
  bool good() const { return server_result && *server_result && client_result && *client_result; }

  // Sends both ways until `bytes` have come back unchanged.
  void exchange(const std::string& bytes) {
    auto echo = [](Stream& s, std::size_t n) -> Task<> {
      while (n > 0) {
        auto piece = co_await s.recv(BlockPool::kMedium, kNever);
        if (!piece || piece->empty()) co_return;
        n -= piece->size();
        if (!co_await s.send(std::move(*piece), kProgress)) co_return;
      }
    };
    auto send = [](Stream& s, const std::string& b) -> Task<> {
      (void)co_await s.send(slices(b), kProgress);
    };
    auto recv = [](Stream& s, std::size_t n, std::string& out) -> Task<> {
      while (out.size() < n) {
        auto piece = co_await s.recv(BlockPool::kMedium, kNever);
        if (!piece || piece->empty()) co_return;
        out += piece->view();
      }
    };
    std::string back;
    Task<> a = echo(*at_server, bytes.size());
    Task<> b = send(*at_client, bytes);
    Task<> c = recv(*at_client, bytes.size(), back);
    EXPECT_TRUE(world.run_until([&] { return a.done() && b.done() && c.done(); }, 600s));
    EXPECT_TRUE(back == bytes) << back.size() << " of " << bytes.size();
  }

  MemoryWorld world;
  MemoryHost server_host;
  MemoryHost client_host;
  std::unique_ptr<TlsStream> at_server;
  std::unique_ptr<TlsStream> at_client;
  std::optional<Result<void>> server_result;
  std::optional<Result<void>> client_result;

 private:
  Task<> accept(std::shared_ptr<const TlsServerContext> context) {
    StreamPtr stream;
    while (!stream) {
      co_await acceptor_->wait();
      if (auto got = acceptor_->try_accept(); got && *got) stream = std::move(*got);
    }
    at_server = std::make_unique<TlsStream>(std::move(stream), std::move(context));
    server_result = co_await at_server->handshake(after(server_host.loop.now(), 10s));
    if (!*server_result) at_server.reset();
  }
  Task<> dial(std::shared_ptr<const TlsClientContext> context, TlsServerName to) {
    auto stream = co_await client_host.network.connect(server_address(), kNever);
    if (!stream) {
      client_result = std::unexpected(stream.error());
      co_return;
    }
    at_client = std::make_unique<TlsStream>(std::move(*stream), std::move(context), to);
    client_result = co_await at_client->handshake(after(client_host.loop.now(), 10s));
    if (!*client_result) at_client.reset();
  }
  std::unique_ptr<Acceptor> acceptor_;
  Task<> serving_;
  Task<> connecting_;
};

template <class T>
T run(MemoryWorld& world, Task<T> task) {
  EXPECT_TRUE(world.run_until([&] { return task.done(); }, 600s));
  return task.take();
}
Task<Result<Slice>> receive(Stream& s, Duration patience = 60s) {
  co_return co_await s.recv(BlockPool::kSmall, after(s.loop().now(), patience));
}
Task<Result<void>> transmit(Stream& s, std::string_view bytes, Duration patience = kProgress) {
  co_return co_await s.send(slices(bytes), patience);
}

TEST(TlsStream, CarriesBytesBothWays) {
  Pair pair;
  pair.connect(server(server_settings()), client());
  ASSERT_TRUE(pair.good());
  EXPECT_EQ(pair.at_server->version(), "TLSv1.3");
  EXPECT_EQ(pair.at_server->server_name(), "server.test");
  EXPECT_EQ(pair.at_server->protocol(), "http/1.1");
  EXPECT_EQ(pair.at_client->protocol(), "http/1.1");
  EXPECT_FALSE(pair.at_server->resumed());
  pair.exchange("a");
  pair.exchange(pattern(1'000'000));
}

TEST(TlsStream, CarriesBytesInEveryMixOfPartialReadsAndDelays) {
  auto context = server(server_settings());
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    MemoryFaults faults{.partial_recv = 0.5,
                        .partial_send = 0.5,
                        .buffer_min = 4096,
                        .buffer_max = 65536,
                        .segment_max = 1 + seed * 97};
    faults.long_delay = seed % 3 == 0 ? 0.01 : 0;
    Pair pair(seed, faults);
    pair.connect(context, client());
    ASSERT_TRUE(pair.good());
    pair.exchange(pattern(100'000 + seed * 1000));
  }
}

TEST(TlsStream, SurvivesResetsAtAnyMoment) {
  auto context = server(server_settings());
  const std::string bytes = pattern(50'000);
  int stood = 0;
  int whole = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    MemoryFaults faults{
        .partial_recv = 0.3, .partial_send = 0.3, .reset = 0.6, .fin = 0.3, .break_within_bytes = 20'000};
    Pair pair(seed, faults);
    pair.connect(context, client());
    if (!pair.good()) continue;
    ++stood;
    auto say = [](Stream& s, const std::string& b) -> Task<> { (void)co_await s.send(slices(b), 5s); };
    auto hear = [](Stream& s, std::string& out) -> Task<> {
      for (;;) {
        auto piece = co_await s.recv(BlockPool::kSmall, after(s.loop().now(), 5s));
        if (!piece || piece->empty()) co_return;
        out += piece->view();
      }
    };
    std::string at_server;
    std::string at_client;
    Task<> tasks[] = {say(*pair.at_server, bytes), say(*pair.at_client, bytes),
                      hear(*pair.at_server, at_server), hear(*pair.at_client, at_client)};
    EXPECT_TRUE(pair.world.run_until(
        [&] { return std::ranges::all_of(tasks, [](auto& t) { return t.done(); }); }, 600s));
    EXPECT_TRUE(bytes.starts_with(at_server)) << "what comes is what was said, as far as it comes";
    EXPECT_TRUE(bytes.starts_with(at_client));
    whole += at_server.size() == bytes.size() && at_client.size() == bytes.size();
  }
  EXPECT_GT(stood, 50);
  EXPECT_GT(whole, 0);
  EXPECT_LT(whole, stood);
}

// A client of OpenSSL's own, that does what ours never would.
class PlainClient {
 public:
  Task<bool> connect(MemoryHost& host) {
    SSL_set_bio(ssl(), in_, out_);
    SSL_set_connect_state(ssl());
    auto stream = co_await host.network.connect(server_address(), kNever);
    if (!stream) co_return false;
    stream_ = std::move(*stream);
    while (SSL_do_handshake(ssl()) != 1)
      if (!co_await flush() || !co_await take()) co_return false;
    co_return co_await flush();
  }
  void change_keys(int times, int kind) {  // RFC 8446 section 4.6.3
    for (int i = 0; i < times; ++i) {
      SSL_key_update(ssl(), kind);
      SSL_do_handshake(ssl());
    }
  }
  void write(std::string_view data) { SSL_write(ssl(), data.data(), static_cast<int>(data.size())); }
  Task<bool> flush() {
    std::string bytes(BIO_ctrl_pending(out_), '\0');
    if (bytes.empty()) co_return true;
    BIO_read(out_, bytes.data(), static_cast<int>(bytes.size()));
    co_return (co_await stream_->send(slices(bytes), kProgress)).has_value();
  }
  // Until it has `size` bytes of data in all.
  Task<bool> hear(std::size_t size) {
    while (received.size() < size) {
      char piece[4096];
      int n = SSL_read(ssl(), piece, sizeof piece);
      if (n > 0) {
        received.append(piece, static_cast<std::size_t>(n));
      } else if (SSL_get_error(ssl(), n) != SSL_ERROR_WANT_READ || !co_await take()) {
        co_return false;
      }
    }
    co_return true;
  }
  std::string received;

 private:
  SSL* ssl() const { return ssl_.get(); }
  Task<bool> take() {
    auto more = co_await stream_->recv(BlockPool::kMedium, kNever);
    if (!more || more->empty()) co_return false;
    BIO_write(in_, more->data(), static_cast<int>(more->size()));
    co_return true;
  }
  std::unique_ptr<SSL_CTX, FreeWith<&SSL_CTX_free>> context_{SSL_CTX_new(TLS_client_method())};
  std::unique_ptr<SSL, FreeWith<&SSL_free>> ssl_{SSL_new(context_.get())};
  BIO* in_ = BIO_new(BIO_s_mem());  // ssl_'s, once it is connected
  BIO* out_ = BIO_new(BIO_s_mem());
  StreamPtr stream_;
};

// A server of ours that has shaken hands with it.
class OneSide {
 public:
  explicit OneSide(MemoryFaults faults = {}) : world(1, faults) {
    auto acceptor = *server_host.network.accept_on(*world.bind(server_address()));
    Task<bool> connecting = client.connect(client_host);
    world.run_for(1s);
    auto accepted = acceptor->try_accept();
    EXPECT_TRUE(accepted && *accepted);
    stream = std::make_unique<TlsStream>(std::move(*accepted), server(server_settings()));
    EXPECT_TRUE(run(world, stream->handshake(kNever)));
    EXPECT_TRUE(run(world, std::move(connecting)));
  }
  MemoryWorld world;
  MemoryHost server_host{world, server_address().ip};
  MemoryHost client_host{world, IpAddress::v4(0x0a000002)};
  PlainClient client;
  std::unique_ptr<TlsStream> stream;
};

TEST(TlsStream, AFloodOfKeyUpdatesIsBrokenOff) {
  for (bool flood : {false, true}) {
    OneSide one;
    one.client.change_keys(flood ? 5000 : 500, SSL_KEY_UPDATE_NOT_REQUESTED);
    one.client.write("data");
    Task<bool> sending = one.client.flush();
    auto got = run(one.world, receive(*one.stream));
    EXPECT_EQ(got.has_value(), !flood);
    if (got) EXPECT_EQ(got->view(), "data");
  }
}

TEST(TlsStream, AnswersThePeersTlsWhileASendIsUnderWay) {
  OneSide one({.buffer_min = 65536, .buffer_max = 65536});
  const std::string much = pattern(1'000'000);
  Task<Result<void>> sending = transmit(*one.stream, much, 60s);
  Task<Result<Slice>> receiving = receive(*one.stream);
  one.world.run_for(1s);
  one.client.change_keys(50, SSL_KEY_UPDATE_REQUESTED);  // each has to be answered
  one.client.write("data");
  ASSERT_TRUE(run(one.world, one.client.flush()));
  EXPECT_EQ(run(one.world, std::move(receiving))->view(), "data");
  EXPECT_FALSE(sending.done()) << "the client has read nothing yet";
  ASSERT_TRUE(run(one.world, one.client.hear(much.size())));
  EXPECT_TRUE(one.client.received == much);
  EXPECT_TRUE(run(one.world, std::move(sending)));
  EXPECT_TRUE(run(one.world, transmit(*one.stream, "and more")));
  ASSERT_TRUE(run(one.world, one.client.hear(much.size() + 8)));
  EXPECT_TRUE(one.client.received.ends_with("and more"));
}

// The reader has begun to send answers, which the client does not take; then comes a writer.
TEST(TlsStream, ASendBehindTheReadersAnswersHasItsOwnPatience) {
  for (bool reads : {true, false}) {
    OneSide one({.buffer_min = 4096, .buffer_max = 4096});
    const std::string first = pattern(2500);
    ASSERT_TRUE(run(one.world, transmit(*one.stream, first)));
    one.client.change_keys(120, SSL_KEY_UPDATE_REQUESTED);
    one.client.write("data");
    ASSERT_TRUE(run(one.world, one.client.flush()));
    EXPECT_EQ(run(one.world, receive(*one.stream))->view(), "data");
    Time before = one.server_host.loop.now();
    Task<Result<void>> sending = transmit(*one.stream, "second", 5s);
    one.world.run_for(2s);
    EXPECT_FALSE(sending.done());
    if (reads) {
      ASSERT_TRUE(run(one.world, one.client.hear(first.size() + 6)));
      EXPECT_TRUE(one.client.received == first + "second");
      EXPECT_TRUE(run(one.world, std::move(sending)));
    } else {
      auto sent = run(one.world, std::move(sending));
      ASSERT_FALSE(sent);
      EXPECT_EQ(sent.error().code, Errc::io_timeout);
      EXPECT_GE(one.server_host.loop.now() - before, 5s);
      EXPECT_LT(one.server_host.loop.now() - before, 8s);
    }
  }
}

TEST(TlsStream, AnIdleConnectionHoldsNoBlock) {
  Pair pair;
  pair.connect(server(server_settings()), client());
  ASSERT_TRUE(pair.good());
  pair.exchange(pattern(100'000));
  Task<Result<Slice>> waiting = receive(*pair.at_server);
  pair.world.run_for(1s);
  EXPECT_FALSE(waiting.done());
  EXPECT_EQ(pair.server_host.loop.blocks().in_use(), 0U);
  EXPECT_EQ(pair.client_host.loop.blocks().in_use(), 0U);
}

TEST(TlsStream, AnOrderlyEndIsOne) {
  Pair pair;
  pair.connect(server(server_settings()), client());
  ASSERT_TRUE(pair.good());
  ASSERT_TRUE(run(pair.world, transmit(*pair.at_server, "last words")));
  pair.at_server->shutdown_send();
  EXPECT_EQ(run(pair.world, receive(*pair.at_client))->view(), "last words");
  auto end = run(pair.world, receive(*pair.at_client));
  ASSERT_TRUE(end);
  EXPECT_TRUE(end->empty());
}

TEST(TlsStream, DestroyingIsAnOrderlyEnd) {
  Pair pair;
  pair.connect(server(server_settings()), client());
  ASSERT_TRUE(pair.good());
  pair.at_server.reset();
  auto end = run(pair.world, receive(*pair.at_client));
  ASSERT_TRUE(end);
  EXPECT_TRUE(end->empty());
}

TEST(TlsStream, AnEndWithoutCloseNotifyIsAnError) {
  Pair pair;
  pair.connect(server(server_settings()), client());
  ASSERT_TRUE(pair.good());
  pair.at_server->inner().shutdown_send();  // a FIN, as an attacker on the way could send it
  auto end = run(pair.world, receive(*pair.at_client));
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, Errc::io_reset);
}

TEST(TlsStream, AnAnswerThatWasCutIsNoOrderlyEnd) {
  Pair pair;
  pair.connect(server(server_settings()), client());
  ASSERT_TRUE(pair.good());
  pair.at_server->reset_on_close();
  pair.at_server.reset();
  EXPECT_FALSE(run(pair.world, receive(*pair.at_client)));
}

TEST(TlsStream, GarbageBreaksItOff) {
  Pair pair;
  pair.connect(server(server_settings()), client());
  ASSERT_TRUE(pair.good());
  ASSERT_TRUE(run(pair.world, transmit(pair.at_client->inner(), "GET / HTTP/1.1\r\n\r\n and more of it")));
  auto got = run(pair.world, receive(*pair.at_server));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Errc::io_reset);
  EXPECT_FALSE(run(pair.world, transmit(*pair.at_server, "too late")));
}

TEST(TlsStream, TellsClearTextFromTls) {
  MemoryWorld world(1);
  MemoryHost s(world, server_address().ip);
  MemoryHost c(world, IpAddress::v4(0x0a000002));
  auto acceptor = *s.network.accept_on(*world.bind(server_address()));
  auto dial = [&]() -> Task<Result<StreamPtr>> {
    co_return co_await c.network.connect(server_address(), kNever);
  };
  auto plain = run(world, dial());
  ASSERT_TRUE(plain);
  ASSERT_TRUE(run(world, transmit(**plain, "GET / HTTP/1.1\r\n")));
  world.run_for(1s);
  auto accepted = acceptor->try_accept();
  ASSERT_TRUE(accepted && *accepted);
  TlsStream stream(std::move(*accepted), server(server_settings()));
  auto result = run(world, stream.handshake(after(s.loop.now(), 10s)));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::tls_not_tls);
  ASSERT_TRUE(run(world, transmit(stream.inner(), "HTTP/1.1 400 Bad Request\r\n\r\n")));
  EXPECT_EQ(run(world, receive(**plain))->view(), "HTTP/1.1 400 Bad Request\r\n\r\n");
}

TEST(TlsStream, ASilentClientRunsIntoTheDeadline) {
  MemoryWorld world(1);
  MemoryHost s(world, server_address().ip);
  MemoryHost c(world, IpAddress::v4(0x0a000002));
  auto acceptor = *s.network.accept_on(*world.bind(server_address()));
  auto dial = [&]() -> Task<Result<StreamPtr>> {
    co_return co_await c.network.connect(server_address(), kNever);
  };
  auto plain = run(world, dial());
  world.run_for(1s);
  auto accepted = acceptor->try_accept();
  ASSERT_TRUE(accepted && *accepted);
  TlsStream stream(std::move(*accepted), server(server_settings()));
  Time before = s.loop.now();
  auto result = run(world, stream.handshake(after(before, 10s)));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::io_timeout);
  EXPECT_GE(s.loop.now() - before, 10s);
}

TEST(TlsStream, AReaderThatDoesNotReadIsGivenUp) {
  Pair pair(1, {.buffer_min = 65536, .buffer_max = 65536});
  pair.connect(server(server_settings()), client());
  ASSERT_TRUE(pair.good());
  Time before = pair.server_host.loop.now();
  std::string much = pattern(1'000'000);
  auto sent = run(pair.world, transmit(*pair.at_server, much, 5s));
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, Errc::io_timeout);
  EXPECT_GE(pair.server_host.loop.now() - before, 5s);
  EXPECT_LT(pair.server_host.loop.now() - before, 8s);
}

TEST(TlsStream, ASlowReaderIsWaitedForAsLongAsItReads) {
  Pair pair(1, {.buffer_min = 65536, .buffer_max = 65536});
  pair.connect(server(server_settings()), client());
  ASSERT_TRUE(pair.good());
  std::string much = pattern(400'000);
  Task<Result<void>> sending = transmit(*pair.at_server, much, 60s);
  std::size_t seen = 0;
  while (!sending.done()) {
    pair.world.run_for(3s);
    auto piece = run(pair.world, receive(*pair.at_client));
    ASSERT_TRUE(piece);
    seen += piece->size();
    ASSERT_LE(seen, much.size());
  }
  EXPECT_TRUE(sending.take());
}

TEST(TlsStream, TicketsDoNotMakeAPooledConnectionStale) {
  Pair pair;
  auto slot = std::make_shared<TlsSessionSlot>();
  pair.connect(server(server_settings()), client(), {"server.test", slot});
  ASSERT_TRUE(pair.good());
  pair.world.run_for(1s);  // the tickets have come
  EXPECT_FALSE(pair.at_client->probe_stale());
  EXPECT_FALSE(pair.at_client->stale());
  EXPECT_TRUE(slot->session);
  ASSERT_TRUE(run(pair.world, transmit(*pair.at_server, "unasked")));
  pair.world.run_for(1s);
  EXPECT_TRUE(pair.at_client->probe_stale());
}

TEST(TlsStream, AClosedPooledConnectionIsStale) {
  Pair pair;
  pair.connect(server(server_settings()), client());
  ASSERT_TRUE(pair.good());
  pair.at_server.reset();
  pair.world.run_for(1s);
  EXPECT_TRUE(pair.at_client->stale());
  EXPECT_TRUE(pair.at_client->probe_stale());
}

// ---- certificates

Result<void> dial(std::shared_ptr<const TlsServerContext> s, TlsClientContext::Settings c,
                  const std::string& host = "server.test") {
  Pair pair;
  pair.connect(std::move(s), client(std::move(c)), {host, nullptr});
  return *pair.client_result;
}

TEST(TlsCertificates, OfAServiceAreVerified) {
  TestAuthority other("another");
  auto with = [](const TlsIdentity& id) {
    auto settings = server_settings();
    settings.identities = {id};
    return server(settings);
  };
  auto reason = [](const Result<void>& r) { return r ? std::string("good") : std::string(r.error().detail); };
  EXPECT_EQ(reason(dial(with(identity()), {})), "good");
  EXPECT_EQ(reason(dial(with(identity()), {}, "other.test")), "hostname mismatch");
  EXPECT_EQ(
      reason(dial(with(authority().issue({.name = "DNS:server.test", .from = -7200, .until = -3600})), {})),
      "certificate has expired");
  EXPECT_EQ(reason(dial(with(authority().issue({.name = "DNS:server.test", .from = 3600})), {})),
            "certificate is not yet valid");
  EXPECT_EQ(reason(dial(with(other.issue({.name = "DNS:server.test"})), {})),
            "unable to get local issuer certificate");
  EXPECT_EQ(reason(dial(with(authority().issue({.common = "server.test"})), {})), "hostname mismatch")
      << "the subject is no name";
  EXPECT_EQ(reason(dial(with(other.issue({.name = "DNS:x"})), {.verify = false})), "good");
  EXPECT_EQ(reason(dial(with(authority().issue({.name = "IP:10.0.0.1"})), {}, "10.0.0.1")), "good");
  EXPECT_EQ(reason(dial(with(authority().issue({.name = "IP:10.0.0.2"})), {}, "10.0.0.1")),
            "IP address mismatch");
  auto refused = dial(with(identity()), {}, "other.test");
  EXPECT_EQ(refused.error().code, Errc::tls_certificate);
}

TEST(TlsCertificates, AreChosenBySni) {
  auto settings = server_settings();
  settings.identities = {authority().issue({.name = "DNS:default.test", .common = "default"}),
                         authority().issue({.name = "DNS:*.wild.test,DNS:wild.test", .common = "wild"}),
                         authority().issue({.name = "DNS:exact.wild.test", .common = "exact"})};
  auto context = server(settings);
  EXPECT_TRUE(dial(context, {}, "default.test"));
  EXPECT_TRUE(dial(context, {}, "a.wild.test"));
  EXPECT_TRUE(dial(context, {}, "wild.test"));
  EXPECT_TRUE(dial(context, {}, "exact.wild.test"));
  EXPECT_FALSE(dial(context, {}, "a.b.wild.test"));
  EXPECT_EQ(context->choose("EXACT.wild.TEST").names, (std::vector<std::string>{"exact.wild.test"}));
  EXPECT_EQ(&context->choose("unknown.test"), &context->choose("default.test"));
  EXPECT_EQ(&context->choose(""), &context->choose("default.test"));
  const auto& first = context->choose("default.test");
  EXPECT_TRUE(context->speaks_for(first, "default.test"));
  EXPECT_FALSE(context->speaks_for(first, "x.wild.test")) << "another of ours does";
  EXPECT_TRUE(context->speaks_for(first, "unknown.test")) << "none of ours does";
}

TEST(TlsCertificates, OfTwoKindsStandSideBySide) {
  auto settings = server_settings();
  settings.identities = {authority().issue({.name = "DNS:server.test", .rsa = true}), identity()};
  auto context = server(settings);
  EXPECT_EQ(&context->choose("server.test"), &context->choose("")) << "one bundle for both";
  EXPECT_TRUE(dial(context, {}));
}

TEST(TlsCertificates, WrongOnesAreNamed) {
  auto trouble = [](TlsServerContext::Settings s) {
    auto made = TlsServerContext::make(std::move(s));
    return made ? std::string()
                : std::to_string(static_cast<int>(made.error().part)) +
                      std::to_string(made.error().identity) + " " + made.error().what;
  };
  auto settings = server_settings();
  settings.identities.push_back({identity().chain, authority().issue({}).key});
  EXPECT_EQ(trouble(settings), "11 does not belong to the certificate");
  settings = server_settings();
  settings.identities[0].chain = "nonsense";
  EXPECT_EQ(trouble(settings), "00 holds no PEM certificate");
  settings = server_settings();
  settings.identities[0].key.resize(settings.identities[0].key.size() / 2);
  EXPECT_EQ(trouble(settings), "10 holds no PEM private key that can be read without a pass phrase");
  settings = server_settings();
  settings.client = TlsServerContext::ClientCertificate::required;
  EXPECT_EQ(trouble(settings), "20 holds no PEM certificate");
}

TEST(TlsCertificates, OfClientsAreDataOfTheConnection) {
  auto settings = server_settings();
  settings.client_ca = authority().pem();
  settings.client = TlsServerContext::ClientCertificate::required;
  auto required = server(settings);
  TlsIdentity mesh =
      authority().issue({.name = "URI:spiffe://mesh/orders,DNS:orders.mesh", .common = "orders"});
  {
    Pair pair;
    pair.connect(required, client({.identity = mesh}));
    ASSERT_TRUE(pair.good());
    const TlsPeer* peer = pair.at_server->certificate();
    ASSERT_TRUE(peer);
    EXPECT_EQ(peer->subject, "CN=orders");
    EXPECT_EQ(peer->names, (std::vector<std::string>{"spiffe://mesh/orders", "orders.mesh"}));
    EXPECT_EQ(peer->sha256.size(), 64U);
    pair.exchange("hello");
  }
  {
    Pair pair;
    pair.connect(required, client());
    ASSERT_FALSE(*pair.server_result);
    EXPECT_EQ(pair.server_result->error().code, Errc::tls_certificate);
  }
  {
    Pair pair;
    pair.connect(required, client({.identity = TestAuthority("stranger").issue({.common = "orders"})}));
    ASSERT_FALSE(*pair.server_result);
    EXPECT_EQ(pair.server_result->error().code, Errc::tls_certificate);
  }
  settings.client = TlsServerContext::ClientCertificate::optional;
  Pair pair;
  pair.connect(server(settings), client());
  ASSERT_TRUE(pair.good());
  EXPECT_FALSE(pair.at_server->certificate());
}

TEST(TlsCertificates, AnAuthorityBelowAnotherIsTrustedByItself) {
  TestAuthority below("below", authority());
  auto settings = server_settings();
  settings.client_ca = below.pem();
  settings.client = TlsServerContext::ClientCertificate::required;
  auto server_result = [&](const TlsIdentity& shown) {
    Pair pair;
    pair.connect(server(settings), client({.identity = shown}));
    return *pair.server_result;
  };
  EXPECT_TRUE(server_result(below.issue({.common = "orders"})));
  EXPECT_FALSE(server_result(authority().issue({.common = "orders"}))) << "what stands above it is not";
  EXPECT_FALSE(server_result(TestAuthority("below", TestAuthority()).issue({.common = "orders"})))
      << "nor another of its name";
  settings.client_ca = authority().pem();
  TlsIdentity with_chain = below.issue({.common = "orders"});
  EXPECT_FALSE(server_result(with_chain)) << "the link between them is missing";
  with_chain.chain += below.pem();
  EXPECT_TRUE(server_result(with_chain));
}

// ---- sessions

// Whether a second connection goes on with the session of the first.
bool resumes(std::shared_ptr<const TlsServerContext> first, std::shared_ptr<const TlsServerContext> second,
             Duration between = 1s, TlsClientContext::Settings c = {}) {
  Pair pair;
  auto slot = std::make_shared<TlsSessionSlot>();
  auto context = client(std::move(c));
  pair.connect(std::move(first), context, {"server.test", slot});
  EXPECT_TRUE(pair.good());
  pair.exchange("hello");  // with it come the tickets
  EXPECT_TRUE(slot->session);
  pair.at_client.reset();
  pair.at_server.reset();
  pair.world.run_for(between);
  pair.connect(std::move(second), context, {"server.test", slot});
  EXPECT_TRUE(pair.good());
  pair.exchange("hello again");
  EXPECT_EQ(pair.at_server->resumed(), pair.at_client->resumed());
  return pair.at_server->resumed();
}

TEST(TlsSessions, GoOnOnTheSameListener) {
  auto settings = server_settings();
  auto context = server(settings);
  EXPECT_TRUE(resumes(context, context));
  EXPECT_TRUE(resumes(context, server(settings))) << "a reload keeps the keys";
}

TEST(TlsSessions, AreGivenANewTicketEachTime) {
  auto context = server(server_settings());
  auto dialer = client();
  Pair pair;
  auto slot = std::make_shared<TlsSessionSlot>();
  for (int i = 0; i < 6; ++i) {
    pair.connect(context, dialer, {"server.test", slot});
    ASSERT_TRUE(pair.good());
    EXPECT_EQ(pair.at_server->resumed(), i > 0) << i;
    slot->session.reset();  // used once, as RFC 8446 asks for
    pair.exchange("hello");
    ASSERT_TRUE(slot->session) << i;
    pair.at_client.reset();
    pair.at_server.reset();
  }
}

TEST(TlsSessions, EndWithTheCertificateThatTheyStandOn) {
  auto settings = server_settings();
  settings.client_ca = authority().pem();
  settings.client = TlsServerContext::ClientCertificate::required;
  auto context = server(settings);
  // OpenSSL verifies by the system's clock: the simulated one begins there, and goes on alone.
  auto connect_after = [&](Duration wait) {
    Pair pair;
    auto slot = std::make_shared<TlsSessionSlot>();
    auto dialer = client({.identity = authority().issue({.common = "orders", .until = 7200})});
    pair.world.clock().shift_wall(std::chrono::system_clock::now() - pair.world.clock().wall());
    pair.world.run_for(2s);
    pair.connect(context, dialer, {"server.test", slot});
    EXPECT_TRUE(pair.good());
    pair.exchange("hello");
    pair.world.run_for(wait);
    pair.connect(context, dialer, {"server.test", slot});
    EXPECT_TRUE(pair.good());
    EXPECT_TRUE(pair.at_server->certificate()) << "resumed or not, who it is is known";
    return pair.at_server->resumed();
  };
  EXPECT_TRUE(connect_after(1h));
  EXPECT_FALSE(connect_after(3h));
}

TEST(TlsSessions, EndWithTheKeysOfTheirTickets) {
  auto after = [](Duration between) {  // keys of its own: every call has a clock of its own
    auto context = server(server_settings());
    return resumes(context, context, between);
  };
  EXPECT_TRUE(after(9h)) << "the key before";
  EXPECT_FALSE(after(25h));
  EXPECT_FALSE(resumes(server(server_settings()), server(server_settings()))) << "other keys";
}

TEST(TlsSessions, DoNotGoFromOneListenerToAnother) {
  auto settings = server_settings();
  auto open = server(settings);
  settings.scope = "internal";
  EXPECT_FALSE(resumes(open, server(settings)));
  settings.scope = "public";
  settings.client_ca = authority().pem();
  settings.client = TlsServerContext::ClientCertificate::optional;
  auto optional = server(settings);
  TlsClientContext::Settings mesh{.identity = authority().issue({.common = "orders"})};
  EXPECT_FALSE(resumes(open, optional, 1s, mesh)) << "now it asks for a certificate";
  EXPECT_TRUE(resumes(optional, optional, 1s, mesh));
  settings.client = TlsServerContext::ClientCertificate::required;
  EXPECT_FALSE(resumes(optional, server(settings), 1s, mesh));
  settings.client = TlsServerContext::ClientCertificate::optional;
  settings.client_ca = authority().pem() + TestAuthority("one more").pem();
  EXPECT_FALSE(resumes(optional, server(settings), 1s, mesh)) << "another set of CAs";
}

}  // namespace
}  // namespace gatehouse::net
