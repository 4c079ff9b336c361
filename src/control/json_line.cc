#include "control/json_line.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <chrono>
#include <cstring>
#include <utility>

#include "base/json_escape.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace gatehouse::control {
namespace {

constexpr std::array kFields = {
    LogFieldInfo{LogField::time, "time", "RFC 3339, UTC, microseconds", LogDefault::yes,
                 "first byte of the request"},
    LogFieldInfo{LogField::method, "method", "text", LogDefault::yes, "as received"},
    LogFieldInfo{LogField::host, "host", "text", LogDefault::yes,
                 "of the request, as received, with its port"},
    LogFieldInfo{LogField::path, "path", "text", LogDefault::yes,
                 "normalised; the target as received where it could not be"},
    LogFieldInfo{LogField::query, "query", "text", LogDefault::no, "with its `?`"},
    LogFieldInfo{LogField::protocol, "protocol", "text", LogDefault::yes, "`HTTP/1.0`, `HTTP/1.1`, `HTTP/2`"},
    LogFieldInfo{LogField::route, "route", "text", LogDefault::yes,
                 "name of the route; empty if none was chosen"},
    LogFieldInfo{LogField::service, "service", "text", LogDefault::yes,
                 "name of the service; empty if none was asked"},
    LogFieldInfo{LogField::endpoint, "endpoint", "text", LogDefault::yes, "address and port of the last try"},
    LogFieldInfo{LogField::version, "version", "text", LogDefault::yes,
                 "version of the service; empty if it has none"},
    LogFieldInfo{LogField::status, "status", "integer", LogDefault::yes,
                 "sent to the client; 0: nothing was sent"},
    LogFieldInfo{LogField::reason, "reason", "text", LogDefault::yes,
                 "why it failed, from the table of errors; else empty"},
    LogFieldInfo{LogField::total, "total", "seconds", LogDefault::yes,
                 "first byte of the request to last byte of the answer"},
    LogFieldInfo{LogField::own, "own", "seconds", LogDefault::yes,
                 "the gateway's own share of the time to the answer"},
    LogFieldInfo{LogField::first_byte, "first_byte", "seconds", LogDefault::yes,
                 "first byte of the request to first of the answer"},
    LogFieldInfo{LogField::upstream, "upstream", "seconds", LogDefault::yes,
                 "waiting for the service's head, all tries together"},
    LogFieldInfo{LogField::bytes_in, "bytes_in", "bytes", LogDefault::yes, "body of the request"},
    LogFieldInfo{LogField::bytes_out, "bytes_out", "bytes", LogDefault::yes, "body of the answer"},
    LogFieldInfo{LogField::tries, "tries", "integer", LogDefault::yes, "attempts at the service"},
    LogFieldInfo{LogField::request_id, "request_id", "text", LogDefault::yes, "`X-Request-Id`"},
    LogFieldInfo{LogField::trace_id, "trace_id", "text", LogDefault::yes, "of `traceparent`"},
    LogFieldInfo{LogField::client, "client", "text", LogDefault::yes,
                 "address of the client, after `trusted_proxies`"},
    LogFieldInfo{LogField::user, "user", "text", LogDefault::yes,
                 "who showed good credentials; `issuer:name` where there are several issuers or methods"},
    LogFieldInfo{
        LogField::limit, "limit", "text", LogDefault::limited,
        "the limit that refused it; without the reason `rate_limited`: that would have, in a dry run"},
    LogFieldInfo{LogField::limit_key, "limit_key", "text", LogDefault::limited,
                 "whose count that was: a user, an address, a claim; of a header `#` and a hash"},
    LogFieldInfo{LogField::tls, "tls", "text", LogDefault::over_tls, "`TLSv1.3` or `TLSv1.2`"},
    LogFieldInfo{LogField::tls_cipher, "tls_cipher", "text", LogDefault::no,
                 "suite of the connection, such as `TLS_AES_128_GCM_SHA256`"},
    LogFieldInfo{LogField::tls_sni, "tls_sni", "text", LogDefault::no, "name that the client asked for"},
    LogFieldInfo{LogField::tls_resumed, "tls_resumed", "boolean", LogDefault::no,
                 "whether the connection went on with an earlier session"},
    LogFieldInfo{LogField::tls_client, "tls_client", "text", LogDefault::no,
                 "subject of the client's verified certificate"},
};
static_assert(kFields.size() == kLogFieldCount);
static_assert([] {
  for (std::size_t i = 0; i < kFields.size(); ++i)
    if (static_cast<std::size_t>(kFields[i].field) != i) return false;
  return true;
}());

constexpr bool is_text(LogField f) {
  return f < LogField::status || f == LogField::reason ||
         (f >= LogField::request_id && f != LogField::tls_resumed);
}

// `,"method":"`: 16 bytes are moved, `size` of them count.
struct Key {
  std::array<char, 16> text{};
  std::size_t size = 0;
};
constexpr std::array<Key, kLogFieldCount> kKeys = [] {
  std::array<Key, kLogFieldCount> keys{};
  for (std::size_t i = 0; i < kLogFieldCount; ++i) {
    auto put = [&](std::string_view s) {
      for (char c : s) keys[i].text[keys[i].size++] = c;
    };
    put(",\"");
    put(kFields[i].name);
    put(is_text(kFields[i].field) ? "\":\"" : "\":");
  }
  return keys;
}();

constexpr auto kPairs = [] {
  std::array<char, 200> pairs{};
  for (std::size_t i = 0; i < 100; ++i) {
    pairs[2 * i] = static_cast<char>('0' + i / 10);
    pairs[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return pairs;
}();

// 000 to 999, each in four bytes, so that one move takes it.
using Triple = std::array<char, 4>;
constexpr auto kTriples = [] {
  std::array<Triple, 1000> triples{};
  for (std::size_t i = 0; i < 1000; ++i)
    triples[i] = {static_cast<char>('0' + i / 100), static_cast<char>('0' + i / 10 % 10),
                  static_cast<char>('0' + i % 10), 0};
  return triples;
}();

// A byte in decimal.
struct Octet {
  std::array<char, 3> text{};
  std::uint8_t size = 0;
};
constexpr std::array<Octet, 256> kOctets = [] {
  std::array<Octet, 256> octets{};
  for (unsigned i = 0; i < 256; ++i) {
    Octet& o = octets[i];
    if (i >= 100) o.text[o.size++] = static_cast<char>('0' + i / 100);
    if (i >= 10) o.text[o.size++] = static_cast<char>('0' + i / 10 % 10);
    o.text[o.size++] = static_cast<char>('0' + i % 10);
  }
  return octets;
}();

// ---- pieces: each writes at `out` and returns where it ended ---------------------------------------------

template <std::size_t N>
inline char* put_text(const char (&text)[N], char* out) noexcept {
  std::memcpy(out, text, N - 1);
  return out + N - 1;
}
inline char* put_pair(std::uint64_t n, char* out) noexcept {
  std::memcpy(out, kPairs.data() + 2 * n, 2);
  return out + 2;
}
// The last `digits` of three; writes a fourth byte that does not count.
inline char* put_triple(std::uint64_t n, std::size_t digits, char* out) noexcept {
  std::uint32_t text;
  std::memcpy(&text, kTriples[n].data(), sizeof text);
  if constexpr (std::endian::native == std::endian::little)
    text >>= 8 * (3 - digits);
  else
    text <<= 8 * (3 - digits);
  std::memcpy(out, &text, sizeof text);
  return out + digits;
}
inline char* put_six(std::uint64_t n, char* out) noexcept {  // n < 1 000 000
  return put_triple(n % 1000, 3, put_triple(n / 1000, 3, out));
}
inline std::size_t digits_of(std::uint64_t n) noexcept {  // n < 1000
  return n < 10 ? 1 : n < 100 ? 2 : 3;
}
inline char* put_number(std::uint64_t n, char* out) noexcept {
  if (n < 1000) return put_triple(n, digits_of(n), out);
  if (n < 1'000'000) return put_triple(n % 1000, 3, put_triple(n / 1000, digits_of(n / 1000), out));
  return std::to_chars(out, out + 20, n).ptr;
}

// "0.001234"; what is below zero is zero.
inline char* put_seconds(Duration d, char* out) noexcept {
  const std::uint64_t micros = d.count() > 0 ? static_cast<std::uint64_t>(d.count()) / 1000 : 0;
  std::uint64_t below = micros;
  if (micros < 1'000'000) [[likely]] {
    *out++ = '0';
  } else {
    out = put_number(micros / 1'000'000, out);
    below = micros % 1'000'000;
  }
  *out++ = '.';
  return put_six(below, out);
}

template <class Word>
inline Word load(const char* p) noexcept {
  Word w;
  std::memcpy(&w, p, sizeof w);
  return w;
}
template <class Word>
inline void store(char* p, Word w) noexcept {
  std::memcpy(p, &w, sizeof w);
}

#ifdef __SSE2__
// Marks bytes that do not stand for themselves in json_escape, or are not ASCII: as signed numbers those are
// below the space too.
inline __m128i unfit(__m128i v) noexcept {
  return _mm_or_si128(
      _mm_or_si128(_mm_cmplt_epi8(v, _mm_set1_epi8(0x20)), _mm_cmpeq_epi8(v, _mm_set1_epi8('"'))),
      _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('\\')), _mm_cmpeq_epi8(v, _mm_set1_epi8(0x7f))));
}
inline bool any(__m128i bad) noexcept { return _mm_movemask_epi8(bad) != 0; }
using Wide = __m128i;
inline bool any_unfit(std::uint64_t a, std::uint64_t b) noexcept {
  return any(unfit(_mm_set_epi64x(static_cast<long long>(b), static_cast<long long>(a))));
}
#else
// High bits are set if one of the eight bytes does not stand for itself in json_escape, or is not ASCII.
inline std::uint64_t unfit(std::uint64_t word) noexcept {
  constexpr std::uint64_t ones = 0x0101010101010101;
  const std::uint64_t control = word - ones * 0x20;  // borrows come from bytes that are unfit themselves
  const std::uint64_t quote = (word ^ ones * '"') - ones;
  const std::uint64_t backslash = (word ^ ones * '\\') - ones;
  return (word | control | quote | backslash | (word + ones)) & ones * 0x80;
}

using Wide = std::uint64_t;
inline bool any(std::uint64_t bad) noexcept { return bad != 0; }
inline bool any_unfit(std::uint64_t a, std::uint64_t b) noexcept { return any(unfit(a) | unfit(b)); }
#endif

constexpr std::uint64_t kSpaces = 0x2020202020202020;

[[gnu::noinline]] char* put_escaped(std::string_view text, char* out) noexcept {
  out = json_escape(text.substr(0, kLongestLogValue), out);
  *out = '"';
  return out + 1;
}

// With the quote that ends it. Most values are short and need no escape: words, which overlap where they
// must, are checked and moved. A leaf, so that it saves no registers.
[[gnu::noinline]] char* put_value(std::string_view text, char* out) noexcept {
  const std::size_t n = text.size();
  const char* p = text.data();
  bool bad = false;
  if (n >= sizeof(Wide)) {
    if (n > kLongestLogValue) [[unlikely]]
      return put_escaped(text, out);
    const auto last = load<Wide>(p + n - sizeof(Wide));
    Wide unfit_bytes = unfit(last);
    for (std::size_t i = 0; i + sizeof(Wide) < n; i += sizeof(Wide)) {
      const auto w = load<Wide>(p + i);
      unfit_bytes |= unfit(w);
      store(out + i, w);
    }
    store(out + n - sizeof(Wide), last);
    bad = any(unfit_bytes);
  } else if (n >= 8) {
    const auto first = load<std::uint64_t>(p);
    const auto last = load<std::uint64_t>(p + n - 8);
    store(out, first);
    store(out + n - 8, last);
    bad = any_unfit(first, last);
  } else if (n >= 4) {
    const auto first = load<std::uint32_t>(p);
    const auto last = load<std::uint32_t>(p + n - 4);
    store(out, first);
    store(out + n - 4, last);
    bad = any_unfit(std::uint64_t{first} << 32 | last, kSpaces);
  } else if (n != 0) {
    // One to three bytes: the first, the middle and the last are all of them.
    auto byte = [p](std::size_t i) { return std::uint64_t{static_cast<unsigned char>(p[i])}; };
    bad = any_unfit(byte(0) | byte(n / 2) << 8 | byte(n - 1) << 16 | kSpaces << 24, kSpaces);
    const char first = p[0], middle = p[n / 2], last = p[n - 1];
    out[0] = first;
    out[n / 2] = middle;
    out[n - 1] = last;
  }
  if (bad) [[unlikely]]
    return put_escaped(text, out);
  out[n] = '"';
  return out + n + 1;
}

void format_second(std::int64_t second, SecondText& into) noexcept {
  using namespace std::chrono;
  const sys_seconds at{seconds(second)};
  const auto day = floor<days>(at);
  const year_month_day date{day};
  const hh_mm_ss<seconds> clock{at - day};
  char* out = into.text.data();
  const auto year = static_cast<unsigned>(static_cast<int>(date.year()));
  out = put_pair(year % 100, put_pair(year / 100 % 100, out));
  *out++ = '-';
  out = put_pair(static_cast<unsigned>(date.month()), out);
  *out++ = '-';
  out = put_pair(static_cast<unsigned>(date.day()), out);
  *out++ = 'T';
  out = put_pair(static_cast<std::uint64_t>(clock.hours().count()), out);
  *out++ = ':';
  out = put_pair(static_cast<std::uint64_t>(clock.minutes().count()), out);
  *out++ = ':';
  out = put_pair(static_cast<std::uint64_t>(clock.seconds().count()), out);
  *out = '.';
  into.second = second;
}

inline char* put_time(WallTime time, SecondText& second, char* out) noexcept {
  constexpr std::int64_t kSecond = 1'000'000'000;
  const std::int64_t ns = time.time_since_epoch().count();
  std::int64_t whole = ns / kSecond;
  std::int64_t below = ns % kSecond;
  if (below < 0) [[unlikely]] {
    below += kSecond;
    --whole;
  }
  if (whole != second.second) [[unlikely]]
    format_second(whole, second);
  std::memcpy(out, second.text.data(), second.text.size());
  out = put_six(static_cast<std::uint64_t>(below) / 1000, out + second.text.size());
  return put_text("Z\"", out);
}

inline char* put_client(const IpAddress& ip, char* out) noexcept {
  if (ip.is_v4()) [[likely]] {
    for (std::size_t i = 12; i < 16; ++i) {
      const Octet& o = kOctets[ip.bytes[i]];
      std::memcpy(out, &o, sizeof o);  // the size is written over
      out += o.size;
      *out++ = '.';
    }
    out[-1] = '"';
    return out;
  }
  std::array<char, kMaxIpText> buffer;
  return put_value(format_ip(ip, buffer), out);
}

inline char* put_protocol(http::Version version, char* out) noexcept {
  switch (version) {
    case http::Version::http10: return put_text("HTTP/1.0\"", out);
    case http::Version::http11: return put_text("HTTP/1.1\"", out);
    case http::Version::http2: return put_text("HTTP/2\"", out);
  }
  *out = '"';
  return out + 1;
}

inline char* put_empty(char* out) noexcept {
  *out = '"';
  return out + 1;
}

[[gnu::noinline]] char* put_tls(const net::TlsInfo* tls, LogField field, char* out) noexcept {
  if (field == LogField::tls_resumed)
    return tls && tls->resumed() ? put_text("true", out) : put_text("false", out);
  if (!tls) return put_empty(out);
  if (field == LogField::tls) return put_value(tls->version(), out);
  if (field == LogField::tls_cipher) return put_value(tls->cipher(), out);
  if (field == LogField::tls_sni) return put_value(tls->server_name(), out);
  const net::TlsPeer* peer = tls->certificate();
  return peer ? put_value(peer->subject, out) : put_empty(out);
}

// With its key. Where `field` is a constant nothing is left of the switch.
[[gnu::always_inline]] inline char* put_field(const gateway::RequestRecord& r, LogField field,
                                              SecondText& second, char* out) noexcept {
  const Key& key = kKeys[static_cast<std::size_t>(field)];
  std::memcpy(out, key.text.data(), key.text.size());
  out += key.size;
  switch (field) {
    case LogField::time: return put_time(r.time, second, out);
    case LogField::method: return put_value(r.method, out);
    case LogField::host: return put_value(r.host, out);
    case LogField::path: return put_value(r.path, out);
    case LogField::query: return put_value(r.query, out);
    case LogField::protocol: return put_protocol(r.version, out);
    case LogField::route: return put_value(r.route, out);
    case LogField::service: return put_value(r.service, out);
    case LogField::endpoint: return put_value(r.endpoint, out);
    case LogField::version:
      return r.service_version.empty() ? put_empty(out) : put_value(r.service_version, out);
    case LogField::status: return put_number(r.status, out);
    case LogField::reason: return r.failed ? put_value(errc_info(r.reason).reason, out) : put_empty(out);
    case LogField::total: return put_seconds(r.total, out);
    case LogField::own: return put_seconds(r.own, out);
    case LogField::first_byte: return put_seconds(r.first_byte, out);
    case LogField::upstream: return put_seconds(r.upstream, out);
    case LogField::bytes_in: return put_number(r.bytes_in, out);
    case LogField::bytes_out: return put_number(r.bytes_out, out);
    case LogField::tries: return put_number(r.tries, out);
    case LogField::request_id: return put_value(r.request_id, out);
    case LogField::trace_id: return put_value(r.trace_id, out);
    case LogField::client: return put_client(r.client, out);
    case LogField::user: return r.user.empty() ? put_empty(out) : put_value(r.user, out);
    case LogField::limit: return put_value(r.limit, out);
    case LogField::limit_key: return put_value(r.limit_key, out);
    case LogField::tls:
    case LogField::tls_cipher:
    case LogField::tls_sni:
    case LogField::tls_resumed:
    case LogField::tls_client: return put_tls(r.tls, field, out);
    case LogField::last_: break;
  }
  return out;
}

// The usual line, unrolled.
template <std::size_t... Field>
char* write_default(const gateway::RequestRecord& r, SecondText& second, char* out,
                    std::index_sequence<Field...>) noexcept {
  auto put = [&]<std::size_t F> {
    constexpr LogDefault when = kFields[F].by_default;
    if constexpr (when == LogDefault::no) return;
    if (when == LogDefault::limited ? !r.limit.empty() : when == LogDefault::yes || r.tls)
      out = put_field(r, static_cast<LogField>(F), second, out);
  };
  (put.template operator()<Field>(), ...);
  return out;
}

template <class Size>
inline std::size_t add_texts(const gateway::RequestRecord& r, Size size) noexcept {
  return size(r.method) + size(r.host) + size(r.path) + size(r.query) + size(r.route) + size(r.service) +
         size(r.service_version) + size(r.endpoint) + size(r.request_id) + size(r.trace_id) + size(r.user) +
         size(r.limit) + size(r.limit_key);
}

std::size_t bounded(std::string_view s) noexcept { return std::min(s.size(), kLongestLogValue); }

[[gnu::noinline]] std::size_t add_texts(const net::TlsInfo& tls) noexcept {
  const net::TlsPeer* peer = tls.certificate();
  return bounded(tls.version()) + bounded(tls.cipher()) + bounded(tls.server_name()) +
         (peer ? bounded(peer->subject) : 0);
}

// Where some may be cut.
[[gnu::noinline]] std::size_t bounded_texts(const gateway::RequestRecord& r) noexcept {
  return add_texts(r, bounded) + (r.tls ? add_texts(*r.tls) : 0);
}

}  // namespace

