// What produces the answer of a route: a service, a redirect, a fixed reply; the admin API on its own
// listener.
#pragma once

#include "base/error.h"
#include "gateway/verdict.h"

namespace gatehouse::gateway {

class Exchange;

// Immutable, in a snapshot; any worker.
class Target {
 public:
  virtual ~Target() = default;
  // What is decided when the route has been chosen, before any of its steps: service and version.
  virtual void choose(Exchange&) const {}
  // The answer, or an error before there was a head: then the failure steps are asked.
  virtual net::Task<Result<Reply>> answer(Exchange& x) const = 0;
};

}  // namespace gatehouse::gateway
