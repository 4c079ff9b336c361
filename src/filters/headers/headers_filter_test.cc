#include "filters/headers/headers_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "filters/headers/header_edits.h"
#include "gateway/exchange_testing.h"

namespace gatehouse::filters {
namespace {

using config::HeaderOps;
using config::Secret;
using gateway::testing::Bench;
using gateway::testing::Fields;
using gateway::testing::fields_of;
using gateway::testing::OneExchange;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

HeaderOps ops(const Fields& set, const Fields& add = {}, const std::vector<std::string>& remove = {}) {
  HeaderOps o;
  for (const auto& [name, value] : set) o.set.push_back({name, Secret::plain(value)});
  for (const auto& [name, value] : add) o.add.push_back({name, Secret::plain(value)});
  o.remove = remove;
  return o;
}

// ---- edits ---------------------------------------------------------------------------------------------

class EditsTest : public testing::Test {
 protected:
  Fields apply(Direction direction, const HeaderOps& o, const Fields& before) {
    edits_.push_back(std::make_unique<HeaderEdits>(direction));
    edits_.back()->add(o, {}, diagnostics_);
    EXPECT_TRUE(diagnostics_.empty());
    http::HeaderTable table(arena_);
    for (const auto& [name, value] : before) table.add(arena_.copy(name), arena_.copy(value));
    edits_.back()->apply(table);
    return fields_of(table);
  }
  std::string refusal(Direction direction, const HeaderOps& o) {
    HeaderEdits edits(direction);
    edits.add(o, {.file = "f.yaml", .line = 3, .column = 1}, diagnostics_);
    EXPECT_TRUE(edits.empty());
    const config::Diagnostics said = std::exchange(diagnostics_, {});
    return said.size() == 1 ? said.front().text() : std::to_string(said.size());
  }
  BlockPool pool_;
  Arena arena_{pool_};
  config::Diagnostics diagnostics_;
  std::vector<std::unique_ptr<HeaderEdits>> edits_;
};

TEST_F(EditsTest, SetReplacesAddAddsRemoveRemoves) {
  for (auto d : {Direction::request, Direction::response}) {
    EXPECT_THAT(apply(d, ops({{"X-A", "new"}}), {{"x-a", "1"}, {"X-B", "2"}, {"X-A", "3"}}),
                ElementsAre(Pair("X-B", "2"), Pair("X-A", "new")));
    EXPECT_THAT(apply(d, ops({}, {{"Cookie", "b"}}), {{"Cookie", "a"}}),
                ElementsAre(Pair("Cookie", "a"), Pair("Cookie", "b")));
    EXPECT_THAT(apply(d, ops({}, {}, {"cookie", "x-forwarded-user"}),
                      {{"Cookie", "a"}, {"X-Forwarded-User", "u"}, {"X-Forwarded-Port", "1"}}),
                ElementsAre(Pair("X-Forwarded-Port", "1")));
  }
}

TEST_F(EditsTest, RemoveThenSetThenAdd) {
  EXPECT_THAT(apply(Direction::response, ops({{"X-A", "set"}}, {{"X-A", "add"}}, {"X-A"}), {{"X-A", "old"}}),
              ElementsAre(Pair("X-A", "set"), Pair("X-A", "add")));
}

TEST_F(EditsTest, OnRequestsEverySpellingThatFoldsGoes) {
  EXPECT_THAT(apply(Direction::request, ops({{"X-Tenant-Id", "7"}}),
                    {{"X_Tenant_Id", "evil"}, {"x.tenant-id", "evil"}, {"X-TenantId", "other"}}),
              ElementsAre(Pair("X-TenantId", "other"), Pair("X-Tenant-Id", "7")));
  EXPECT_THAT(
      apply(Direction::response, ops({}, {}, {"X-Tenant-Id"}), {{"X_Tenant_Id", "the service's own"}}),
      ElementsAre(Pair("X_Tenant_Id", "the service's own")));
}

TEST_F(EditsTest, NamesThatAreRefused) {
  for (auto d : {Direction::request, Direction::response}) {
    for (const char* name :
         {"Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "TE", "Trailer", "Upgrade",
          "Proxy-Connection", "Content_Length", "transfer.encoding"}) {
      EXPECT_THAT(refusal(d, ops({{name, "1"}})), HasSubstr("belongs to the connection")) << name;
      EXPECT_THAT(refusal(d, ops({}, {{name, "1"}})), HasSubstr("belongs to the connection")) << name;
      EXPECT_THAT(refusal(d, ops({}, {}, {name})), HasSubstr("belongs to the connection")) << name;
    }
    for (const char* name : {"", "a b", "a:b", "a\r\nb", "\xc3\xa4", "a\"b"})
      EXPECT_THAT(refusal(d, ops({{name, "1"}})), HasSubstr("is no name of a header")) << name;
  }
  for (const char* name : {"X-Forwarded-For", "x_forwarded_proto", "X-Forwarded-Host", "Forwarded", "Via",
                           "traceparent", "X-Request-Id"})
    EXPECT_THAT(refusal(Direction::request, ops({{name, "1"}})), HasSubstr("the gateway sets")) << name;
  EXPECT_THAT(refusal(Direction::request, ops({{"Host", "h"}})), HasSubstr("f.yaml:3:1: "));
  EXPECT_THAT(refusal(Direction::request, ops({{"Host", "h"}})), HasSubstr("`host: NAME`"));
}

TEST_F(EditsTest, ValuesThatAreRefusedAreNotShown) {
  for (const std::string& value :
       {std::string("secret\r\nX: y"), std::string("secret\n"), std::string("secret\0x", 8),
        std::string("secret\x7f"), std::string("secret\x01")}) {
    HeaderOps o;
    o.set.push_back({"X-Key", Secret(value, "$KEY", true)});
    const std::string said = refusal(Direction::request, o);
    EXPECT_THAT(said, HasSubstr("X-Key"));
    EXPECT_THAT(said, Not(HasSubstr("secret")));
  }
  EXPECT_THAT(apply(Direction::request, ops({{"X-Key", "tab\tand \xc3\xa4"}}), {}),
              ElementsAre(Pair("X-Key", "tab\tand \xc3\xa4")));
}

// ---- in an exchange --------------------------------------------------------------------------------------

std::vector<std::unique_ptr<gateway::FilterKind>> kinds() {
  std::vector<std::unique_ptr<gateway::FilterKind>> all;
  all.push_back(headers_filter());
  return all;
}

TEST(HeadersFilter, TheServicesComeFirstThenTheRoutes) {
  config::ServiceSpec a = gateway::testing::service("a");
  a.headers.request = ops({{"X-From", "service"}, {"X-Key", "k"}});
  a.headers.response = ops({{"X-Frame-Options", "DENY"}}, {}, {"X-Powered-By"});
  config::RouteSpec r = gateway::testing::route("/a", {"a"});
  r.headers.request = ops({{"X-From", "route"}});
  r.headers.response = ops({}, {{"X-Frame-Options", "SAMEORIGIN"}});
  const auto filters = kinds();
  Bench bench(gateway::testing::spec_with({a}, {r}), filters);
  ASSERT_TRUE(bench.snapshot());
  OneExchange x(bench, "/a/1", "192.0.2.1", "public", {{"X_Key", "spoofed"}, {"Accept", "*/*"}});
  EXPECT_EQ(x.run_request_steps(), nullptr);
  EXPECT_THAT(fields_of(x->request().headers),
              ElementsAre(Pair("Accept", "*/*"), Pair("X-Key", "k"), Pair("X-From", "route")));
  EXPECT_THAT(x.run_response_steps({{"X-Powered-By", "PHP"}, {"Content-Type", "a/b"}}),
              ElementsAre(Pair("Content-Type", "a/b"), Pair("X-Frame-Options", "DENY"),
                          Pair("X-Frame-Options", "SAMEORIGIN")));
}

TEST(HeadersFilter, WhatIsNotConfiguredHasNoStep) {
  config::RouteSpec only_request = gateway::testing::route("/a", {"a"});
  only_request.headers.request = ops({{"X-A", "1"}});
  const auto filters = kinds();
  Bench with(gateway::testing::spec_with({gateway::testing::service("a")}, {only_request}), filters);
  Bench without(
      gateway::testing::spec_with({gateway::testing::service("a")}, {gateway::testing::route("/a", {"a"})}),
      filters);
  const auto& a = with.snapshot()->routes()[0].chain;
  const auto& b = without.snapshot()->routes()[0].chain;
  EXPECT_EQ(a.request.size(), b.request.size() + 1);
  EXPECT_EQ(a.response.size(), b.response.size());
}

TEST(HeadersFilter, ASplitBetweenServicesWhoseHeadersDifferIsRefused) {
  config::ServiceSpec a = gateway::testing::service("a");
  config::ServiceSpec b = gateway::testing::service("b");
  const auto filters = kinds();
  a.headers.request = ops({{"X-Key", "1"}});
  b.headers.request = ops({{"X-Key", "2"}});
  Bench differ(gateway::testing::spec_with({a, b}, {gateway::testing::route("/a", {"a", "b"})}), filters);
  EXPECT_FALSE(differ.snapshot());
  ASSERT_EQ(differ.diagnostics().size(), 1u);
  EXPECT_THAT(differ.diagnostics()[0].text(), HasSubstr("splits between `a` and `b`"));
  b.headers = a.headers;
  Bench same(gateway::testing::spec_with({a, b}, {gateway::testing::route("/a", {"a", "b"})}), filters);
  EXPECT_TRUE(same.snapshot());
}

}  // namespace
}  // namespace gatehouse::filters
