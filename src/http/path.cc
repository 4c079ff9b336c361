#include "http/path.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "http/characters.h"

namespace gatehouse::http {
namespace {

std::unexpected<Error> bad(std::string_view detail) { return fail(Errc::bad_path, detail, Origin::client); }

// What a byte of a raw path asks for. `plain` bytes are copied; only `slash` can begin a segment that
// matters.
enum Kind : std::uint8_t { plain, slash, percent, high, wrong };

constexpr std::array<std::uint8_t, 256> kKinds = [] {
  std::array<std::uint8_t, 256> kinds{};
  for (unsigned c = 0; c < 256; ++c) {
    kinds[c] = c >= 0x80 ? high : c <= 0x20 || c == 0x7f ? wrong : plain;
  }
  kinds['/'] = slash;
  kinds['%'] = percent;
  kinds['\\'] = kinds['?'] = kinds['#'] = wrong;
  return kinds;
}();

Kind kind_of(char c) noexcept { return static_cast<Kind>(kKinds[static_cast<unsigned char>(c)]); }

std::string_view wrong_byte(char c) noexcept {
  if (c == '\\') return "backslash in the path";
  if (c == '?' || c == '#') return "query or fragment where only a path may be";
  return "space or control character in the path";
}

// True if nothing has to change and nothing is wrong, so that most paths are read once and never copied.
bool is_normal(std::string_view raw, bool merge_slashes) noexcept {
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const Kind k = kind_of(raw[i]);
    if (k == plain) continue;
    if (k != slash) return false;
    if (i + 1 == raw.size()) break;
    const char next = raw[i + 1];
    if (next == '.' || next == ';' || (next == '/' && merge_slashes)) return false;  // look closer
  }
  return true;
}

constexpr std::string_view kSlash = "%2F";
constexpr std::string_view kSmallSlash = "%2f";

// "." or "..", perhaps with parameters behind it: 1 or 2, else 0. `exact` tells whether there are none.
int dots(std::string_view s, bool& exact) noexcept {
  const std::size_t n = s.starts_with("..") ? 2 : s.starts_with('.') ? 1 : 0;
  const std::string_view rest = s.substr(n);
  exact = rest.empty();
  return n && (exact || rest[0] == ';' || rest.starts_with("%3B")) ? static_cast<int>(n) : 0;
}

// Builds the normal form. The output always ends with the begun segment; segments are judged when they end,
// in their decoded form, so that `%2e%2E` is what it means.
class Normaliser {
 public:
  // `out` has room for three bytes for each byte of input.
  Normaliser(char* out, bool merge_slashes) noexcept : out_(out), merge_slashes_(merge_slashes) {}

  Result<NormalPath> run(std::string_view raw) {
    put('/');
    segment_ = 1;
    for (std::size_t i = 1; i < raw.size(); ++i) {
      const char c = raw[i];
      switch (kind_of(c)) {
        case plain: put(c); break;
        case slash:
          if (std::string_view wrong = end_segment(false); !wrong.empty()) return bad(wrong);
          break;
        case percent:
          if (std::string_view wrong = escape(raw.substr(i)); !wrong.empty()) return bad(wrong);
          i += 2;
          break;
        case high: put_escaped(static_cast<unsigned char>(c)); break;
        case wrong: return bad(wrong_byte(c));
      }
    }
    if (std::string_view wrong = end_segment(true); !wrong.empty()) return bad(wrong);
    if (encoded_slash_ && saw_dots_) return bad("dot segment beside an encoded slash");
    return NormalPath{{out_, size_}, encoded_slash_};
  }

 private:
  void put(char c) noexcept { out_[size_++] = c; }
  void put_escaped(unsigned char c) noexcept {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    put('%');
    put(kDigits[c >> 4]);
    put(kDigits[c & 15]);
  }

  // "%XX" at the begin of `rest`. Returns what is wrong with it.
  std::string_view escape(std::string_view rest) noexcept {
    if (rest.size() < 3 || !is(rest[1], kHex) || !is(rest[2], kHex))
      return "'%' without two hexadecimal digits";
    const auto value = static_cast<unsigned char>(hex_value(rest[1]) << 4 | hex_value(rest[2]));
    if (value < 0x20 || value == 0x7f) return "encoded control character in the path";
    if (value == '\\') return "encoded backslash in the path";
    if (value == '/') {  // opaque: as it came
      encoded_slash_ = true;
      put('%');
      put(rest[1]);
      put(rest[2]);
    } else if (is(static_cast<char>(value), kUnreserved)) {
      put(static_cast<char>(value));
    } else {
      put_escaped(value);
    }
    return {};
  }

