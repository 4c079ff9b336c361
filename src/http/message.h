// Heads of requests and responses, free of any wire format.
#pragma once

#include <cstdint>
#include <string_view>

#include "http/header.h"

namespace gatehouse::http {

enum class Method : std::uint8_t { other, get, head, post, put, delete_, connect, options, trace, patch };
enum class Version : std::uint8_t { http10, http11, http2 };

Method method_of(std::string_view text) noexcept;  // exact case
bool is_safe(Method m) noexcept;                   // RFC 9110 section 9.2.1

// Views live as long as what the message was parsed from (block) or made in (arena).
struct RequestHead {
  explicit RequestHead(Arena& arena) noexcept : headers(arena) {}
  Method method = Method::get;
  Version version = Version::http11;
  bool asterisk = false;  // `OPTIONS *`
  std::string_view method_text = "GET";
  std::string_view scheme = "http";  // how the client reached us
  std::string_view host;        // from the target or Host, as received, with port; may be empty (HTTP/1.0)
  std::string_view path = "/";  // normalised (rule 4); begins with '/'
  std::string_view query;       // with its '?', or empty
  std::string_view target;      // as received, for logs and diagnosis only
  HeaderTable headers;
};

struct ResponseHead {
  explicit ResponseHead(Arena& arena) noexcept : headers(arena) {}
  std::uint16_t status = 200;
  Version version = Version::http11;
  std::string_view reason;  // as received; never forwarded: the codec writes its own
  HeaderTable headers;
};

bool is_event_stream(const ResponseHead& head) noexcept;  // Content-Type: text/event-stream

std::string_view reason_phrase(std::uint16_t status) noexcept;  // "" if unknown

}  // namespace gatehouse::http
