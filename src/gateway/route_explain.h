// Why a request goes where it goes: a trace of the router's own walk (issue: `gatehouse explain`, admin
// `/explain`).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/spec.h"
#include "gateway/router.h"

namespace gatehouse::gateway {

struct RouteVerdict {
  enum class Kind : std::uint8_t {  // from near to far; a route has the nearest of its entries
    chosen,
    needs_identity,  // all else holds; the rest is known after identity
    outranked,       // would serve the request
    wrong_method,
    condition_failed,
    other_path,
  };
  Kind kind = Kind::other_path;
  std::uint32_t route = 0;  // index into Spec::routes
  std::string name;
  config::Location at;
  std::string text;            // `header.x-beta: v2` does not hold: the request has none
  config::Location failed_at;  // of the condition that failed; line 0 where none did
};

struct Explanation {
  RouteChoice choice;
  std::string why;                   // one line on the choice
  std::vector<RouteVerdict> routes;  // all that the host could reach: by kind, then as written
};

// `spec` is the one that `router` was compiled from. Costs a pass over all routes of the host; not for the
// request path.
Explanation explain(const Router& router, const config::Spec& spec, const RouteQuery& query,
                    RouterScratch& scratch);

}  // namespace gatehouse::gateway
