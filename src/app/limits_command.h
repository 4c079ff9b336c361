// `gatehouse limits`: what the running gateway lets through and refuses, what a key owes, and its
// forgiveness.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "app/gateway_client.h"

namespace gatehouse::app {

// Without `key`: all limits. `limit`: only this one; may be empty.
int show_limits(const GatewayOptions& options, const std::string& key, const std::string& limit, bool json);
int reset_limit(const GatewayOptions& options, const std::string& key, const std::string& limit, bool json);

// The answers of `GET /limits` and `GET /limits?key=` for people; nullopt: it is none.
std::optional<std::string> limits_text(std::string_view json);
std::optional<std::string> limit_key_text(std::string_view json);

}  // namespace gatehouse::app