std::span<const LogFieldInfo> log_fields() noexcept { return kFields; }

LineLayout::LineLayout() : default_(true) {
  for (const LogFieldInfo& f : kFields)
    if (f.by_default == LogDefault::yes) add(f.field);
}

LineLayout::LineLayout(std::span<const std::string> names) {
  for (const std::string& name : names) {
    auto f = std::ranges::find(kFields, std::string_view(name), &LogFieldInfo::name);
    if (f != kFields.end()) add(f->field);
  }
  if (size_ == 0) *this = LineLayout();
}

std::size_t line_bound(const gateway::RequestRecord& r) noexcept {
  constexpr std::size_t fixed = 1024;  // keys, numbers, the time, the reason, the client
  std::size_t texts = add_texts(r, [](std::string_view s) { return s.size(); });
  if (r.tls) [[unlikely]]
    texts += add_texts(*r.tls);
  if (texts > kLongestLogValue) [[unlikely]]
    texts = bounded_texts(r);
  return fixed + kJsonEscapeGrowth * texts;
}

char* write_line(const gateway::RequestRecord& r, const LineLayout& layout, SecondText& second,
                 char* out) noexcept {
  char* const begin = out;
  if (layout.is_default()) {
    out = write_default(r, second, out, std::make_index_sequence<kLogFieldCount>{});
  } else {
    for (LogField field : layout.fields()) out = put_field(r, field, second, out);
  }
  *begin = '{';
  return put_text("}\n", out);
}

std::string_view write_time(WallTime time, std::array<char, kTimeText>& out) noexcept {
  std::array<char, kTimeText + 1> quoted;  // put_time ends the JSON string
  SecondText second;
  put_time(time, second, quoted.data());
  std::copy_n(quoted.begin(), kTimeText, out.begin());
  return {out.data(), out.size()};
}

}  // namespace gatehouse::control
