#include "sim/service.h"

#include <openssl/ssl.h>

#include <algorithm>

#include "net/tls_stream.h"
#include "sim/certificates.h"
#include "sim/health.h"
#include "sim/malformed.h"
#include "sim/payload.h"
#include "sim/setting.h"
#include "sim/tunnel.h"

namespace gatehouse::sim {
namespace {

constexpr Duration kPatience = 120s;

bool has_no_body(std::string_view method, std::uint16_t status) {
  return method == "HEAD" || status == 204 || status == 304;
}

}  // namespace

Services::Services(net::MemoryWorld& world, Ledger& ledger, std::uint64_t seed)
    : world_(world), ledger_(ledger), random_(seed), host_(world), connections_(host_.loop, 100'000) {}

void Services::add(const std::string& service, IpAddress ip) {
  add(service, net::SocketAddress::of(ip, kServicePort));
}

// One a service: they share nothing, as processes do not.
std::shared_ptr<const net::TlsServerContext> Services::context(const std::string& identity) const {
  net::TlsServerContext::Settings settings;
  settings.identities.push_back({pem(identity + ".pem"), pem(identity + "-key.pem")});
  settings.scope = "service";
  settings.tickets = std::make_shared<net::RotatingTicketKeys>();
  auto made = net::TlsServerContext::make(std::move(settings));
  if (ledger_.plan().tls.old_services)
    SSL_CTX_set_max_proto_version((*made)->choose({}).context.get(), TLS1_2_VERSION);
  return *made;
}

void Services::add(const std::string& service, const net::SocketAddress& address) {
  const Plan& plan = ledger_.plan();
  auto endpoint = std::make_unique<Endpoint>();
  endpoint->service = service;
  if (service == "alpha")
    endpoint->alpha = static_cast<std::size_t>(std::ranges::find(kAlpha, address.ip) - kAlpha.begin());
  endpoint->impostor = plan.tls.impostor && endpoint->alpha == kAlpha.size() - 1;
  if (speaks_tls(plan, service)) endpoint->tls = context(endpoint->impostor ? "impostor" : "service");
  auto socket = world_.bind(address);
  endpoint->acceptor = std::move(*host_.network.accept_on(std::move(*socket)));
  endpoint->accepting = accept(*endpoint);
  endpoints_.push_back(std::move(endpoint));
}

net::Task<void> Services::accept(Endpoint& endpoint) {
  for (;;) {
    co_await endpoint.acceptor->wait();
    for (;;) {
      auto stream = endpoint.acceptor->try_accept();
      if (!stream) {
        co_await net::sleep_for(host_.loop, 10ms);
        continue;
      }
      if (!*stream) break;
      connections_.adopt(serve(std::move(*stream), endpoint));
    }
  }
}

// Some services close what is idle when they like: a request may be on its way then.
Duration Services::idle_patience() {
  if (random_.unit() >= ledger_.plan().idle_close) return kPatience;
  return Duration(1ms) * random_.below(300);
}

net::Task<void> Services::serve(net::StreamPtr stream, Endpoint& endpoint) {
  if (endpoint.tls) stream = co_await shake_hands(std::move(stream), endpoint);
  if (!stream) co_return;
  WireReader in(*stream);
  WireHead head;
  for (Duration patience = kPatience; co_await in.head(head, patience); patience = idle_patience())
    if (!co_await exchange(*stream, in, head, endpoint)) break;
  if (endpoint.tls) co_await close_in_order(*stream);
}

// What TLS says last must not be cut off by the end of the connection: where that ends the answer, it would
// look as if something were missing.
net::Task<void> Services::close_in_order(net::Stream& stream) {
  stream.shutdown_send();
  Time patience = after(host_.loop.now(), 2s);
  for (;;) {
    auto bytes = co_await stream.recv(4096, patience);
    if (!bytes || bytes->empty()) co_return;
  }
}

net::Task<net::StreamPtr> Services::shake_hands(net::StreamPtr stream, Endpoint& endpoint) {
  if (random_.unit() < ledger_.plan().tls.failing_services)
    co_return co_await fail_handshake(std::move(stream), endpoint);
  auto tls = std::make_unique<net::TlsStream>(std::move(stream), endpoint.tls);
  if (!co_await tls->handshake(after(host_.loop.now(), kPatience))) co_return nullptr;
  if (endpoint.impostor) ledger_.violate("an impostor is trusted");
  ledger_.trace("{}: {}{}", endpoint.service, tls->version(), tls->resumed() ? ", resumed" : "");
  co_return net::StreamPtr(std::move(tls));
}

// Not null if it was too quick to be broken off.
net::Task<net::StreamPtr> Services::fail_handshake(net::StreamPtr stream, Endpoint& endpoint) {
  auto how = random_.below(5);
  ledger_.trace("{}: fails a handshake ({})", endpoint.service, how);
  switch (how) {
    case 0: stream->reset_on_close(); co_return nullptr;
    case 1: co_return nullptr;
    case 2:  // says nothing
      while (true) {
        auto bytes = co_await stream->recv(4096, after(host_.loop.now(), kPatience));
        if (!bytes || bytes->empty()) co_return nullptr;
      }
    case 3:
      (void)co_await send_text(*stream, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", kPatience);
      co_return nullptr;
    default: break;
  }
  auto tls = std::make_unique<net::TlsStream>(std::move(stream), endpoint.tls);
  auto within = Duration(1us) * random_.below(random_.below(2) ? 1000 : 100'000);
  if (co_await tls->handshake(after(host_.loop.now(), within))) co_return net::StreamPtr(std::move(tls));
  if (random_.below(2)) tls->reset_on_close();
  co_return nullptr;
}

net::Task<bool> Services::answer_check(net::Stream& stream, Endpoint& endpoint) {
  const HealthPlan::Spell* spell = failing(ledger_, endpoint.alpha);
  ledger_.trace("{}: is checked, and {}", endpoint.service, spell ? "fails" : "is well");
  if (!spell) co_return co_await send_text(stream, "HTTP/1.1 204 No Content\r\n\r\n", kPatience);
  switch (spell->failing) {
    case HealthPlan::Failing::status:
      co_return co_await send_text(stream, "HTTP/1.1 500 Sick\r\nContent-Length: 4\r\n\r\nsick", kPatience);
    case HealthPlan::Failing::close: break;
    case HealthPlan::Failing::silence:
      (void)co_await stream.recv(4096, after(host_.loop.now(), kPatience));
      break;
  }
  co_return false;
}

// Looks at what came, before anything else may be wrong with it.
bool Services::arrive(const WireHead& head, const Endpoint& endpoint, Arrived& a) {
  const std::string& service = endpoint.service;
  a.method = head.line.substr(0, head.line.find(' '));
  a.id = request_id_in(head.line);
  a.entry = ledger_.find(a.id);
  if (!a.entry) {
    ledger_.violate(fmt::format("{}: a request that nobody sent: {}", service, head.line));
    return false;
  }
  Entry& e = *a.entry;
  a.attempt = e.deliveries.size();
  e.deliveries.push_back({service, endpoint.alpha, ledger_.now(), kNever});
  ledger_.trace("r{}: at {}, attempt {}: {}", a.id, service, a.attempt, head.line);
  if (!may_answer(service, *e.plan) || e.deliveries.front().service != service)
    ledger_.violate(fmt::format("r{}: went to {} (and {})", a.id, service, e.deliveries.front().service));
  if (shut_out(*e.plan, e.from))
    ledger_.violate(fmt::format("r{}: {} was let in to {}", a.id, to_string(e.from), service));
  check_head(head, a);
  check_edits(head, a);
  a.set = head.value("x-sim-set");
  if (e.plan->misbehaviour == Misbehaviour::malformed)
    ledger_.violate(fmt::format("r{}: a malformed request was forwarded", a.id));
  if (e.plan->unsafe() && e.deliveries.size() > 1)
    ledger_.violate(fmt::format("r{}: {} was delivered {} times", a.id, a.method, e.deliveries.size()));
  if (e.deliveries.size() > 4) ledger_.violate(fmt::format("r{}: tried {} times", a.id, e.deliveries.size()));
  return true;
}

void Services::check_head(const WireHead& head, const Arrived& a) {
  const Entry& e = *a.entry;
  if (head.value("x-sim-id") != std::to_string(a.id))
    ledger_.violate(fmt::format("r{}: arrived with the headers of `{}`", a.id, head.value("x-sim-id")));
  if (a.method != e.plan->method) ledger_.violate(fmt::format("r{}: arrived as {}", a.id, a.method));
  if (head.line != fmt::format("{} {} HTTP/1.1", e.plan->method, arrives_as(*e.plan)))
    ledger_.violate(fmt::format("r{}: arrived as `{}`", a.id, head.line));
  std::string_view connection = e.plan->tunnel ? "Upgrade" : "";
  if (head.count("host") != 1 || head.value("connection") != connection || head.has("expect"))
    ledger_.violate(fmt::format("r{}: arrived with headers of the client's connection", a.id));
  if (head.count("x-forwarded-for") != 1 || head.value("x-forwarded-for") != to_string(e.from))
    ledger_.violate(fmt::format("r{}: arrived as if from {}", a.id, head.value("x-forwarded-for")));
}

// `headers` of the service, on the request: nothing but what they say has changed.
void Services::check_edits(const WireHead& head, const Arrived& a) {
  bool good = true;
  if (edited(*a.entry->plan)) {
    good = head.count("x-sim-set") == 1 && head.value("x-sim-set").starts_with("generation-") &&
           !head.has("x_sim_set") && !head.has("x-sim-secret") && head.value("x-sim-add") == "added";
  } else {
    good = head.count("x-sim-set") == 1 && head.value("x-sim-set") == "forged" && head.has("x_sim_set") &&
           head.value("x-sim-secret") == "mine" && !head.has("x-sim-add");
  }
  if (!good) ledger_.violate(fmt::format("r{}: its headers were not edited as configured", a.id));
}

net::Task<bool> Services::exchange(net::Stream& stream, WireReader& in, const WireHead& head,
                                   Endpoint& endpoint) {
  if (head.line == "GET /health HTTP/1.1") co_return co_await answer_check(stream, endpoint);
  const std::string& service = endpoint.service;
  Arrived a;
  if (!arrive(head, endpoint, a)) co_return false;
  const ServicePlan& plan = a.entry->plan->act(a.attempt);
  if (plan.act == Act::early) {
    if (!co_await act(stream, in, a, service, 0)) co_return false;
    co_return co_await read_body(in, head, a) && !plan.close;
  }
  if (!co_await read_body(in, head, a)) {
    ledger_.trace("r{}: the rest did not arrive at {}", a.id, service);
    co_return false;
  }
  std::uint64_t seen = digest(payload(a.id, a.entry->plan->body.size));
  co_return co_await act(stream, in, a, service, seen) && !plan.close;
}

net::Task<bool> Services::read_body(WireReader& in, const WireHead& head, Arrived& a) {
  Entry& e = *a.entry;
  auto framing = framing_of(head, BodyKind::none);
  if (!framing) {
    ledger_.violate(fmt::format("r{}: arrived with contradictory framing", a.id));
    co_return false;
  }
  std::string body;
  WireHead trailers;
  a.whole = co_await in.body(*framing, body, trailers, kPatience);
  const BodyPlan& sent = e.plan->body;
  std::string_view right = payload(a.id, sent.kind == BodyKind::none ? 0 : sent.size);
  if (in.end() == WireEnd::malformed) ledger_.violate(fmt::format("r{}: arrived with broken chunks", a.id));
  if (!right.starts_with(body))
    ledger_.violate(fmt::format("r{}: {} bytes of its body arrived changed", a.id, body.size()));
  if (!a.whole) co_return false;
  if (body != right)
    ledger_.violate(fmt::format("r{}: {} bytes arrived of {}", a.id, body.size(), right.size()));
  if (sent.trailers && trailers.value(kTrailer) != std::to_string(a.id))
    ledger_.violate(fmt::format("r{}: arrived without its trailers", a.id));
  if (e.plan->misbehaviour == Misbehaviour::broken_chunk)
    ledger_.violate(fmt::format("r{}: a broken body arrived as if it were whole", a.id));
  if (ledger_.plan().too_large(sent))
    ledger_.violate(fmt::format("r{}: {} bytes arrived, more than max_body", a.id, body.size()));
  e.deliveries[a.attempt].read_at = ledger_.now();
  co_return true;
}

std::string Services::head_of(const Arrived& a, const ServicePlan& plan, const std::string& service,
                              std::uint64_t seen) const {
  std::string out = fmt::format(
      "HTTP/1.1 {} Whatever\r\nX-Sim-Id: {}\r\nX-Sim-Attempt: {}\r\nX-Sim-Service: {}\r\nX-Sim-Got: {}\r\n"
      "Server: secret/1.0\r\nX-Sim-Internal: 1\r\nX-Sim-Policy: own\r\nX-Sim-Extra: own\r\n",
      plan.status, a.id, a.attempt, service, a.set);
  if (plan.act != Act::early) out += fmt::format("X-Sim-Digest: {}\r\n", seen);
  if (plan.close && plan.status != 101) out += "Connection: close\r\n";
  if (plan.keep_alive) out += fmt::format("Keep-Alive: timeout={}\r\n", plan.keep_alive);
  bool may_say_length = plan.status != 204 && plan.status != 101;
  if (plan.status == 101)
    out += fmt::format("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {}\r\n",
                       kWebSocketAccept);
  if (plan.body.kind == BodyKind::length && may_say_length)
    out += fmt::format("Content-Length: {}\r\n", plan.body.size);
  if (plan.body.kind == BodyKind::none && may_say_length) out += "Content-Length: 0\r\n";
  if (plan.body.kind == BodyKind::chunked && may_say_length) out += "Transfer-Encoding: chunked\r\n";
  return out + "\r\n";
}

// True: the connection may carry another request.
net::Task<bool> Services::act(net::Stream& stream, WireReader& in, Arrived& a, const std::string& service,
                              std::uint64_t seen) {
  const ServicePlan& plan = a.entry->plan->act(a.attempt);
  if (plan.delay > Duration(0)) co_await net::sleep_for(host_.loop, plan.delay);
  ledger_.trace("r{}: {} does `{}` {} (variant {})", a.id, service, name_of(plan.act), plan.status,
                plan.variant);
  switch (plan.act) {
    case Act::never: {
      (void)co_await stream.recv(4096, after(host_.loop.now(), kPatience));
      co_return false;
    }
    case Act::close_before_head: co_return false;
    case Act::reset_before_head: stream.reset_on_close(); co_return false;
    case Act::malformed:
      (void)co_await send_text(stream, malformed_answer(plan.variant), kPatience);
      co_return false;
    default: break;
  }
  a.entry->deliveries[a.attempt].answering_at = ledger_.now();
  for (unsigned i = 0; i < plan.interim; ++i)
    if (!co_await send_text(stream, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", kPatience))
      co_return false;
  std::string head = head_of(a, plan, service, seen);
  if (plan.status == 101) head += first_words_of(*a.entry->plan, Side::service);
  if (!co_await send_text(stream, std::move(head), kPatience)) co_return false;
  if (plan.status == 101) {
    TunnelEnd end(stream, in, ledger_, *a.entry->plan, Side::service);
    co_await end.run();
    co_return false;
  }
  if (plan.act == Act::reset_after_head && !has_no_body(a.method, plan.status)) {
    stream.reset_on_close();
    co_return false;
  }
  if (has_no_body(a.method, plan.status)) co_return true;
  if (!co_await send_body(stream, plan, wire_body(answer_id(a.id, a.attempt), plan.body))) co_return false;
  co_return plan.body.kind != BodyKind::until_close;
}

net::Task<bool> Services::send_body(net::Stream& stream, const ServicePlan& plan, std::string body) {
  bool breaks = plan.act == Act::cut_body || plan.act == Act::stall_body;
  if (breaks) body.resize(body.size() / 2);
  if (plan.piece_delay > Duration(0)) {
    std::size_t piece = std::max<std::size_t>(1, body.size() / (2 + random_.below(10)));
    for (std::size_t at = 0; at < body.size(); at += piece) {
      if (!co_await send_text(stream, body.substr(at, piece), kPatience)) co_return false;
      co_await net::sleep_for(host_.loop, plan.piece_delay);
    }
  } else if (!body.empty()) {
    if (!co_await send_text(stream, std::move(body), kPatience)) co_return false;
  }
  if (plan.act == Act::stall_body) (void)co_await stream.recv(4096, after(host_.loop.now(), kPatience));
  co_return !breaks;
}

}  // namespace gatehouse::sim
