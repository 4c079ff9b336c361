#include "http/chunked.h"

#include <algorithm>
#include <cstring>

#include "http/characters.h"
#include "http/h1_fields.h"
#include "http/scan.h"

namespace gatehouse::http {
namespace {

constexpr std::size_t kMaxDigits = 16;
constexpr std::uint64_t kMaxChunk = 0x7fffffffffffffff;
constexpr std::size_t kMaxExtension = 256;
constexpr std::size_t kMaxExtensions =
    16 * 1024;  // over the body: a chunk of one byte may not carry 256 for ever
constexpr std::size_t kFirstTrailers = 512;

constexpr unsigned kUnwanted = kHopByHop | kFraming | kSetByGateway | kNotInTrailers;

}  // namespace

ChunkedDecoder::ChunkedDecoder(std::size_t max_trailers) noexcept : max_trailers_(max_trailers) {}

Result<ChunkedDecoder::Step> ChunkedDecoder::feed(std::string_view input, Arena& arena) {
  std::size_t i = 0;
  while (i < input.size() && state_ != State::done) {
    if (state_ == State::data) {
      const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, input.size() - i));
      remaining_ -= n;
      if (remaining_ == 0) state_ = State::data_cr;
      return Step{Event::data, i + n, input.substr(i, n)};
    }
    if (state_ >= State::trailer_start) {
      if (Result<void> r = trailer_bytes(input, i, arena); !r) return std::unexpected(r.error());
    } else if (Fault fault = framing_byte(input[i++]); !fault.empty()) {
      return fail(Errc::malformed_request, fault, Origin::client);
    }
  }
  if (state_ != State::done) return Step{Event::more, i, {}};
  return Step{trailer_size_ ? Event::trailers : Event::end, i, {}};
}

ChunkedDecoder::Fault ChunkedDecoder::framing_byte(char c) noexcept {
  switch (state_) {
    case State::size_first:
    case State::size: return size_byte(c);
    case State::extension: return extension_byte(c);
    case State::size_lf:
      state_ = remaining_ ? State::data : State::trailer_start;
      return c == '\n' ? Fault{} : "bare CR in a chunk size line";
    case State::data_cr:
      state_ = State::data_lf;
      return c == '\r' ? Fault{} : "chunk data that is longer than its size";
    case State::data_lf: state_ = State::size_first; return c == '\n' ? Fault{} : "bare CR after chunk data";
    default: return "chunked body read past its end";
  }
}

ChunkedDecoder::Fault ChunkedDecoder::size_byte(char c) noexcept {
  if (is(c, kHex)) {
    if (state_ == State::size_first) {
      state_ = State::size;
      digits_ = 0;
      remaining_ = 0;
      extension_bytes_ = 0;
    }
    if (++digits_ > kMaxDigits) return "chunk size with too many digits";
    remaining_ = remaining_ << 4 | hex_value(c);
    return remaining_ > kMaxChunk ? "chunk size too large" : Fault{};
  }
  if (state_ == State::size_first) return "chunk size that does not begin with a hexadecimal digit";
  if (c == '\r') {
    state_ = State::size_lf;
    return {};
  }
  state_ = State::extension;
  syntax_ = Syntax::before_semicolon;
  return extension_byte(c);
}

