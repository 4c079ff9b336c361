#include "sim/tls_client.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "sim/certificates.h"
#include "sim/crowd.h"
#include "sim/setting.h"
#include "sim/wire.h"

namespace gatehouse::sim {
namespace {

constexpr Duration kPatience = 120s;
using namespace std::string_view_literals;
constexpr std::string_view kHello = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"sv;  // how one begins

using Manner = HelloPlan::Manner;

std::string first_words(const HelloPlan& hello) {
  switch (hello.manner) {
    case Manner::stalls: return std::string(kHello.substr(0, hello.stop_at));
    case Manner::garbage: return std::string(kHello.substr(0, 5)) + std::string(512, 'x');
    case Manner::clear_text: return "GET / HTTP/1.1\r\nHost: sim.example\r\n\r\n";
    default: return {};
  }
}

}  // namespace

TlsClients::TlsClients(Ledger& ledger) : ledger_(ledger) {
  if (!ledger.plan().tls.clients) return;
  for (auto& context : contexts_) {
    context = *net::TlsClientContext::make({.ca = pem("ca.pem")});
    SSL_CTX_set_cert_verify_callback(context->context(), &verify, this);
  }
  SSL_CTX_set_max_proto_version(contexts_[1]->context(), TLS1_2_VERSION);
}

int TlsClients::verify(X509_STORE_CTX* store, void* self) {
  const auto* ssl =
      static_cast<const SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  const X509* shown = X509_STORE_CTX_get0_cert(store);
  static_cast<TlsClients*>(self)->shown_[&net::TlsStream::of(ssl)] =
      ASN1_INTEGER_get(X509_get0_serialNumber(shown));
  return X509_verify_cert(store);
}

net::Task<net::StreamPtr> TlsClients::shake_hands(net::StreamPtr plain, std::size_t connection) {
  Manner manner = ledger_.connections[connection].plan->hello.manner;
  if (manner == Manner::honest || manner == Manner::leaves)
    co_return co_await honestly(std::move(plain), connection);
  co_await badly(std::move(plain), connection);
  co_return nullptr;
}

net::Task<net::StreamPtr> TlsClients::honestly(net::StreamPtr plain, std::size_t connection) {
  const HelloPlan& hello = ledger_.connections[connection].plan->hello;
  Time began = ledger_.now();
  net::TlsServerName to{hello.by_address ? "10.0.0.1" : "sim.example", nullptr};
  if (hello.resumes) {
    to.sessions = sessions_[{hello.old_version, hello.by_address}];
    if (!to.sessions) to.sessions = std::make_shared<net::TlsSessionSlot>();
    sessions_[{hello.old_version, hello.by_address}] = to.sessions;
  }
  bool resumable =
      to.sessions && to.sessions->session && SSL_SESSION_is_resumable(to.sessions->session.get()) == 1;
  auto tls = std::make_unique<net::TlsStream>(std::move(plain), contexts_[hello.old_version ? 1 : 0], to);
  Duration patience = hello.manner == Manner::leaves ? hello.leaves_after : kPatience;
  auto done = co_await tls->handshake(after(began, patience));
  if (done) {
    established(*tls, connection, resumable);
    co_return net::StreamPtr(std::move(tls));
  }
  shown_.erase(tls.get());
  if (hello.reset) tls->reset_on_close();
  failed(connection, done.error(), began);
  co_return nullptr;
}

void TlsClients::established(net::TlsStream& stream, std::size_t connection, bool resumable) {
  ConnectionEntry& entry = ledger_.connections[connection];
  auto shown = shown_.extract(&stream);
  entry.secure = true;
  ledger_.trace("c{}: speaks {}{}", connection, stream.version(), stream.resumed() ? ", resumed" : "");
  if (stream.version() != (entry.plan->hello.old_version ? "TLSv1.2" : "TLSv1.3"))
    ledger_.violate(fmt::format("c{}: speaks {}", connection, stream.version()));
  if (stream.resumed() != resumable)
    ledger_.violate(fmt::format("c{}: its session is {}", connection,
                                resumable ? "not taken up" : "taken up, but there was none"));
  if (stream.resumed()) return;
  // A client that set out after a reload was acknowledged sees its certificate.
  const Plan& plan = ledger_.plan();
  bool right = false;
  for (std::uint64_t g = entry.generation; g <= ledger_.newest; ++g)
    right = right || (!shown.empty() && shown.mapped() == certificate_of(plan, g));
  if (!right)
    ledger_.violate(fmt::format("c{}: is shown the certificate {}, but generation {} was acknowledged",
                                connection, shown.empty() ? 0 : shown.mapped(), entry.generation));
}

void TlsClients::failed(std::size_t connection, const Error& error, Time began) {
  const Plan& plan = ledger_.plan();
  ConnectionEntry& entry = ledger_.connections[connection];
  Duration took = ledger_.now() - began;
  ledger_.trace("c{}: no TLS after {} ms: {} {}", connection, took / 1ms, errc_info(error.code).reason,
                error.detail);
  if (error.code == Errc::tls_certificate || error.code == Errc::tls_not_tls)
    ledger_.violate(fmt::format("c{}: {}", connection, error.detail));
  bool excused = ledger_.draining || plan.breaks() || plan.sheds_idle() ||
                 took > plan.timeouts.handshake - plan.slack() || entry.plan->hello.manner == Manner::leaves;
  entry.turned_away = !excused;
  if (took > plan.timeouts.handshake + plan.slack())
    ledger_.violate(fmt::format("c{}: its handshake is given {} ms", connection, took / 1ms));
}

net::Task<void> TlsClients::badly(net::StreamPtr plain, std::size_t connection) {
  const Plan& plan = ledger_.plan();
  Manner manner = ledger_.connections[connection].plan->hello.manner;
  ledger_.trace("c{}: begins {}", connection, name_of(manner));
  std::string words = first_words(ledger_.connections[connection].plan->hello);
  if (!words.empty() && !co_await send_text(*plain, words, kPatience)) co_return;
  WireReader in(*plain);
  std::string said;
  WireHead none;
  Time began = ledger_.now();
  bool waits = manner == Manner::silent || manner == Manner::stalls;
  Duration most = (waits ? plan.timeouts.handshake : 4s) + plan.slack();
  bool whole = co_await in.body({BodyKind::until_close, 0}, said, none, most);
  Duration took = ledger_.now() - began;
  ledger_.trace("c{}: ended after {} ms, {} bytes", connection, took / 1ms, said.size());
  if (took >= most)
    ledger_.violate(fmt::format("c{}: is given {} ms for a handshake that is {}", connection, took / 1ms,
                                name_of(manner)));
  bool undisturbed = !ledger_.draining && !plan.breaks() && !plan.sheds_idle() && !plan.limits.per_address;
  if (waits && took < plan.timeouts.handshake - plan.slack() && undisturbed)
    ledger_.violate(fmt::format("c{}: is given {} ms for a handshake", connection, took / 1ms));
  bool told = whole && said.starts_with("HTTP/1.1 400 ") && said.ends_with("http://\n");
  if (manner == Manner::clear_text && !told && undisturbed)
    ledger_.violate(fmt::format("c{}: is not told that this port speaks TLS", connection));
}

void check_handshakes(Ledger& ledger) {
  for (std::size_t i = 0; i < ledger.connections.size(); ++i)
    if (ledger.connections[i].turned_away && !crowded_out(ledger, i))
      ledger.violate(fmt::format("c{}: its handshake failed", i));
}

}  // namespace gatehouse::sim
