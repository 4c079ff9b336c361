// Failures as RFC 9457 problem documents: the one shape of every answer that the gateway makes because of an
// error.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "base/error.h"
#include "gateway/verdict.h"

namespace gatehouse::gateway {

class Exchange;

// The status a client gets: of the table of errors; 500 for what has none.
std::uint16_t problem_status(Errc code) noexcept;

// {"type":"about:blank","title":...,"status":...,"detail":...,"reason":...,"request_id":...}, in the arena.
// `detail` is left out where it is empty.
std::string_view problem_document(const Error& error, std::string_view request_id, Arena& arena);

// The answer to `error`, all of it in the arena of the exchange. A 405 gets `allow` as its Allow, a 503 a
// Retry-After of 1 to 3 s, so that clients do not come back at once and together. An answer to HEAD has no
// body.
Reply problem_reply(Exchange& x, const Error& error, std::string_view allow = {});

}  // namespace gatehouse::gateway
