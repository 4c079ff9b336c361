// One request and its answer: the data, and the function that serves it. Free of HTTP/1, sockets and filters.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "gateway/chain.h"
#include "gateway/identity.h"
#include "gateway/record.h"
#include "gateway/router.h"
#include "gateway/snapshot.h"
#include "upstream/call.h"

namespace gatehouse::gateway {

class Worker;
class SnapshotPin;

// The client's side of an exchange, whatever protocol it speaks. One per exchange.
class Responder : public upstream::InterimSink {
 public:
  // Sends head and body to their end. Fails with the body's error, or with client_closed / client_timeout.
  virtual net::Task<Result<void>> send(Reply& reply) = 0;
  virtual bool began() const noexcept = 0;  // the head has left: a failure can only close from now on

 protected:
  ~Responder() = default;
};

// Lives in the frame of the connection's coroutine, which owns it; its destructor is the finish hook and runs
// once, after everything below it. Thread: its worker.
class Exchange {
 public:
  // `listener` belongs to the pinned snapshot.
  Exchange(Worker& worker, SnapshotPin& pin, const CompiledListener& listener, Responder& responder,
           Arena& arena, const IpAddress& peer, Time began);
  Exchange(const Exchange&) = delete;
  ~Exchange();

  Worker& worker() const noexcept { return worker_; }
  const Snapshot& snapshot() const noexcept;
  const CompiledListener& listener() const noexcept { return listener_; }
  Responder& responder() const noexcept { return responder_; }
  Arena& arena() const noexcept { return arena_; }
  http::RequestHead& request() noexcept { return request_; }
  const http::RequestHead& request() const noexcept { return request_; }
  upstream::BodySource* body() const noexcept { return body_; }  // null = none
  void set_body(upstream::BodySource* b) noexcept { body_ = b; }
  void set_tls(const net::TlsInfo* tls) noexcept { record_.tls = tls; }
  // What was understood and has a route, but cannot be served: it is told behind the route's request steps,
  // to those whom they let pass, and with what the response steps have to say about it.
  void set_unfit(const Error& why) noexcept { unfit_ = why; }
  const std::optional<Error>& unfit() const noexcept { return unfit_; }
  // What the client would like to speak instead, of this connection.
  void set_upgrade(std::string_view offer) noexcept { upgrade_ = offer; }
  std::string_view upgrade() const noexcept { return upgrade_; }
  const IpAddress& peer() const noexcept { return peer_; }      // who is connected
  const IpAddress& client() const noexcept { return client_; }  // who asks, after trusted_proxies
  bool from_trusted_proxy() const noexcept { return from_trusted_; }
  std::string_view request_id() const noexcept { return record_.request_id; }

  const CompiledRoute* route() const noexcept { return route_; }  // null until it is chosen
  const RouteChoice& choice() const noexcept { return choice_; }
  // Which of its route's versions the request goes to, by their position in the target.
  std::uint32_t picked() const noexcept { return picked_; }
  void set_picked(std::uint32_t i) noexcept { picked_ = i; }
  // Of a CORS preflight that the route answers itself: the method of the request to come. Else empty.
  std::string_view announced_method() const noexcept { return announced_method_; }
  RequestRecord& record() noexcept { return record_; }
  upstream::CallReport& report() noexcept { return report_; }

  // A filter's data of this request.
  template <class T>
  T& slot(std::uint32_t offset) noexcept {
    return *reinterpret_cast<T*>(slots_ + offset);
  }
  // Identity: what late conditions ask for. Supplied once.
  void set_attributes(std::span<const Attribute> items) noexcept { attributes_.emplace(Attributes{items}); }
  // Who is calling, once that has been looked at; null before. Brings the attributes along, of nobody: none.
  const Caller* caller() const noexcept { return caller_ ? &*caller_ : nullptr; }
  void set_caller(const Caller& caller) noexcept;
  const Identity* identity() const noexcept { return caller_ ? caller_->identity : nullptr; }
  // Whether one of `any_of`, ranges of Snapshot::conditions, holds for this request; attributes that are not
  // there are absent.
  bool holds(std::span<const ConditionTable::Range> any_of);

  // ---- what `serve` is made of ----

  // Everything that has to hold before a route is looked for: normal path, own headers, hops. Once.
  Result<void> admit();
  // Chooses the route. If there is none, `refusal` says why.
  RouteChoice::Kind choose();
  Refusal refusal() const noexcept;
  Verdict run_identity_steps() { return run(identity_position_, listener_.chain.identity); }
  Verdict run_request_steps() { return run(request_position_, route_->chain.request); }
  Verdict run_response_steps(Reply& reply);
  // Another reply takes the place of one that could not be sent: it goes through all of them.
  void restart_response_steps() noexcept { response_position_ = 0; }
  // The reply to a refusal of the gateway's own, after the listener's refusal steps.
  net::Task<Reply> refuse(Refusal refusal);
  // The reply for an error: of the first failure step that has one, the last of which is the problem
  // document.
  net::Task<Reply> recover(Error error);
  // A step's own refusal: 401, 403. To be returned from the step.
  Verdict refuse_with(Errc code, std::string_view detail);
  Verdict refuse_with(const Error& error);

  void note_failure(const Error& e) noexcept;
  void note_request();  // what is known of the request goes into the record; `admit` does it too
  void mark_first_byte() noexcept;
  // For what goes on when the exchange is over: a tunnel hands the record in at its end, the exchange does
  // not.
  std::unique_ptr<KeptRecord> keep_record();
  http::ResponseHead* new_response(std::uint16_t status);

 private:
  Verdict run(std::uint32_t& position, const std::vector<RequestStep>& steps);
  bool choose_announced(RouteQuery query);
  void take_route(const CompiledRoute& route);
  RouteQuery query();
  void finish_record() noexcept;  // with what is known now

  Worker& worker_;
  SnapshotPin& pin_;
  const CompiledListener& listener_;
  Responder& responder_;
  Arena& arena_;
  http::RequestHead request_;
  upstream::BodySource* body_ = nullptr;
  IpAddress peer_;
  IpAddress client_;
  bool from_trusted_ = false;
  const CompiledRoute* route_ = nullptr;
  RouteChoice choice_;
  std::string_view announced_method_;
  std::optional<Error> unfit_;
  std::string_view match_host_;
  std::string_view upgrade_;
  std::uint32_t picked_ = 0;
  bool encoded_slash_ = false;
  bool record_kept_ = false;
  std::optional<Attributes> attributes_;
  std::optional<Caller> caller_;
  char* slots_ = nullptr;
  std::uint32_t identity_position_ = 0;
  std::uint32_t request_position_ = 0;
  std::uint32_t response_position_ = 0;
  Time began_;
  upstream::CallReport report_;
  RequestRecord record_;
};

// Serves one exchange from its parsed head to the last byte of its answer. Destroying the task cancels
// everything that is done for it.
net::Task<void> serve(Exchange& x);

}  // namespace gatehouse::gateway
