// WWW-Authenticate: what a refusal tells a client's library.
#pragma once

#include <string_view>

#include "base/arena.h"
#include "base/error.h"
#include "http/header.h"

namespace gatehouse::filters {

// Which methods would be accepted.
struct Challenge {
  bool bearer = false;
  bool api_key = false;
  std::string_view scope{};  // that is asked for, where it can be said; of 403
};

// Adds to a 401 a challenge for each method (RFC 9110 section 15.5.2 wants one at least), to a 403 the one of
// RFC 6750 section 3. Where there were no credentials, or of another kind, no `error` is said (section 3.1).
// `error` is one of auth's; its detail is fit for a quoted string, as all static texts are.
void add_challenge(const Error& error, const Challenge& challenge, http::HeaderTable& headers, Arena& arena);

}  // namespace gatehouse::filters
