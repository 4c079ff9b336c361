#include "gateway/weaker_route.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "config/loader.h"

namespace gatehouse::gateway {
namespace {

// How many warnings the routes get behind the services `open` (`/*`, without credentials) and `api`.
std::size_t warnings_of(std::string_view routes) {
  config::Environment env;
  env.variable = [](const std::string&) { return std::nullopt; };
  env.read_file = [](const std::string&) { return std::nullopt; };
  env.glob = [](const std::string&) { return std::vector<std::string>{}; };
  const auto loaded = config::load_text(
      "auth: {api_keys: {keys: {a: {sha256: "
      "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8}}}}\n"
      "services:\n"
      "  open: {url: \"http://127.0.0.1:9000\", path: /*, auth: off}\n"
      "  api: {url: \"http://127.0.0.1:9001\", path: none}\n"
      "routes:\n" +
          std::string(routes),
      "test.yaml", env);
  for (const auto& d : loaded.diagnostics)
    if (d.level == config::Diagnostic::Level::error) ADD_FAILURE() << d.text();
  if (!loaded.spec) return 0;
  config::Diagnostics said;
  warn_of_weaker_routes(*loaded.spec, said);
  return said.size();
}

TEST(WeakerRoute, WhatAGuardedRouteDoesNotTakeMustNotBeOpen) {
  const std::pair<std::string_view, std::size_t> cases[] = {
      {"  - {path: /admin/*, to: api}\n", 0},                                // all of the path is guarded
      {"  - {path: /admin/*, method: GET, to: api}\n", 1},                   // POST is open
      {"  - {path: /admin/*, when: {header.x-beta: \"1\"}, to: api}\n", 1},  // without the header
      {"  - {path: /admin/*, method: GET, to: api, auth: optional}\n", 0},   // open itself
      {"  - {path: [/a, /b], method: GET, to: api}\n  - {path: /c, to: api}\n", 1},  // one a route
      {"  - {path: \"~/x[0-9]\", method: GET, to: api}\n", 0},                       // nobody can tell
      {"  - {path: /admin/*, method: GET, to: api, host: a.test}\n", 1},
      {"  - {path: /admin/*, method: GET, to: api}\n  - {path: /admin/*, to: api}\n",
       0},  // POST is guarded too
  };
  for (const auto& [routes, count] : cases) EXPECT_EQ(warnings_of(routes), count) << routes;
}

TEST(WeakerRoute, SaysSoTenTimesAtMost) {
  std::string routes;
  for (int i = 0; i < 30; ++i) routes += "  - {path: /r" + std::to_string(i) + ", method: GET, to: api}\n";
  EXPECT_EQ(warnings_of(routes), kMostWarnings);
}

}  // namespace
}  // namespace gatehouse::gateway
