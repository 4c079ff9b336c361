#include "sim/tunnel.h"

#include <algorithm>

#include "net/join.h"
#include "sim/payload.h"
#include "sim/service.h"
#include "sim/setting.h"

namespace gatehouse::sim {
namespace {

constexpr Duration kPatience = 120s;  // beyond stream_idle
constexpr Duration kOneSided = 30s;   // what the gateway gives a side when the other has ended

std::string_view name_of(Side side) noexcept { return side == Side::client ? "client" : "service"; }

const TalkPlan& talk_of(const RequestPlan& r, Side side) noexcept {
  return side == Side::client ? r.tunnel->client : r.tunnel->service;
}

Side other(Side side) noexcept { return side == Side::client ? Side::service : Side::client; }

}  // namespace

std::string_view words_of(const RequestPlan& r, Side side) noexcept {
  return payload(answer_id(r.id, side == Side::client ? 13 : 14), talk_of(r, side).bytes);
}

std::string_view first_words_of(const RequestPlan& r, Side side) noexcept {
  return words_of(r, side).substr(0, talk_of(r, side).early);
}

TunnelEnd::TunnelEnd(net::Stream& stream, WireReader& in, Ledger& ledger, const RequestPlan& request,
                     Side side)
    : stream_(stream), in_(in), ledger_(ledger), request_(request), side_(side) {}

const TalkPlan& TunnelEnd::plan() const noexcept { return talk_of(request_, side_); }

net::Task<void> TunnelEnd::run() {
  TunnelEntry& mine = ledger_.of(request_.id).tunnel[static_cast<std::size_t>(side_)];
  mine.opened = true;
  mine.moved_at = ledger_.now();
  auto saying = say();
  auto hearing = hear();
  co_await net::either(saying, hearing);
  if (!hearing.done()) {  // all is said, or cannot be
    if (saying.take() && plan().end == TalkPlan::End::reset) {
      ledger_.trace("r{}: its {} resets the tunnel", request_.id, name_of(side_));
      stream_.reset_on_close();
      mine.was_reset = true;
      co_return;
    }
    (void)co_await std::move(hearing);
  } else if (!saying.done() && mine.heard_end) {
    (void)co_await std::move(saying);
  }
  if (plan().end == TalkPlan::End::waits && mine.heard_end) co_await finish();
  // What TLS says last may still be on its way, and is lost with the stream.
  if (stream_.tls() && mine.finished_at != kNever) (void)co_await stream_.send(net::SliceList(), 5s);
  if (plan().end == TalkPlan::End::stays && mine.heard_end)
    co_await net::sleep_for(stream_.loop(), kOneSided + 2 * ledger_.plan().slack());
}

net::Task<void> TunnelEnd::finish() {
  TunnelEntry& mine = ledger_.of(request_.id).tunnel[static_cast<std::size_t>(side_)];
  if (mine.said < plan().bytes) co_return;
  stream_.shutdown_send();
  mine.finished_at = ledger_.now();
  ledger_.trace("r{}: its {} ends its part", request_.id, name_of(side_));
  co_return;
}

net::Task<bool> TunnelEnd::say() {
  TunnelEntry& mine = ledger_.of(request_.id).tunnel[static_cast<std::size_t>(side_)];
  std::string_view words = words_of(request_, side_);
  mine.said = plan().early;
  while (mine.said < words.size()) {
    std::string piece(words.substr(mine.said, plan().piece));
    std::size_t n = piece.size();
    if (!co_await send_text(stream_, std::move(piece), kPatience)) co_return false;
    mine.said += n;
    mine.moved_at = ledger_.now();
    if (plan().piece_delay > Duration(0)) co_await net::sleep_for(stream_.loop(), plan().piece_delay);
  }
  if (plan().end == TalkPlan::End::finishes) co_await finish();
  co_return true;
}

net::Task<bool> TunnelEnd::hear() {
  TunnelEntry& mine = ledger_.of(request_.id).tunnel[static_cast<std::size_t>(side_)];
  std::string_view right = words_of(request_, other(side_));
  std::string heard;
  while (co_await in_.some(heard, kPatience)) {
    mine.moved_at = ledger_.now();
    if (right.starts_with(heard)) continue;
    ledger_.violate(fmt::format("r{}: its {} heard {} bytes that were not said", request_.id, name_of(side_),
                                heard.size()));
    co_return false;
  }
  mine.heard = heard.size();
  mine.heard_end = in_.end() == WireEnd::fin;
  mine.ended_at = ledger_.now();
  ledger_.trace("r{}: its {} heard {} of {} bytes, {}", request_.id, name_of(side_), heard.size(),
                right.size(), mine.heard_end ? "to the end" : "broken off");
  if (in_.end() == WireEnd::timeout)
    ledger_.violate(fmt::format("r{}: its tunnel does not end", request_.id));
  co_return true;
}

void check_tunnel(Ledger& ledger, std::uint64_t id, const Entry& e) {
  const RequestPlan& r = *e.plan;
  if (!r.tunnel || !e.tunnel[0].opened || !e.tunnel[1].opened) return;
  const Plan& plan = ledger.plan();
  using End = TalkPlan::End;
  bool undisturbed = !plan.breaks() && !plan.drains_early() && !e.excused;
  bool anybody_finishes = r.tunnel->client.end == End::finishes || r.tunnel->service.end == End::finishes;
  auto goes_along = [&r](Side s) {
    return talk_of(r, s).end == End::finishes || talk_of(r, s).end == End::waits;
  };
  bool in_order = anybody_finishes && goes_along(Side::client) && goes_along(Side::service);
  for (Side side : {Side::client, Side::service}) {
    const TunnelEntry& here = e.tunnel[static_cast<std::size_t>(side)];
    const TunnelEntry& there = e.tunnel[static_cast<std::size_t>(other(side))];
    if (!undisturbed || !in_order) continue;
    // What TLS says last is not waited for: it may be lost with the connection.
    bool cut = side == Side::client ? plan.tls.clients : speaks_tls(plan, r.service);
    if (!here.heard_end && !cut)
      ledger.violate(fmt::format("r{}: its {} heard no orderly end", id, name_of(side)));
    if (here.heard != there.said)
      ledger.violate(
          fmt::format("r{}: its {} heard {} bytes of {}", id, name_of(side), here.heard, there.said));
  }
  if (!undisturbed) return;
  for (Side side : {Side::client, Side::service}) {
    const TunnelEntry& here = e.tunnel[static_cast<std::size_t>(side)];
    bool alone = talk_of(r, side).end == End::finishes && talk_of(r, other(side)).end == End::stays;
    if (alone && here.ended_at > here.finished_at + kOneSided + plan.slack())
      ledger.violate(fmt::format("r{}: its {} alone keeps the tunnel", id, name_of(other(side))));
  }
  // Nobody ends it: the gateway does, when nothing has moved for long.
  auto is_quiet = [&r](Side s) { return talk_of(r, s).end == End::waits || talk_of(r, s).end == End::stays; };
  if (!is_quiet(Side::client) || !is_quiet(Side::service)) return;
  Duration stood = e.tunnel[0].ended_at - std::max(e.tunnel[0].moved_at, e.tunnel[1].moved_at);
  if (stood < plan.timeouts.stream_idle - plan.slack() || stood > plan.timeouts.stream_idle + plan.slack())
    ledger.violate(fmt::format("r{}: its idle tunnel is given {} ms", id, stood / 1ms));
}

}  // namespace gatehouse::sim
