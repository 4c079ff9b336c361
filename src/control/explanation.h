// `gatehouse explain` and the admin API's `/explain`: which route serves a request, and why not the others.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/spec.h"
#include "gateway/route_explain.h"

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

// `spec` is the one that `router` was compiled from. An error says why this is no request that could be
// served.
std::expected<gateway::Explanation, std::string> explain(const gateway::Router& router,
                                                         const config::Spec& spec, const Question& question);

std::string explanation_json(const gateway::Explanation& e, const config::Spec& spec);
std::string explanation_text(const gateway::Explanation& e, const config::Spec& spec);

}  // namespace gatehouse::control
