// One request to the admin API, and the answers it can get. Internal to the admin API.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "control/configuration.h"
#include "gateway/exchange.h"

namespace gatehouse {
class JsonText;
}

namespace gatehouse::control {

class Control;

struct AdminCall {
  Control& control;
  gateway::Exchange& x;
  std::string who;  // name of the token
};

using AdminReply = net::Task<gateway::Reply>;

gateway::Reply text_reply(gateway::Exchange& x, std::uint16_t status, std::string_view type,
                          std::string_view text);
gateway::Reply json_reply(gateway::Exchange& x, std::uint16_t status, std::string_view text);
// RFC 9457.
gateway::Reply problem(gateway::Exchange& x, std::uint16_t status, std::string_view detail);

// Decoded values of the query: `%xx` and `+`.
std::string decode_query(std::string_view text);
std::optional<std::string> query_value(gateway::Exchange& x, std::string_view name);
bool query_flag(gateway::Exchange& x, std::string_view name);  // `?force`, `?force=true`

void put_diagnostics(JsonText& json, const config::Diagnostics& diagnostics);
std::string time_text(WallTime time);  // RFC 3339, in seconds

// What the background task `name` shows of itself; `none` where there is no such task.
AdminReply show_task(AdminCall call, const char* name, const char* none);

// What can be asked (admin_views.cc) ...
AdminReply healthz(AdminCall call);
AdminReply readyz(AdminCall call);
AdminReply metrics(AdminCall call);
AdminReply show_config(AdminCall call);
AdminReply show_routes(AdminCall call);
AdminReply show_services(AdminCall call);
AdminReply show_explanation(AdminCall call);
AdminReply show_version(AdminCall call);
AdminReply show_log_level(AdminCall call);
AdminReply show_keys(AdminCall call);
AdminReply show_limits(AdminCall call);
// ... and done (admin_actions.cc).
AdminReply put_config(AdminCall call);
AdminReply reload(AdminCall call);
AdminReply roll_back(AdminCall call);
AdminReply put_log_level(AdminCall call);
AdminReply revoke_key(AdminCall call);
AdminReply inspect_token(AdminCall call);
AdminReply unrevoke_key(AdminCall call);
AdminReply reset_limit(AdminCall call);

}  // namespace gatehouse::control
