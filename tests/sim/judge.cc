// What may come of a request, by what its client, the services and the network did.
#include <algorithm>
#include <set>

#include "sim/answer_check.h"
#include "sim/crowd.h"
#include "sim/malformed.h"
#include "sim/service.h"
#include "sim/setting.h"
#include "sim/tunnel.h"

namespace gatehouse::sim {
namespace {

class Judge {
 public:
  Judge(Ledger& ledger, std::uint64_t id, const Entry& entry)
      : ledger_(ledger), plan_(ledger.plan()), id_(id), e_(entry), r_(*entry.plan) {
    for (std::string_view service : answerers(r_)) speaks_tls_ = speaks_tls_ || speaks_tls(plan_, service);
  }
  void run();

 private:
  bool proxied() const { return sim::proxied(r_); }
  bool goes_to(std::string_view service) const { return may_answer(service, r_); }
  std::set<int> statuses() const;
  void add_handshakes(std::set<int>& out) const;
  // Handshakes with its services may fail.
  bool unsure_handshakes() const {
    bool slow = plan_.faults.long_delay > 0 || plan_.faults.partial_send > 0;
    return speaks_tls_ && (plan_.breaks() || slow || plan_.tls.failing_services > 0);
  }
  void add_attempts(std::set<int>& out) const;
  // Closes while the body is still coming: the reset that follows may overtake the answer.
  bool hangs_up(const ServicePlan& a) const {
    return r_.body.kind != BodyKind::none && (a.close || a.body.kind == BodyKind::until_close);
  }
  // Its service waits for more of the body than will ever come.
  bool trickles() const {
    bool early = std::ranges::any_of(r_.acts, [](const auto& a) { return a.act == Act::early; });
    return r_.misbehaviour == Misbehaviour::trickle && !early && !plan_.breaks() && !plan_.dead_endpoint;
  }
  // The gateway says 413 and lingers, for so long and so many bytes: the rest may be more.
  bool outlasts_linger() const {
    return plan_.too_large(r_.body) &&
           (r_.body.size > std::min<std::size_t>(60'000, 20 * plan_.faults.buffer_min) ||
            plan_.faults.long_delay > 0 || r_.piece_delay > Duration(0));
  }
  // The reset of a tunnel may overtake its 101.
  bool breaks_tunnel(const ServicePlan& a) const {
    return r_.tunnel && a.status == 101 && r_.tunnel->service.end == TalkPlan::End::reset;
  }
  bool cut_by_service() const;
  bool may_break_off() const;
  bool may_stay_unanswered() const;
  bool answered_early() const;
  void times();
  void log();
  template <class... T>
  void wrong(fmt::format_string<T...> format, T&&... args) {
    ledger_.violate(fmt::format("r{}: {}", id_, fmt::format(format, std::forward<T>(args)...)));
  }

  Ledger& ledger_;
  const Plan& plan_;
  std::uint64_t id_;
  const Entry& e_;
  const RequestPlan& r_;
  bool speaks_tls_ = false;  // a service that may answer
};

void Judge::add_handshakes(std::set<int>& out) const {
  if (unsure_handshakes()) out.insert(503);
  bool answers_wrongly = plan_.tls.failing_services > 0 || (plan_.tls.impostor && goes_to("alpha"));
  if (speaks_tls_ && answers_wrongly) out.insert(502);
  // Tries that come to nothing take their time, until the deadline.
  if (unsure_handshakes() && plan_.tls.failing_services > 0) out.insert(504);
}

void Judge::add_attempts(std::set<int>& out) const {
  for (std::size_t i = 0; i < 4; ++i) {
    const ServicePlan& a = r_.act(i);
    bool again = false;
    switch (a.act) {
      case Act::answer:
      case Act::early:
        out.insert(a.status);
        if (a.act == Act::early && hangs_up(a)) out.insert(502);
        again = a.status == 503;
        if (breaks_tunnel(a)) {
          out.insert(502);
          again = true;
        }
        break;
      case Act::never: out.insert(504); break;
      case Act::close_before_head:
      case Act::reset_before_head:
        out.insert(502);
        again = true;
        break;
      case Act::malformed:
        out.insert(502);
        if (a.variant == kEndlessAnswer) out.insert(504);  // it may take its time
        break;
      default:  // its head may be lost with the rest
        out.insert(a.status);
        out.insert(502);
        again = a.act == Act::reset_after_head;
    }
    if (plan_.breaks()) {
      out.insert(502);
      again = true;
    }
    if (r_.unsafe() || !again) return;
    if (goes_to("alpha") && plan_.dead_endpoint) out.insert(503);
  }
}

std::set<int> Judge::statuses() const {
  if (r_.misbehaviour == Misbehaviour::malformed) {
    std::uint16_t status = malformed_request(r_.variant, "/x").status;
    return status == 431 || status == 414 ? std::set<int>{status, 408}
                                          : std::set<int>{status};  // a long one is slow
  }
  if (r_.misbehaviour == Misbehaviour::stall_in_head) return {408};
  std::set<int> out;
  if (r_.route == Route::nowhere) return {404};
  if (r_.route == Route::wrong_method && r_.method != "GET" && r_.method != "HEAD") return {405};
  if (r_.denied || shut_out(r_, e_.from)) return {403};
  if (plan_.too_large(r_.body) && r_.body.kind == BodyKind::length) return {413};  // behind the route's steps
  if (r_.route == Route::redirect) return {308};
  if (!proxied()) return {200};
  if (r_.misbehaviour == Misbehaviour::stall_in_body) out.insert(408);
  if (r_.misbehaviour == Misbehaviour::broken_chunk) out.insert(400);
  if (goes_to("dead")) {
    out.insert(503);
    return out;
  }
  if (plan_.too_large(r_.body)) out.insert(413);
  if (r_.misbehaviour == Misbehaviour::trickle) out.insert(408);
  if (!trickles()) add_attempts(out);
  add_handshakes(out);
  // A pooled connection may be closed by its service at the moment in which a request sets out. Whether the
  // service acted on it nobody knows: only safe ones are sent again.
  bool body = r_.body.kind != BodyKind::none;  // may be too much to be kept for another try
  if ((r_.unsafe() || body) && plan_.idle_close > 0) out.insert(502);
  if (e_.saturated || plan_.connect_trouble()) out.insert(503);
  return out;
}

// Could the answer leave while its request is still being sent?
bool Judge::answered_early() const {
  bool early = !proxied() || r_.denied || shut_out(r_, e_.from) || goes_to("dead") || goes_to("gamma") ||
               plan_.dead_endpoint || plan_.connect_trouble() || plan_.breaks() || unsure_handshakes() ||
               (speaks_tls_ && plan_.tls.impostor);
  for (const auto& a : r_.acts) early = early || a.act == Act::early;
  return early;
}

bool Judge::cut_by_service() const {
  if (!proxied()) return false;
  return std::ranges::any_of(r_.acts, [this](const ServicePlan& a) {
    return a.act == Act::cut_body || a.act == Act::stall_body || a.act == Act::reset_after_head ||
           (a.act == Act::early && hangs_up(a)) || breaks_tunnel(a);
  });
}

bool Judge::may_break_off() const {
  if (e_.excused || e_.held || e_.flooded || plan_.breaks() || plan_.drains_early()) return true;
  if (cut_by_service() || outlasts_linger() || crowded_out(ledger_, e_.connection)) return true;
  // The gateway reads a bounded part of a body that nobody wants, then it closes.
  if (r_.body.size > 60'000 && answered_early()) return true;
  return r_.misbehaviour != Misbehaviour::none;
}

// Beside what may break an answer off: its head is then lost with the rest.
bool Judge::may_stay_unanswered() const {
  if (e_.excused || e_.held || plan_.breaks() || plan_.sheds_idle() || plan_.drains_early()) return true;
  if (crowded_out(ledger_, e_.connection)) return true;
  return may_break_off() && r_.misbehaviour != Misbehaviour::malformed;
}

void Judge::times() {
  const Timeouts& t = plan_.timeouts;
  Duration slack = plan_.slack();
  Duration took = e_.ended_at - e_.sent_at;
  if (e_.status == 504 && !e_.by_service && !e_.deliveries.empty() && !e_.held && !unsure_handshakes()) {
    Duration waited = e_.answered_at - e_.deliveries.back().read_at;
    if (e_.deliveries.back().read_at != kNever && (waited > t.service + slack || waited < t.service - slack))
      wrong("504 after {} ms", waited / 1ms);
  }
  Duration turn = e_.answered_at - std::max(e_.began_at, e_.turn_at);
  if (trickles() && e_.status == 408 && (turn > 75s + slack || turn < 30s - slack))
    wrong("a body that trickles is given {} ms", turn / 1ms);
  if (e_.ended_at == Time{} || e_.sent_at == Time{} || e_.excused) return;
  bool waits =
      r_.misbehaviour == Misbehaviour::stall_in_head || r_.misbehaviour == Misbehaviour::stall_in_body;
  if (waits && e_.held) return;
  if (r_.misbehaviour == Misbehaviour::stall_in_head && took > t.head + 2s + slack)
    wrong("a head that stalls is given {} ms", took / 1ms);
  if (r_.misbehaviour == Misbehaviour::stall_in_body && took > t.body_idle + 9s + slack)
    wrong("a body that stalls is given {} ms", took / 1ms);
  bool held = r_.misbehaviour == Misbehaviour::stop_reading && e_.by_service &&
              r_.act(0).act == Act::answer && e_.deliveries.size() == 1;
  if (held && e_.answer == Entry::Answer::whole && r_.method != "HEAD" && e_.status == 200 &&
      r_.act(0).body.size > plan_.faults.buffer_max + 20'000)
    wrong("a client that does not read is waited for");
}

// The log says what the client saw.
void Judge::log() {
  if (r_.misbehaviour == Misbehaviour::malformed || r_.misbehaviour == Misbehaviour::stall_in_head) return;
  if (e_.records > 1) wrong("it is in the log {} times", e_.records);
  if (e_.answer != Entry::Answer::whole) return;
  if (e_.records == 0) wrong("it is not in the log");
  if (e_.records == 1 && e_.recorded_status != e_.status)
    wrong("the log says {}, the client got {}", e_.recorded_status, e_.status);
}

void Judge::run() {
  if (!e_.attempted) return;
  check_tunnel(ledger_, id_, e_);
  log();
  if (e_.answer == Entry::Answer::none) {
    if (!may_stay_unanswered()) wrong("{} was not answered", r_.method);
  } else {
    if (!statuses().contains(e_.status)) {
      std::string may;
      for (int s : statuses()) may += fmt::format(" {}", s);
      wrong("{} got {}{}, expected one of{}", r_.method, e_.status, e_.by_service ? " of the service" : "",
            may);
    }
    if (e_.answer == Entry::Answer::partial && !may_break_off()) wrong("its answer broke off");
  }
  if (e_.saturated && !(goes_to("gamma") && was_saturated(ledger_, id_)))
    wrong("503 saturated, though fewer than {} were under way", plan_.limits.max_in_flight);
  if (!plan_.breaks() && e_.answer != Entry::Answer::none) times();
}

}  // namespace

void judge(Ledger& ledger, std::uint64_t id, const Entry& entry) { Judge(ledger, id, entry).run(); }

}  // namespace gatehouse::sim
