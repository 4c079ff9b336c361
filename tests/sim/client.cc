#include "sim/client.h"

#include <algorithm>

#include "net/join.h"
#include "sim/answer_check.h"
#include "sim/malformed.h"
#include "sim/payload.h"
#include "sim/setting.h"
#include "sim/tunnel.h"

namespace gatehouse::sim {
namespace {

constexpr Duration kPatience = 120s;  // beyond every time-out of the gateway

std::string head_of(const RequestPlan& r) {
  std::string out = fmt::format("{} {} HTTP/1.{}\r\nHost: Sim.Example:8080\r\nX-Sim-Id: {}\r\n", r.method,
                                target_of(r), r.http10 ? 0 : 1, r.id);
  out += "X-Sim-Secret: mine\r\nX-Sim-Set: forged\r\nx_sim_set: forged\r\n";
  if (r.later_request || r.later_response)
    out += fmt::format("X-Sim-Later: {},{}\r\n", r.later_request, r.later_response);
  if (!r.role.empty()) out += fmt::format("X-Sim-Role: {}\r\n", r.role);
  if (r.denied) out += "X-Sim-Deny: 1\r\n";
  if (r.body.kind == BodyKind::length) out += fmt::format("Content-Length: {}\r\n", r.body.size);
  if (r.body.kind == BodyKind::chunked) out += "Transfer-Encoding: chunked\r\n";
  if (r.expect_continue) out += "Expect: 100-continue\r\n";
  if (r.keep_alive10) out += "Connection: keep-alive\r\n";
  if (r.close) out += "Connection: close\r\n";
  if (r.tunnel)
    out += fmt::format(
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: {}\r\n",
        kWebSocketKey);
  return out + "\r\n";
}

}  // namespace

Client::Client(net::MemoryHost& host, const net::SocketAddress& gateway, Ledger& ledger, TlsClients& tls,
               const ConnectionPlan& plan)
    : host_(host), gateway_(gateway), ledger_(ledger), tls_(tls), plan_(plan), changed_(host.loop) {}

std::string Client::where() const {
  return fmt::format("connection of r{}: {} of {} answered, {} bytes of the next, end {}",
                     plan_.requests.front().id, answered_, plan_.requests.size(), in_ ? in_->received() : 0,
                     in_ ? static_cast<int>(in_->end()) : -1);
}

net::Task<void> Client::play() {
  co_await net::sleep_for(host_.loop, plan_.start);
  std::size_t connection = ledger_.of(plan_.requests.front().id).connection;
  ConnectionEntry& mine = ledger_.connections[connection];
  mine.began = ledger_.now();
  mine.generation = ledger_.generation;
  host_.network.set_local(plan_.from);
  auto stream = co_await host_.network.connect(gateway_, after(host_.loop.now(), 60s));
  if (!stream) {
    if (!ledger_.draining && !ledger_.plan().connect_trouble() && !ledger_.plan().sheds_idle())
      ledger_.violate(fmt::format("r{}: the gateway cannot be reached", plan_.requests.front().id));
    excuse_rest("not connected");
    mine.ended = ledger_.now();
    co_return;
  }
  ledger_.trace("r{}: connected", plan_.requests.front().id);
  if (ledger_.plan().tls.clients) {
    stream = co_await tls_.shake_hands(std::move(*stream), connection);
    if (!*stream) {
      excuse_rest("no TLS");
      mine.ended = ledger_.now();
      co_return;
    }
  }
  WireReader in(**stream);
  in_ = &in;
  stream_ = stream->get();
  in.set_pace(plan_.read_size, plan_.read_delay);
  bool wrote = co_await converse(**stream);
  if (wrote && !gone_) co_await finish(**stream);
  if (reset_) (*stream)->reset_on_close();
  mine.ended = ledger_.now();
  mine.received = in.received() + (mine.secure ? 1 : 0);
  in_ = nullptr;
  stream_ = nullptr;
}

void Client::leave(bool reset) {
  if (done()) return;
  excuse_rest("its client left");
  if (stream_ && reset) stream_->reset_on_close();
  in_ = nullptr;
  stream_ = nullptr;
  left_ = true;
  playing_.cancel();
}

// True if everything that was planned has been written.
net::Task<bool> Client::converse(net::Stream& stream) {
  auto writing = write_all(stream);
  auto reading = read_all();
  co_await net::either(writing, reading);
  bool wrote = writing.done();
  if (wrote && !gone_ && !reading.done()) (void)co_await std::move(reading);
  if (gone_) excuse_rest("its client left");
  co_return wrote&& writing.take();
}

// The end of the connection: who closes it, and when.
net::Task<void> Client::finish(net::Stream& stream) {
  const Plan& plan = ledger_.plan();
  std::uint64_t id = plan_.requests.back().id;
  if (in_->end() != WireEnd::none) co_return;
  if (last_) {
    if (!co_await in_->ended(2s + plan.slack()))
      ledger_.violate(
          fmt::format("r{}: the connection stays open after `Connection: close`, or says more", id));
    co_return;
  }
  if (plan_.end != ConnectionPlan::End::linger || answered_ < plan_.requests.size()) co_return;
  Time idle = host_.loop.now();
  bool ended = co_await in_->ended(plan.timeouts.keep_alive + plan.slack());
  Duration stood = host_.loop.now() - idle;
  if (!ended)
    ledger_.violate(fmt::format("r{}: its idle connection is not closed in time, or says more", id));
  const Entry& e = ledger_.of(id);
  bool excused = plan_.read_delay > Duration(0) || e.held;
  bool early = stood < plan.timeouts.keep_alive - plan.slack() && !excused;
  if (early && !ledger_.draining && !plan.breaks() && !plan.sheds_idle())
    ledger_.violate(fmt::format("r{}: its idle connection is closed too early", id));
  (void)stream;
}

net::Task<bool> Client::progress() {
  co_await changed_.wait();
  co_return true;
}

net::Task<bool> Client::write_all(net::Stream& stream) {
  for (std::size_t i = 0; i < plan_.requests.size(); ++i) {
    const RequestPlan& r = plan_.requests[i];
    if (!plan_.pipelined) {
      while (answered_ < i) co_await changed_.wait();
      if (i > 0 && plan_.pause > Duration(0)) co_await net::sleep_for(host_.loop, plan_.pause);
    }
    if (last_) co_return true;
    std::string head = head_of(r);
    std::string body = wire_body(r.id, r.body, r.misbehaviour == Misbehaviour::broken_chunk);
    if (r.tunnel) body = first_words_of(r, Side::client);
    if (r.misbehaviour == Misbehaviour::malformed) {
      head = malformed_request(r.variant, target_of(r)).bytes;
      body.clear();
    }
    Entry& e = ledger_.of(r.id);
    e.attempted = true;
    e.began_at = ledger_.now();
    e.generation = ledger_.generation;
    ledger_.trace("r{}: sends {}", r.id, head.substr(0, head.find('\r')));
    if (i > 0 && !plan_.pipelined) {
      // The gateway may close an idle connection at the moment in which a request sets out.
      Duration idle = ledger_.now() - ledger_.of(plan_.requests[i - 1].id).ended_at;
      if (idle > ledger_.plan().timeouts.keep_alive - ledger_.plan().slack())
        ledger_.excuse(r.id, "idle for long");
    }
    if (!co_await write(stream, r, std::move(head), std::move(body))) co_return false;
    e.sent_at = ledger_.now();
  }
  if (plan_.end == ConnectionPlan::End::half_close) {
    if (!ledger_.plan().half_close)
      for (const auto& r : plan_.requests)
        if (ledger_.of(r.id).answer != Entry::Answer::whole) ledger_.excuse(r.id, "half-closed");
    stream.shutdown_send();
  }
  co_return true;
}

// False: nothing more can or shall be sent.
net::Task<bool> Client::write(net::Stream& stream, const RequestPlan& r, std::string head, std::string body) {
  Entry& e = ledger_.of(r.id);
  std::size_t limit = SIZE_MAX;
  switch (r.misbehaviour) {
    case Misbehaviour::stall_in_head: limit = r.stop_at; break;
    case Misbehaviour::stall_in_body: limit = head.size() + r.stop_at; break;
    case Misbehaviour::abort_in_request: limit = r.stop_at; break;
    default: break;
  }
  std::size_t whole = head.size() + body.size();
  if (r.expect_continue && limit > head.size()) {
    if (!co_await send(stream, r, head, SIZE_MAX)) co_return false;
    if (!co_await may_send_body(r)) co_return true;
    limit = limit == SIZE_MAX ? limit : limit - head.size();
    if (!co_await send(stream, r, std::move(body), limit)) co_return false;
  } else if (r.misbehaviour == Misbehaviour::trickle) {  // its body does
    if (!co_await send_text(stream, std::move(head), kPatience)) co_return false;
    if (!co_await send(stream, r, std::move(body), limit)) co_return false;
  } else if (!co_await send(stream, r, head + body, limit)) {
    co_return false;
  }
  if (r.misbehaviour == Misbehaviour::abort_in_request) {
    ledger_.trace("r{}: aborts", r.id);
    gone_ = true;
    reset_ = r.reset;
    co_return false;
  }
  e.sent = limit >= whole;
  if (e.sent) co_return true;
  e.sent_at = ledger_.now();
  co_return false;  // stalls: what follows is not sent
}

net::Task<bool> Client::send(net::Stream& stream, const RequestPlan& r, std::string text, std::size_t limit) {
  if (limit < text.size()) text.resize(limit);
  for (std::size_t at = 0; at < text.size();) {
    std::size_t n = std::min(r.piece, text.size() - at);
    if (!co_await send_text(stream, text.substr(at, n), kPatience)) co_return false;
    at += n;
    if (r.piece_delay > Duration(0) && at < text.size()) co_await net::sleep_for(host_.loop, r.piece_delay);
  }
  co_return true;
}

// After `Expect: 100-continue`; false: the answer came without the body.
net::Task<bool> Client::may_send_body(const RequestPlan& r) {
  auto index = static_cast<std::size_t>(&r - plan_.requests.data());
  Time until = after(host_.loop.now(), 1s);
  for (;;) {
    if (continued_ == index) co_return true;
    if (answered_ > index) co_return r.body.size == 0;
    if (answered_ == index && heard_) co_return r.body.size == 0;
    if (!co_await net::with_deadline(host_.loop, until, progress())) co_return true;
  }
}

net::Task<bool> Client::read_all() {
  for (const RequestPlan& r : plan_.requests) {
    bool ok = co_await read_answer(r);
    ++answered_;
    changed_.notify();
    if (!ok) {
      excuse_rest("its connection ended");
      co_return false;
    }
    if (last_) {
      excuse_rest("the gateway said `Connection: close`");
      co_return true;
    }
  }
  co_return true;
}

// False: the connection is of no more use.
net::Task<bool> Client::read_answer(const RequestPlan& r) {
  Entry& e = ledger_.of(r.id);
  heard_ = false;
  e.turn_at = ledger_.now();
  if (e.sent_at != Time{}) e.sent_at = ledger_.now();  // pipelined: its turn begins
  if (r.misbehaviour == Misbehaviour::abort_in_answer) in_->stop_after(in_->received() + r.stop_at);
  if (r.misbehaviour == Misbehaviour::stop_reading) {
    for (std::size_t i = answered_; i < plan_.requests.size(); ++i)
      ledger_.of(plan_.requests[i].id).held = true;
    co_await net::sleep_for(host_.loop, ledger_.plan().timeouts.write_idle * 2 + ledger_.plan().slack());
  }
  AnswerCheck check(ledger_, r);
  WireHead head;
  for (;;) {
    if (!co_await in_->head(head, kPatience)) {
      connection_lost(r);
      co_return false;
    }
    if (!check.head(head)) break;  // the final one
    if (check.status() == 100) continued_ = answered_;
    changed_.notify();
  }
  heard_ = true;
  changed_.notify();
  e.answered_at = ledger_.now();
  last_ = check.last();
  if (check.status() == 101) {
    co_await talk(r);
    co_return false;
  }
  std::string body;
  WireHead trailers;
  bool whole = co_await in_->body(check.framing(), body, trailers, kPatience);
  e.ended_at = ledger_.now();
  if (in_->stopped() && !whole) {
    connection_lost(r);
    co_return false;
  }
  in_->stop_after(SIZE_MAX);
  check.body(body, trailers, whole, in_->end());
  co_return whole;
}

// The rest of a connection that has become a tunnel.
net::Task<void> Client::talk(const RequestPlan& r) {
  ledger_.of(r.id).ended_at = ledger_.now();
  TunnelEnd end(*stream_, *in_, ledger_, r, Side::client);
  co_await end.run();
  gone_ = true;
}

void Client::connection_lost(const RequestPlan& r) {
  Entry& e = ledger_.of(r.id);
  e.ended_at = ledger_.now();
  if (r.misbehaviour == Misbehaviour::abort_in_answer && in_->stopped()) {
    ledger_.trace("r{}: aborts in its answer", r.id);
    ledger_.excuse(r.id, "its client left");
    gone_ = true;
    reset_ = r.reset;
    return;
  }
  ledger_.trace("r{}: the connection ended ({}) before its answer", r.id, static_cast<int>(in_->end()));
  if (in_->end() == WireEnd::timeout) ledger_.violate(fmt::format("r{}: no answer and no end in time", r.id));
  if (in_->end() == WireEnd::malformed) ledger_.violate(fmt::format("r{}: the answer is no HTTP", r.id));
}

void Client::excuse_rest(std::string_view why) {
  for (std::size_t i = answered_; i < plan_.requests.size(); ++i) ledger_.excuse(plan_.requests[i].id, why);
}

}  // namespace gatehouse::sim
