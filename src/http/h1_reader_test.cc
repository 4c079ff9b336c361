#include "http/h1_reader.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace gatehouse::http {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kHost = "Host: localhost:8080\r\n";

std::string request(std::string_view line, std::string_view fields = "") {
  return std::string(line) + "\r\n" + std::string(kHost) + std::string(fields) + "\r\n";
}

std::string describe(const RequestHead& h, const H1RequestReader& r) {
  std::string out = std::string(h.method_text) + " " + std::string(h.path) + " " + std::string(h.query) +
                    " host=" + std::string(h.host) + (h.version == Version::http10 ? " 1.0" : " 1.1") +
                    (h.asterisk ? " asterisk" : "") + (r.keep_alive() ? " keep" : " close") +
                    (r.expects_continue() ? " continue" : "") + " upgrade=" + std::string(r.upgrade());
  const Framing& f = r.framing();
  out += " framing=" + std::to_string(static_cast<int>(f.kind)) + ":" + std::to_string(f.length);
  for (const Header& field : h.headers)
    out += "\n" + std::string(field.name) + "=[" + std::string(field.value) + "]" +
           std::to_string(static_cast<int>(field.id));
  return out + "\nconsumed=" + std::to_string(r.consumed());
}

class H1Request : public ::testing::Test {
 protected:
  // The outcome of feeding `text` in pieces of `step` bytes, each time in a buffer of its own; old ones are
  // freed.
  std::string run(std::string_view text, std::size_t step, H1Limits limits = {}) {
    Arena arena(pool);
    RequestHead head(arena);
    H1RequestReader reader(limits);
    std::unique_ptr<char[]> buffer;
    for (std::size_t n = std::min(step, text.size());; n = std::min(n + step, text.size())) {
      auto next = std::make_unique<char[]>(n);
      std::copy_n(text.data(), n, next.get());
      buffer = std::move(next);
      last = reader.feed({buffer.get(), n}, head);
      if (!last) return "error " + std::string(last.error().detail);
      if (*last == Progress::done) return describe(head, reader);
      if (n == text.size()) return "more";
    }
  }
  // In one piece, and, with the same outcome, byte by byte and by threes.
  std::string parse(std::string_view text, H1Limits limits = {}) {
    const std::string whole = run(text, text.size() + 1, limits);
    for (std::size_t step : {1U, 3U, 16U}) EXPECT_EQ(run(text, step, limits), whole) << text;
    return whole;
  }
  void refused(std::string_view text, Errc code = Errc::malformed_request, H1Limits limits = {}) {
    const std::string outcome = parse(text, limits);
    ASSERT_TRUE(outcome.starts_with("error "))
        << testing::PrintToString(std::string(text.substr(0, 200))) << " gave " << outcome;
    EXPECT_GT(outcome.size(), 10U);
    EXPECT_EQ(last.error().code, code) << testing::PrintToString(std::string(text.substr(0, 200))) << outcome;
    EXPECT_EQ(last.error().origin, Origin::client);
  }
  void accepted(std::string_view text) {
    const std::string outcome = parse(text);
    EXPECT_FALSE(outcome.starts_with("error ") || outcome == "more") << text << " gave " << outcome;
  }

  BlockPool pool;
  Result<Progress> last = Progress::more;
};

TEST_F(H1Request, AHeadAsItCameAndNothingBehindIt) {
  EXPECT_EQ(parse("POST /a/../b?c=d HTTP/1.1\r\nHost: h:1\r\nX-A: b c\r\nContent-Length: 5\r\n\r\nhello"),
            "POST /a/../b ?c=d host=h:1 1.1 keep upgrade= framing=1:5\nHost=[h:1]1\nX-A=[b c]0\n"
            "Content-Length=[5]9\nconsumed=69");
}

