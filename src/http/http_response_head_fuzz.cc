// Response heads; what is parsed and written anew reads as the same again. The first byte chooses the
// request's method.
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "http/h1_reader.h"
#include "http/h1_writer.h"

namespace {

using namespace gatehouse;
using namespace gatehouse::http;

void require(bool condition) {
  if (!condition) std::abort();
}

void check_rewritten(const ResponseHead& head, const Framing& framing, Method method, Arena& arena) {
  std::vector<char> wire(head_size_bound(head));
  const bool until_close = framing.kind == Framing::Kind::until_close;
  wire.resize(write_response_head(head, {.framing = framing, .close = until_close}, {}, wire));
  H1ResponseReader again({.max_head = 1 << 20, .max_fields = 256});
  ResponseHead second(arena);
  const auto r = again.feed({wire.data(), wire.size()}, method, second);
  require(r && *r == Progress::done && again.consumed() == wire.size());
  require(second.status == head.status && again.framing() == framing);
  std::size_t kept = 0;
  for (const Header& h : head.headers) {
    if (header_info(h.id).policy & (kHopByHop | kFraming)) continue;
    const Header& copy = second.headers.begin()[kept++];
    require(copy.name == h.name && copy.value == h.value);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Method method = data[0] == 'H' ? Method::get : data[0] % 2 ? Method::head : Method::get;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  BlockPool pool;
  Arena arena(pool);
  const H1Limits limits{.max_head = 4096, .max_fields = 32};
  H1ResponseReader whole(limits);
  H1ResponseReader halves(limits);
  ResponseHead head(arena);
  ResponseHead second(arena);
  const auto a = whole.feed(text, method, head);
  const std::vector<char> half(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(size / 2));
  auto b = halves.feed({half.data(), half.size()}, method, second);
  if (b && *b == Progress::more) b = halves.feed(text, method, second);
  if (text.size() <= limits.max_head) {  // beyond it, how much came at once decides what is noticed first
    // a fault in a line that has not ended may be seen later, but never passes
    require(a ? b.has_value() && *a == *b : !b || *b == Progress::more);
    if (a && *a == Progress::done) {
      require(whole.framing() == halves.framing() && whole.consumed() == halves.consumed());
    }
  }
  if (!a) require(a.error().code == Errc::upstream_malformed && a.error().origin == Origin::upstream);
  if (a && *a == Progress::done) check_rewritten(head, whole.framing(), method, arena);
  return 0;
}
