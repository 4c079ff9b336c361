#include "http/h1_writer.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdint>
#include <cstring>

#include "http/characters.h"
#include "http/scan.h"

namespace gatehouse::http {
namespace {

// What surrounds the fields: the first line, framing, Connection, Date and the empty line.
constexpr std::size_t kFixed = 256;

// Appends to memory that is known to be large enough (head_size_bound).
class Writer {
 public:
  explicit Writer(std::span<char> out) noexcept
      : begin_(out.data()), at_(begin_), end_(begin_ + out.size()) {}

  // Most pieces are a few bytes long: two overlapping moves beat a call of memcpy.
  void put(std::string_view s) noexcept {
    const std::size_t n = s.size();
    assert(n <= static_cast<std::size_t>(end_ - at_));
    const char* from = s.data();
    if (n <= 16) {
      if (n >= 8) {
        move<8>(from, 0, n - 8);
      } else if (n >= 4) {
        move<4>(from, 0, n - 4);
      } else {
        for (std::size_t i = 0; i < n; ++i) at_[i] = from[i];
      }
    } else if (n <= 32) {
      move<16>(from, 0, n - 16);
    } else {
      std::memcpy(at_, from, n);
    }
    at_ += n;
  }

  template <std::size_t N>
  void put(const char (&text)[N]) noexcept {
    assert(N - 1 <= static_cast<std::size_t>(end_ - at_));
    std::memcpy(at_, text, N - 1);
    at_ += N - 1;
  }

  void put_number(std::uint64_t n) noexcept {
    std::array<char, 20> digits;
    std::size_t i = digits.size();
    do digits[--i] = static_cast<char>('0' + n % 10);
    while (n /= 10);
    put({digits.data() + i, digits.size() - i});
  }

  void put_field(const Header& h) noexcept {
    assert(writable(h));
    put(h.name);
    put(": ");
    put(h.value);
    put("\r\n");
  }

  std::size_t size() const noexcept { return static_cast<std::size_t>(at_ - begin_); }

  // For asserts.
  template <class Head>
  bool holds(const Head& head) const noexcept {
    return static_cast<std::size_t>(end_ - begin_) >= head_size_bound(head);
  }
  bool holds(const RequestHead& head, std::string_view path_and_query) const noexcept {
    return static_cast<std::size_t>(end_ - begin_) >= head_size_bound(head, path_and_query);
  }

 private:
  // What a peer reads back as the same field, and as nothing else.
  bool writable(const Header& h) const noexcept {
    const char* const name_end = h.name.data() + h.name.size();
    const char* const value_end = h.value.data() + h.value.size();
    return !h.name.empty() && scan::skip(h.name.data(), name_end, kToken) == name_end &&
           scan::skip(h.value.data(), value_end, kValue) == value_end;
  }

  template <std::size_t N>
  void move(const char* from, std::size_t a, std::size_t b) noexcept {
    std::array<char, N> first;
    std::array<char, N> last;
    std::memcpy(first.data(), from + a, N);
    std::memcpy(last.data(), from + b, N);
    std::memcpy(at_ + a, first.data(), N);
    std::memcpy(at_ + b, last.data(), N);
  }

  char* begin_;
  char* at_;
  char* end_;
};

bool skipped(const Header& h, unsigned policies) noexcept {
  return (header_info(h.id).policy & policies) != 0;
}

std::size_t fields_bound(const HeaderTable& headers) noexcept {
  std::size_t n = kFixed;
  for (const Header& h : headers) n += h.name.size() + h.value.size() + 4;
  return n;
}

void put_framing(Writer& w, const H1Out& how) noexcept {
  if (how.framing.kind == Framing::Kind::length ||
      (how.zero_length && how.framing.kind == Framing::Kind::none)) {
    w.put("Content-Length: ");
    w.put_number(how.framing.kind == Framing::Kind::length ? how.framing.length : 0);
    w.put("\r\n");
  } else if (how.framing.kind == Framing::Kind::chunked) {
    w.put("Transfer-Encoding: chunked\r\n");
  }
  if (how.close) {
    w.put("Connection: close\r\n");
  } else if (how.keep_alive) {
    w.put("Connection: keep-alive\r\n");
  } else if (!how.upgrade.empty()) {
    w.put("Connection: Upgrade\r\nUpgrade: ");
    w.put(how.upgrade);
    w.put("\r\n");
  }
  w.put("\r\n");
}

void put_status_line(Writer& w, std::uint16_t status) noexcept {
  assert(status >= 100 && status <= 999);
  w.put("HTTP/1.1 ");
  w.put_number(status);
  w.put(" ");
  w.put(reason_phrase(status));
  w.put("\r\n");
}

}  // namespace

std::size_t head_size_bound(const RequestHead& head) noexcept {
  return fields_bound(head.headers) + head.method_text.size() + head.host.size() + head.path.size() +
         head.query.size();
}

std::size_t head_size_bound(const RequestHead& head, std::string_view path_and_query) noexcept {
  return fields_bound(head.headers) + head.method_text.size() + head.host.size() + path_and_query.size();
}

std::size_t head_size_bound(const ResponseHead& head) noexcept { return fields_bound(head.headers); }

std::size_t write_request_head(const RequestHead& head, std::string_view path_and_query, const H1Out& how,
                               std::span<char> out) noexcept {
  Writer w(out);
  assert(w.holds(head, path_and_query));
  w.put(head.method_text);
  w.put(" ");
  w.put(path_and_query);
  w.put(" HTTP/1.1\r\nHost: ");
  w.put(head.host);
  w.put("\r\n");
  for (const Header& h : head.headers)
    if (h.id != HeaderId::host && !skipped(h, kHopByHop | kFraming)) w.put_field(h);
  put_framing(w, how);
  return w.size();
}

std::size_t write_response_head(const ResponseHead& head, const H1Out& how, std::string_view date,
                                std::span<char> out) noexcept {
  Writer w(out);
  assert(w.holds(head));
  put_status_line(w, head.status);
  for (const Header& h : head.headers) {
    if (h.id == HeaderId::content_length ? how.length_as_given : !skipped(h, kHopByHop | kFraming))
      w.put_field(h);
  }
  if (!date.empty() && !head.headers.has(HeaderId::date)) w.put_field({"Date", date, HeaderId::date});
  put_framing(w, how);
  return w.size();
}

std::size_t write_interim_head(const ResponseHead& head, std::span<char> out) noexcept {
  Writer w(out);
  assert(w.holds(head) && head.status < 200);
  put_status_line(w, head.status);
  for (const Header& h : head.headers)
    if (!skipped(h, kHopByHop | kFraming)) w.put_field(h);
  w.put("\r\n");
  return w.size();
}

std::size_t trailers_size_bound(const HeaderTable& trailers) noexcept { return fields_bound(trailers); }

std::size_t write_last_chunk(const HeaderTable* trailers, std::span<char> out) noexcept {
  Writer w(out);
  w.put("0\r\n");
  if (trailers) {
    for (const Header& h : *trailers)
      if (!skipped(h, kHopByHop | kFraming | kNotInTrailers)) w.put_field(h);
  }
  w.put("\r\n");
  return w.size();
}

}  // namespace gatehouse::http
