#include "gateway/tunnel.h"

#include "gateway/worker.h"
#include "net/join.h"

namespace gatehouse::gateway {
namespace {

constexpr Duration kOneSidedTime = 30s;
constexpr std::uint64_t kBytesInTurn = 1024 * 1024;  // between two peers that are always ready

void add(std::atomic<std::uint64_t>& gauge, std::int64_t by) noexcept {  // one writer: no locked instruction
  gauge.store(gauge.load(std::memory_order_relaxed) + static_cast<std::uint64_t>(by),
              std::memory_order_relaxed);
}

}  // namespace

Tunnel::Tunnel(Worker& worker, net::Stream& client, Slice input, std::unique_ptr<upstream::Tunnel> service,
               std::unique_ptr<KeptRecord> record)
    : worker_(worker),
      client_(client),
      service_(std::move(service)),
      record_(std::move(record)),
      input_(std::move(input)),
      began_(worker.loop().now()),
      moved_(began_),
      idle_timer_(&idle_long_enough, this) {
  add(worker_.stats().tunnels, 1);
}

Tunnel::~Tunnel() {
  RequestRecord& r = record_->get();
  r.total += worker_.loop().now() - began_;
  worker_.sink().record(r);
  add(worker_.stats().tunnels, -1);
}

void Tunnel::note_failure(const Error& e) noexcept {
  RequestRecord& r = record_->get();
  if (r.failed) return;  // the first reason is the cause
  r.failed = true;
  r.reason = e.code;
  r.detail = e.detail;
}

void Tunnel::client_gone() noexcept { failed({.code = Errc::io_reset}, Origin::client); }

// Set for the earliest time at which it could be so: messages only move `moved_`.
void Tunnel::idle_long_enough(void* self) noexcept {
  auto* t = static_cast<Tunnel*>(self);
  net::Loop& loop = t->worker_.loop();
  const Time due = after(t->sending_ ? loop.now() : t->moved_, t->service_->idle);
  if (loop.now() < due) return loop.set_timer(t->idle_timer_, due);
  t->note_failure({Errc::tunnel_idle, Origin::gateway, Retry::never, "nothing has moved for `stream_idle`"});
  t->client_.abort();
  t->service_->stream().abort();
}

// Notes why the tunnel cannot go on, and lets the other side see that this is no orderly end.
void Tunnel::failed(const Error& e, Origin whose) noexcept {
  if (e.code == Errc::io_timeout) {
    note_failure({Errc::tunnel_idle, whose, Retry::never, "nothing was taken for `stream_idle`"});
  } else if (whose == Origin::client) {
    note_failure({Errc::client_closed, whose, Retry::never, "the client broke off the tunnel"});
    service_->stream().reset_on_close();
  } else {
    note_failure({Errc::upstream_reset, whose, Retry::never, "the service broke off the tunnel"});
    client_.reset_on_close();
  }
}

net::Task<void> Tunnel::run() {
  RequestRecord& r = record_->get();
  net::Stream& service = service_->stream();
  auto up = pump({client_, service, Origin::client, r.bytes_in}, std::exchange(input_, Slice{}));
  auto down =
      pump({service, client_, Origin::upstream, r.bytes_out}, std::exchange(service_->input, Slice{}));
  worker_.loop().set_timer(idle_timer_, after(moved_, service_->idle));
  co_await net::either(up, down);
  net::Task<bool>& ended = up.done() ? up : down;
  net::Task<bool>& other = up.done() ? down : up;
  if (!ended.take()) co_return;
  // A peer that has said its last word has nothing to wait for: what the other still says is soon said.
  (void)co_await net::with_deadline(worker_.loop(), after(worker_.loop().now(), kOneSidedTime),
                                    std::move(other));
}

// One direction, until its sender's end, which is passed on. False if the tunnel cannot go on.
net::Task<bool> Tunnel::pump(Way way, Slice first) {
  net::Loop& loop = worker_.loop();
  const Origin receiver = way.sender == Origin::client ? Origin::upstream : Origin::client;
  net::TurnShare share(kBytesInTurn);
  std::size_t read_size = BlockPool::kSmall;
  Slice bytes = std::move(first);
  for (;;) {
    if (!bytes.empty()) {
      const std::size_t n = bytes.size();
      ++sending_;
      auto sent = co_await way.to.send(std::move(bytes), service_->idle);
      --sending_;
      if (!sent) {
        failed(sent.error(), receiver);
        co_return false;
      }
      moved_ = loop.now();
      way.bytes += n;
      if (share.spent(loop.now(), n)) co_await net::yield(loop);
    }
    auto got = co_await way.from.recv(read_size, kNever);
    if (!got) {
      failed(got.error(), way.sender);
      co_return false;
    }
    if (got->empty()) {
      way.to.shutdown_send();
      co_return true;
    }
    // A block that came full promises more.
    read_size = got->size() + sizeof(Block) >= read_size ? BlockPool::kLarge : BlockPool::kSmall;
    bytes = std::move(*got);
  }
}

}  // namespace gatehouse::gateway
