// Suites that others wrote (shared/vectors): llhttp's parser cases and the payloads of Http11Probe.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <string_view>

#include "base/vectors_testing.h"
#include "http/chunked.h"
#include "http/h1_reader.h"
#include "http/json_vectors.h"
#include "http/path.h"

namespace gatehouse::http {
namespace {

// How far a stream of messages was read.
struct Reading {
  bool good = true;
  int heads = 0;
  int complete = 0;
  std::string_view detail;
};

// A decoded chunked body's length in `rest`, or npos: not complete. Sets `reading` on errors.
std::size_t read_chunked(std::string_view rest, Arena& arena, Reading& reading) {
  ChunkedDecoder decoder;
  std::size_t used = 0;
  while (!decoder.done() && used < rest.size()) {
    const auto r = decoder.feed(rest.substr(used), arena);
    HeaderTable trailers(arena);
    if (!r || (decoder.done() && !decoder.trailers(trailers))) {
      reading.good = false;
      reading.detail = r ? "trailers" : r.error().detail;
      return std::string_view::npos;
    }
    used += r->consumed;
  }
  return decoder.done() ? used : std::string_view::npos;
}

struct Message {
  std::size_t head = 0;  // bytes
  Framing framing;
  bool last = false;      // the connection ends with it
  bool upgraded = false;  // what follows is another protocol
};

// Reads one message after the other. False from `head`: more bytes are needed, or it failed.
template <class ReadHead>
Reading read_all(std::string_view wire, ReadHead head) {
  BlockPool pool;
  Reading reading;
  while (!wire.empty()) {
    Arena arena(pool);
    Message message;
    if (!head(wire, arena, reading, message)) return reading;
    ++reading.heads;
    if (message.upgraded) return reading;
    std::size_t body = message.framing.length;
    if (message.framing.kind == Framing::Kind::chunked)
      body = read_chunked(wire.substr(message.head), arena, reading);
    if (message.framing.kind == Framing::Kind::until_close || body > wire.size() - message.head)
      return reading;
    ++reading.complete;
    wire.remove_prefix(message.head + body);
    if (message.last) {
      reading.good = reading.good && wire.empty();
      return reading;
    }
  }
  return reading;
}

bool finished(const Result<Progress>& r, Reading& reading) {
  if (!r) {
    reading.good = false;
    reading.detail = r.error().detail;
  }
  return r && *r == Progress::done;
}

Reading read_requests(std::string_view wire) {
  return read_all(wire, [](std::string_view w, Arena& arena, Reading& reading, Message& message) {
    H1RequestReader reader({});
    RequestHead head(arena);
    const bool done = finished(reader.feed(w, head), reading);
    message = {reader.consumed(), reader.framing(), !reader.keep_alive(), !reader.upgrade().empty()};
    return done;
  });
}

Reading read_responses(std::string_view wire) {
  return read_all(wire, [](std::string_view w, Arena& arena, Reading& reading, Message& message) {
    H1ResponseReader reader({});
    ResponseHead head(arena);
    const bool done = finished(reader.feed(w, Method::get, head), reading);
    message = {reader.consumed(), reader.framing(), !reader.keep_alive(), head.status == 101};
    return done;
  });
}

// llhttp needs no Host: each request of HTTP/1.1 that has none gets one, behind its request line.
std::string with_hosts(std::string wire) {
  for (int i = 0; i < 8; ++i) {
    const Reading reading = read_requests(wire);
    if (reading.good || reading.detail != "HTTP/1.1 request without Host") return wire;
    std::size_t at = 0;
    for (int seen = 0; seen <= reading.heads; ++seen) at = wire.find("HTTP/1.1\r\n", at) + 10;
    wire.insert(at, "Host: a\r\n");
  }
  return wire;
}

// name -> why we decide otherwise
using Deviations = std::map<std::string, std::string_view, std::less<>>;

const Deviations& deviations();

TEST(Llhttp, AsExpectedOrForAReason) {
  const std::string text = gatehouse::testing::read_vectors("llhttp/llhttp-tests.json");
  if (text.empty()) GTEST_SKIP() << "shared/vectors/llhttp is not here";
  const vectors::Json tests = vectors::JsonReader(text).value();
  Deviations unused = deviations();
  int judged = 0;
  for (const vectors::Json& test : tests.array) {
    const std::string& type = test["type"].string;
    const bool request = type.starts_with("request");
    if (!request && !type.starts_with("response")) continue;  // url: targets are the readers' business
    const std::string wire = vectors::from_base64(test["raw_b64"].string);
    const Reading reading = request ? read_requests(with_hosts(wire)) : read_responses(wire);
    const bool lenient = type.find("lenient") != type.npos;
    const bool refuse = lenient || test["expect"]["error"].boolean;
    const std::string name = test["suite"].string + ": " + test["name"].string;
    ++judged;
    const bool refused =
        !reading.good || (refuse && reading.heads == 0);  // what has not ended is not let through
    if (refused == refuse) continue;
    if (deviations().contains(name)) {
      unused.erase(name);
      continue;
    }
    ADD_FAILURE() << name << " (" << type << "): " << (refuse ? "accepted" : "refused") << " "
                  << reading.detail << "\n"
                  << wire.substr(0, 300);
  }
  EXPECT_GE(judged, 200);
  for (const auto& [name, reason] : unused) ADD_FAILURE() << "no deviation any more: " << name;
}

const Deviations& deviations() {
  constexpr std::string_view kZeros = "leading zeros in Content-Length: some read them as octal";
  constexpr std::string_view kAnyMethod = "any token is a method (RFC 9110 section 9.1)";
  constexpr std::string_view kNoTunnels = "CONNECT: a reverse proxy opens no tunnels";
  constexpr std::string_view kAsterisk = "'*' is for OPTIONS only (RFC 9112 section 3.2.4)";
  constexpr std::string_view kOnlyHttp = "RTSP and ICE are other protocols";
  constexpr std::string_view kOld = "HTTP/0.9";
  constexpr std::string_view kOnlyChunked =
      "a coding that we did not offer in TE, or cannot remove (or a fragment)";
  constexpr std::string_view kOtherHost =
      "Host, added here, must agree with the target (RFC 9112 section 3.2)";
  constexpr std::string_view kFragment = "no fragment in a target (RFC 9112 section 3.2.1)";
  constexpr std::string_view kUserinfo = "userinfo hides the host (RFC 9110 section 4.2.4)";
  constexpr std::string_view kEmptyLine = "RFC 9112 section 2.2 allows empty lines before requests only";
  static const Deviations kAll = {
      {"request/content-length.md: Content-Length header / `Content-Length` with zeroes", kZeros},
      {"request/content-length.md: Content-Length header / `Content-Length` with follow-up headers", kZeros},
      {"request/invalid.md: Invalid requests / HTTP protocol and ANNOUNCE method", kAnyMethod},
      {"request/invalid.md: Invalid requests / Invalid method", kAnyMethod},
      {"request/method.md: Methods / CONNECT request", kNoTunnels},
      {"request/method.md: Methods / CONNECT request with CAPS", kNoTunnels},
      {"request/method.md: Methods / CONNECT with body", kNoTunnels},
      {"request/uri.md: URI / Underscore in hostname", kNoTunnels},
      {"request/method.md: Methods / M-SEARCH request", kAsterisk},
      {"request/method.md: Methods / PRI request HTTP2", kAsterisk},
      {"request/method.md: Methods / SOURCE request with ICE", kOnlyHttp},
      {"request/method.md: Methods / OPTIONS request with RTSP", kOnlyHttp},
      {"request/method.md: Methods / ANNOUNCE request with RTSP", kOnlyHttp},
      {"request/sample.md: Sample requests / No HTTP version", kOld},
      {"request/transfer-encoding.md: Transfer-Encoding header / POST with `chunked` as last "
       "transfer-encoding",
       kOnlyChunked},
      {"request/transfer-encoding.md: Transfer-Encoding header / POST with `chunked` as last "
       "transfer-encoding (multiple headers)",
       kOnlyChunked},
      {"request/uri.md: URI / Host terminated by a query string", kOtherHost},
      {"request/uri.md: URI / `host:port` terminated by a query string", kOtherHost},
      {"request/uri.md: URI / `host:port` terminated by a space", kOtherHost},
      {"request/uri.md: URI / Fragment in URI", kFragment},
      {"request/uri.md: URI / `host:port` and basic auth", kUserinfo},
      {"response/connection.md: Connection header / HTTP 304 with Content-Length", kEmptyLine},
      {"response/connection.md: Connection header / HTTP 100 first, then 400", kEmptyLine},
      {"response/pipelining.md: Pipelining / Should parse multiple events", kEmptyLine},
      {"response/sample.md: Sample responses / Response starting with CRLF", kEmptyLine},
      {"response/sample.md: Sample responses / RTSP response", kOnlyHttp},
      {"response/sample.md: Sample responses / ICE response", kOnlyHttp},
      {"response/sample.md: Sample responses / HTTP version 0.9", kOld},
      {"response/transfer-encoding.md: Transfer-Encoding header / `chunked` before other transfer-encoding",
       kOnlyChunked},
      {"response/transfer-encoding.md: Transfer-Encoding header / multiple transfer-encoding where chunked "
       "is not the last one",
       kOnlyChunked},
      {"response/transfer-encoding.md: Transfer-Encoding header / `chunkedchunked` transfer-encoding does "
       "not enable chunked enconding",
       kOnlyChunked},
  };
  return kAll;
}

// What a client of the gateway sees if a service answers 200 to what the readers let through.
struct Answer {
  std::string status;
  std::string_view connection;
};

Answer answer(std::string_view wire) {
  BlockPool pool;
  Arena arena(pool);
  H1RequestReader reader({});
  RequestHead head(arena);
  const auto r = reader.feed(wire, head);
  if (!r) return {std::to_string(errc_info(r.error().code).status), "ClosedByServer"};
  if (*r == Progress::more) return {"none", "TimedOut"};
  if (const auto path = normalise_path(head.path, {}, arena); !path) return {"400", "ClosedByServer"};
  const std::string_view rest = wire.substr(reader.consumed());
  Reading body;
  std::size_t size = reader.framing().length;
  if (reader.framing().kind == Framing::Kind::chunked) size = read_chunked(rest, arena, body);
  if (!body.good) return {"400", "ClosedByServer"};
  if (size > rest.size()) return {"none", "TimedOut"};
  return {"200", reader.keep_alive() ? "Open" : "ClosedByServer"};
}

// The gateway as a whole is judged end to end; here is what depends on the readers alone.
TEST(Http11Probe, NothingFails) {
  const std::string text = gatehouse::testing::read_vectors("http11probe/http11probe-tests.data-only.json");
  if (text.empty()) GTEST_SKIP() << "shared/vectors/http11probe is not here";
  const vectors::Json tests = vectors::JsonReader(text).value();
  std::map<std::string, int> verdicts;
  for (const vectors::Json& test : tests["tests"].array) {
    const vectors::Json& table = test["expect"]["verdict_by_status"];
    if (test["kind"].string != "single" || !test["scored"].boolean || table.object.empty()) continue;
    if (test["id"].string == "COMP-DATE-HEADER") continue;  // about the answer's fields
    const Answer got = answer(vectors::from_base64(test["raw_b64"].string));
    const vectors::Json& cell = table[got.status];
    const std::string& verdict =
        cell.type == vectors::Json::Type::object ? cell[got.connection].string : cell.string;
    ++verdicts[verdict];
    EXPECT_NE(verdict, "Fail") << test["id"].string << ": " << got.status << " " << got.connection;
    if (verdict == "Warn") RecordProperty(test["id"].string, got.status);
  }
  EXPECT_GE(verdicts["Pass"], 100);
  EXPECT_LE(verdicts["Warn"], 12);
  RecordProperty("pass", verdicts["Pass"]);
}

}  // namespace
}  // namespace gatehouse::http
