// `gatehouse explain` and the admin API's `/explain`: which route serves a request, and why not the others.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "config/spec.h"
#include "gateway/identity.h"
#include "gateway/limit_findings.h"
#include "gateway/route_explain.h"
#include "gateway/snapshot.h"

namespace gatehouse::control {

struct Question {
  std::string method = "GET";
  std::string url = "/";  // a path, or `http://host/path`
  std::vector<std::pair<std::string, std::string>> headers;
  std::string listener;  // empty: the first one
  std::string client = "127.0.0.1";
};

// `Name: value`; the error says what is wrong.
std::expected<std::pair<std::string, std::string>, std::string> parse_header(std::string_view line);

struct Explained {
  gateway::Explanation route;
  // What its credentials are found to be, and what the route makes of them; where the configuration has
  // `auth`.
  std::optional<gateway::CredentialFindings> credentials{};  // without its `caller.identity`
  std::optional<gateway::AuthOutcome> auth{};                // where there is a route
  std::vector<gateway::LimitFinding> limits{};               // that it meets
  bool served() const noexcept {
    return route.choice.kind == gateway::RouteChoice::Kind::found && (!auth || auth->status == 0);
  }
};

// An error says why this is no request that could be served. `moment`: of the process that serves `snapshot`;
// nullopt: this is another one, which does not know what has been used up of limits.
std::expected<Explained, std::string> explain(const gateway::Snapshot& snapshot, const Question& question,
                                              WallTime now, std::optional<Time> moment = std::nullopt);

std::string explanation_json(const Explained& e, const config::Spec& spec);
std::string explanation_text(const Explained& e, const config::Spec& spec);

// A token alone (`token inspect`); nullopt: the configuration has no `auth`.
std::optional<gateway::CredentialFindings> inspect_token(const gateway::Snapshot& snapshot,
                                                         std::string_view token, WallTime now);
std::string findings_json(const gateway::CredentialFindings& f);

}  // namespace gatehouse::control
