// What ties the records of one request together: the request id, and W3C Trace Context
// (www.w3.org/TR/trace-context).
#pragma once

#include <optional>
#include <string_view>

#include "base/arena.h"
#include "base/random.h"
#include "http/header.h"

namespace gatehouse::gateway {

// The parts of a received traceparent; views of it.
struct TraceParent {
  std::string_view trace_id;   // 32 lower-case hex digits, not all zero
  std::string_view parent_id;  // 16, likewise
  unsigned flags = 0;          // bit 0: sampled; bit 1: the trace id is random
};

// Strict for version 00; of a later version what 00 defines is read. nullopt: begin a new trace.
std::optional<TraceParent> parse_traceparent(std::string_view text) noexcept;

struct TraceContext {
  std::string_view traceparent;  // with a span id of our own; in the arena
  std::string_view trace_id;     // a view of it
};

// Continues the trace of the request or begins one. Two traceparents are none, and without one its
// `tracestate` means nothing and is removed. A trace that begins here is marked as sampled: services decide
// as they would without a gateway before them.
TraceContext trace_context(http::HeaderTable& headers, Random& random, Arena& arena);

// 1 to 128 characters of A-Z a-z 0-9 . _ -
bool well_formed_request_id(std::string_view text) noexcept;

// The X-Request-Id of a trusted peer if it is well-formed, else 32 hex digits from `random`.
std::string_view request_id_for(const http::HeaderTable& headers, bool from_trusted, Random& random,
                                Arena& arena);

}  // namespace gatehouse::gateway