// chunk-ext = *( BWS ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ] )
ChunkedDecoder::Fault ChunkedDecoder::extension_byte(char c) noexcept {
  if (++extension_bytes_ > kMaxExtension || ++extension_total_ > kMaxExtensions)
    return "chunk extensions too long";
  using enum Syntax;
  const Syntax at = syntax_;
  const bool complete = at == name || at == value || at == after_quoted;
  const bool in_text = at == quoted || at == escaped;
  if (in_text) {
    if (!is(c, kValue)) return "character that is not allowed in a chunk extension";
    if (at == escaped) {
      syntax_ = quoted;
    } else if (c == '"') {
      syntax_ = after_quoted;
    } else if (c == '\\') {
      syntax_ = escaped;
    }
  } else if (is(c, kToken)) {
    if (at == before_name || at == name) {
      syntax_ = name;
    } else if (at == before_value || at == value) {
      syntax_ = value;
    } else {
      return "chunk size followed by something that is not an extension";
    }
  } else if (c == ';' && at != before_name && at != before_value) {
    syntax_ = before_name;
  } else if (c == '=' && (at == name || at == after_name)) {
    syntax_ = before_value;
  } else if (c == '"' && at == before_value) {
    syntax_ = quoted;
  } else if (is_blank(c)) {
    if (complete) syntax_ = at == name ? after_name : before_semicolon;
  } else if (c == '\r' && complete) {
    state_ = State::size_lf;
  } else {
    return "malformed chunk extension";
  }
  return {};
}

Result<void> ChunkedDecoder::trailer_bytes(std::string_view input, std::size_t& used, Arena& arena) {
  const char* const begin = input.data() + used;
  const char* const end = input.data() + input.size();
  const char* p = begin;
  Fault fault;
  switch (state_) {
    case State::trailer_start:
      if (*p == '\r') {
        state_ = State::last_lf;
        ++used;
        return {};
      }
      if (!is(*p, kToken)) fault = "malformed trailer field";
      state_ = State::trailer_line;
      [[fallthrough]];
    case State::trailer_line:
      p = scan::end_of_value(p, end);
      if (p == end) break;
      if (*p++ != '\r') fault = "control character in a trailer field";
      state_ = State::trailer_lf;
      break;
    case State::trailer_lf:
      if (*p++ != '\n') fault = "bare CR in a trailer field";
      state_ = State::trailer_start;
      break;
    default:  // last_lf
      if (*p != '\n')
        return fail(Errc::malformed_request, "bare CR at the end of a chunked body", Origin::client);
      state_ = State::done;
      ++used;
      return {};
  }
  if (!fault.empty()) return fail(Errc::malformed_request, fault, Origin::client);
  const auto n = static_cast<std::size_t>(p - begin);
  if (!keep_trailer({begin, n}, arena))
    return fail(Errc::head_too_large, "trailers too large", Origin::client);
  used += n;
  return {};
}

bool ChunkedDecoder::keep_trailer(std::string_view bytes, Arena& arena) {
  const std::size_t size = trailer_size_ + bytes.size();
  if (size > max_trailers_) return false;
  if (size > trailer_capacity_) {
    trailer_capacity_ = std::max({size, 2 * trailer_capacity_, kFirstTrailers});
    auto* larger = static_cast<char*>(arena.allocate(trailer_capacity_, 1));
    if (trailer_size_) std::memcpy(larger, trailer_, trailer_size_);
    trailer_ = larger;
  }
  std::memcpy(trailer_ + trailer_size_, bytes.data(), bytes.size());
  trailer_size_ = size;
  return true;
}

Result<void> ChunkedDecoder::trailers(HeaderTable& out) const {
  if (state_ != State::done || trailer_size_ == 0) return {};
  const char* p = trailer_;
  H1Facts facts;  // says nothing: framing fields may not stand in trailers, and are removed below
  H1Fault fault;
  const FieldStep step = read_fields(p, trailer_ + trailer_size_, HeaderTable::kMaxFields, out, facts, fault);
  if (step == FieldStep::fault) return fail(fault.code, fault.detail, Origin::client);
  out.remove_if([](const Header& h) { return (header_info(folded_id(h.name)).policy & kUnwanted) != 0; });
  return {};
}

std::size_t write_chunk_header(std::uint64_t size, std::array<char, 20>& out) noexcept {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::size_t digits = 1;
  for (std::uint64_t rest = size >> 4; rest; rest >>= 4) ++digits;
  for (std::size_t i = digits; i-- > 0; size >>= 4) out[i] = kDigits[size & 15];
  out[digits] = '\r';
  out[digits + 1] = '\n';
  return digits + 2;
}

}  // namespace gatehouse::http
