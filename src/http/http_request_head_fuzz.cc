// Request heads, and the differential: what is parsed, written anew and parsed again is the same message,
// however the bytes arrive.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "http/h1_reader.h"
#include "http/h1_writer.h"
#include "http/path.h"

namespace {

using namespace gatehouse;
using namespace gatehouse::http;

void require(bool condition) {
  if (!condition) std::abort();
}

// In one piece, or byte by byte from buffers that move.
Result<Progress> read(std::string_view text, bool by_bytes, H1RequestReader& reader, RequestHead& head,
                      std::vector<char>& buffer) {
  if (!by_bytes) {
    buffer.assign(text.begin(), text.end());
    return reader.feed({buffer.data(), buffer.size()}, head);
  }
  for (std::size_t n = 1; n <= text.size(); ++n) {
    std::vector<char> next(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(n));
    buffer.swap(next);
    const auto r = reader.feed({buffer.data(), buffer.size()}, head);
    if (!r || *r == Progress::done) return r;
  }
  return Progress::more;
}

bool same_fields(const HeaderTable& a, const HeaderTable& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const Header& x = a.begin()[i];
    const Header& y = b.begin()[i];
    if (x.name != y.name || x.value != y.value || x.id != y.id) return false;
  }
  return true;
}

void check_rewritten(const RequestHead& head, const H1RequestReader& reader, Arena& arena) {
  const auto path = normalise_path(head.path, {}, arena);
  if (!path) return;
  const std::string_view target = head.asterisk ? "*" : arena.concat(path->path, head.query);
  std::vector<char> wire(head_size_bound(head, target));
  const bool has_host = !head.host.empty();
  wire.resize(write_request_head(head, target, {.framing = reader.framing()}, wire));
  H1RequestReader again({.max_head = 1 << 20, .max_target = 1 << 20, .max_fields = 256});
  RequestHead second(arena);
  const auto r = again.feed({wire.data(), wire.size()}, second);
  if (!has_host) return;  // an HTTP/1.0 request without Host: the service's name is put there first
  require(r && *r == Progress::done);
  require(again.consumed() == wire.size());
  require(again.framing() == reader.framing());
  require(second.method_text == head.method_text && second.host == head.host && second.target == target);
  RequestHead expected(arena);
  expected.headers.add("Host", head.host);
  for (const Header& h : head.headers)
    if (h.id != HeaderId::host && !(header_info(h.id).policy & (kHopByHop | kFraming)))
      expected.headers.add(h);
  if (reader.framing().kind == Framing::Kind::chunked) expected.headers.add("Transfer-Encoding", "chunked");
  if (reader.framing().kind == Framing::Kind::length)
    expected.headers.add("Content-Length", arena.copy(std::to_string(reader.framing().length)));
  require(same_fields(second.headers, expected.headers));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  BlockPool pool;
  Arena arena(pool);
  const H1Limits limits{.max_head = 4096, .max_target = 1024, .max_fields = 32};
  std::vector<char> first_buffer;
  std::vector<char> second_buffer;
  H1RequestReader first(limits);
  H1RequestReader second(limits);
  RequestHead head(arena);
  RequestHead slow(arena);
  const auto a = read(text, false, first, head, first_buffer);
  const auto b = read(text.substr(0, 8192), true, second, slow, second_buffer);
  if (text.size() > 8192) return 0;
  if (!a) {  // a fault in a line that has not ended may be seen later when bytes come one by one, but never
             // passes
    require(!a.error().detail.empty() && a.error().origin == Origin::client);
    require(!b || *b == Progress::more);
    return 0;
  }
  require(b.has_value());
  require(*a == *b);
  if (*a == Progress::more) return 0;
  require(first.consumed() == second.consumed() && first.consumed() <= text.size());
  require(first.framing() == second.framing() && first.keep_alive() == second.keep_alive());
  require(head.host == slow.host && head.path == slow.path && head.query == slow.query);
  require(same_fields(head.headers, slow.headers));
  check_rewritten(head, first, arena);
  return 0;
}
