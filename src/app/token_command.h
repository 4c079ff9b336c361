// `gatehouse token inspect`: what a token says, and what the running gateway makes of it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "app/gateway_client.h"

namespace gatehouse::app {

// `token`: `-` is standard input, so that it need not stand in a history. Exit status 0 if it is accepted.
int inspect_token(const GatewayOptions& options, const std::string& token, bool json);

// The answer of `POST /token/inspect` for people; nullopt: it is none.
std::optional<std::string> token_text(std::string_view json);

}  // namespace gatehouse::app
