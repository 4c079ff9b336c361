#include "http/h1_fields.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "http/characters.h"
#include "http/scan.h"

namespace gatehouse::http {
namespace {

constexpr std::uint64_t bit(HeaderId id) { return std::uint64_t{1} << static_cast<unsigned>(id); }

// Fields that say something about the message as a whole; all others only go into the table.
constexpr std::uint64_t kNoted = bit(HeaderId::host) | bit(HeaderId::connection) | bit(HeaderId::keep_alive) |
                                 bit(HeaderId::content_length) | bit(HeaderId::transfer_encoding) |
                                 bit(HeaderId::expect) | bit(HeaderId::upgrade) | bit(HeaderId::content_type);

// What is wrong with a line whose name ends at `at`, where no colon stands. Cold.
[[gnu::noinline, gnu::cold]] std::string_view wrong_name(const char* line, const char* at) noexcept {
  if (at == line) {
    if (*at == ':') return "header field without a name";
    if (is_blank(*at)) return "header field line that begins with whitespace (obsolete line folding)";
    if (*at == '\n') return "bare LF in the head";
  }
  if (is_blank(*at)) return "whitespace before the colon of a header field";
  if (*at == '\r' || *at == '\n') return "header field without a colon";
  return "character that is not allowed in a header field name";
}

[[gnu::noinline, gnu::cold]] std::string_view wrong_value(char at) noexcept {
  if (at == '\n') return "bare LF in the head";
  if (at == '\0') return "NUL in a header field value";
  return "control character in a header field value";
}

// Seconds of `timeout=N` in a Keep-Alive field; 0 if there is none.
std::uint16_t parse_keep_alive_timeout(std::string_view value) noexcept {
  std::uint32_t seconds = 0;
  for_each_list_item(value, [&](std::string_view item) {
    constexpr std::string_view kKey = "timeout=";
    if (item.size() <= kKey.size() || !iequals(item.substr(0, kKey.size()), kKey)) return;
    std::uint32_t n = 0;
    for (char c : item.substr(kKey.size())) {
      if (!is_digit(c)) return;
      n = std::min<std::uint32_t>(n * 10 + static_cast<std::uint32_t>(c - '0'), 0xffff);
    }
    seconds = n;
  });
  return static_cast<std::uint16_t>(seconds);
}

// RFC 9110 section 7.6.1. Names that must not be hop-by-hop: removing them would change who or what is asked,
// or where the message ends.
bool note_connection(std::string_view value, H1Facts& facts) noexcept {
  bool good = true;
  for_each_list_item(value, [&](std::string_view option) {
    if (iequals(option, "keep-alive")) {
      facts.says_keep_alive = true;
    } else if (iequals(option, "close")) {
      facts.says_close = true;
    } else if (iequals(option, "upgrade")) {
      facts.says_upgrade = true;
    } else if (header_info(folded_id(option)).policy & kNotInConnection) {
      good = false;
    }
  });
  return good;
}

void count(std::uint8_t& counter) noexcept {
  if (counter != std::numeric_limits<std::uint8_t>::max()) ++counter;
}

// False: the field must not be.
bool note(const Header& h, std::uint16_t place, const HeaderTable& headers, H1Facts& facts) noexcept {
  auto first = [place](std::uint16_t& where) {
    const bool unset = where == H1Facts::kNone;
    if (unset) where = place;
    return unset;
  };
  switch (h.id) {
    case HeaderId::host:
      if (!first(facts.host)) facts.two_hosts = true;
      return true;
    case HeaderId::content_length:
      first(facts.content_length);
      count(facts.content_lengths);
      return true;
    case HeaderId::transfer_encoding:
      first(facts.transfer_encoding);
      count(facts.transfer_encodings);
      return true;
    case HeaderId::content_type:
      if (!first(facts.content_type) && headers.begin()[facts.content_type].value != h.value)
        facts.two_content_types = true;
      return true;
    case HeaderId::connection: return note_connection(h.value, facts);
    case HeaderId::keep_alive: facts.keep_alive_timeout = parse_keep_alive_timeout(h.value); return true;
    case HeaderId::expect:
      facts.says_continue = facts.says_continue || iequals(h.value, "100-continue");
      return true;
    case HeaderId::upgrade: first(facts.upgrade); return true;
    default: return true;
  }
}

bool is_visible(char c) noexcept { return static_cast<unsigned char>(c) > 0x20; }

// One line at `p`, which is not at a CR. A line end lies before `end`, so every scan stops before it and
// nothing here asks whether there is more. Inlined: the loop over it is the hot path of the gateway. False:
// `fault` is set.
[[gnu::always_inline]] inline bool read_field(const char*& p, const char* end, Header& out,
                                              H1Fault& fault) noexcept {
  const char* const line = p;
  const char* const colon = scan::end_of_token(line, end);
  if (*colon != ':' || colon == line) [[unlikely]] {
    fault = {Errc::malformed_request, wrong_name(line, colon)};
    return false;
  }
  const char* value = colon + 1;
  if (*value == ' ') ++value;  // nearly always exactly one
  if (!is_visible(*value)) [[unlikely]] {
    while (is_blank(*value)) ++value;
  }
  const char* const stop = scan::end_of_value(value, end);
  if (*stop != '\r') [[unlikely]] {
    fault = {Errc::malformed_request, wrong_value(*stop)};
    return false;
  }
  if (stop[1] != '\n') [[unlikely]] {  // what follows is read: the line end at `end` is not this CR
    fault = {Errc::malformed_request, "bare CR in the head"};
    return false;
  }
  const char* last = stop;
  if (!is_visible(last[-1])) [[unlikely]] {
    while (last != value && is_blank(last[-1])) --last;
  }
  out.name = {line, static_cast<std::size_t>(colon - line)};
  out.value = {value, static_cast<std::size_t>(last - value)};
  p = stop + 2;
  return true;
}

// Behind the last LF of [p, end), or p: what is before it are whole lines.
const char* end_of_lines(const char* p, const char* end) noexcept {
  if (p == end) return p;
  if (end[-1] == '\n') return end;
  const auto* lf = static_cast<const char*>(memrchr(p, '\n', static_cast<std::size_t>(end - p)));
  return lf ? lf + 1 : p;
}

}  // namespace

FramingFacts H1Facts::framing(const HeaderTable& headers) const noexcept {
  FramingFacts facts;
  facts.content_lengths = content_lengths;
  facts.transfer_encodings = transfer_encodings;
  if (content_lengths) facts.content_length = headers.begin()[content_length].value;
  if (transfer_encodings) facts.transfer_encoding = headers.begin()[transfer_encoding].value;
  return facts;
}

FieldStep read_fields(const char*& p, const char* end, std::size_t max_fields, HeaderTable& headers,
                      H1Facts& facts, H1Fault& fault) {
  const char* const lines = end_of_lines(p, end);
  const char* at = p;
  for (;;) {
    p = at;
    if (at == lines) return FieldStep::more;
    if (*at == '\r') {
      if (at[1] != '\n') {
        fault = {Errc::malformed_request, "bare CR in the head"};
        return FieldStep::fault;
      }
      p = at + 2;
      return FieldStep::done;
    }
    Header h;
    if (!read_field(at, lines, h, fault)) return FieldStep::fault;
    const std::size_t place = headers.size();
    if (place >= max_fields) [[unlikely]] {
      fault = {Errc::head_too_large, "too many header fields"};
      return FieldStep::fault;
    }
    h.id = header_id(h.name);
    headers.add(h);
    if (!(kNoted >> static_cast<unsigned>(h.id) & 1U)) continue;
    if (!note(h, static_cast<std::uint16_t>(place), headers, facts)) {
      fault = {Errc::header_conflict, "Connection names a field that is not hop-by-hop"};
      return FieldStep::fault;
    }
  }
}

}  // namespace gatehouse::http
