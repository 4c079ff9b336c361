#include "gateway/worker.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "gateway/h1_connection.h"
#include "gateway/listener.h"
#include "gateway/tls_handshakes.h"

namespace gatehouse::gateway {
namespace {

constexpr std::size_t kCloseAtOnce = 8;  // idle connections closed when descriptors run short

void set(Gauge& gauge, std::size_t value) noexcept { gauge.set(static_cast<std::int64_t>(value)); }

}  // namespace

SnapshotPin::~SnapshotPin() {
  if (holder_) worker_->unpin(*holder_);
}

Worker::Worker(net::Loop& loop, net::Network& network, RecordSink& sink, Options options)
    : loop_(loop),
      network_(network),
      sink_(sink),
      options_(std::move(options)),
      client_(loop, network),
      handshakes_(std::make_unique<TlsHandshakes>(*this, options_.on_failed_handshakes)),
      drain_timer_(
          [](void* self) noexcept {
            auto* w = static_cast<Worker*>(self);
            while (H1Connection* c = w->active_.front()) c->cancel();
            while (H1Connection* c = w->idle_.front()) c->cancel();
          },
          this) {
  client_.on_shortage([this] { close_some_idle(); });
}

Worker::~Worker() {
  listeners_.clear();
  handshakes_.reset();
  while (H1Connection* c = active_.pop_front()) delete c;
  while (H1Connection* c = idle_.pop_front()) delete c;
}

void Worker::publish(std::shared_ptr<const Snapshot> snapshot, std::vector<NewSocket> sockets) {
  {
    std::lock_guard lock(pending_lock_);
    pending_ = std::move(snapshot);
    for (auto& s : sockets) pending_sockets_.push_back(std::move(s));
  }
  loop_.post([this] { install(); });
}

void Worker::install() {
  std::shared_ptr<const Snapshot> snapshot;
  std::vector<NewSocket> sockets;
  {
    std::lock_guard lock(pending_lock_);
    snapshot = std::move(pending_);
    pending_ = nullptr;
    sockets.swap(pending_sockets_);
  }
  if (!snapshot) return;  // a later publication was installed already
  SnapshotHolder* old = current_;
  holders_.push_back(std::make_unique<SnapshotHolder>(std::move(snapshot)));
  current_ = holders_.back().get();
  forget_locals();
  set(stats_.snapshots, holders_.size());
  set(stats_.snapshot_version, current().version());
  std::erase_if(listeners_, [this](const auto& l) { return !current().listener(l->name()); });
  for (auto& s : sockets) {
    if (draining_) break;
    std::erase_if(listeners_,
                  [&](const auto& l) { return l->name() == s.listener; });  // it moved to another port
    if (auto acceptor = network_.accept_on(std::move(s.socket)))
      listeners_.push_back(std::make_unique<Listener>(*this, s.listener, std::move(*acceptor)));
  }
  if (old) {
    old->retired = true;
    if (old->pins == 0) retire(*old);
  }
  if (options_.on_installed) options_.on_installed(options_.index, current().version());
}

// Of places that no snapshot has any more. That is seen late, at the next publication; until then it only
// takes memory.
void Worker::forget_locals() noexcept {
  for (Local& l : locals_)
    if (l.state && l.place.expired()) l.state.reset();
}

void Worker::unpin(SnapshotHolder& h) noexcept {
  if (--h.pins == 0 && h.retired) retire(h);
}

void Worker::retire(SnapshotHolder& h) noexcept {
  auto it = std::ranges::find_if(holders_, [&](const auto& p) { return p.get() == &h; });
  if (options_.on_retired) options_.on_retired(std::move(h.snapshot));
  holders_.erase(it);
  set(stats_.snapshots, holders_.size());
}

std::string_view Worker::date() {
  auto second = std::chrono::floor<std::chrono::seconds>(loop_.wall()).time_since_epoch().count();
  if (second != date_second_) {
    date_second_ = second;
    std::time_t t = second;
    std::tm tm{};
    ::gmtime_r(&t, &tm);
    date_size_ = std::strftime(date_, sizeof date_, "%a, %d %b %Y %H:%M:%S GMT", &tm);
  }
  return {date_, date_size_};
}

void Worker::adopt(std::unique_ptr<H1Connection> c) {
  H1Connection& connection = *c.release();
  active_.push_back(connection);
  set(stats_.connections, ++open_);
  connection.start();
}

void Worker::connection_ended(H1Connection& c) noexcept {
  c.unlink();
  loop_.destroy_later(&c);
  set(stats_.connections, --open_);
  check_drained();
}

void Worker::set_idle(H1Connection& c, bool idle) noexcept {
  c.unlink();
  if (idle && draining_) {
    active_.push_back(c);  // it is about to end: see begin_drain
    c.finish_soon();
    return;
  }
  (idle ? idle_ : active_).push_back(c);
}

bool Worker::close_some_idle() {
  if (close_idle_clients()) return true;
  client_.close_idle();  // pooled ones last: the requests that are here will want them
  return false;
}

bool Worker::close_idle_clients() {
  std::array<H1Connection*, kCloseAtOnce> chosen;
  std::size_t n = 0;
  idle_.for_each([&](H1Connection& c) {
    if (n < chosen.size() && c.expendable(loop_.now())) chosen[n++] = &c;
  });
  for (std::size_t i = 0; i < n; ++i) chosen[i]->cancel();
  return n > 0 || handshakes_->close_some_waiting();
}

void Worker::begin_drain(Time deadline) {
  draining_ = true;
  listeners_.clear();
  handshakes_->cancel_all();
  while (H1Connection* c = idle_.front()) c->cancel();
  active_.for_each([](H1Connection& c) { c.finish_soon(); });
  loop_.set_timer(drain_timer_, deadline);
  check_drained();
}

void Worker::check_drained() {
  if (draining_ && open_ == 0 && options_.on_drained)
    std::exchange(options_.on_drained, nullptr)(options_.index);
}

}  // namespace gatehouse::gateway
