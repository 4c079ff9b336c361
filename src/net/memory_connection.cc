// The kernels' side of the simulation's connections: buffers, segments, FIN and RST.
#include <algorithm>
#include <utility>

#include "net/memory_stream.h"

namespace gatehouse::net {

MemoryConnection::MemoryConnection(MemoryWorld& world, SocketAddress client, SocketAddress server)
    : world_(world) {
  ends_[0].address = std::move(client);
  ends_[1].address = std::move(server);
  const MemoryFaults& f = world.faults();
  for (End& end : ends_) {
    auto spread = static_cast<std::uint32_t>(f.buffer_max - f.buffer_min) + 1;
    end.capacity = std::max<std::size_t>(1, f.buffer_min + world.random().below(spread));
  }
}

void MemoryConnection::connect() {
  if (world_.chance(world_.faults().connect_unanswered)) return;
  world_.at(world_.clock().now() + world_.delay(), [self = shared_from_this()] { self->syn_arrives(); });
}

void MemoryConnection::syn_arrives() {
  if (ends_[0].closed) return;
  MemoryListener* listener = world_.choose_listener(ends_[1].address);
  if (!listener || world_.chance(world_.faults().connect_refused)) {
    refused_ = true;
    announce_later(0, MemoryStream::kOut | MemoryStream::kError);
    return;
  }
  stands_ = true;
  draw_break();
  // The answer first: bytes that the server sends must not arrive before it.
  ends_[0].last_arrival = world_.clock().now() + world_.delay();
  world_.at(ends_[0].last_arrival, [self = shared_from_this()] { self->announce(0, MemoryStream::kOut); });
  listener->push(shared_from_this());
}

// Decides whether and when this connection will break on its own.
void MemoryConnection::draw_break() {
  const MemoryFaults& f = world_.faults();
  if (!world_.chance(std::min(1.0, f.reset + f.fin))) return;
  if (world_.chance(0.5)) {
    break_at_bytes_ = world_.random().below(static_cast<std::uint32_t>(f.break_within_bytes) + 1);
    return;
  }
  auto within = static_cast<double>(f.break_within.count()) * world_.random().unit();
  world_.at(world_.clock().now() + Duration(static_cast<Duration::rep>(within)), [self = weak_from_this()] {
    if (auto c = self.lock()) c->break_now();
  });
}

void MemoryConnection::break_now() {
  const MemoryFaults& f = world_.faults();
  break_at_bytes_ = SIZE_MAX;
  world_.note(0xb0);
  if (world_.random().unit() * (f.reset + f.fin) < f.reset) {
    reset_arrives(0);
    reset_arrives(1);
    return;
  }
  int dying = static_cast<int>(world_.random().below(2));
  finish(dying);
  reset_arrives(dying);
}

void MemoryConnection::count_bytes(std::size_t n) {
  bytes_ += n;
  if (bytes_ < break_at_bytes_) return;
  break_at_bytes_ = SIZE_MAX;
  // Not from inside a send: its caller would find the connection changed under its hands.
  world_.at(world_.clock().now(), [self = weak_from_this()] {
    if (auto c = self.lock()) c->break_now();
  });
}

bool MemoryConnection::readable(int end) const noexcept {
  const End& e = ends_[at(end)];
  return !e.arrived.empty() || e.fin_arrived || e.reset || e.deaf;
}

MemoryConnection::Received MemoryConnection::receive(int end, char* out, std::size_t size) {
  End& e = ends_[at(end)];
  if (e.reset) return {Outcome::reset};
  if (e.arrived.empty()) return {e.fin_arrived || e.deaf ? Outcome::end : Outcome::would_block};
  std::size_t n = std::min(size, e.arrived.size());
  std::copy_n(e.arrived.data(), n, out);
  e.arrived.erase(0, n);
  e.held -= n;
  if (std::exchange(ends_[at(1 - end)].wants_room, false)) announce_later(1 - end, MemoryStream::kOut);
  return {Outcome::bytes, n};
}

bool MemoryConnection::send(int end, SliceList& data) {
  End& from = ends_[at(end)];
  End& to = ends_[at(1 - end)];
  if (from.reset || from.fin_sent) return false;
  std::size_t room = to.capacity - std::min(to.capacity, to.held);
  std::size_t n = std::min(room, data.bytes());
  bool fits = n == data.bytes();
  if (n > 1 && world_.chance(world_.faults().partial_send)) {
    n = 1 + world_.random().below(static_cast<std::uint32_t>(n));
    // The kernel had no memory for the rest; it will have soon.
    if (n < data.bytes()) announce_later(end, MemoryStream::kOut);
  }
  if (!fits) from.wants_room = true;
  for (std::size_t left = n; left > 0;) {
    std::size_t most = std::min({left, data[0].size(), world_.faults().segment_max});
    queue(1 - end, std::string(data[0].view().substr(0, most)), false);
    data.consume(most);
    left -= most;
  }
  count_bytes(n);
  return true;
}

// Bytes, or the FIN, set out for `to`, behind all that went before.
void MemoryConnection::queue(int to, std::string bytes, bool fin) {
  End& e = ends_[at(to)];
  e.held += bytes.size();
  e.last_arrival = std::max(e.last_arrival, world_.clock().now() + world_.delay());
  e.on_the_way.push_back({e.last_arrival, std::move(bytes), fin});
  world_.at(e.last_arrival, [self = shared_from_this(), to] { self->arrive(to); });
}

void MemoryConnection::arrive(int to) {
  End& e = ends_[at(to)];
  if (e.on_the_way.empty()) return;  // a reset was faster
  Segment s = std::move(e.on_the_way.front());
  e.on_the_way.pop_front();
  if (e.closed || e.reset || (e.deaf && !s.bytes.empty())) {
    e.held -= s.bytes.size();
    if (!s.bytes.empty()) send_reset(1 - to);
    return;
  }
  e.arrived += s.bytes;
  e.fin_arrived |= s.fin;
  announce(to, s.fin ? MemoryStream::kIn | MemoryStream::kEnd : MemoryStream::kIn);
}

void MemoryConnection::finish(int end) {
  End& e = ends_[at(end)];
  if (e.fin_sent || e.reset || !stands_) return;
  e.fin_sent = true;
  queue(1 - end, {}, true);
}

void MemoryConnection::stop_reading(int end) noexcept {
  ends_[at(end)].deaf = true;
  announce(end, MemoryStream::kIn | MemoryStream::kEnd);
}

void MemoryConnection::close(int end, bool reset) {
  End& e = ends_[at(end)];
  bool unread = !e.arrived.empty();
  e.closed = true;
  e.stream = nullptr;
  e.held -= e.arrived.size();
  e.arrived.clear();
  if (e.reset || !stands_) return;
  if (reset || unread) {
    send_reset(1 - end);
  } else {
    finish(end);
  }
}

void MemoryConnection::refuse(int end) {
  ends_[at(end)].closed = true;
  send_reset(1 - end);
}

void MemoryConnection::send_reset(int to) {
  End& e = ends_[at(to)];
  e.last_arrival = std::max(e.last_arrival, world_.clock().now() + world_.delay());
  world_.at(e.last_arrival, [self = shared_from_this(), to] { self->reset_arrives(to); });
}

// What was not read yet is lost: the worst that a kernel may do.
void MemoryConnection::reset_arrives(int to) {
  End& e = ends_[at(to)];
  if (e.reset) return;
  e.reset = true;
  e.arrived.clear();
  e.on_the_way.clear();
  e.held = 0;
  announce(to, MemoryStream::kIn | MemoryStream::kOut | MemoryStream::kEnd | MemoryStream::kError);
}

void MemoryConnection::announce_later(int end, std::uint32_t what) {
  world_.at(world_.clock().now() + world_.delay(),
            [self = shared_from_this(), end, what] { self->announce(end, what); });
}

void MemoryConnection::announce(int end, std::uint32_t what) noexcept {
  world_.note(static_cast<std::uint64_t>(end) << 8 | what);
  if (MemoryStream* s = ends_[at(end)].stream) s->tell(what);
}

}  // namespace gatehouse::net
