#include "control/endpoint_directory.h"

#include <gtest/gtest.h>

#include "config/loader.h"
#include "control/health_checks.h"
#include "net/fake_resolver.h"
#include "net/memory_network.h"

namespace gatehouse::control {
namespace {

using State = upstream::EndpointSet::State;

IpAddress ip(std::string_view text) { return *parse_ip(text); }

class Directory : public ::testing::Test {
 protected:
  Directory() : world(1), host(world), resolver(host.loop), directory(host.loop, resolver) {}

  std::shared_ptr<const gateway::Snapshot> compile(const std::string& text) {
    config::Environment environment;
    environment.variable = [this](const std::string& n) {
      auto v = variables.find(n);
      return v == variables.end() ? std::nullopt : std::optional(v->second);
    };
    auto loaded = config::load_text(text, "g.yaml", environment);
    EXPECT_TRUE(loaded.spec) << (loaded.diagnostics.empty() ? "" : loaded.diagnostics[0].text());
    auto snapshot = gateway::Snapshot::compile(std::make_shared<const config::Spec>(std::move(*loaded.spec)),
                                               registry, {});
    EXPECT_TRUE(snapshot);
    return *snapshot;
  }
  void publish(const std::string& text) {
    auto snapshot = compile(text);
    auto task = directory.prepare(snapshot, after(world.clock().now(), 1s));
    world.run_until([&] { return task.done(); }, 2s);
    ASSERT_TRUE(task.done());
    directory.apply(snapshot);
  }
  std::shared_ptr<const upstream::EndpointSet> set(std::string_view service, std::size_t version = 0) {
    return directory.snapshot()->service(service)->versions[version].shared->slot.load();
  }
  std::vector<std::string> names(std::string_view service) {
    std::vector<std::string> list;
    for (const auto& e : set(service)->endpoints) list.push_back(e->name());
    return list;
  }

