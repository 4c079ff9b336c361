// `auth`: who is asking, from a bearer token or an API key, and whether that is enough (configuration rule
// 7).
#pragma once

#include <memory>

#include "gateway/snapshot.h"

namespace gatehouse::filters {

// Of a route, by the rule that is the narrowest there:
//   required: no credentials, or bad ones, are a 401; those that cannot be judged because the issuer's keys
//     are not to be had a 503; good ones of a method that is not listed, or for which `require` does not
//     hold, a 403; from an address that has shown too many bad signatures a 429;
//   optional: good ones name the user; bad ones are removed before the request goes on, as are those of a
//     scheme that is not ours, and nothing waits;
//   off: nothing is looked at nor touched.
// Contradictory credentials (two Authorization headers, two API keys) are a 400 unless it is `off`. Unless it
// is `off`, an API key is cut out of what is passed on, and out of Referer where it stands in the query; out
// of the log it is cut in every case.
//
// Where a condition of a route names `user` or `claim`, identity is established before the choice, and may
// wait for keys whatever the route says; if it cannot be, the route is chosen as for nobody, and its rule
// judges.
std::unique_ptr<gateway::FilterKind> auth_filter();

}  // namespace gatehouse::filters
