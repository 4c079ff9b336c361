// `gatehouse keys`: what the running gateway knows of the keys of its issuers, and their revocation.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "app/gateway_client.h"

namespace gatehouse::app {

int show_keys(const GatewayOptions& options, bool json);
// `verb`: revoke, unrevoke.
int change_key(const GatewayOptions& options, std::string_view verb, const std::string& issuer,
               const std::string& kid, bool json);

// The answer of `GET /keys` for people; nullopt: it is none.
std::optional<std::string> keys_text(std::string_view json);

}  // namespace gatehouse::app