  net::MemoryWorld world;
  net::MemoryHost host;
  net::FakeResolver resolver;
  std::map<std::string, std::string> variables;
  gateway::StateRegistry registry;
  EndpointDirectory directory;
};
using Names = std::vector<std::string>;

TEST_F(Directory, AddressesAreThereAtOnceNamesWhenTheyAnswer) {
  resolver.set("b.example", {ip("10.0.0.2"), ip("2001:db8::1")});
  publish("services: {a: [http://10.0.0.1:81, unix:/run/a], b: http://b.example:82}");
  EXPECT_EQ(names("a"), (Names{"10.0.0.1:81", "unix:/run/a"}));
  EXPECT_EQ(names("b"), (Names{"10.0.0.2:82", "[2001:db8::1]:82"}));
  EXPECT_TRUE(directory.all_answered());
}

TEST_F(Directory, ANameThatWasNeverResolvedFailsWithTheReason) {
  publish("services: {a: http://no.example}");
  EXPECT_EQ(set("a")->state, State::failed);
  EXPECT_EQ(set("a")->reason, "no such name");
  resolver.set("no.example", {ip("10.0.0.9")});
  world.run_for(2s);
  EXPECT_EQ(names("a"), (Names{"10.0.0.9:80"})) << "it is asked again after a second";
}

TEST_F(Directory, ASlowNameIsResolvingUntilItAnswers) {
  resolver.set("slow.example", {ip("10.0.0.3")});
  resolver.set_delay(3s);
  publish("services: {a: http://slow.example}");
  EXPECT_EQ(set("a")->state, State::resolving);
  EXPECT_FALSE(directory.all_answered());
  world.run_for(3s);
  EXPECT_EQ(set("a")->state, State::ready);
}

TEST_F(Directory, ANameIsAskedAgainByItsTtlAndKeepsItsLastAddresses) {
  resolver.set("a.example", {ip("10.0.0.1"), ip("10.0.0.2")}, 5s);
  publish("services: {a: http://a.example}");
  auto kept = set("a")->endpoints[1];
  resolver.set("a.example", {ip("10.0.0.2"), ip("10.0.0.3")}, 5s);
  world.run_for(4s);
  EXPECT_EQ(names("a"), (Names{"10.0.0.1:80", "10.0.0.2:80"}));
  world.run_for(2s);
  EXPECT_EQ(names("a"), (Names{"10.0.0.2:80", "10.0.0.3:80"}));
  EXPECT_EQ(set("a")->endpoints[0], kept) << "an address that stays is the same endpoint";
  std::vector<std::string> told;
  directory.on_name = [&](const std::string& name, std::string_view why) {
    told.push_back(name + ":" + std::string(why));
  };
  resolver.fail_with("a.example", "server failed");
  world.run_for(60s);
  EXPECT_EQ(names("a"), (Names{"10.0.0.2:80", "10.0.0.3:80"}));
  EXPECT_EQ(set("a")->state, State::ready);
  resolver.set("a.example", {ip("10.0.0.2")}, 5s);
  world.run_for(60s);
  EXPECT_EQ(told, (Names{"a.example:server failed", "a.example:"})) << "told once each way";
}

TEST_F(Directory, ANameFromASubstitutionIsShownAsItsSource) {
  std::vector<std::string> told;
  directory.on_name = [&](const std::string& name, std::string_view) { told.push_back(name); };
  variables["URL"] = "http://hidden.example:81";
  publish("services: {a: $URL}");
  EXPECT_EQ(told, (Names{"$URL"})) << "also while it is looked up for the first time";
  ASSERT_EQ(directory.names().size(), 1U);
  EXPECT_EQ(directory.names()[0].name, "$URL");
  resolver.set("hidden.example", {ip("10.0.0.7")});
  world.run_for(2s);
  EXPECT_EQ(names("a"), (Names{"$URL"}));
  publish("services: {a: $URL, b: \"http://hidden.example:82\"}");
  EXPECT_EQ(directory.names()[0].name, "hidden.example") << "a file has it in the open";
  publish("services: {a: $URL}");
  EXPECT_EQ(directory.names()[0].name, "$URL");
}

TEST_F(Directory, AnEndpointThatIsHiddenByAReloadIsHidden) {
  publish("services: {a: \"http://10.0.0.1:81\"}");
  EXPECT_EQ(names("a"), (Names{"10.0.0.1:81"}));
  variables["URL"] = "http://10.0.0.1:81";
  publish("services: {a: $URL}");
  EXPECT_EQ(names("a"), (Names{"$URL"}));
}

TEST_F(Directory, AReloadKeepsEndpointsAndForgetsNames) {
  resolver.set("b.example", {ip("10.0.0.2")});
  publish("services: {a: [http://10.0.0.1, http://b.example]}");
  auto first = set("a")->endpoints;
  publish("services: {a: [http://10.0.0.1, http://10.0.0.5, http://b.example]}");
  EXPECT_EQ(set("a")->endpoints[0], first[0]) << "another list of URLs, the same machine";
  EXPECT_EQ(set("a")->endpoints[2], first[1]);
  EXPECT_EQ(resolver.lookups(), 1U);
  publish("services: {a: http://10.0.0.1}");
  EXPECT_TRUE(directory.names().empty());
  world.run_for(10min);
  EXPECT_EQ(resolver.lookups(), 1U) << "nobody asks for it any more";
}

TEST_F(Directory, AUrlFromASubstitutionIsShownAsItsSource) {
  config::Environment environment;
  environment.variable = [](const std::string&) { return std::optional<std::string>("http://10.9.8.7:80"); };
  auto loaded = config::load_text("services: {a: $PAY}", "g.yaml", environment);
  ASSERT_TRUE(loaded.spec);
  auto snapshot =
      gateway::Snapshot::compile(std::make_shared<const config::Spec>(std::move(*loaded.spec)), registry, {});
  ASSERT_TRUE(snapshot);
  directory.apply(*snapshot);
  EXPECT_EQ(names("a"), (Names{"$PAY"}));
  EXPECT_EQ(net::to_string(set("a")->endpoints[0]->address()), "10.9.8.7:80");
}

// ---- addresses from before the start

TEST_F(Directory, ANameThatDoesNotResolveAtTheStartHasTheAddressesFromBefore) {
  std::vector<std::string> recalled;
  directory.on_recall = [&](const std::string& name) { recalled.push_back(name); };
  directory.remember({{"b.example", {ip("10.0.0.2")}}, {"gone.example", {ip("10.0.0.9")}}});
  resolver.fail_with("b.example", "the name server failed");
  publish("services: {b: http://b.example, c: http://c.example}");
  EXPECT_EQ(names("b"), (Names{"10.0.0.2:80"}));
  EXPECT_EQ(set("b")->state, State::ready);
  EXPECT_EQ(set("c")->state, State::failed) << "it was never known";
  EXPECT_EQ(recalled, Names{"b.example"});
  EXPECT_EQ(directory.known(), (KnownAddresses{{"b.example", {ip("10.0.0.2")}}}));
  resolver.set("b.example", {ip("10.0.0.3")});
  world.run_for(5s);
  EXPECT_EQ(names("b"), (Names{"10.0.0.3:80"})) << "refreshed when DNS is back";
}

TEST_F(Directory, ANameThatDoesNotAnswerAtTheStartDoesNotKeepRequestsWaiting) {
  directory.remember({{"b.example", {ip("10.0.0.2")}}});
  resolver.set("b.example", {ip("10.0.0.3")});
  resolver.set_delay(10s);
  publish("services: {b: http://b.example}");
  EXPECT_EQ(names("b"), (Names{"10.0.0.2:80"}));
  EXPECT_FALSE(directory.all_answered());
  world.run_for(12s);
  EXPECT_EQ(names("b"), (Names{"10.0.0.3:80"}));
}

TEST_F(Directory, ANameThatResolvesHasNoUseForThem) {
  directory.on_recall = [](const std::string& name) { ADD_FAILURE() << name; };
  directory.remember({{"b.example", {ip("10.0.0.2")}}});
  resolver.set("b.example", {ip("10.0.0.3")}, 1s);
  publish("services: {b: http://b.example}");
  resolver.fail_with("b.example", "the name server failed");
  world.run_for(5s);
  EXPECT_EQ(names("b"), (Names{"10.0.0.3:80"})) << "those are newer";
}

TEST(KnownAddresses, AreReadAsTheyWereWritten) {
  KnownAddresses known = {{"a.example", {ip("10.0.0.1"), ip("2001:db8::1")}}, {"b_1", {ip("192.0.2.7")}}};
  EXPECT_EQ(to_text(known), "a.example 10.0.0.1 2001:db8::1\nb_1 192.0.2.7\n");
  EXPECT_EQ(parse_addresses(to_text(known)), known);
  EXPECT_EQ(parse_addresses(""), KnownAddresses{});
  known["b_1"].assign(100, ip("192.0.2.7"));
  EXPECT_EQ(parse_addresses(to_text(known))->at("b_1").size(), kMostAddresses);
}

TEST(KnownAddresses, AnythingElseIsRefused) {
  for (const char* text : {"a", "a\n", "a 10.0.0.1\n\n", "a 10.0.0.1\na 10.0.0.2\n", "a 10.0.0.1x\n",
                           " 10.0.0.1\n", "a  10.0.0.1\n", "a/b 10.0.0.1\n", "a\t10.0.0.1\n"})
    EXPECT_FALSE(parse_addresses(text)) << text;
  EXPECT_EQ(parse_addresses("a 10.0.0.1\nb 300.0.0.1\n").error(), "line 2 is no name with its addresses");
  EXPECT_FALSE(parse_addresses(std::string(std::size_t{5} << 20, 'a')));
}

// ---- health checks over it

net::Task<void> answer_all(net::Acceptor& acceptor, net::Loop& loop, const int& status, int& asked) {
  for (;;) {
    co_await acceptor.wait();
    auto stream = acceptor.try_accept();
    if (!stream || !*stream) continue;
    auto bytes = co_await (*stream)->recv(BlockPool::kSmall, after(loop.now(), 1s));
    if (!bytes || bytes->empty()) continue;
    ++asked;
    net::SliceList list;
    list.add(Slice::unowned(status == 200
                                ? "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                                : "HTTP/1.1 503 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
    (void)co_await (*stream)->send(std::move(list), 1s);
  }
}

TEST_F(Directory, HealthFallsAfterThreeFailuresAndRisesAfterTwo) {
  net::MemoryHost service(world, ip("10.0.0.1"));
  auto acceptor = service.network.accept_on(*world.bind(net::SocketAddress::of(ip("10.0.0.1"), 80)));
  int status = 200;
  int asked = 0;
  auto serving = answer_all(**acceptor, service.loop, status, asked);
  upstream::Client client(host.loop, host.network);
  HealthChecks health(client, directory);
  directory.on_change = [&] { health.refresh(); };
  int turns = 0;
  health.on_turn = [&](const std::string&, const upstream::Endpoint&, const CheckStatus&) { ++turns; };
  publish("services: {a: {url: http://10.0.0.1, health: {every: 1s, fall: 3, rise: 2}}}");
  const upstream::Endpoint& e = *set("a")->endpoints[0];
  ASSERT_NE(health.status(e), nullptr);
  world.run_for(10s);
  EXPECT_FALSE(e.checked_down());
  EXPECT_GE(asked, 8);
  status = 503;
  world.run_for(1500ms);
  EXPECT_FALSE(e.checked_down()) << "one or two failures are not enough";
  world.run_for(2500ms);
  EXPECT_TRUE(e.checked_down());
  status = 200;
  world.run_for(3s);
  EXPECT_FALSE(e.checked_down());
  EXPECT_EQ(turns, 2);
  status = 503;
  world.run_for(5s);
  EXPECT_TRUE(e.checked_down());
  auto kept = set("a")->endpoints[0];
  publish("services: {a: http://10.0.0.1}");
  EXPECT_FALSE(kept->checked_down()) << "nobody would bring it back";
  EXPECT_EQ(health.status(*kept), nullptr);
}

}  // namespace
}  // namespace gatehouse::control
