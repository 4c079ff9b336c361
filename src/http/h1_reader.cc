#include "http/h1_reader.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "http/characters.h"
#include "http/path.h"
#include "http/scan.h"

namespace gatehouse::http {
namespace {

constexpr std::size_t kMaxMethod = 64;
constexpr std::uint8_t kMaxEmptyLines = 4;                   // RFC 9112 section 2.2 asks for at least one
constexpr std::string_view kVersion11 = "HTTP/1.1\r\n";      // what ends nearly every request line
constexpr std::size_t kVersionSize = kVersion11.size() - 2;  // the version is "HTTP/" DIGIT "." DIGIT

std::uint32_t clamp32(std::size_t n) noexcept {
  return static_cast<std::uint32_t>(std::min<std::size_t>(n, 0x7fffffff));
}
std::uint16_t clamp_fields(std::size_t n) noexcept {
  return static_cast<std::uint16_t>(std::min(n, HeaderTable::kMaxFields));
}

FieldStep broken(H1Fault& fault, std::string_view detail, Errc code = Errc::malformed_request) noexcept {
  fault = {code, detail};
  return FieldStep::fault;
}

// RFC 9112 section 2.3: case-sensitive, one digit each.
bool well_formed_version(std::string_view v) noexcept {
  return v.size() == kVersionSize && v.starts_with("HTTP/") && is_digit(v[5]) && v[6] == '.' &&
         is_digit(v[7]);
}

// The version at `p` and the CRLF behind it.
FieldStep read_version(const char*& p, const char* end, Version& version, H1Fault& fault) noexcept {
  const auto left = static_cast<std::size_t>(end - p);
  if (left < kVersion11.size()) {
    if (left && std::memchr(p, '\n', left)) return broken(fault, "malformed HTTP version");
    return FieldStep::more;
  }
  if (std::memcmp(p, kVersion11.data(), kVersion11.size()) == 0) [[likely]] {
    version = Version::http11;
  } else {
    const std::string_view text(p, kVersionSize);
    if (!well_formed_version(text) || p[8] != '\r' || p[9] != '\n')
      return broken(fault, "malformed HTTP version");
    if (text != "HTTP/1.1" && text != "HTTP/1.0")
      return broken(fault, "HTTP version other than 1.0 and 1.1", Errc::version_not_supported);
    version = text == "HTTP/1.0" ? Version::http10 : Version::http11;
  }
  p += kVersion11.size();
  return FieldStep::done;
}

// "http://host:port/path?query" (RFC 9112 section 3.2.2). False: it is not that.
bool read_absolute(std::string_view target, RequestHead& head) noexcept {
  const std::size_t colon = target.find("://");
  if (colon == target.npos) return false;
  const std::string_view scheme = target.substr(0, colon);
  if (!iequals(scheme, "http") && !iequals(scheme, "https")) return false;
  const std::string_view rest = target.substr(colon + 3);
  const std::size_t authority = std::min(rest.find_first_of("/?"), rest.size());
  head.host = rest.substr(0, authority);
  const std::string_view origin_form = rest.substr(authority);
  const std::size_t query = std::min(origin_form.find('?'), origin_form.size());
  head.path = query ? origin_form.substr(0, query) : "/";
  head.query = origin_form.substr(query);
  return valid_host(head.host);
}

// RFC 9112 section 3.2. The characters have been looked at.
FieldStep read_target(std::string_view target, RequestHead& head, bool& absolute, H1Fault& fault) noexcept {
  head.target = target;
  if (target[0] == '/') [[likely]] {
    const auto* mark = static_cast<const char*>(std::memchr(target.data(), '?', target.size()));
    const std::size_t path = mark ? static_cast<std::size_t>(mark - target.data()) : target.size();
    head.path = target.substr(0, path);
    head.query = target.substr(path);
    return FieldStep::done;
  }
  if (head.method == Method::connect) return broken(fault, "CONNECT: this gateway opens no tunnels");
  if (target == "*") {
    if (head.method != Method::options) return broken(fault, "target '*' with a method other than OPTIONS");
    head.asterisk = true;
    head.path = "/";
    head.query = {};
    return FieldStep::done;
  }
  absolute = true;
  if (!read_absolute(target, head))
    return broken(fault, "request target that is neither a path nor an http(s) URL");
  return FieldStep::done;
}

// What is wrong with the byte that ends a target and is not the space before the version.
std::string_view wrong_target(char at) noexcept {
  if (at == '#') return "fragment in the request target";
  if (at == '\r' || at == '\n') return "request line without an HTTP version";
  if (static_cast<unsigned char>(at) >= 0x80)
    return "byte above 127 in the request target: it must be %-encoded";
  return "control character in the request target";
}

// RFC 9112 section 3: method SP request-target SP HTTP-version CRLF. `p` moves only if the line is complete.
FieldStep read_request_line(const char*& p, const char* end, std::size_t max_target, RequestHead& head,
                            bool& absolute, H1Fault& fault) noexcept {
  const char* const method = p;
  const char* const method_end = scan::end_of_token(method, end);
  if (method_end == end) return FieldStep::more;
  if (*method_end != ' ' || method_end == method) {
    return broken(fault, method_end == method ? "request that does not begin with a method"
                                              : "request line whose method is not followed by a space");
  }
  const auto method_size = static_cast<std::size_t>(method_end - method);
  if (method_size > kMaxMethod) return broken(fault, "method too long");
  const char* const target = method_end + 1;
  const char* const target_end = scan::end_of_target(target, end);
  const auto target_size = static_cast<std::size_t>(target_end - target);
  if (target_size > max_target) return broken(fault, "request target too long", Errc::uri_too_long);
  if (target_end == end) return FieldStep::more;
  if (*target_end != ' ') return broken(fault, wrong_target(*target_end));
  if (target_size == 0) return broken(fault, "more than one space in the request line");
  const char* version = target_end + 1;
  if (FieldStep step = read_version(version, end, head.version, fault); step != FieldStep::done) return step;
  head.method_text = {method, method_size};
  head.method = method_of(head.method_text);
  p = version;
  return read_target({target, target_size}, head, absolute, fault);
}

// RFC 9112 section 4: HTTP-version SP status-code [SP reason-phrase] CRLF; the second space is missing where
// the reason is (nearly everybody accepts that). `p` moves only if the line is complete.
FieldStep read_status_line(const char*& p, const char* end, ResponseHead& head, H1Fault& fault) noexcept {
  constexpr std::size_t kFixed = kVersionSize + 4;  // "HTTP/1.1 200"
  const char* const line = p;
  const char* const stop = scan::end_of_value(line, end);
  const auto size = static_cast<std::size_t>(stop - line);
  if (stop == end || (*stop == '\r' && stop + 1 == end)) {
    constexpr std::string_view kBegin = "HTTP/1.";
    const std::size_t n = std::min(size, kBegin.size());
    if (std::string_view(line, n) != kBegin.substr(0, n))
      return broken(fault, "response without an HTTP version");
    return FieldStep::more;
  }
  if (*stop != '\r' || stop[1] != '\n') return broken(fault, "status line that does not end with CRLF");
  const std::string_view version(line, std::min(size, kVersionSize));
  if (version != "HTTP/1.1" && version != "HTTP/1.0")
    return broken(fault, "response with an HTTP version other than 1.0 and 1.1");
  const char* const code = line + kVersionSize + 1;
  if (size < kFixed || code[-1] != ' ' || !is_digit(code[0]) || !is_digit(code[1]) || !is_digit(code[2]) ||
      (size > kFixed && code[3] != ' '))
    return broken(fault, "malformed status code");
  head.status = static_cast<std::uint16_t>((code[0] - '0') * 100 + (code[1] - '0') * 10 + (code[2] - '0'));
  if (head.status < 100) return broken(fault, "malformed status code");
  head.version = version == "HTTP/1.0" ? Version::http10 : Version::http11;
  head.reason = std::string_view(line, size).substr(std::min(size, kFixed + 1));
  p = stop + 2;
  return FieldStep::done;
}

// RFC 9112 section 9.3.
bool persists(Version version, const H1Facts& facts) noexcept {
  return !facts.says_close && (version == Version::http11 || facts.says_keep_alive);
}

}  // namespace

bool H1Cursor::advance(std::string_view buffer) noexcept {
  assert(buffer.size() >= size);
  const bool unfinished = size > line;
  const bool ended = !unfinished || (buffer.size() > size && std::memchr(buffer.data() + size, '\n',
                                                                         buffer.size() - size) != nullptr);
  base = buffer.data();
  size = clamp32(buffer.size());
  return ended;
}

H1RequestReader::H1RequestReader(const H1Limits& limits) noexcept
    : max_head_(clamp32(limits.max_head)),
      max_target_(clamp32(limits.max_target)),
      max_fields_(clamp_fields(limits.max_fields)) {}

void H1RequestReader::reset() noexcept {
  *this = H1RequestReader(H1Limits{max_head_, max_target_, max_fields_});
}

Result<Progress> H1RequestReader::feed(std::string_view buffer, RequestHead& head) {
  if (has_line_ && buffer.data() != cursor_.base) {
    const Relocation move{cursor_.base, cursor_.size, buffer.data()};
    for (std::string_view* view : {&head.method_text, &head.host, &head.path, &head.query, &head.target})
      move(*view);
    move(head.headers);
  }
  const char* const begin = buffer.data();
  const char* const end = begin + buffer.size();
  const char* p = begin + cursor_.line;
  FieldStep step = FieldStep::more;
  H1Fault fault;
  if (cursor_.advance(buffer)) {
    step = read(p, end, head, fault);
    cursor_.line = clamp32(static_cast<std::size_t>(p - begin));
  }
  if (step == FieldStep::more && !has_line_) step = check_unfinished_line(p, end, fault);
  if (step == FieldStep::fault) return fail(fault.code, fault.detail, Origin::client);
  const std::size_t used = step == FieldStep::more ? buffer.size() : cursor_.line;
  if (used > max_head_) return fail(Errc::head_too_large, "request head too large", Origin::client);
  return step == FieldStep::more ? Result<Progress>(Progress::more) : finish(head);
}

FieldStep H1RequestReader::read(const char*& p, const char* end, RequestHead& head, H1Fault& fault) {
  if (!has_line_) {
    if (FieldStep step = skip_empty_lines(p, end, fault); step != FieldStep::done) return step;
    started_ = true;
    const FieldStep step = read_request_line(p, end, max_target_, head, absolute_, fault);
    if (step != FieldStep::done) return step;
    has_line_ = true;
  }
  return read_fields(p, end, max_fields_, head.headers, facts_, fault);
}

// RFC 9112 section 2.2: a server should ignore at least one empty line before the request line.
FieldStep H1RequestReader::skip_empty_lines(const char*& p, const char* end, H1Fault& fault) noexcept {
  for (;;) {
    if (p == end) return FieldStep::more;
    if (*p == '\n') return broken(fault, "bare LF in the head");
    if (*p != '\r') return FieldStep::done;
    if (p + 1 == end) return FieldStep::more;
    if (p[1] != '\n') return broken(fault, "bare CR in the head");
    if (++empty_lines_ > kMaxEmptyLines) return broken(fault, "too many empty lines before a request");
    p += 2;
  }
}

// A request line that has not ended may already be too long. Cost: the bytes of a method.
FieldStep H1RequestReader::check_unfinished_line(const char* line, const char* end,
                                                 H1Fault& fault) const noexcept {
  constexpr std::size_t kBehindTarget = kVersion11.size();  // " HTTP/1.1\r" at most, while the LF is missing
  const auto size = static_cast<std::size_t>(end - line);
  const auto* space =
      size ? static_cast<const char*>(std::memchr(line, ' ', std::min(size, kMaxMethod + 1))) : nullptr;
  if (!space) return size > kMaxMethod ? broken(fault, "method too long") : FieldStep::more;
  if (static_cast<std::size_t>(end - space - 1) > max_target_ + kBehindTarget)
    return broken(fault, "request target too long", Errc::uri_too_long);
  return FieldStep::more;
}

// What can be judged only when the whole head is there.
Result<Progress> H1RequestReader::finish(RequestHead& head) {
  if (facts_.two_hosts) return fail(Errc::header_conflict, "more than one Host", Origin::client);
  if (facts_.two_content_types)
    return fail(Errc::header_conflict, "two different Content-Types", Origin::client);
  if (facts_.host != H1Facts::kNone) {
    const std::string_view host = head.headers.begin()[facts_.host].value;
    if (!valid_host(host)) return fail(Errc::malformed_request, "invalid Host", Origin::client);
    if (absolute_ && !iequals(host, head.host))
      return fail(Errc::header_conflict, "Host and request target name different hosts", Origin::client);
    head.host = host;
  } else if (head.version == Version::http11) {  // RFC 9112 section 3.2
    return fail(Errc::malformed_request, "HTTP/1.1 request without Host", Origin::client);
  }
  if (head.method == Method::connect)
    return fail(Errc::malformed_request, "CONNECT: this gateway opens no tunnels", Origin::client);
  Result<Framing> framing = request_framing(facts_.framing(head.headers), head.method, head.version);
  if (!framing) return std::unexpected(framing.error());
  framing_ = *framing;
  keep_alive_ = persists(head.version, facts_);
  expects_continue_ = facts_.says_continue && head.version == Version::http11;
  if (facts_.says_upgrade && facts_.upgrade != H1Facts::kNone)
    upgrade_ = head.headers.begin()[facts_.upgrade].value;
  return Progress::done;
}

H1ResponseReader::H1ResponseReader(const H1Limits& limits) noexcept
    : max_head_(clamp32(limits.max_head)), max_fields_(clamp_fields(limits.max_fields)) {}

void H1ResponseReader::reset() noexcept {
  *this = H1ResponseReader(H1Limits{.max_head = max_head_, .max_fields = max_fields_});
}

FieldStep H1ResponseReader::read(const char*& p, const char* end, ResponseHead& head, H1Fault& fault) {
  if (!has_line_) {
    if (p == end) return FieldStep::more;
    started_ = true;
    if (FieldStep step = read_status_line(p, end, head, fault); step != FieldStep::done) return step;
    has_line_ = true;
  }
  return read_fields(p, end, max_fields_, head.headers, facts_, fault);
}

Result<Progress> H1ResponseReader::feed(std::string_view buffer, Method request_method, ResponseHead& head) {
  if (has_line_ && buffer.data() != cursor_.base) {
    const Relocation move{cursor_.base, cursor_.size, buffer.data()};
    move(head.reason);
    move(head.headers);
  }
  const char* const begin = buffer.data();
  const char* p = begin + cursor_.line;
  FieldStep step = FieldStep::more;
  H1Fault fault;
  if (cursor_.advance(buffer)) {
    step = read(p, begin + buffer.size(), head, fault);
    cursor_.line = clamp32(static_cast<std::size_t>(p - begin));
  }
  if (step == FieldStep::fault) return fail(Errc::upstream_malformed, fault.detail, Origin::upstream);
  const std::size_t used = step == FieldStep::more ? buffer.size() : cursor_.line;
  if (used > max_head_) return fail(Errc::upstream_malformed, "response head too large", Origin::upstream);
  if (step == FieldStep::more) return Progress::more;

  const FramingFacts facts = facts_.framing(head.headers);
  Result<Framing> framing = response_framing(facts, request_method, head.status, head.version);
  if (!framing) return std::unexpected(framing.error());
  framing_ = *framing;
  keep_alive_ = persists(head.version, facts_) && framing_.kind != Framing::Kind::until_close &&
                !announces_forbidden_body(facts, head.status);
  return Progress::done;
}

}  // namespace gatehouse::http
