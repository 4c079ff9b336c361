// Routes that ask for credentials and lie inside a wider one that asks for fewer (configuration rule 4).
#pragma once

#include "config/diagnostic.h"
#include "config/spec.h"

namespace gatehouse::gateway {

// A warning for each route that asks for credentials, and only for some methods or under a `when`, where all
// else on the same path goes to a wider route that asks for none: what was meant to be guarded is then open
// to whoever asks in another way. A guarded path inside an open one, whatever the method, is as it should be
// and gets none. At most kMostWarnings.
inline constexpr std::size_t kMostWarnings = 10;
void warn_of_weaker_routes(const config::Spec& spec, config::Diagnostics& diagnostics);

}  // namespace gatehouse::gateway