  // At a '/' or at the end. RFC 3986 section 5.2.4, and what services disagree about refused.
  std::string_view end_segment(bool last) noexcept {
    const std::string_view segment(out_ + segment_, size_ - segment_);
    bool exact = false;
    if (const int n = dots(segment, exact)) {
      if (!exact) return "dot segment with parameters";
      saw_dots_ = true;
      size_ = segment_;
      if (n == 2) {
        if (segment_ == 1) return "'..' above the root";
        --size_;  // the '/' before this segment, then the segment before it
        while (out_[size_ - 1] != '/') --size_;
        segment_ = size_;
      }
      return {};  // the '/' that ended it goes with it
    }
    // Without its parameters it is empty, and services that then merge slashes see another path. At the end
    // it is the trailing '/'.
    if (!last && (segment.starts_with(';') || segment.starts_with("%3B")))
      return "segment of parameters alone";
    if (encoded_slash_ && !saw_dots_) saw_dots_ = dots_beside_slash(segment);
    if (!last && !(merge_slashes_ && segment.empty())) {
      put('/');
      segment_ = size_;
    }
    return {};
  }

  // Some services decode %2F first: their segments must hold no dots either.
  static bool dots_beside_slash(std::string_view segment) noexcept {
    bool exact = false;
    for (;;) {
      const std::size_t at = std::min(segment.find(kSlash), segment.find(kSmallSlash));
      if (dots(segment.substr(0, at), exact)) return true;
      if (at == segment.npos) return false;
      segment.remove_prefix(at + kSlash.size());
    }
  }

  char* out_;
  std::size_t size_ = 0;
  std::size_t segment_ = 0;  // where the begun segment begins
  bool merge_slashes_;
  bool encoded_slash_ = false;
  bool saw_dots_ = false;
};

bool valid_port(std::string_view port) noexcept {
  unsigned value = 0;
  if (port.size() > 5) return false;
  for (char c : port) {
    if (!is_digit(c)) return false;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  return value <= 65535;  // RFC 3986 section 3.2.3: may be empty
}

bool valid_ipv4(std::string_view s) noexcept {
  for (int octets = 1;; ++octets) {
    const std::size_t n = std::min(s.find('.'), s.size());
    if (n == 0 || n > 3 || (n > 1 && s[0] == '0')) return false;
    unsigned value = 0;
    for (char c : s.substr(0, n)) {
      if (!is_digit(c)) return false;
      value = value * 10 + static_cast<unsigned>(c - '0');
    }
    if (value > 255) return false;
    if (n == s.size()) return octets == 4;
    s.remove_prefix(n + 1);
  }
}

// IPv6address of RFC 3986 section 3.2.2, without the brackets: groups of hex digits, "::" at most once,
// perhaps an IPv4 address at the end. No zone.
bool valid_ipv6(std::string_view s) noexcept {
  std::size_t groups = 0;
  bool gap = false;
  if (s.starts_with("::")) {
    gap = true;
    s.remove_prefix(2);
  }
  while (!s.empty()) {
    const std::size_t n = std::min(s.find(':'), s.size());
    const std::string_view group = s.substr(0, n);
    if (group.find('.') != group.npos)
      return n == s.size() && valid_ipv4(group) && (gap ? groups + 2 < 8 : groups + 2 == 8);
    if (group.empty() || group.size() > 4) return false;
    for (char c : group)
      if (!is(c, kHex)) return false;
    ++groups;
    s.remove_prefix(n);
    if (s.empty()) break;
    s.remove_prefix(1);
    if (s.empty()) return false;
    if (s[0] == ':') {
      if (gap) return false;
      gap = true;
      s.remove_prefix(1);
    }
  }
  return gap ? groups < 8 : groups == 8;
}

}  // namespace

Result<NormalPath> normalise_path(std::string_view raw, const PathOptions& options, Arena& arena) {
  if (!raw.starts_with('/')) return bad("path that does not begin with '/'");
  if (is_normal(raw, options.merge_slashes)) return NormalPath{raw, false};
  auto* out = static_cast<char*>(arena.allocate(3 * raw.size(), 1));
  return Normaliser(out, options.merge_slashes).run(raw);
}

Result<SplitTarget> split_target(std::string_view origin_form) {
  const std::size_t at = std::min(origin_form.find_first_of("?#"), origin_form.size());
  const SplitTarget split{origin_form.substr(0, at), origin_form.substr(at)};
  if (split.query.find('#') != split.query.npos)
    return fail(Errc::malformed_request, "fragment in the request target", Origin::client);
  return split;
}

bool valid_host(std::string_view host) noexcept {
  if (host.empty()) return false;
  if (host[0] == '[') {
    const std::size_t close = host.find(']');
    if (close == host.npos || !valid_ipv6(host.substr(1, close - 1))) return false;
    host.remove_prefix(close + 1);
    return host.empty() || (host[0] == ':' && valid_port(host.substr(1)));
  }
  std::size_t i = 0;
  while (i < host.size() && is(host[i], kHost)) ++i;
  while (i < host.size() && host[i] == '%') {  // pct-encoded: rare, so outside the loop that matters
    if (host.size() - i < 3 || !is(host[i + 1], kHex) || !is(host[i + 2], kHex)) return false;
    i += 3;
    while (i < host.size() && is(host[i], kHost)) ++i;
  }
  if (i == 0) return false;
  return i == host.size() || (host[i] == ':' && valid_port(host.substr(i + 1)));
}

std::string_view host_without_port(std::string_view host) noexcept {
  if (host.starts_with('[')) return host.substr(0, std::min(host.find(']'), host.size() - 1) + 1);
  return host.substr(0, host.rfind(':'));
}

}  // namespace gatehouse::http
