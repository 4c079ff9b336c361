#include "http/chunked.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <string>

namespace gatehouse::http {
namespace {

class Chunked : public ::testing::Test {
 protected:
  // Body, "|", trailers, "|", what was left; or "error".
  std::string run(std::string_view wire, std::size_t step, std::size_t max_trailers = 8192) {
    Arena arena(pool);
    ChunkedDecoder decoder(max_trailers);
    std::string body;
    std::size_t begin = 0;
    std::size_t seen = std::min(step, wire.size());
    for (;;) {
      // a copy of exactly these bytes, so that the sanitizer sees a read beyond them
      const std::string input(wire.substr(begin, seen - begin));
      const auto r = decoder.feed(input, arena);
      if (!r) {
        last = r.error();
        return "error";
      }
      body += r->data;
      begin += r->consumed;
      EXPECT_LE(begin, seen);
      if (r->event == ChunkedDecoder::Event::end || r->event == ChunkedDecoder::Event::trailers) {
        EXPECT_TRUE(decoder.done());
        HeaderTable trailers(arena);
        if (!decoder.trailers(trailers)) return "error";
        EXPECT_TRUE(r->event == ChunkedDecoder::Event::trailers || trailers.empty());
        std::string names;
        for (const Header& h : trailers) names += std::string(h.name) + "=" + std::string(h.value) + ";";
        return body + "|" + names + "|" + std::string(wire.substr(begin));
      }
      if (r->event == ChunkedDecoder::Event::more) {
        EXPECT_EQ(begin, seen);
        if (seen == wire.size()) return body + "...";
        seen = std::min(seen + step, wire.size());
      }
    }
  }
  std::string decode(std::string_view wire, std::size_t max_trailers = 8192) {
    const std::string whole = run(wire, wire.size(), max_trailers);
    for (std::size_t step : {1U, 2U, 7U})
      EXPECT_EQ(run(wire, step, max_trailers), whole) << testing::PrintToString(wire);
    return whole;
  }
  BlockPool pool;
  Error last;
};

TEST_F(Chunked, Bodies) {
  EXPECT_EQ(decode("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nGET"), "hello world||GET");
  EXPECT_EQ(decode("0\r\n\r\n"), "||");
  EXPECT_EQ(decode("000\r\n\r\n"), "||");
  EXPECT_EQ(decode("0000000000000005\r\nhello\r\n0\r\n\r\n"), "hello||");
  EXPECT_EQ(decode("A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n"), "01234567890123456789||");
  EXPECT_EQ(decode("5\r\nhel"), "hel...");
}

TEST_F(Chunked, Extensions) {
  for (std::string_view ext :
       {";a", ";a=b", ";a=\"b;\\\"c \t\xff\"", " ; a = b ;c", "\t;a", ";a;b;c=d", ";a=\"\" ;b"})
    EXPECT_EQ(decode("5" + std::string(ext) + "\r\nhello\r\n0\r\n\r\n"), "hello||") << ext;
  for (std::string_view ext :
       {";",    "; ",     " ",     ";a=",           ";a=\"b", ";bad[=x",   "; ;a",        ";a ",
        ";a b", ";a=b c", ";=b",   ";a==b",         " a",     ";a=\"b\"c", ";a=\"\x01\"", ";\x01",
        "x",    "_0",     ";a\rX", ";a=\"b\\\r\n\""})
    EXPECT_EQ(decode("5" + std::string(ext) + "\r\nhello\r\n0\r\n\r\n"), "error")
        << testing::PrintToString(ext);
  EXPECT_EQ(decode("5;" + std::string(250, 'a') + "\r\nhello\r\n0\r\n\r\n"), "hello||");
  EXPECT_EQ(decode("5;" + std::string(260, 'a') + "\r\nhello\r\n0\r\n\r\n"), "error");
  std::string many;
  for (int i = 0; i < 100; ++i) many += "1;" + std::string(200, 'a') + "\r\nx\r\n";
  EXPECT_EQ(decode(many + "0\r\n\r\n"), "error");
}

TEST_F(Chunked, Malformed) {
  for (std::string_view wire : {"\r\n",
                                " 5\r\nhello\r\n0\r\n\r\n",
                                "+5\r\nhello\r\n0\r\n\r\n",
                                "-1\r\n",
                                "0x5\r\nhello\r\n0\r\n\r\n",
                                "5 \r\nhello\r\n0\r\n\r\n",
                                "5\nhello\r\n0\r\n\r\n",
                                "5\r\nhello\n0\r\n\r\n",
                                "5\r\nhello0\r\n\r\n",
                                "5\r\nhello!!\r\n0\r\n\r\n",
                                "5\rhello\r\n0\r\n\r\n",
                                "FFFFFFFFFFFFFFFF0\r\nx",
                                "FFFFFFFFFFFFFFFF\r\nx",
                                "8000000000000000\r\nx",
                                "00000000000000005\r\nhello\r\n0\r\n\r\n",
                                "5\r\nhello\r\n0\r\n\n",
                                "5\r\nhello\r\n\r\n",
                                "0\r\n\r\r",
                                "5\r\nhello\r\r",
                                "g\r\n",
                                ";a\r\n"}) {
    EXPECT_EQ(decode(wire), "error") << testing::PrintToString(wire);
    EXPECT_EQ(last.code, Errc::malformed_request);
    EXPECT_EQ(last.origin, Origin::client);
    EXPECT_FALSE(last.detail.empty());
  }
  EXPECT_EQ(decode("7fffffffffffffff\r\nx"), "x...");
}

TEST_F(Chunked, Trailers) {
  EXPECT_EQ(decode("1\r\nx\r\n0\r\nX-Checksum: abc\r\nX-B:\r\n\r\nrest"), "x|X-Checksum=abc;X-B=;|rest");
  EXPECT_EQ(
      decode("0\r\nContent-Length: 5\r\nX: 1\r\nhost: a\r\nTransfer_Encoding: chunked\r\nAuthorization: b\r\n"
             "X-Forwarded-For: c\r\nConnection: x\r\nContent-Type: d\r\nETag: e\r\n\r\n"),
      "|X=1;ETag=e;|");
  EXPECT_EQ(decode("0\r\nContent-Length: 5\r\n\r\n"), "||");
  for (std::string_view trailer : {"X : a\r\n", "X\r\n", " X: a\r\n", "X: a\n", "X: a\x01\r\n",
                                   "X: a\r\n b\r\n", ": a\r\n", "X: a\r\r\n"})
    EXPECT_EQ(decode("0\r\n" + std::string(trailer) + "\r\n"), "error") << testing::PrintToString(trailer);
  EXPECT_EQ(decode("0\r\nX: " + std::string(5000, 'a') + "\r\n\r\n"), "|X=" + std::string(5000, 'a') + ";|");
  EXPECT_EQ(decode("0\r\nX: " + std::string(5000, 'a') + "\r\n\r\n", 4096), "error");
  EXPECT_EQ(last.code, Errc::head_too_large);
}

TEST(ChunkHeader, IsWhatTheDecoderReads) {
  for (std::uint64_t n : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{15}, std::uint64_t{16},
                          std::uint64_t{0x1a2b}, std::numeric_limits<std::uint64_t>::max()}) {
    std::array<char, 20> out;
    const std::string text(out.data(), write_chunk_header(n, out));
    EXPECT_TRUE(text.ends_with("\r\n"));
    EXPECT_EQ(std::stoull(text, nullptr, 16), n);
  }
}

}  // namespace
}  // namespace gatehouse::http
