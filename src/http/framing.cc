#include "http/framing.h"

#include "http/characters.h"

namespace gatehouse::http {
namespace {

struct Fault {
  Errc code = Errc::malformed_request;
  std::string_view detail;  // empty: none
};

// 1*DIGIT, no sign, no list, no leading zero, below 2^63.
bool parse_length(std::string_view text, std::uint64_t& length) noexcept {
  constexpr std::size_t kMaxDigits = 18;  // 10^18 - 1 < 2^63: no overflow to test for
  if (text.empty() || text.size() > kMaxDigits || (text.size() > 1 && text[0] == '0')) return false;
  std::uint64_t value = 0;
  for (char c : text) {
    if (!is_digit(c)) return false;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  length = value;
  return true;
}

// RFC 9112 section 6.3, the part that requests and responses share. Kind::none: the head says nothing.
Fault announced(const FramingFacts& facts, Version version, Framing& out) noexcept {
  out = {};
  if (facts.transfer_encodings) {
    if (facts.content_lengths) return {Errc::header_conflict, "both Transfer-Encoding and Content-Length"};
    if (facts.transfer_encodings > 1) return {Errc::header_conflict, "more than one Transfer-Encoding"};
    if (version != Version::http11) return {Errc::malformed_request, "Transfer-Encoding with HTTP/1.0"};
    if (!iequals(facts.transfer_encoding, "chunked"))
      return {Errc::malformed_request, "Transfer-Encoding other than chunked"};
    out.kind = Framing::Kind::chunked;
  } else if (facts.content_lengths) {
    if (facts.content_lengths > 1) return {Errc::header_conflict, "more than one Content-Length"};
    if (!parse_length(facts.content_length, out.length))
      return {Errc::malformed_request, "Content-Length that is not a plain decimal number"};
    out.kind = Framing::Kind::length;
  }
  return {};
}

}  // namespace

Result<Framing> request_framing(const FramingFacts& facts, Method method, Version version) {
  Framing framing;
  if (Fault f = announced(facts, version, framing); !f.detail.empty())
    return fail(f.code, f.detail, Origin::client);
  const bool body = framing.kind == Framing::Kind::chunked || framing.length > 0;
  if (body && (method == Method::connect || method == Method::trace))
    return fail(Errc::malformed_request, "CONNECT or TRACE with a body", Origin::client);
  return framing;
}

Result<Framing> response_framing(const FramingFacts& facts, Method method, std::uint16_t status,
                                 Version version) {
  Framing framing;
  if (Fault f = announced(facts, version, framing); !f.detail.empty())
    return fail(Errc::upstream_malformed, f.detail, Origin::upstream);
  if (method == Method::head || status < 200 || status == 204 || status == 304) return Framing{};
  if (framing.kind == Framing::Kind::none) framing.kind = Framing::Kind::until_close;
  return framing;
}

bool announces_forbidden_body(const FramingFacts& facts, std::uint16_t status) noexcept {
  if (status >= 200 && status != 204) return false;
  return facts.transfer_encodings > 0 || (facts.content_lengths > 0 && facts.content_length != "0");
}

}  // namespace gatehouse::http
