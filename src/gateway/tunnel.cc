#include "gateway/tunnel.h"

#include <algorithm>
#include <utility>

#include "gateway/worker.h"
#include "net/join.h"

namespace gatehouse::gateway {
namespace {

constexpr Duration kOneSidedTime = 30s;
constexpr std::uint64_t kBytesInTurn = 1024 * 1024;  // between two peers that are always ready

Error broke_off(Origin who) noexcept {
  if (who == Origin::client)
    return {Errc::client_closed, who, Retry::never, "the client broke off the tunnel"};
  return {Errc::upstream_reset, who, Retry::never, "the service broke off the tunnel"};
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
  worker_.stats().tunnels.add(1);
}

Tunnel::~Tunnel() {
  if (sending_) {  // cut in the middle of a message: that must not look like its end
    client_.reset_on_close();
    service_->stream().reset_on_close();
  }
  RequestRecord& r = record_->get();
  r.total += worker_.loop().now() - began_;
  worker_.sink().record(r);
  worker_.stats().tunnels.add(-1);
}

void Tunnel::note_failure(const Error& e) noexcept {
  RequestRecord& r = record_->get();
  if (r.failed) return;  // the first reason is the cause
  r.failed = true;
  r.reason = e.code;
  r.detail = e.detail;
}

void Tunnel::client_gone() noexcept {
  if (!service_ended_) note_failure(broke_off(Origin::client));  // else all had been said
  service_->stream().reset_on_close();
}

// Set for the earliest time at which it could be so: messages only move `moved_`.
void Tunnel::idle_long_enough(void* self) noexcept {
  auto* t = static_cast<Tunnel*>(self);
  net::Loop& loop = t->worker_.loop();
  const Time due = after(t->sending_ ? loop.now() : t->moved_, t->service_->idle);
  if (loop.now() < due) return loop.set_timer(t->idle_timer_, due);
  t->note_failure({Errc::tunnel_idle, Origin::gateway, Retry::never, "nothing has moved for `stream_idle`"});
  t->over_ = true;
  for (net::Stream* stream : {&t->client_, &t->service_->stream()}) {
    stream->shutdown_send();  // nothing is under way: an orderly end
    stream->abort();
  }
}

Tunnel::End Tunnel::lost_sender(const Way& way) noexcept {
  if (over_) return End::broken;  // by us, in order
  note_failure(broke_off(way.sender));
  way.to.reset_on_close();
  return End::broken;
}

Tunnel::End Tunnel::lost_receiver(const Way& way, Errc code) noexcept {
  if (code == Errc::io_timeout) {
    note_failure({Errc::tunnel_idle, Origin::gateway, Retry::never, "nothing was taken for `stream_idle`"});
    way.to.reset_on_close();  // it has a part of what it was sent
    return End::broken;
  }
  // It does not listen any more, and may have said why: the sender is not reset before that has come through.
  if (!way.answered)
    note_failure(broke_off(way.sender == Origin::client ? Origin::upstream : Origin::client));
  return End::receiver_gone;
}

net::Task<void> Tunnel::run() {
  net::Loop& loop = worker_.loop();
  RequestRecord& r = record_->get();
  net::Stream& service = service_->stream();
  loop.set_timer(idle_timer_, after(moved_, service_->idle));
  auto up = pump({client_, service, Origin::client, r.bytes_in, client_ended_, service_ended_},
                 std::exchange(input_, Slice{}));
  auto down = pump({service, client_, Origin::upstream, r.bytes_out, service_ended_, client_ended_},
                   std::exchange(service_->input, Slice{}));
  co_await net::either(up, down);
  net::Task<End>& first = up.done() ? up : down;
  net::Task<End>& other = up.done() ? down : up;
  if (first.take() == End::broken) co_return;
  // One side has said its last word. What the other still has to say is soon said.
  if (!co_await net::with_deadline(loop, after(loop.now(), kOneSidedTime), std::move(other)))
    note_failure({Errc::tunnel_idle, Origin::gateway, Retry::never, "the other side did not end in 30 s"});
}

// One direction, until its sender's end, which is passed on.
net::Task<Tunnel::End> Tunnel::pump(Way way, Slice first) {
  net::Loop& loop = worker_.loop();
  net::TurnShare share(kBytesInTurn);
  std::size_t read_size = BlockPool::kSmall;
  Slice bytes = std::move(first);
  for (;;) {
    if (!bytes.empty()) {
      const std::size_t n = bytes.size();
      ++sending_;
      auto sent = co_await way.to.send(std::exchange(bytes, Slice{}), service_->idle);
      --sending_;
      if (!sent) co_return lost_receiver(way, sent.error().code);
      moved_ = loop.now();
      way.bytes += n;
      // a byte costs nearly what a block does
      if (share.spent(loop.now(), std::max(n, BlockPool::kSmall))) co_await net::yield(loop);
    }
    auto got = co_await way.from.recv(read_size, kNever);
    if (!got) co_return lost_sender(way);
    if (got->empty()) {
      way.ended = true;
      way.to.shutdown_send();
      co_return End::orderly;
    }
    // A block that came full promises more.
    read_size = got->size() + sizeof(Block) >= read_size ? BlockPool::kLarge : BlockPool::kSmall;
    bytes = std::move(*got);
  }
}

}  // namespace gatehouse::gateway
