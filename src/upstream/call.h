// One request to a service and its answer: endpoints, connections, attempts, retries and time limits.
//
// It knows no exchange and no filter: proxying and health checks use it now, key fetches, mirrors and GraphQL
// later.
#pragma once

#include <string_view>

#include "http/message.h"
#include "upstream/body.h"
#include "upstream/client.h"
#include "upstream/service.h"

namespace gatehouse::upstream {

// What happened, for log and metrics. Filled in as it happens, so it is right also when the call is
// cancelled.
struct CallReport {
  unsigned tries = 0;
  std::string_view endpoint;  // of the last attempt; in the call's arena
  Time began{};               // times are Time{} until it happens
  Time head_at{};
  Time request_sent{};
  std::uint64_t response_bytes = 0;  // body bytes received
  bool reused = false;
};

// Takes interim (1xx) heads; valid during the call only.
class InterimSink {
 public:
  virtual net::Task<Result<void>> interim(const http::ResponseHead& head) = 0;

 protected:
  ~InterimSink() = default;
};

// What `call` needs. All references outlive the call and the body of its answer.
struct Call {
  const Service& service;
  const ServiceVersion& version;
  const http::RequestHead& head;  // as it shall arrive: the gateway's own fields are in it
  std::string_view target;        // path and query as sent
  BodySource* body = nullptr;     // null = none
  const CallPolicy& policy;       // the service's, or a route's copy
  Arena& arena;                   // the answer's head and body live here
  CallReport& report;
  InterimSink* interim = nullptr;
  bool websocket = false;  // the head offers one (websocket.h): the answer may be a 101 with a tunnel
};

// Errors: connect_refused, connect_timeout, name_not_resolved, saturated, upstream_timeout,
// deadline_exceeded, upstream_reset, upstream_closed, upstream_malformed; or the error of the request's body,
// with its own origin. Destroying the task cancels the work at once.
net::Task<Result<Response>> call(Client& client, Call c);

}  // namespace gatehouse::upstream
