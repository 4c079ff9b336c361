#include "control/publisher.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ip.h"
#include "net/tcp.h"

namespace gatehouse::control {
namespace {

constexpr Duration kWaitForNames = 1s;

struct Compiled {
  std::expected<std::shared_ptr<const gateway::Snapshot>, config::Diagnostics> snapshot;
  std::vector<gateway::SeriesLabels> series;
};

config::Diagnostic complaint(const config::Location& at, std::string message, std::string instead) {
  return {config::Diagnostic::Level::error, at, std::move(message), std::move(instead)};
}

}  // namespace

Result<std::unique_ptr<net::BoundSocket>> SystemBinder::bind(const net::SocketAddress& address) {
  return net::bind_socket(address, {});
}

Result<void> SystemBinder::probe(const net::SocketAddress& address) {
  auto socket = net::bind_socket(address, {.backlog = 1, .reuse_port = false});
  if (!socket) return std::unexpected(socket.error());
  return {};
}

Publisher::Publisher(const Parts& parts)
    : parts_(parts),
      installed_(parts.workers, 0),
      acknowledged_(parts.loop),
      self_(std::make_shared<Publisher*>(this)) {}

Publisher::~Publisher() { *self_ = nullptr; }

std::function<void(unsigned, std::uint64_t)> Publisher::on_installed() {
  return [self = self_, &loop = parts_.loop](unsigned worker, std::uint64_t version) {
    loop.post([self, worker, version] {
      if (*self) (*self)->installed(worker, version);
    });
  };
}

std::function<void(std::shared_ptr<const gateway::Snapshot>)> Publisher::on_retired() {
  // The mail owns the reference: where it is delivered or dropped, the snapshot ends on control's thread.
  return [&loop = parts_.loop](std::shared_ptr<const gateway::Snapshot> snapshot) {
    loop.post([snapshot = std::move(snapshot)]() mutable { snapshot.reset(); });
  };
}

void Publisher::installed(unsigned worker, std::uint64_t version) {
  if (worker < installed_.size()) installed_[worker] = std::max(installed_[worker], version);
  acknowledged_.notify();
}

bool Publisher::all_installed(std::uint64_t version) const noexcept {
  return std::ranges::all_of(installed_, [version](std::uint64_t v) { return v >= version; });
}

// Whether one of our own sockets would be in the way of a probe of `address`.
bool Publisher::have(const net::SocketAddress& address) const noexcept {
  auto any = [](const IpAddress& ip) { return ip == IpAddress::v4(0) || ip == IpAddress{}; };
  return std::ranges::any_of(listening_, [&](const auto& l) {
    const net::SocketAddress& mine = l.second.address;
    return mine.port == address.port && (mine.ip == address.ip || any(mine.ip) || any(address.ip));
  });
}

const net::SocketAddress* Publisher::address_of(const std::string& listener) const noexcept {
  auto l = listening_.find(listener);
  return l == listening_.end() ? nullptr : &l->second.address;
}

bool Publisher::bind(const config::ListenerSpec& listener, Prepared& prepared,
                     config::Diagnostics& diagnostics) {
  auto refuse = [&](std::string_view why, std::string instead) {
    diagnostics.push_back(complaint(listener.at,
                                    fmt::format("listener `{}` cannot listen on {}:{}: {}", listener.name,
                                                listener.bind, listener.port, why),
                                    std::move(instead)));
    return false;
  };
  auto ip = parse_ip(listener.bind);
  if (!ip) return refuse("`bind` is no address", "Write an IP address, for example `0.0.0.0` or `::`");
  auto address = net::SocketAddress::of(*ip, listener.port);
  if (address.port != 0 && !have(address)) {
    if (auto free = parts_.binder.probe(address); !free)
      return refuse(free.error().detail,
                    "Another program, or another gateway, may have this port; choose a free one");
  }
  for (auto& sockets : prepared.sockets) {
    auto socket = parts_.binder.bind(address);
    if (!socket) return refuse(socket.error().detail, {});
    address = (*socket)->address();  // the others share the port that was chosen for port 0
    sockets.push_back({listener.name, std::move(*socket)});
  }
  prepared.bound[listener.name] = address;
  return true;
}

net::Task<std::expected<Prepared, config::Diagnostics>> Publisher::prepare(
    std::shared_ptr<const config::Spec> spec) {
  Compiled compiled =
      co_await offload(parts_.offload, parts_.loop,
                       [spec, &registry = parts_.registry, filters = parts_.filters,
                        most = parts_.auto_connections, committed = committed_series_]() -> Compiled {
                         // What a configuration that was refused has left.
                         registry.keep_series(committed);
                         registry.collect();
                         auto snapshot = gateway::Snapshot::compile(spec, registry, filters, most);
                         return {std::move(snapshot), registry.all_series()};
                       });
  if (!compiled.snapshot) co_return std::unexpected(std::move(compiled.snapshot.error()));
  series_ = std::move(compiled.series);
  Prepared prepared;
  prepared.snapshot = std::move(*compiled.snapshot);
  prepared.sockets.resize(parts_.workers);
  config::Diagnostics diagnostics;
  for (const auto& listener : spec->listeners) {
    auto l = listening_.find(listener.name);
    if (l != listening_.end() && l->second.bind == listener.bind && l->second.port == listener.port) continue;
    bind(listener, prepared, diagnostics);
  }
  if (!diagnostics.empty()) co_return std::unexpected(std::move(diagnostics));
  co_return std::move(prepared);
}

net::Task<void> Publisher::commit(Prepared prepared) {
  auto snapshot = prepared.snapshot;
  co_await parts_.endpoints.prepare(snapshot, after(parts_.loop.now(), kWaitForNames));
  if (parts_.recall) co_await parts_.recall(snapshot);
  parts_.endpoints.apply(snapshot);
  if (parts_.on_commit) parts_.on_commit(snapshot);
  current_ = snapshot;
  committed_series_ = series_.size();
  for (auto& [listener, address] : prepared.bound) listening_[listener].address = address;
  for (const auto& listener : snapshot->spec().listeners) {
    listening_[listener.name].bind = listener.bind;
    listening_[listener.name].port = listener.port;
  }
  std::erase_if(listening_, [&](const auto& l) { return snapshot->listener(l.first) == nullptr; });
  for (std::size_t i = 0; i < workers_.size(); ++i)
    workers_[i]->publish(snapshot, std::move(prepared.sockets[i]));
  while (!all_installed(snapshot->version())) co_await acknowledged_.wait();
  // Forget what only the last snapshot used. Off this thread: the registry belongs to jobs.
  co_await offload(parts_.offload, parts_.loop, [&registry = parts_.registry] {
    registry.collect();
    return true;
  });
}

}  // namespace gatehouse::control
