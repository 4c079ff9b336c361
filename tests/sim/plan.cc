#include "sim/plan.h"

#include <algorithm>
#include <array>

#include "sim/malformed.h"
#include "sim/payload.h"
#include "sim/setting.h"

namespace gatehouse::sim {
namespace {

class Draw {
 public:
  explicit Draw(std::uint64_t seed) : random_(seed) {}
  bool chance(double p) { return random_.unit() < p; }
  std::uint32_t below(std::uint32_t n) { return random_.below(n); }
  Duration up_to(Duration d) {
    return Duration(static_cast<Duration::rep>(random_.unit() * static_cast<double>(d.count())));
  }
  template <class T, std::size_t N>
  T one_of(const std::array<T, N>& items) {
    return items[below(N)];
  }
  Random& random() { return random_; }

  // Bytes that this seed may still move: many small segments are as much work as few large ones.
  std::size_t budget = 0;
  std::size_t size();
  BodyPlan body(bool may_until_close);
  ServicePlan service(const std::string& method);
  RequestPlan request(bool http10);
  void misbehave(RequestPlan& r);
  ConnectionPlan connection();
  void tls(Plan& p);
  void health(Plan& p);
  void tunnels(Plan& p);

 private:
  TalkPlan talk();
  RequestPlan offer();
  HelloPlan hello();
  Random random_;
  std::uint64_t next_id_ = 1;
};

std::size_t Draw::size() {
  constexpr std::array<std::size_t, 3> edges = {4096, 16384, 65536};
  std::size_t n = 0;
  switch (below(10)) {
    case 0: n = 0; break;
    case 1:
    case 2: n = one_of(edges) - 1 + below(3); break;
    case 3: n = one_of(edges) - 64 + below(128); break;
    case 4: n = below(kMaxPayload - (std::size_t{20} << 10)); break;
    default: n = 1 + below(3000);
  }
  n = std::min(n, budget);
  budget -= n;
  return n;
}

BodyPlan Draw::body(bool may_until_close) {
  BodyPlan b;
  b.size = size();
  b.kind = chance(0.5) ? BodyKind::length : BodyKind::chunked;
  if (may_until_close && chance(0.15)) b.kind = BodyKind::until_close;
  b.chunk = std::max<std::size_t>(b.size / 200 + 1, chance(0.3) ? 1 + below(64) : 1 + below(20000));
  b.trailers = b.kind == BodyKind::chunked && chance(0.3);
  return b;
}

ServicePlan Draw::service(const std::string& method) {
  constexpr std::array<std::uint16_t, 10> statuses = {200, 200, 200, 200, 201, 204, 304, 404, 500, 503};
  ServicePlan s;
  s.body = body(true);
  s.status = one_of(statuses);
  if (method == "GET" || method == "POST") s.status = s.status == 304 ? 200 : s.status;
  if (chance(0.3)) s.delay = up_to(chance(0.2) ? 2s : 30ms);
  if (chance(0.1)) s.piece_delay = up_to(200ms);
  if (chance(0.1)) s.interim = 1 + below(2);
  s.close = chance(0.1);
  if (chance(0.1)) s.keep_alive = 1 + below(5);
  if (chance(0.8)) return s;
  constexpr std::array<Act, 10> acts = {Act::early,
                                        Act::early,
                                        Act::never,
                                        Act::close_before_head,
                                        Act::reset_before_head,
                                        Act::reset_after_head,
                                        Act::cut_body,
                                        Act::stall_body,
                                        Act::malformed,
                                        Act::malformed};
  s.act = one_of(acts);
  s.variant = below(kMalformedAnswers);
  // A body that ends with the connection cannot be cut: its end is the end.
  if (s.act == Act::cut_body && s.body.kind == BodyKind::until_close) s.body.kind = BodyKind::length;
  if (s.act == Act::cut_body || s.act == Act::stall_body || s.act == Act::reset_after_head) {
    s.status = 200;
    s.body.size = std::max<std::size_t>(s.body.size, 10);
  }
  return s;
}

void Draw::misbehave(RequestPlan& r) {
  switch (below(9)) {
    case 0:
    case 1:
      r.misbehaviour = Misbehaviour::malformed;
      r.method = "POST";
      r.route = Route::service;
      r.body = {};
      r.expect_continue = r.http10 = r.keep_alive10 = r.close = false;
      r.variant = below(kMalformedRequests);
      break;
    case 2:
      r.misbehaviour = Misbehaviour::broken_chunk;
      r.method = "POST";
      r.http10 = r.keep_alive10 = false;
      r.body.kind = BodyKind::chunked;
      r.body.size = std::max<std::size_t>(r.body.size, 100);
      r.expect_continue = false;
      break;
    case 3:
      r.misbehaviour = Misbehaviour::stall_in_head;
      r.stop_at = 1 + below(40);
      break;
    case 4:
      if (r.body.size < 10) break;
      r.misbehaviour = Misbehaviour::stall_in_body;
      r.stop_at = r.body.size / 2;
      break;
    case 5:
      r.misbehaviour = Misbehaviour::abort_in_request;
      r.stop_at = below(static_cast<std::uint32_t>(300 + r.body.size));
      break;
    case 6:
      r.misbehaviour = Misbehaviour::abort_in_answer;
      r.stop_at = below(static_cast<std::uint32_t>(200 + r.acts.front().body.size));
      break;
    case 7:
      r.misbehaviour = Misbehaviour::trickle;
      r.method = "POST";
      r.body = {.kind = BodyKind::length, .size = 3000};
      r.expect_continue = false;
      r.piece = 10;
      r.piece_delay = 5s;
      break;
    default: r.misbehaviour = Misbehaviour::stop_reading;
  }
  r.reset = chance(0.5);
}

RequestPlan Draw::request(bool http10) {
  constexpr std::array<std::string_view, 8> methods = {"GET",  "GET",  "GET", "HEAD",
                                                       "POST", "POST", "PUT", "DELETE"};
  constexpr std::array<std::string_view, 12> services = {"alpha",   "alpha",   "alpha", "beta",
                                                         "beta",    "gamma",   "gamma", "dead",
                                                         "guarded", "guarded", "split", "split"};
  RequestPlan r;
  r.id = next_id_++;
  r.method = one_of(methods);
  r.http10 = http10;
  r.keep_alive10 = http10 && chance(0.5);
  r.close = !http10 && chance(0.05);
  r.service = one_of(services);
  if (chance(0.15)) r.route = static_cast<Route>(1 + below(5));
  if (chance(0.12)) r.route = chance(0.6) ? Route::weights : Route::rewritten;
  r.path = below(kRewrites);
  if (r.route == Route::role && chance(0.6)) r.role = "admin";
  bool body =
      r.method == "POST" || r.method == "PUT" || (r.method == "DELETE" && chance(0.2)) || chance(0.03);
  if (body) r.body = this->body(false);
  if (http10 && r.body.kind == BodyKind::chunked) r.body.kind = BodyKind::length, r.body.trailers = false;
  r.expect_continue = !http10 && r.body.kind != BodyKind::none && chance(0.15);
  if (chance(0.15)) r.later_request = 1 + below(60);
  if (chance(0.15)) r.later_response = 1 + below(60);
  r.denied = chance(0.03);
  if (chance(0.1)) r.piece = 64 + below(1000), r.piece_delay = up_to(20ms);
  r.piece = std::max(r.piece, r.body.size / 100);
  std::size_t attempts = 1 + below(3);
  for (std::size_t i = 0; i < attempts; ++i) r.acts.push_back(service(r.method));
  if (r.service == "gamma" && chance(0.5)) r.acts.front().delay = up_to(300ms);  // so that they meet there
  if (chance(0.12)) misbehave(r);
  return r;
}

ConnectionPlan Draw::connection() {
  ConnectionPlan c;
  c.start = up_to(chance(0.8) ? 300ms : 10s);
  if (chance(0.3)) c.from = chance(0.5) ? kOffice : kStranger;
  bool http10 = chance(0.1);
  std::uint32_t requests = 1 + below(chance(0.3) ? 8 : 3);
  for (std::uint32_t i = 0; i < requests; ++i) c.requests.push_back(request(http10));
  c.pipelined = chance(0.25);
  if (chance(0.2)) c.end = chance(0.5) ? ConnectionPlan::End::linger : ConnectionPlan::End::half_close;
  if (chance(0.15)) c.read_size = 1000 + below(4000), c.read_delay = up_to(5ms);
  if (chance(0.2)) c.pause = up_to(chance(0.1) ? 25s : 50ms);
  return c;
}

HelloPlan Draw::hello() {
  HelloPlan h;
  h.old_version = chance(0.4);
  h.resumes = chance(0.6);
  h.by_address = chance(0.2);
  if (chance(0.8)) return h;
  h.manner = static_cast<HelloPlan::Manner>(1 + below(5));
  h.stop_at = 1 + below(11);
  h.leaves_after = up_to(chance(0.5) ? 1ms : 100ms);
  h.reset = chance(0.5);
  return h;
}

void Draw::tls(Plan& p) {
  if (!chance(0.2)) return;
  p.tls.clients = chance(0.8);
  p.tls.services = !p.tls.clients || chance(0.6);
  p.tls.renewed = p.tls.clients && chance(0.5);
  if (p.tls.services) {
    p.tls.old_services = chance(0.3);
    p.tls.impostor = chance(0.5);
    p.tls.failing_services = chance(0.3) ? 0.3 : 0;
    p.timeouts.connect = 12s;  // the handshake's time, too
  }
  if (p.tls.clients)
    for (auto& c : p.connections) c.hello = hello();
}

void Draw::health(Plan& p) {
  if (!chance(1.0 / 6)) return;
  p.health.checked = true;
  p.health.fall = 1 + below(3);
  p.health.rise = 1 + below(3);
  for (std::size_t i = 0; i < kAlpha.size(); ++i) {
    if (chance(0.4)) continue;
    HealthPlan::Spell spell{.endpoint = i, .failing = static_cast<HealthPlan::Failing>(below(3))};
    spell.from = up_to(3s);
    spell.to = spell.from + up_to(5s);
    p.health.spells.push_back(spell);
  }
  // So that requests meet them.
  for (auto& c : p.connections) c.start = up_to(7s);
}

TalkPlan Draw::talk() {
  TalkPlan t;
  t.bytes = size();
  t.piece = std::max<std::size_t>(1 + below(5000), t.bytes / 30);
  if (chance(0.3)) t.piece_delay = up_to(200ms);
  if (chance(0.5)) t.early = std::min<std::size_t>(t.bytes, below(800));
  constexpr std::array<TalkPlan::End, 8> ends = {
      TalkPlan::End::finishes, TalkPlan::End::finishes, TalkPlan::End::finishes, TalkPlan::End::waits,
      TalkPlan::End::waits,    TalkPlan::End::waits,    TalkPlan::End::stays,    TalkPlan::End::reset};
  t.end = one_of(ends);
  return t;
}

RequestPlan Draw::offer() {
  constexpr std::array<std::string_view, 5> services = {"alpha", "beta", "gamma", "guarded", "split"};
  RequestPlan r;
  r.id = next_id_++;
  r.service = one_of(services);
  r.tunnel = TunnelPlan{talk(), talk()};
  if (chance(0.15)) r.later_request = 1 + below(60);
  if (chance(0.15)) r.later_response = 1 + below(60);
  bool accepted = chance(0.85);
  for (std::size_t i = 0; i < 2; ++i) {
    r.acts.push_back(service(r.method));
    ServicePlan& act = r.acts.back();
    if (accepted && act.act == Act::answer) act.status = 101;
    if (act.status != 101) r.tunnel->client.early = 0;  // it would be the next request
  }
  return r;
}

void Draw::tunnels(Plan& p) {
  if (!chance(0.2)) return;
  p.tunnels = true;
  for (auto& c : p.connections) {
    if (c.requests.front().http10 || !chance(0.4)) continue;
    c.end = ConnectionPlan::End::close;
    c.requests.push_back(offer());
  }
}

}  // namespace

std::string_view name_of(HelloPlan::Manner manner) noexcept {
  constexpr std::array<std::string_view, 6> names = {"honest",  "silent",     "stalls",
                                                     "garbage", "clear text", "leaves"};
  return names[static_cast<std::size_t>(manner)];
}

std::string_view name_of(Act act) noexcept {
  constexpr std::array<std::string_view, 9> names = {
      "answer",           "early",    "never",      "close_before_head", "reset_before_head",
      "reset_after_head", "cut_body", "stall_body", "malformed"};
  return names[static_cast<std::size_t>(act)];
}

bool RequestPlan::unsafe() const noexcept {
  return method != "GET" && method != "HEAD" && method != "OPTIONS";
}

Duration Plan::slack() const noexcept {
  return (faults.long_delay > 0 ? 4 * faults.long_delay_max : Duration(0)) + 20 * faults.delay_max + 2s;
}

Plan Plan::draw(std::uint64_t seed) {
  Draw draw(seed);
  Plan p;
  p.seed = seed;
  p.faults = net::MemoryFaults::draw(draw.random());
  if (draw.chance(0.5)) {  // a network that loses nothing: every answer has to be the right one
    p.faults.reset = p.faults.fin = 0;
    p.faults.connect_refused = p.faults.connect_unanswered = p.faults.connect_no_descriptors = 0;
    p.faults.accept_no_descriptors = 0;
  }
  p.faults.segment_max = std::max<std::size_t>(p.faults.segment_max, 48);
  draw.budget = std::min<std::size_t>(p.faults.segment_max * 400, p.faults.buffer_max * 100);
  p.workers = 1 + draw.below(4);
  p.half_close = draw.chance(0.3);
  p.filters = {draw.chance(0.8), draw.chance(0.7)};
  constexpr std::array<std::size_t, 3> bodies = {1000, 20'000, 65'536};
  if (draw.chance(0.25)) p.limits.max_body = draw.one_of(bodies);
  if (draw.chance(0.25)) p.limits.per_address = 2 + draw.below(5);
  p.limits.max_in_flight = 1 + draw.below(3);
  p.dead_endpoint = draw.chance(0.3);
  p.unix_socket = draw.chance(0.3);
  p.idle_close = draw.chance(0.5) ? 0.3 : 0;
  for (std::uint32_t i = draw.below(4); i > 0; --i) p.reloads.push_back(draw.up_to(1s));
  std::ranges::sort(p.reloads);
  if (draw.chance(0.2)) p.drain_at = draw.up_to(3s);
  for (std::uint32_t i = 4 + draw.below(20); i > 0; --i) p.connections.push_back(draw.connection());
  draw.tls(p);
  draw.health(p);
  draw.tunnels(p);
  return p;
}

}  // namespace gatehouse::sim
