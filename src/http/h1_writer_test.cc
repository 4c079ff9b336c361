#include "http/h1_writer.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace gatehouse::http {
namespace {

using Kind = Framing::Kind;

class Writer : public ::testing::Test {
 protected:
  std::string request(const H1Out& how, std::string_view target = "/p?q") {
    // exactly the bound: the sanitizer sees a byte beyond it
    std::vector<char> out(head_size_bound(head, target));
    return {out.data(), write_request_head(head, target, how, out)};
  }
  std::string response(const H1Out& how, std::string_view date = {}) {
    std::vector<char> out(head_size_bound(answer));
    return {out.data(), write_response_head(answer, how, date, out)};
  }
  BlockPool pool;
  Arena arena{pool};
  RequestHead head{arena};
  ResponseHead answer{arena};
};

TEST_F(Writer, RequestHead) {
  head.method_text = "POST";
  head.host = "a:1";
  head.headers.add("host", "other");
  head.headers.add("X-A", "v");
  head.headers.add("Content-Length", "99");
  head.headers.add("Transfer-Encoding", "chunked");
  head.headers.add("Connection", "close");
  head.headers.add("TE", "trailers");
  head.headers.add("x-empty", "");
  EXPECT_EQ(request({.framing = {Kind::length, 5}}),
            "POST /p?q HTTP/1.1\r\nHost: a:1\r\nX-A: v\r\nx-empty: \r\nContent-Length: 5\r\n\r\n");
  EXPECT_EQ(request({.framing = {Kind::chunked, 0}, .close = true}),
            "POST /p?q HTTP/1.1\r\nHost: a:1\r\nX-A: v\r\nx-empty: \r\nTransfer-Encoding: "
            "chunked\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(request({}, "*"), "POST * HTTP/1.1\r\nHost: a:1\r\nX-A: v\r\nx-empty: \r\n\r\n");
  EXPECT_EQ(request({.zero_length = true}, "/"),
            "POST / HTTP/1.1\r\nHost: a:1\r\nX-A: v\r\nx-empty: \r\nContent-Length: 0\r\n\r\n");
}

TEST_F(Writer, ResponseHead) {
  answer.status = 404;
  answer.reason = "whatever the service said";
  answer.headers.add("Content-Length", "12");
  answer.headers.add("Keep-Alive", "timeout=5");
  answer.headers.add("Server", "x");
  EXPECT_EQ(response({.framing = {Kind::length, 18446744073709551615U}, .keep_alive = true}, "now"),
            "HTTP/1.1 404 Not Found\r\nServer: x\r\nDate: now\r\nContent-Length: 18446744073709551615\r\n"
            "Connection: keep-alive\r\n\r\n");
  EXPECT_EQ(response({.length_as_given = true}),
            "HTTP/1.1 404 Not Found\r\nContent-Length: 12\r\nServer: x\r\n\r\n");
  answer.headers.add("date", "then");
  EXPECT_EQ(response({.framing = {Kind::until_close, 0}, .close = true}, "now"),
            "HTTP/1.1 404 Not Found\r\nServer: x\r\ndate: then\r\nConnection: close\r\n\r\n");
  answer.status = 299;
  answer.headers.remove_if([](const Header&) { return true; });
  EXPECT_EQ(response({}), "HTTP/1.1 299 \r\n\r\n");
}

TEST_F(Writer, InterimHead) {
  answer.status = 103;
  answer.headers.add("Link", "</a>");
  answer.headers.add("Content-Length", "3");
  std::vector<char> out(head_size_bound(answer));
  EXPECT_EQ(std::string(out.data(), write_interim_head(answer, out)),
            "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
}

TEST_F(Writer, LastChunk) {
  HeaderTable trailers(arena);
  trailers.add("X-Sum", "1");
  trailers.add("Content-Length", "3");
  std::vector<char> out(trailers_size_bound(trailers));
  EXPECT_EQ(std::string(out.data(), write_last_chunk(&trailers, out)), "0\r\nX-Sum: 1\r\n\r\n");
  EXPECT_EQ(std::string(out.data(), write_last_chunk(nullptr, out)), "0\r\n\r\n");
}

// Every length passes through a different copy.
TEST_F(Writer, PiecesOfEveryLength) {
  for (std::size_t n = 1; n < 100; ++n) {
    HeaderTable one(arena);
    std::string name(n, 'n');
    std::string value;
    for (std::size_t i = 0; i < n; ++i) value += static_cast<char>('a' + i % 26);
    one.add(name, value);
    std::vector<char> out(trailers_size_bound(one));
    EXPECT_EQ(std::string(out.data(), write_last_chunk(&one, out)),
              "0\r\n" + name + ": " + value + "\r\n\r\n");
  }
}

}  // namespace
}  // namespace gatehouse::http
