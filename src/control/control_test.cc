#include "control/control.h"

#include <fcntl.h>

#include "control/control_testing.h"

namespace gatehouse::control {
namespace {

using testing::Answer;
using testing::Gateway;

constexpr std::string_view kOne = "routes:\n  - {path: /one, reply: {status: 200, body: one}}\n";
constexpr std::string_view kTwo = "routes:\n  - {path: /two, reply: {status: 200, body: two}}\n";

std::string text(std::string_view t) { return std::string(t); }

TEST(Control, StartsAndServes) {
  Gateway g(text(kOne));
  ASSERT_TRUE(g.start());
  EXPECT_EQ(g.get("/one"), 200);
  EXPECT_EQ(g.get("/two"), 404);
  EXPECT_TRUE(g.ask(Gateway::kAdmin, "GET /healthz").has("\"ok\""));
  EXPECT_EQ(g.ask(Gateway::kAdmin, "GET /readyz").status, 200);
  EXPECT_EQ(g.ask(Gateway::kAdmin, "GET /metrics").status, 200);
}

TEST(Control, AnOccupiedPortRefusesTheStartAndNamesIt) {
  Gateway g(text(kOne));
  g.binder.occupied = Gateway::kPort;
  EXPECT_FALSE(g.start());
  ASSERT_EQ(g.refused.size(), 1U);
  EXPECT_NE(g.refused[0].text().find("0.0.0.0:8080: the address is in use"), std::string::npos)
      << g.refused[0].text();

  Gateway admin(text(kOne));
  admin.binder.occupied = Gateway::kAdmin;
  EXPECT_FALSE(admin.start());
  ASSERT_EQ(admin.refused.size(), 1U);
  EXPECT_NE(admin.refused[0].text().find("admin API"), std::string::npos);
}

TEST(Control, LoadsTheDiskOnlyIfItsBytesHaveChanged) {
  Gateway g(text(kOne));
  ASSERT_TRUE(g.start());
  EXPECT_TRUE(g.admin("POST /reload").has("\"unchanged\""));
  g.files["g.yaml"] = kTwo;
  Answer a = g.admin("POST /reload");
  EXPECT_EQ(a.status, 200);
  EXPECT_TRUE(a.has("\"published\"") && a.has("+ route /two")) << a.text;
  EXPECT_EQ(g.get("/two"), 200);
  EXPECT_EQ(g.get("/one"), 404);
  EXPECT_TRUE(g.admin("POST /reload").has("\"unchanged\""));
  EXPECT_TRUE(g.admin("POST /reload?force").has("\"published\""));
}

TEST(Control, SaysWhenAChangeBeginsAndWhenItEndsWhateverComesOfIt) {
  Gateway g(text(kOne));
  ASSERT_TRUE(g.start());
  std::string said;
  g.control->configuration().on_change_begun = [&] { said += "begun "; };
  g.control->configuration().on_change_ended = [&] {
    said += std::to_string(g.control->configuration().counts().published) + " ";
  };
  EXPECT_TRUE(g.admin("POST /reload").has("\"unchanged\""));
  EXPECT_EQ(said, "begun 1 ");
  g.files["g.yaml"] = kTwo;
  EXPECT_EQ(g.admin("POST /reload").status, 200);
  EXPECT_EQ(said, "begun 1 begun 2 ");
  g.files["g.yaml"] = "routes: [{}]\n";
  EXPECT_EQ(g.admin("POST /reload").status, 422);
  EXPECT_EQ(said, "begun 1 begun 2 begun 2 ");
  g.control->configuration().request({.who = std::string(Change::kFileChange)});
  ASSERT_TRUE(g.world.run_until([&] { return g.control->configuration().counts().unchanged == 2; }, 5s));
  EXPECT_EQ(said, "begun 1 begun 2 begun 2 ") << "the files are what they were";
}

TEST(Control, ARefusedConfigurationChangesNothingAndSaysWhy) {
  Gateway g(text(kOne));
  ASSERT_TRUE(g.start());
  g.files["g.yaml"] = "routes: [{path: /one, reply: {stats: 200}}]\n";
  Answer a = g.admin("POST /reload");
  EXPECT_EQ(a.status, 422);
  EXPECT_TRUE(a.has("application/problem+json") && a.has("g.yaml:1:")) << a.text;
  EXPECT_EQ(g.get("/one"), 200);
  EXPECT_TRUE(g.ask(Gateway::kAdmin, "GET /readyz").has("\"differs_from_disk\":true"));
  EXPECT_TRUE(g.ask(Gateway::kAdmin, "GET /readyz").status == 200);
  EXPECT_EQ(g.control->configuration().counts().refused, 1U);
  // the same wrong bytes are looked at again when asked, and refused again
  EXPECT_EQ(g.admin("POST /reload").status, 422);
  g.files["g.yaml"] = kOne;
  EXPECT_EQ(g.admin("POST /reload").status, 200);
  EXPECT_TRUE(g.ask(Gateway::kAdmin, "GET /readyz").has("\"differs_from_disk\":false"));
}

TEST(Control, AConfigurationThatCannotBindIsRefusedAsAWhole) {
  Gateway g(text(kOne));
  ASSERT_TRUE(g.start());
  g.binder.occupied = 8081;
  g.files["g.yaml"] = text(kTwo) + "listen: {public: {port: 8080}, other: {port: 8081}}\n";
  EXPECT_EQ(g.admin("POST /reload").status, 422);
  EXPECT_EQ(g.get("/one"), 200);
  g.binder.occupied = 0;
  EXPECT_EQ(g.admin("POST /reload").status, 200)
      << "what could not bind is tried again although no byte changed";
  EXPECT_EQ(g.get("/two"), 200);
  EXPECT_EQ(g.ask(8081, "GET /two").status, 200);
  g.files["g.yaml"] = kTwo;
  EXPECT_EQ(g.admin("POST /reload").status, 200);
  EXPECT_EQ(g.ask(8081, "GET /two").status, 0) << "the listener is gone";
}

TEST(Control, AnotherGatewayOnTheSamePortOfAnotherAddressIsNoticed) {
  Gateway g(text(kOne) + "listen: {public: {port: 8080, bind: 127.0.0.1}}\n");
  ASSERT_TRUE(g.start());
  g.binder.occupied = 8080;
  g.files["g.yaml"] =
      text(kOne) + "listen: {public: {port: 8080, bind: 127.0.0.1}, other: {port: 8080, bind: 127.0.0.2}}\n";
  EXPECT_EQ(g.admin("POST /reload").status, 422);
  g.files["g.yaml"] = text(kTwo) + "listen: {renamed: {port: 8080, bind: 127.0.0.1}}\n";
  EXPECT_EQ(g.admin("POST /reload").status, 200) << "a socket of our own is no other gateway";
}

TEST(Control, RefusedConfigurationsLeaveNoSeriesBehind) {
  Gateway g("services: {a: http://10.0.0.1}\n");
  ASSERT_TRUE(g.start());
  ASSERT_EQ(g.control->publisher().series().size(), 1U);
  g.binder.occupied = 8081;
  for (int i = 0; i < 5; ++i) {
    g.files["g.yaml"] = "services: {a: http://10.0.0.1, b" + std::to_string(i) +
                        ": http://10.0.0.2}\nlisten: {public: {port: 8080}, other: {port: 8081}}\n";
    EXPECT_EQ(g.admin("POST /reload").status, 422);
  }
  g.files["g.yaml"] = "services: {a: http://10.0.0.1, c: http://10.0.0.2}\n";
  EXPECT_EQ(g.admin("POST /reload").status, 200);
  const auto& series = g.control->publisher().series();
  ASSERT_EQ(series.size(), 2U);
  EXPECT_EQ(series[0].service, "a");
  EXPECT_EQ(series[1].service, "c");
}

TEST(Control, PutRunsUntilTheDiskChanges) {
  Gateway g(text(kOne));
  ASSERT_TRUE(g.start());
  EXPECT_EQ(g.admin("PUT /config", kTwo).status, 200);
  EXPECT_EQ(g.get("/two"), 200);
  EXPECT_TRUE(g.ask(Gateway::kAdmin, "GET /readyz").has("\"differs_from_disk\":true"));
  EXPECT_TRUE(g.admin("POST /reload").has("\"unchanged\"")) << "the disk did not change";
  EXPECT_EQ(g.get("/two"), 200);
  g.files["g.yaml"] = text(kOne) + "# touched\n";
  EXPECT_EQ(g.admin("POST /reload").status, 200);
  EXPECT_EQ(g.get("/one"), 200);
}

TEST(Control, PutDoesNotSaveOverAnEditThatWasMadeMeanwhile) {
  Gateway g(text(kOne));
  ASSERT_TRUE(g.start());
  g.resolver.set_delay(500ms);  // it takes that long to come into force
  std::string body = text(kTwo) + "services: {b: http://other.example:80}\n";
  std::optional<Answer> answer;
  auto put = testing::fetch(g.client, Gateway::kAdmin,
                            "PUT /config?save HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
                            "Authorization: Bearer random-token\r\nContent-Length: " +
                                std::to_string(body.size()) + "\r\n\r\n" + body,
                            answer);
  g.world.run_for(100ms);
  ASSERT_FALSE(answer);
  g.files["g.yaml"] = text(kOne) + "# edited\n";
  g.world.run_until([&] { return answer.has_value(); }, 5s);
  EXPECT_EQ(answer->status, 409) << answer->text;
  EXPECT_TRUE(answer->has("is in force") && answer->has("not saved: the file on disk has changed"))
      << answer->text;
  EXPECT_EQ(g.get("/two"), 200);
  EXPECT_TRUE(g.control->configuration().differs_from_disk());
  EXPECT_EQ(g.control->configuration().counts().published, 2U);
  EXPECT_EQ(g.control->configuration().counts().refused, 0U);
}

TEST(Control, PutMayUseOnlyTheFilesOfTheDisk) {
  Gateway g("routes: [{path: /one, reply: {body: file:/known}}]\n", {{"/known", "k"}, {"/other", "o"}});
  ASSERT_TRUE(g.start());
  EXPECT_EQ(g.admin("PUT /config", "routes: [{path: /two, reply: {body: file:/known}}]\n").status, 200);
  Answer a = g.admin("PUT /config", "routes: [{path: /two, reply: {body: file:/other}}]\n");
  EXPECT_EQ(a.status, 422) << a.text;
}

TEST(Control, PutRepairsADiskThatWasNotReadToItsFiles) {
  Gateway g("routes: [{path: /one, reply: {body: file:/known}}]\n", {{"/known", "k"}, {"/other", "o"}});
  ASSERT_TRUE(g.start());
  g.files["g.yaml"] = "routes: [{path: /one\n";
  EXPECT_EQ(g.admin("POST /reload").status, 422);
  Answer a = g.admin("PUT /config", "routes: [{path: /two, reply: {body: file:/known}}]\n");
  EXPECT_EQ(a.status, 200) << a.text;
  EXPECT_EQ(g.admin("PUT /config", "routes: [{path: /two, reply: {body: file:/other}}]\n").status, 422);
}

TEST(Control, RollbackReturnsToTheOneBeforeAndBackAgain) {
  Gateway g(text(kOne));
  ASSERT_TRUE(g.start());
  EXPECT_EQ(g.admin("POST /rollback").status, 409);
  g.files["g.yaml"] = kTwo;
  g.admin("POST /reload");
  EXPECT_EQ(g.admin("POST /rollback").status, 200);
  EXPECT_EQ(g.get("/one"), 200);
  EXPECT_TRUE(g.control->configuration().differs_from_disk());
  EXPECT_TRUE(g.admin("POST /reload").has("\"unchanged\""))
      << "the bytes that were left are not loaded again";
  EXPECT_EQ(g.admin("POST /rollback").status, 200);
  EXPECT_EQ(g.get("/two"), 200);
  EXPECT_FALSE(g.control->configuration().differs_from_disk());
}

TEST(Control, EventsDuringAReloadAreMergedIntoOneMore) {
  Gateway g("services: {a: http://slow.example:80}\n");
  ASSERT_TRUE(g.start());
  g.resolver.set_delay(500ms);  // a reload takes that long, for a new name
  g.files["g.yaml"] = "services: {b: http://other.example:80}\n";
  for (int i = 0; i < 5; ++i) g.control->configuration().request({.who = "SIGHUP"});
  g.world.run_for(100ms);
  g.files["g.yaml"] = "services: {c: http://third.example:80}\n";
  for (int i = 0; i < 5; ++i) g.control->configuration().request({.who = "file change"});
  g.world.run_for(3s);
  const auto& counts = g.control->configuration().counts();
  EXPECT_EQ(counts.published, 3U) << "the first, b, c";
  EXPECT_EQ(counts.unchanged, 0U);
  EXPECT_FALSE(g.control->configuration().changing());
}

TEST(Control, WhatNeedsARestartIsSaid) {
  Gateway g(text(kOne));
  ASSERT_TRUE(g.start());
  g.files["g.yaml"] = text(kOne) + "workers: 7\nadmin: {port: 9901}\n";
  Answer a = g.admin("POST /reload");
  EXPECT_TRUE(a.has("`workers` takes effect at the next start")) << a.text;
  EXPECT_TRUE(a.has("`admin` takes effect at the next start"));
  EXPECT_TRUE(a.has("g.yaml:3:1")) << a.text;
}

TEST(Control, ANewNameHoldsTheReloadUpForASecondAtMost) {
  Gateway g(text(kOne));
  ASSERT_TRUE(g.start());
  g.resolver.set_delay(10s);
  g.files["g.yaml"] = "services: {b: http://other.example:80}\n";
  Time before = g.world.clock().now();
  EXPECT_EQ(g.admin("POST /reload").status, 200);
  EXPECT_GE(g.world.clock().now() - before, 1s);
  EXPECT_LT(g.world.clock().now() - before, 2s);
}

TEST(Control, ReadyWhenNamesHaveAnsweredOrTwoSecondsAfterTheStart) {
  Gateway g("services: {b: http://other.example:80}\n");
  g.resolver.set_delay(10s);
  ASSERT_TRUE(g.start());
  Answer early = g.ask(Gateway::kAdmin, "GET /readyz");
  EXPECT_EQ(early.status, 503);
  EXPECT_TRUE(early.has("looked up")) << early.text;
  g.world.run_for(2s);
  EXPECT_EQ(g.ask(Gateway::kAdmin, "GET /readyz").status, 200);
}

TEST(Control, DrainSaysNotReadyForTheGraceAndEnds) {
  Gateway g(text(kOne) + "ready_grace: 3s\n");
  ASSERT_TRUE(g.start());
  bool over = false;
  auto drained = [](Control& c, bool& o) -> net::Task<void> {
    co_await c.drain();
    o = true;
  };
  auto task = drained(*g.control, over);
  EXPECT_EQ(g.ask(Gateway::kAdmin, "GET /readyz").status, 503);
  EXPECT_EQ(g.get("/one"), 200) << "balancers still send";
  g.world.run_for(4s);
  EXPECT_TRUE(over);
  EXPECT_EQ(g.get("/one"), 0) << "nobody accepts any more";
}

TEST(AdminApi, NeedsATokenAndNoBrowser) {
  Gateway g(text(kOne) + "admin: {tokens: {deploy: $TOKEN}, hosts: [gw.example]}\n");
  ASSERT_TRUE(g.start());
  Answer none = g.ask(Gateway::kAdmin, "GET /config");
  EXPECT_EQ(none.status, 401);
  EXPECT_TRUE(none.has("application/problem+json") && none.has("WWW-Authenticate: Bearer")) << none.text;
  EXPECT_EQ(g.ask(Gateway::kAdmin, "GET /config", {}, "Authorization: Bearer wrong\r\n").status, 401);
  EXPECT_EQ(g.ask(Gateway::kAdmin, "GET /config", {}, "Authorization: Bearer canary-secret\r\n").status, 200);
  EXPECT_EQ(g.ask(Gateway::kAdmin, "GET /healthz", {}, "Origin: https://evil.example\r\n").status, 403);
  EXPECT_EQ(g.admin("GET /nothing").status, 404);
  Answer method = g.admin("DELETE /config");
  EXPECT_EQ(method.status, 405);
  EXPECT_TRUE(method.has("allow: GET, HEAD, PUT")) << method.text;
}

TEST(AdminApi, ShowsEverythingAndNoSecret) {
  Gateway g(
      "services: {a: {url: http://10.0.0.1:80, max_in_flight: 3}}\n"
      "routes: [{path: /s, reply: {body: $TOKEN}}]\nadmin: {tokens: {deploy: $TOKEN}}\n");
  ASSERT_TRUE(g.start());
  for (std::string_view path :
       {"/config", "/routes", "/services", "/version", "/log-level", "/explain?url=/a/1",
        "/explain?method=POST&url=http%3A%2F%2Fh.example%2Fs&header=x-a%3A+1"}) {
    Answer a = g.admin("GET " + text(path));
    EXPECT_EQ(a.status, 200) << path << a.text;
    EXPECT_FALSE(a.has("canary-secret")) << path;
  }
  EXPECT_TRUE(g.admin("GET /services").has("\"endpoint\":\"10.0.0.1:80\""));
  EXPECT_TRUE(g.admin("GET /explain?url=/a/1").has("\"to\":\"a\""));
  EXPECT_EQ(g.admin("GET /explain?url=/a/..;x").status, 400);
  EXPECT_TRUE(g.admin("PUT /log-level", "debug").has("\"debug\""));
  EXPECT_EQ(g.admin("PUT /log-level", "loud").status, 400);
}

TEST(AdminApi, AClientThatHangsUpDoesNotStopTheReload) {
  Gateway g(text(kOne));
  ASSERT_TRUE(g.start());
  g.resolver.set_delay(500ms);
  g.files["g.yaml"] = "services: {b: http://other.example:80}\nroutes: [{path: /two, reply: {body: two}}]\n";
  {
    std::optional<Answer> nobody;
    auto t = testing::fetch(g.client, Gateway::kAdmin,
                            "POST /reload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n"
                            "Authorization: Bearer random-token\r\n\r\n",
                            nobody);
    g.world.run_for(100ms);
  }
  g.world.run_for(2s);
  EXPECT_EQ(g.get("/two"), 200);
}

TEST(KeptAddresses, AreWrittenWhenTheyChangeAndNotOftener) {
  Gateway g("services: {a: http://a.example:80}\n");
  g.resolver.set("a.example", {IpAddress::v4(0x0a000001)}, 1s);
  ASSERT_TRUE(g.start());
  g.world.run_for(30s);
  EXPECT_EQ(g.kept, std::vector<std::string>{"a.example 10.0.0.1\n"});
  g.resolver.set("a.example", {IpAddress::v4(0x0a000002)}, 1s);
  g.world.run_for(30s);
  ASSERT_EQ(g.kept.size(), 2U);
  g.resolver.fail_with("a.example", "the name server failed");
  g.world.run_for(60s);
  EXPECT_EQ(g.kept.back(), "a.example 10.0.0.2\n") << "a name that does not resolve keeps what it had";
  EXPECT_EQ(g.kept.size(), 2U);
}

}  // namespace
}  // namespace gatehouse::control
