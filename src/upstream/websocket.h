// The opening handshake of a WebSocket (RFC 6455 section 4) as a proxy sees it: what offers one, and what
// confirms it.
#pragma once

#include <string_view>

#include "http/message.h"

namespace gatehouse::upstream {

inline constexpr std::string_view kWebSocket = "websocket";  // in Upgrade

// Whether a request offers a WebSocket: GET of HTTP/1.1 without a body, `websocket` in its Upgrade, and one
// Sec-WebSocket-Key. What offers less is an ordinary request, for its service to judge. `upgrade`: the value
// of Upgrade, if Connection names it.
bool offers_websocket(const http::RequestHead& head, std::string_view upgrade, bool has_body) noexcept;

// Whether a 101 confirms the offer of `request`: Upgrade is `websocket`, and Sec-WebSocket-Accept answers the
// key. A service that can be made to say `101` by somebody who cannot speak for it does not know the key, and
// no tunnel past the gateway's rules is opened. `upgrade`: as above, of the response.
bool confirms_websocket(const http::RequestHead& request, const http::ResponseHead& response,
                        std::string_view upgrade) noexcept;

}  // namespace gatehouse::upstream
