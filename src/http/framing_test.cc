#include "http/framing.h"

#include <gtest/gtest.h>

#include <initializer_list>

namespace gatehouse::http {
namespace {

using Kind = Framing::Kind;

FramingFacts length(std::string_view value, int times = 1) {
  FramingFacts facts;
  facts.content_lengths = static_cast<std::uint8_t>(times);
  facts.content_length = value;
  return facts;
}
FramingFacts coding(std::string_view value, int times = 1) {
  FramingFacts facts;
  facts.transfer_encodings = static_cast<std::uint8_t>(times);
  facts.transfer_encoding = value;
  return facts;
}

TEST(RequestFraming, OneStrictContentLength) {
  EXPECT_EQ(request_framing({}, Method::post, Version::http11)->kind, Kind::none);
  for (Version v : {Version::http10, Version::http11}) {
    EXPECT_EQ(*request_framing(length("5"), Method::post, v), (Framing{Kind::length, 5}));
    EXPECT_EQ(*request_framing(length("0"), Method::get, v), (Framing{Kind::length, 0}));
    EXPECT_EQ(request_framing(length("999999999999999999"), Method::put, v)->length, 999999999999999999U);
  }
  for (std::string_view wrong :
       {"", "+5", "-1", "-0", "5, 5", "5,10", "0x5", "0o5", "1_0", "1 0", "00", "005", "5a", "abc",
        "1000000000000000000", "99999999999999999999", "5.0", "\xb2"}) {
    const auto r = request_framing(length(wrong), Method::post, Version::http11);
    ASSERT_FALSE(r) << wrong;
    EXPECT_EQ(r.error().code, Errc::malformed_request);
    EXPECT_EQ(r.error().origin, Origin::client);
  }
  EXPECT_EQ(request_framing(length("5", 2), Method::post, Version::http11).error().code,
            Errc::header_conflict);
}

TEST(RequestFraming, ExactlyChunked) {
  for (std::string_view value : {"chunked", "Chunked", "CHUNKED"})
    EXPECT_EQ(request_framing(coding(value), Method::post, Version::http11)->kind, Kind::chunked);
  for (std::string_view value : {"", "gzip", "gzip, chunked", "chunked, chunked", "chunked;q=1", "xchunked",
                                 "identity", "chunked,", ", chunked", "chunkedchunked", "\"chunked\""})
    EXPECT_EQ(request_framing(coding(value), Method::post, Version::http11).error().code,
              Errc::malformed_request);
  EXPECT_FALSE(request_framing(coding("chunked"), Method::post, Version::http10));
  EXPECT_FALSE(request_framing(coding("chunked", 2), Method::post, Version::http11));
  FramingFacts both = coding("chunked");
  both.content_lengths = 1;
  both.content_length = "5";
  EXPECT_EQ(request_framing(both, Method::post, Version::http11).error().code, Errc::header_conflict);
}

TEST(RequestFraming, NoBodyForConnectAndTrace) {
  for (Method m : {Method::connect, Method::trace}) {
    EXPECT_FALSE(request_framing(length("5"), m, Version::http11));
    EXPECT_FALSE(request_framing(coding("chunked"), m, Version::http11));
    EXPECT_TRUE(request_framing(length("0"), m, Version::http11));
  }
}

TEST(ResponseFraming, NoneWhateverTheySay) {
  for (const FramingFacts& facts : {FramingFacts{}, length("5"), length("0"), coding("chunked")}) {
    EXPECT_EQ(response_framing(facts, Method::head, 200, Version::http11)->kind, Kind::none);
    for (std::uint16_t status : std::initializer_list<std::uint16_t>{100, 101, 103, 204, 304})
      EXPECT_EQ(response_framing(facts, Method::get, status, Version::http11)->kind, Kind::none);
  }
  // ... but well-formed it must be
  EXPECT_FALSE(response_framing(length("5", 2), Method::head, 200, Version::http11));
  EXPECT_FALSE(response_framing(length("x"), Method::get, 304, Version::http11));
}

TEST(ResponseFraming, AsStrictAsRequests) {
  EXPECT_EQ(*response_framing(length("7"), Method::get, 200, Version::http10), (Framing{Kind::length, 7}));
  EXPECT_EQ(response_framing(coding("chunked"), Method::get, 200, Version::http11)->kind, Kind::chunked);
  EXPECT_EQ(response_framing({}, Method::get, 200, Version::http11)->kind, Kind::until_close);
  for (const FramingFacts& facts : {length("+7"), length("7", 2), coding("gzip"), coding("chunked", 2)}) {
    const auto r = response_framing(facts, Method::get, 200, Version::http11);
    ASSERT_FALSE(r);
    EXPECT_EQ(r.error().code, Errc::upstream_malformed);
    EXPECT_EQ(r.error().origin, Origin::upstream);
  }
  EXPECT_FALSE(response_framing(coding("chunked"), Method::get, 200, Version::http10));
}

TEST(ResponseFraming, ForbiddenBodies) {
  EXPECT_TRUE(announces_forbidden_body(length("5"), 204));
  EXPECT_TRUE(announces_forbidden_body(coding("chunked"), 103));
  EXPECT_FALSE(announces_forbidden_body(length("0"), 204));
  EXPECT_FALSE(announces_forbidden_body({}, 204));
  EXPECT_FALSE(announces_forbidden_body(length("5"), 304));
  EXPECT_FALSE(announces_forbidden_body(length("5"), 200));
}

}  // namespace
}  // namespace gatehouse::http
