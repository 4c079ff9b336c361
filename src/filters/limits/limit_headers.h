// What clients are told about their limits: draft-ietf-httpapi-ratelimit-headers-10, and what was usual
// before it.
#pragma once

#include <cstdint>

#include "filters/limits/limit_policy.h"
#include "filters/limits/limiter.h"
#include "http/header.h"

namespace gatehouse::filters {

// The limits that a request met, and what became of each; in its arena.
struct MetLimits {
  const LimitUse** uses = nullptr;
  Charge* charges = nullptr;  // side by side with `uses`
  std::uint32_t count = 0;
  bool asked = false;
  std::string_view policies{};  // of all of them, where it is known beforehand; else empty
};

// RateLimit-Policy names all of them, RateLimit the one that leaves the least; X-RateLimit-* tell about that
// one too.
void add_limit_headers(const MetLimits& met, http::HeaderTable& headers, Arena& arena);

}  // namespace gatehouse::filters
