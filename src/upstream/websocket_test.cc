#include "upstream/websocket.h"

#include <gtest/gtest.h>

#include "base/block.h"

namespace gatehouse::upstream {
namespace {

// The example of RFC 6455 section 1.3.
constexpr std::string_view kKey = "dGhlIHNhbXBsZSBub25jZQ==";
constexpr std::string_view kAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

class WebSocketTest : public ::testing::Test {
 protected:
  WebSocketTest() {
    request.method = http::Method::get;
    request.version = http::Version::http11;
    request.headers.add("Sec-WebSocket-Key", kKey);
    response.status = 101;
    response.headers.add("Sec-WebSocket-Accept", kAccept);
  }
  BlockPool blocks;
  Arena arena{blocks};
  http::RequestHead request{arena};
  http::ResponseHead response{arena};
};

TEST_F(WebSocketTest, Offers) {
  EXPECT_TRUE(offers_websocket(request, "websocket", false));
  EXPECT_TRUE(offers_websocket(request, "h2c, WebSocket", false));
  EXPECT_FALSE(offers_websocket(request, "", false));
  EXPECT_FALSE(offers_websocket(request, "websockets", false));
  EXPECT_FALSE(offers_websocket(request, "h2c", false));
  EXPECT_FALSE(offers_websocket(request, "websocket", true)) << "with a body";
  request.version = http::Version::http10;
  EXPECT_FALSE(offers_websocket(request, "websocket", false));
  request.version = http::Version::http11;
  request.method = http::Method::post;
  EXPECT_FALSE(offers_websocket(request, "websocket", false));
}

TEST_F(WebSocketTest, OffersWithExactlyOneKey) {
  request.headers.add("sec-websocket-key", kKey);
  EXPECT_FALSE(offers_websocket(request, "websocket", false));
  request.headers.remove("Sec-WebSocket-Key");
  EXPECT_FALSE(offers_websocket(request, "websocket", false));
  request.headers.add("Sec-WebSocket-Key", "c2hvcnQ=");
  EXPECT_FALSE(offers_websocket(request, "websocket", false));
}

TEST_F(WebSocketTest, Confirms) {
  EXPECT_TRUE(confirms_websocket(request, response, "WebSocket"));
  EXPECT_FALSE(confirms_websocket(request, response, "")) << "Connection does not name Upgrade";
  EXPECT_FALSE(confirms_websocket(request, response, "h2c"));
  EXPECT_FALSE(confirms_websocket(request, response, "websocket, h2c"));
}

TEST_F(WebSocketTest, ConfirmsThisKeyAlone) {
  request.headers.set("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==");
  EXPECT_FALSE(confirms_websocket(request, response, "websocket"));
}

TEST_F(WebSocketTest, ConfirmsWithExactlyOneAnswer) {
  response.headers.add("Sec-WebSocket-Accept", kAccept);
  EXPECT_FALSE(confirms_websocket(request, response, "websocket"));
  response.headers.remove("Sec-WebSocket-Accept");
  EXPECT_FALSE(confirms_websocket(request, response, "websocket"));
}

}  // namespace
}  // namespace gatehouse::upstream