TEST_F(H1Request, WhatIsLegalIsAccepted) {
  accepted(request("GET / HTTP/1.1", "X:\r\nY: \t v\t\x80\xff \t\r\nZ:v\r\n"));
  accepted("\r\n\r\n" + request("GET / HTTP/1.1"));
  accepted(request("M-SEARCH~! / HTTP/1.1"));
  accepted(request("get / HTTP/1.1"));
  accepted("GET / HTTP/1.0\r\n\r\n");
  accepted(request("GET / HTTP/1.1",
                   "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"));
  accepted(request("POST / HTTP/1.1", "Content-Length: \t 5 \t\r\n"));
  accepted(request("GET /%zz|\"{}?a=?b/c HTTP/1.1"));
  accepted(request("GET / HTTP/1.1", "Content-Type: a/b\r\nContent-Type: a/b\r\n"));
  accepted(request("GET / HTTP/1.1", "!#$%&'*+-.^_`|~09azAZ: x\r\n"));
  EXPECT_EQ(parse(request("GET / HTTP/1.1", "A:  \t \r\n")).find("A=[]") == std::string::npos, false);
}

TEST_F(H1Request, Targets) {
  auto target = [&](std::string_view t, std::string_view method = "GET") {
    const std::string s = parse(request(std::string(method) + " " + std::string(t) + " HTTP/1.1"));
    return s.substr(0, s.find(" 1.1"));
  };
  EXPECT_EQ(target("http://localhost:8080/a?b"), "GET /a ?b host=localhost:8080");
  EXPECT_EQ(target("HTTPS://LOCALHOST:8080?b"), "GET / ?b host=localhost:8080");
  EXPECT_EQ(target("http://localhost:8080"), "GET /  host=localhost:8080");
  EXPECT_NE(parse(request("OPTIONS * HTTP/1.1")).find("asterisk"), std::string::npos);
  EXPECT_NE(parse("GET http://h/ HTTP/1.0\r\n\r\n").find("host=h "), std::string::npos);
  refused(request("GET http://other/ HTTP/1.1"), Errc::header_conflict);
  refused(request("GET http://localhost/ HTTP/1.1"), Errc::header_conflict);
  refused("GET http://h/ HTTP/1.1\r\n\r\n");
  for (std::string_view t :
       {"*", "http:///", "http://u@localhost:8080/", "ftp://localhost:8080/", "localhost:8080", "a", "?a",
        "http:/localhost:8080", "/a#b", "/#", "http://local host", "/caf\xc3\xa9", "/a\tb", "/a\x7f",
        "http://localhost:8080#"})
    refused(request("GET " + std::string(t) + " HTTP/1.1"));
  refused(request("CONNECT localhost:8080 HTTP/1.1"));
  refused(request("CONNECT / HTTP/1.1"));
  refused(request("POST * HTTP/1.1"));
}

