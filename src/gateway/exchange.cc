#include "gateway/exchange.h"

#include <algorithm>
#include <cstring>

#include "gateway/forwarding.h"
#include "gateway/preflight.h"
#include "gateway/problem.h"
#include "gateway/trace_context.h"
#include "gateway/worker.h"
#include "http/path.h"

namespace gatehouse::gateway {
namespace {

// Lower case, without port; a view of `host` where that changes nothing.
std::string_view match_host(std::string_view host, Arena& arena) {
  host = http::host_without_port(host);
  if (std::ranges::none_of(host, [](char c) { return c >= 'A' && c <= 'Z'; })) return host;
  auto* p = static_cast<char*>(arena.allocate(host.size(), 1));
  std::ranges::transform(host, p,
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return {p, host.size()};
}

// The service that was chosen is not asked: log and metrics name none.
void no_service(RequestRecord& record) noexcept {
  record.service = record.service_version = {};
  record.series = RequestRecord::kNoSeries;
}

}  // namespace

Exchange::Exchange(Worker& worker, SnapshotPin& pin, const CompiledListener& listener, Responder& responder,
                   Arena& arena, const IpAddress& peer, Time began)
    : worker_(worker),
      pin_(pin),
      listener_(listener),
      responder_(responder),
      arena_(arena),
      request_(arena),
      peer_(peer),
      client_(peer),
      began_(began) {
  record_.time = worker.loop().wall() - (worker.loop().now() - began);
  record_.listener = listener.spec.name;
  worker_.stats().exchanges.add(1);
}

Exchange::~Exchange() {
  if (!record_kept_) {
    finish_record();
    worker_.sink().record(record_);
  }
  worker_.stats().exchanges.add(-1);
}

const Snapshot& Exchange::snapshot() const noexcept { return pin_.snapshot(); }

void Exchange::note_request() {
  record_.method = request_.method_text;
  record_.host = request_.host;
  record_.path = request_.path;
  const QueryMask* mask = snapshot().query_mask();
  record_.query = mask ? mask->shown(request_.query, arena_) : request_.query;
  record_.version = request_.version;
}

Result<void> Exchange::admit() {
  note_request();
  if (record_.tls && !record_.tls->speaks_for(http::host_without_port(request_.host)))
    return fail(Errc::misdirected, "the host belongs to another certificate of this listener",
                Origin::client);
  auto client = admit_headers(request_, listener_.spec.trusted_proxies, peer_, arena_,
                              pin_.snapshot().reserved_names());
  if (!client) return std::unexpected(client.error());
  client_ = client->address;
  from_trusted_ = client->from_trusted;
  record_.request_id = request_id_for(request_.headers, from_trusted_, worker_.loop().random(), arena_);
  auto path = http::normalise_path(request_.path, {.merge_slashes = listener_.spec.merge_slashes}, arena_);
  if (!path) return std::unexpected(path.error());
  request_.path = record_.path = path->path;
  encoded_slash_ = path->encoded_slash;
  return {};
}

RouteChoice::Kind Exchange::choose() {
  if (listener_.direct) {
    take_route(*listener_.direct);
    return RouteChoice::Kind::found;
  }
  RouteQuery query = this->query();
  if (choose_announced(query)) return RouteChoice::Kind::found;
  if (!attributes_ && identity_position_ > 0) {  // nobody supplied any: what is asked for is absent
    attributes_.emplace();
    query.attributes = &*attributes_;
  }
  choice_ = pin_.snapshot().router().match(query, pin_.scratch());
  if (choice_.kind == RouteChoice::Kind::needs_attributes && listener_.chain.identity.empty()) {
    attributes_.emplace();
    query.attributes = &*attributes_;
    choice_ = pin_.snapshot().router().match(query, pin_.scratch());
  }
  if (choice_.kind == RouteChoice::Kind::found) take_route(pin_.snapshot().routes()[choice_.route]);
  return choice_.kind;
}

RouteQuery Exchange::query() {
  if (match_host_.empty()) match_host_ = match_host(request_.host, arena_);
  return {.request = &request_,
          .method = request_.method,
          .method_text = request_.method_text,
          .host = match_host_,
          .path = request_.path,
          .client = client_.bytes,
          .listener = listener_.spec.name,
          .certificate = record_.tls ? record_.tls->certificate() : nullptr,
          .attributes = attributes_ ? &*attributes_ : nullptr};
}

void Exchange::set_caller(const Caller& caller) noexcept {
  caller_ = caller;
  attributes_.emplace(
      Attributes{caller.identity ? caller.identity->attributes : std::span<const Attribute>{}});
  record_.user = caller.identity ? caller.identity->user : std::string_view{};
}

bool Exchange::holds(std::span<const ConditionTable::Range> any_of) {
  static constexpr Attributes kNobody{};
  RouteQuery query = this->query();
  if (query.attributes == nullptr) query.attributes = &kNobody;
  return std::ranges::any_of(any_of, [&](ConditionTable::Range range) {
    return snapshot().conditions().holds(range, query, pin_.conditions()) == Truth::yes;
  });
}

// A preflight takes the route of the request that it announces, if that route answers it. It needs no
// identity: nobody has any before the request itself.
bool Exchange::choose_announced(RouteQuery query) {
  const std::string_view method = method_announced_by(request_);
  if (method.empty()) return false;
  const RouteChoice choice = match_announced(pin_.snapshot().router(), query, method, pin_.scratch());
  if (choice.kind != RouteChoice::Kind::found) return false;
  const CompiledRoute& route = pin_.snapshot().routes()[choice.route];
  if (!route.chain.answers_preflights) return false;
  choice_ = choice;
  announced_method_ = method;
  take_route(route);
  return true;
}

Refusal Exchange::refusal() const noexcept {
  auto client = [](Errc code, std::string_view why) {
    return Error{code, Origin::client, Retry::never, why};
  };
  switch (choice_.kind) {
    case RouteChoice::Kind::wrong_method:
      return {client(Errc::method_not_allowed, "a route has this path, but not for this method"),
              choice_.allowed};
    default: return {client(Errc::no_route, "no route matches this request")};
  }
}

void Exchange::take_route(const CompiledRoute& route) {
  route_ = &route;
  record_.route = route.name;
  if (encoded_slash_ && !route.encoded_slash_keep && &route != listener_.direct)
    unfit_ = Error{Errc::bad_path, Origin::client, Retry::never,
                   "%2F in the path; the service does not say `encoded_slash: keep`"};
  if (std::uint32_t n = route.chain.slot_bytes) {
    slots_ = static_cast<char*>(arena_.allocate(n));
    std::memset(slots_, 0, n);
  }
  route.target->choose(*this);
}

Verdict Exchange::run(std::uint32_t& position, const std::vector<RequestStep>& steps) {
  while (position < steps.size()) {
    const RequestStep& step = steps[position++];
    Verdict v = step.run(step.filter, *this);
    if (v.is_reply()) no_service(record_);
    if (!v.is_next()) return v;
  }
  return Verdict::next();
}

Verdict Exchange::run_response_steps(Reply& reply) {
  const auto& steps = route_->chain.response;
  while (response_position_ < steps.size()) {
    const ResponseStep& step = steps[response_position_++];
    Verdict v = step.run(step.filter, *this, reply);
    if (!v.is_next()) return v;
  }
  return Verdict::next();
}

net::Task<Reply> Exchange::refuse(Refusal refusal) {
  note_failure(refusal.error);
  no_service(record_);
  if (record_.request_id.empty())  // refused before its headers were looked at
    record_.request_id = request_id_for(request_.headers, false, worker_.loop().random(), arena_);
  std::string_view allow;
  if (refusal.error.code == Errc::method_not_allowed)
    allow = pin_.snapshot().router().allow_text(refusal.allowed, arena_);
  Reply reply = problem_reply(*this, refusal.error, allow);
  for (const RefusalStep& step : listener_.chain.refusal) {
    Verdict v = step.run(step.filter, *this, refusal, reply);
    while (v.is_later()) v = co_await v.take_task();
    if (v.is_reply()) reply = v.take_reply();
  }
  co_return reply;
}

net::Task<Reply> Exchange::recover(Error error) {
  note_failure(error);
  if (route_) {
    for (const FailureStep& step : route_->chain.failure) {
      Verdict v = step.run(step.filter, *this, error);
      while (v.is_later()) v = co_await v.take_task();
      if (v.is_reply()) co_return v.take_reply();
    }
  }
  co_return problem_reply(*this, error);
}

Verdict Exchange::refuse_with(const Error& error) {
  auto as_verdict = [](Exchange* x, Refusal refusal) -> net::Task<Verdict> {
    co_return Verdict::reply(co_await x->refuse(refusal));
  };
  return Verdict::later(as_verdict(this, Refusal{.error = error}));
}

Verdict Exchange::refuse_with(Errc code, std::string_view detail) {
  return refuse_with({code, Origin::client, Retry::never, detail});
}

void Exchange::note_failure(const Error& e) noexcept {
  if (record_.failed) return;  // the first reason is the cause
  record_.failed = true;
  record_.reason = e.code;
  record_.detail = e.detail;
}

void Exchange::mark_first_byte() noexcept { record_.first_byte = worker_.loop().now() - began_; }

http::ResponseHead* Exchange::new_response(std::uint16_t status) {
  auto* head = new (arena_.allocate(sizeof(http::ResponseHead), alignof(http::ResponseHead)))
      http::ResponseHead(arena_);
  head->status = status;
  return head;
}

void Exchange::finish_record() noexcept {
  Time now = worker_.loop().now();
  record_.client = client_;
  record_.total = now - began_;
  record_.tries = report_.tries;
  record_.endpoint = report_.endpoint;
  if (report_.tries) {
    Time until = report_.head_at != Time{} ? report_.head_at : now;
    record_.upstream = until - report_.began;
  }
  // What the gateway itself took until the answer began: the rest is the service's or the client's time.
  Duration until_answer = record_.first_byte != Duration{} ? record_.first_byte : record_.total;
  record_.own = std::max(Duration{}, until_answer - record_.upstream);
}

std::unique_ptr<KeptRecord> Exchange::keep_record() {
  record_kept_ = true;
  finish_record();
  return std::make_unique<KeptRecord>(record_);
}

}  // namespace gatehouse::gateway
