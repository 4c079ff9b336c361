#include "gateway/listener.h"

#include <algorithm>

#include "gateway/h1_connection.h"
#include "gateway/tls_handshakes.h"
#include "net/loop.h"

namespace gatehouse::gateway {
namespace {

constexpr unsigned kAcceptsInTurn = 64;
constexpr Duration kDescriptorPause = 100ms;  // accept never spins on EMFILE

bool is_trusted(const config::ListenerSpec& spec, const IpAddress& ip) noexcept {
  return std::ranges::any_of(spec.trusted_proxies,
                             [&](const config::Cidr& c) { return in_network(ip, c.address, c.bits); });
}

}  // namespace

Listener::Listener(Worker& worker, std::string name, std::unique_ptr<net::Acceptor> acceptor)
    : worker_(worker), name_(std::move(name)), acceptor_(std::move(acceptor)), accepting_(accept_all()) {}

net::Task<void> Listener::accept_all() {
  net::TurnShare share(kAcceptsInTurn);
  for (;;) {
    co_await acceptor_->wait();
    for (;;) {
      auto stream = acceptor_->try_accept();
      if (!stream) {
        worker_.stats().accept_failures.add();
        // Descriptors of idle connections come back at the end of this turn.
        bool freed = worker_.close_some_idle();
        co_await net::sleep_for(worker_.loop(), freed ? Duration(1ms) : kDescriptorPause);
        continue;
      }
      if (!*stream) break;
      take(std::move(*stream));
      if (share.spent(worker_.loop().now())) co_await net::yield(worker_.loop());
    }
  }
}

void Listener::take(net::StreamPtr stream) {
  const CompiledListener* listener = worker_.current().listener(name_);
  if (!listener) return;  // its last connection attempts, while a reload removes it
  const config::ListenerSpec& spec = listener->spec;
  ConnectionPermit permit(listener->shared, spec, stream->peer().ip, is_trusted(spec, stream->peer().ip));
  if (!permit) {
    worker_.stats().rejected.add();
    if (spec.max_connections && listener->shared->connections() >= spec.max_connections)
      worker_.close_idle_clients();  // so that the next one finds room
    return;
  }
  worker_.stats().accepted.add();
  if (listener->tls) return worker_.handshakes().begin(*listener, std::move(permit), std::move(stream));
  worker_.adopt(std::make_unique<H1Connection>(worker_, name_, std::move(permit), std::move(stream)));
}

}  // namespace gatehouse::gateway
