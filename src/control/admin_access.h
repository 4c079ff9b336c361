// Who may use the admin API: pure decisions over what a request says.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/spec.h"
#include "http/message.h"

namespace gatehouse::control {

// Does not tell by its time how much of `given` is right.
bool equal_in_constant_time(std::string_view given, std::string_view expected) noexcept;

// Empty, or why the request is refused whoever sends it: a browser sends `Origin`, and one that was led here
// by a name of somebody else's (DNS rebinding) sends that name as Host.
std::string_view refuse_browser(const http::RequestHead& head, const config::AdminSpec& admin) noexcept;

// The name of whoever sends this bearer token: `admin` for `admin.token` (or `random_token`, where there is
// none), or the NAME of `admin.tokens`. nullopt: nobody.
std::optional<std::string> who_is(const http::RequestHead& head, const config::AdminSpec& admin,
                                  std::string_view random_token);

}  // namespace gatehouse::control