TEST_F(H1Request, RequestLines) {
  for (std::string_view line : {"GET / HTTP/1.1 ",
                                "GET  / HTTP/1.1",
                                "GET /  HTTP/1.1",
                                "GET /",
                                "GET / ",
                                "GET",
                                "GET\t/ HTTP/1.1",
                                "GET / HTTP/1",
                                "GET / HTTP/1.",
                                "GET / HTTP/01.01",
                                "GET / HTTP/ 1.1",
                                "GET / http/1.1",
                                "GET / HTTP/1.1x",
                                "GET / HTTP/11",
                                "GET / HTTP/1.10",
                                "GET / ICE/1.0",
                                " GET / HTTP/1.1",
                                "G(T / HTTP/1.1",
                                "GET\r / HTTP/1.1",
                                "GET / HTTP/a.b",
                                ""})
    refused(line.empty() ? ": x\r\n\r\n" : request(line));
  for (std::string_view line : {"GET / HTTP/9.9", "GET / HTTP/1.2", "GET / HTTP/0.9", "PRI * HTTP/2.0"})
    refused(request(line), Errc::version_not_supported);
  refused("GET / HTTP/1.1\nHost: a\r\n\r\n");
  refused("GET / HTTP/1.1\rHost: a\r\n\r\n");
  refused("GET /\r\n");
  refused("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
  refused("\rGET / HTTP/1.1\r\nHost: a\r\n\r\n");
  refused("\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
  refused("   \r\n\r\n");
  refused("GET /\0test HTTP/1.1\r\nHost: a\r\n\r\n"sv);
}

TEST_F(H1Request, FieldLines) {
  for (std::string_view fields : {"X-Test: value\r\n continued\r\n",
                                  "X-Test : value\r\n",
                                  ": v\r\n",
                                  "Bad[Name: v\r\n",
                                  "NoColon\r\n",
                                  "X: a\nY: b\r\n",
                                  "X: a\rb\r\n",
                                  "X: a\r\rY: b\r\n",
                                  " X: a\r\n",
                                  "\tX: a\r\n",
                                  "X\xc3: a\r\n",
                                  "X: a\x07\r\n",
                                  "X: \x0c\r\n",
                                  "X: a\x7f\r\n",
                                  "X\tY: a\r\n",
                                  "X:\r\n a\r\n",
                                  "\r",
                                  "\n",
                                  "X: a\r\n\n",
                                  "X Y: a\r\n",
                                  "(X): a\r\n"})
    refused(request("GET / HTTP/1.1", fields));
  refused(request("GET / HTTP/1.1", "X: a\0b\r\n"sv));
  refused("GET / HTTP/1.1\r\n \r\nHost: a\r\n\r\n");
}

TEST_F(H1Request, Hosts) {
  refused("GET / HTTP/1.1\r\n\r\n");
  refused(request("GET / HTTP/1.1", kHost), Errc::header_conflict);
  refused("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", Errc::header_conflict);
  for (std::string_view host : {"", " ", "user@a", "a/b", "a, b", "a b", "a:b", "[::1"})
    refused("GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n");
}

TEST_F(H1Request, FramingIsJudged) {
  refused(request("POST / HTTP/1.1", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
          Errc::header_conflict);
  refused(request("POST / HTTP/1.1", "Content-Length: 5\r\nContent-Length: 5\r\n"), Errc::header_conflict);
  refused(request("POST / HTTP/1.1", "transfer-encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
          Errc::header_conflict);
  refused(request("POST / HTTP/1.0", "Transfer-Encoding: chunked\r\n"));
  refused(request("POST / HTTP/1.1",
                  "Transfer-Encoding: \x0b"
                  "chunked\r\n"));
  refused(request("POST / HTTP/1.1", "Transfer-Encoding:\r\n chunked\r\n"));
  refused(request("TRACE / HTTP/1.1", "Content-Length: 5\r\n"));
  refused(request("POST / HTTP/1.1", "Content-Type: a/b\r\nContent-Type: c/d\r\n"), Errc::header_conflict);
  EXPECT_NE(parse(request("POST / HTTP/1.1", "Transfer-Encoding: Chunked\r\n")).find("framing=2:"),
            std::string::npos);
}

TEST_F(H1Request, ConnectionOptions) {
  auto has = [&](std::string_view what, std::string_view line, std::string_view fields) {
    return parse(request(line, fields)).find(what) != std::string::npos;
  };
  EXPECT_TRUE(has(" close", "GET / HTTP/1.1", "Connection: Close\r\n"));
  EXPECT_TRUE(has(" close", "GET / HTTP/1.1", "Connection: keep-alive\r\nConnection: a, close\r\n"));
  EXPECT_TRUE(has(" close", "GET / HTTP/1.0", ""));
  EXPECT_TRUE(has(" keep", "GET / HTTP/1.0", "Connection: Keep-Alive\r\n"));
  EXPECT_TRUE(has(" keep", "GET / HTTP/1.1", "Proxy-Connection: close\r\n"));
  EXPECT_TRUE(has("upgrade=websocket ", "GET / HTTP/1.1", "Upgrade: websocket\r\nConnection: x,Upgrade\r\n"));
  EXPECT_TRUE(has("upgrade= ", "GET / HTTP/1.1", "Upgrade: websocket\r\n"));
  EXPECT_TRUE(has(" continue", "POST / HTTP/1.1", "Expect: 100-Continue\r\n"));
  EXPECT_FALSE(has(" continue", "POST / HTTP/1.0", "Expect: 100-continue\r\n"));
  for (std::string_view name :
       {"host", "Content-Length", "transfer-encoding", "Authorization", "cookie", "content_length"})
    refused(request("GET / HTTP/1.1", "Connection: close, " + std::string(name) + "\r\n"),
            Errc::header_conflict);
}

TEST_F(H1Request, Limits) {
  const H1Limits limits{.max_head = 1000, .max_target = 100, .max_fields = 5};
  auto path = [](std::size_t n) { return "/" + std::string(n - 1, 'a'); };
  EXPECT_FALSE(parse(request("GET " + path(100) + " HTTP/1.1"), limits).starts_with("error"));
  refused(request("GET " + path(101) + " HTTP/1.1"), Errc::uri_too_long, limits);
  refused("GET " + path(5000), Errc::uri_too_long, limits);
  refused(std::string(5000, 'A'), Errc::malformed_request, limits);
  refused(std::string(65, 'A') + " / HTTP/1.1\r\n", Errc::malformed_request, limits);
  refused(request("GET / HTTP/1.1", "X: " + std::string(1000, 'a') + "\r\n"), Errc::head_too_large, limits);
  refused(std::string("GET / HTTP/1.1\r\nX: ") + std::string(5000, 'a'), Errc::head_too_large, limits);
  refused(std::string("GET / HTTP/1.1\r\n") + std::string(5000, 'a'), Errc::head_too_large, limits);
  refused(request("GET / HTTP/1.1", "A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\n"), Errc::head_too_large,
          limits);
  EXPECT_FALSE(
      parse(request("GET / HTTP/1.1", "A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n"), limits).starts_with("error"));
  const std::string exact = request("GET / HTTP/1.1");
  EXPECT_FALSE(parse(exact, {.max_head = exact.size()}).starts_with("error"));
  refused(exact, Errc::head_too_large, {.max_head = exact.size() - 1});
}

TEST_F(H1Request, StartedAndReset) {
  Arena arena(pool);
  H1RequestReader reader({});
  RequestHead first(arena);
  EXPECT_EQ(*reader.feed("\r\n", first), Progress::more);
  EXPECT_FALSE(reader.started());
  const std::string text = "\r\n" + request("GET /a HTTP/1.1", "Connection: upgrade\r\nUpgrade: x\r\n");
  EXPECT_EQ(*reader.feed(text, first), Progress::done);
  EXPECT_TRUE(reader.started());
  EXPECT_EQ(reader.consumed(), text.size());
  reader.reset();
  EXPECT_FALSE(reader.started());
  EXPECT_EQ(reader.upgrade(), "");
  RequestHead second(arena);
  EXPECT_EQ(*reader.feed("GET /b HTTP/1.0\r\n\r\nrest", second), Progress::done);
  EXPECT_EQ(second.path, "/b");
  EXPECT_EQ(reader.consumed(), 19U);
}

// The work is linear: a head of 32 KB, a byte at a time, in a buffer that moves with every one of them.
TEST_F(H1Request, ByteByByteIsLinear) {
  std::string fields;
  for (int i = 0; i < 100; ++i)
    fields += "X-Field-" + std::to_string(i) + ": " + std::string(290, 'v') + "\r\n";
  accepted(request("GET / HTTP/1.1", fields));
}

class H1Response : public ::testing::Test {
 protected:
  std::string run(std::string_view text, std::size_t step, Method method) {
    Arena arena(pool);
    ResponseHead head(arena);
    H1ResponseReader reader({});
    std::unique_ptr<char[]> buffer;
    for (std::size_t n = std::min(step, text.size());; n = std::min(n + step, text.size())) {
      auto next = std::make_unique<char[]>(n);
      std::copy_n(text.data(), n, next.get());
      buffer = std::move(next);
      const auto r = reader.feed({buffer.get(), n}, method, head);
      if (!r) {
        EXPECT_EQ(r.error().code, Errc::upstream_malformed);
        EXPECT_EQ(r.error().origin, Origin::upstream);
        EXPECT_FALSE(r.error().detail.empty());
        return "error";
      }
      if (*r == Progress::done) {
        return std::to_string(head.status) + " " + std::string(head.reason) + "|" +
               std::to_string(static_cast<int>(reader.framing().kind)) + ":" +
               std::to_string(reader.framing().length) + (reader.keep_alive() ? " keep" : " close") + " " +
               std::to_string(reader.keep_alive_timeout());
      }
      if (n == text.size()) return "more";
    }
  }
  std::string parse(std::string_view text, Method method = Method::get) {
    const std::string whole = run(text, text.size() + 1, method);
    for (std::size_t step : {1U, 5U}) EXPECT_EQ(run(text, step, method), whole) << text;
    return whole;
  }
  BlockPool pool;
};

TEST_F(H1Response, Heads) {
  EXPECT_EQ(parse("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"), "200 OK|1:3 keep 0");
  EXPECT_EQ(parse("HTTP/1.1 301\r\nContent-Length: 0\r\n\r\n"), "301 |1:0 keep 0");
  EXPECT_EQ(parse("HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n"), "200 |2:0 keep 0");
  EXPECT_EQ(parse("HTTP/1.1 500 Ori\xc3\xabntatie\tx\r\n\r\n"), "500 Ori\xc3\xabntatie\tx|3:0 close 0");
  EXPECT_EQ(parse("HTTP/1.0 200 OK\r\nContent-Length: 3\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5, "
                  "max=9\r\n\r\n"),
            "200 OK|1:3 keep 5");
  EXPECT_EQ(parse("HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n"), "200 OK|1:3 close 0");
  EXPECT_EQ(parse("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"), "103 Early Hints|0:0 keep 0");
  EXPECT_EQ(parse("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"), "204 No Content|0:0 keep 0");
  EXPECT_EQ(parse("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"), "204 No Content|0:0 close 0");
  EXPECT_EQ(parse("HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n"), "304 x|0:0 keep 0");
  EXPECT_EQ(parse("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Method::head), "200 OK|0:0 keep 0");
  EXPECT_EQ(parse("HTTP/1.1 200 OK\r\nContent-Type: a\r\nContent-Type: b\r\nContent-Length: 1\r\n\r\n"),
            "200 OK|1:1 keep 0");
  EXPECT_EQ(parse("HTTP/1.1 200 OK\r\nKeep-Alive: timeout=99999999999\r\n\r\n"), "200 OK|3:0 close 65535");
  EXPECT_EQ(parse("HTTP/1.1 200 OK\r\nKeep-Alive: timeout=x, timeout=\r\n\r\n"), "200 OK|3:0 close 0");
}

TEST_F(H1Response, Lies) {
  for (std::string_view text : {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
                                "HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\n",
                                "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
                                "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
                                "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                                "HTTP/1.1 200 OK\r\nX : a\r\n\r\n",
                                "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
                                "HTTP/1.1 200 OK\nX: a\n\n",
                                "HTTP/1.1 200 OK\rX: a\r\n\r\n",
                                "HTTP/2.0 200 OK\r\n\r\n",
                                "HTTP/1.1  200 OK\r\n\r\n",
                                "HTTP/1.1 20 OK\r\n\r\n",
                                "HTTP/1.1 2000 OK\r\n\r\n",
                                "HTTP/1.1 099 OK\r\n\r\n",
                                "HTTP/1.1 abc OK\r\n\r\n",
                                "HTTP/1.1200 OK\r\n\r\n",
                                "HTTP/1.1\r\n\r\n",
                                "HTTP/1.1 \r\n\r\n",
                                "HTTP/1.1 200\tOK\r\n\r\n",
                                "\r\nHTTP/1.1 200 OK\r\n\r\n",
                                "http/1.1 200 OK\r\n\r\n",
                                "ICY 200 OK\r\n\r\n",
                                "<html>no end of line",
                                "HTTP/1.1 200 O\x01K\r\n\r\n",
                                "HTTP/1.1 200 OK\r\nConnection: content-length\r\nContent-Length: 3\r\n\r\n"})
    EXPECT_EQ(parse(text), "error") << text;
  EXPECT_EQ(parse("HTTP/1.1 200 OK\r\nX: " + std::string(40000, 'a')), "error");
  EXPECT_EQ(parse("HTTP/1.1 200 " + std::string(40000, 'a')), "error");
  EXPECT_EQ(parse("HTTP/1.1 20"), "more");
}

}  // namespace
}  // namespace gatehouse::http
