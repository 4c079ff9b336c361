// Retry-After (RFC 9110 section 10.2.3) of filters that know for how long they refuse. (A 503 does not:
// problem.h.)
#pragma once

#include "base/arena.h"
#include "base/random.h"
#include "base/time.h"
#include "http/header.h"

namespace gatehouse::gateway {

// Whole seconds, rounded up, and up to a quarter more (at least one second more at times), so that those who
// were refused together do not come back together.
void add_retry_after(Duration wait, Random& random, http::HeaderTable& headers, Arena& arena);

}  // namespace gatehouse::gateway
