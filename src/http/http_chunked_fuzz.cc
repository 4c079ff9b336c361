// Chunked bodies: however the bytes are cut, the same body, trailers and end come out, and what is encoded
// anew decodes to the same. The first byte says how the input is cut.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "http/chunked.h"
#include "http/h1_writer.h"

namespace {

using namespace gatehouse;
using namespace gatehouse::http;

void require(bool condition) {
  if (!condition) std::abort();
}

struct Outcome {
  bool good = true;
  bool ended = false;
  std::size_t used = 0;
  std::string body;
  std::string trailers;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

// Written anew, a field may be a byte longer than it came: `a:b` becomes `a: b`.
constexpr std::size_t kTrailers = 1024;
constexpr std::size_t kTrailersAnew = kTrailers + HeaderTable::kMaxFields;

Outcome decode(std::string_view wire, std::size_t step, std::size_t max_trailers = kTrailers) {
  BlockPool pool;
  Arena arena(pool);
  ChunkedDecoder decoder(max_trailers);
  Outcome out;
  while (out.used < wire.size() && !out.ended) {
    const std::string input(wire.substr(out.used, step));
    const auto r = decoder.feed(input, arena);
    if (!r) return {.good = false, .body = {}, .trailers = {}};
    require(r->consumed > 0 && r->consumed <= input.size());
    require(r->event != ChunkedDecoder::Event::more || r->consumed == input.size());
    out.body += r->data;
    out.used += r->consumed;
    out.ended = decoder.done();
  }
  if (!out.ended) return out;
  HeaderTable trailers(arena);
  if (!decoder.trailers(trailers)) return {.good = false, .body = {}, .trailers = {}};
  std::string again(trailers_size_bound(trailers), '\0');
  again.resize(write_last_chunk(&trailers, again));
  out.trailers = again;
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view wire(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Outcome whole = decode(wire, wire.size() ? wire.size() : 1);
  require(decode(wire, 1U + data[0] % 32) == whole);
  if (!whole.good || !whole.ended) return 0;
  std::array<char, 20> header;
  std::string anew;
  if (!whole.body.empty()) {
    anew.append(header.data(), write_chunk_header(whole.body.size(), header));
    anew += whole.body + "\r\n";
  }
  anew += whole.trailers;
  const Outcome second = decode(anew, anew.size(), kTrailersAnew);
  require(second.good && second.ended && second.used == anew.size());
  require(second.body == whole.body && second.trailers == whole.trailers);
  return 0;
}
