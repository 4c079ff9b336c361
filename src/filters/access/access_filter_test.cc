#include "filters/access/access_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "filters/access/access_rule.h"
#include "gateway/exchange_testing.h"

namespace gatehouse::filters {
namespace {

using gateway::testing::Bench;
using gateway::testing::OneExchange;

config::Cidr cidr(std::string_view ip, unsigned bits) {
  IpAddress a = *parse_ip(ip);
  return {a.bytes, static_cast<std::uint8_t>(a.is_v4() ? bits + 96 : bits)};
}
IpAddress ip(std::string_view text) { return *parse_ip(text); }

// ---- sets ----------------------------------------------------------------------------------------------

TEST(AddressSet, Blocks) {
  const std::vector<config::Cidr> blocks = {cidr("10.1.2.3", 8), cidr("192.0.2.5", 32),
                                            cidr("2001:db8::", 33), cidr("192.0.2.64", 26)};
  const AddressSet set(blocks);
  for (auto in : {"10.0.0.0", "10.255.255.255", "192.0.2.5", "192.0.2.64", "192.0.2.127", "2001:db8::1",
                  "2001:db8:7fff:ffff::"})
    EXPECT_TRUE(set.contains(ip(in))) << in;
  for (auto out : {"9.255.255.255", "11.0.0.0", "192.0.2.4", "192.0.2.6", "192.0.2.63", "192.0.2.128",
                   "2001:db8:8000::", "2001:db7:ffff::", "::", "::10.0.0.1"})
    EXPECT_FALSE(set.contains(ip(out))) << out;
  EXPECT_FALSE(AddressSet().contains(ip("10.0.0.1")));
}

TEST(AddressSet, EverythingAndEveryIPv4) {
  const std::vector<config::Cidr> all = {cidr("::", 0)};
  EXPECT_TRUE(AddressSet(all).contains(ip("255.255.255.255")));
  EXPECT_TRUE(AddressSet(all).contains(ip("ffff::")));
  const std::vector<config::Cidr> four = {cidr("0.0.0.0", 0)};
  EXPECT_TRUE(AddressSet(four).contains(ip("1.2.3.4")));
  EXPECT_FALSE(AddressSet(four).contains(ip("::1")));
}

TEST(AddressSet, AgreesWithALinearSearch) {
  std::mt19937 random(3);
  for (int round = 0; round < 200; ++round) {
    std::vector<config::Cidr> blocks;
    for (unsigned i = random() % 20; i > 0; --i)
      blocks.push_back({IpAddress::v4(static_cast<std::uint32_t>(random() & 0xf00ff00f)).bytes,
                        static_cast<std::uint8_t>(96 + random() % 33)});
    const AddressSet set(blocks);
    for (int i = 0; i < 200; ++i) {
      const IpAddress a = IpAddress::v4(static_cast<std::uint32_t>(random() & 0xf00ff00f));
      const bool expected = std::ranges::any_of(
          blocks, [&](const config::Cidr& c) { return in_network(a, c.address, c.bits); });
      EXPECT_EQ(set.contains(a), expected) << to_string(a);
    }
  }
}

// ---- rules ---------------------------------------------------------------------------------------------

struct RuleCase {
  std::vector<config::Cidr> allow;
  std::vector<config::Cidr> deny;
  std::string_view client;
  bool let_in;
};

TEST(AccessRule, DenyWinsOverAllow) {
  const std::vector<RuleCase> cases = {
      {{}, {cidr("10.0.0.0", 8)}, "10.1.1.1", false},
      {{}, {cidr("10.0.0.0", 8)}, "11.1.1.1", true},
      {{cidr("10.0.0.0", 8)}, {}, "10.1.1.1", true},
      {{cidr("10.0.0.0", 8)}, {}, "11.1.1.1", false},
      {{cidr("10.0.0.0", 8)}, {cidr("10.1.0.0", 16)}, "10.1.1.1", false},
      {{cidr("10.0.0.0", 8)}, {cidr("10.1.0.0", 16)}, "10.2.1.1", true},
      {{cidr("10.1.0.0", 16)}, {cidr("10.0.0.0", 8)}, "10.1.1.1", false},
      {{cidr("2001:db8::", 32)}, {}, "2001:db8::1", true},
      {{cidr("0.0.0.0", 0)}, {}, "2001:db8::1", false},
  };
  for (const RuleCase& c : cases) {
    config::ServiceSpec s;
    s.allow = c.allow;
    s.deny = c.deny;
    AccessRule rule;
    rule.add(s);
    const auto refused = rule.judge("public", ip(c.client));
    EXPECT_EQ(!refused, c.let_in) << c.client;
    if (refused) EXPECT_EQ(refused->code, Errc::denied);
  }
}

TEST(AccessRule, OnAnotherListenerThereIsNothing) {
  config::ServiceSpec s;
  s.only = {"internal", "mesh"};
  s.deny = {cidr("10.0.0.0", 8)};
  AccessRule rule;
  rule.add(s);
  EXPECT_FALSE(rule.judge("internal", ip("192.0.2.1")));
  EXPECT_FALSE(rule.judge("mesh", ip("192.0.2.1")));
  EXPECT_EQ(rule.judge("internal", ip("10.0.0.1"))->code, Errc::denied);
  EXPECT_EQ(rule.judge("public", ip("10.0.0.1"))->code, Errc::no_route)
      << "a 403 would tell that it is there";
  EXPECT_EQ(rule.judge("internals", ip("192.0.2.1"))->code, Errc::no_route);
}

TEST(AccessRule, NothingConfiguredIsNoRule) {
  AccessRule rule;
  rule.add(config::ServiceSpec{});
  EXPECT_TRUE(rule.empty());
}

// ---- in an exchange --------------------------------------------------------------------------------------

class AccessFilterTest : public testing::Test {
 protected:
  AccessFilterTest() {
    filters_.push_back(access_filter());
    config::ServiceSpec office = gateway::testing::service("office");
    office.allow = {cidr("10.0.0.0", 8)};
    config::ServiceSpec hidden = gateway::testing::service("hidden");
    hidden.only = {"internal"};
    config::Spec spec = gateway::testing::spec_with(
        {gateway::testing::service("open"), office, hidden},
        {gateway::testing::route("/open", {"open"}), gateway::testing::route("/office", {"office"}),
         gateway::testing::route("/hidden", {"hidden"}),
         gateway::testing::route("/split", {"open", "office"})});
    spec.listeners[0].trusted_proxies = {cidr("172.16.0.0", 12)};
    bench_ = std::make_unique<Bench>(std::move(spec), filters_);
  }
  std::vector<std::unique_ptr<gateway::FilterKind>> filters_;
  std::unique_ptr<Bench> bench_;
};

TEST_F(AccessFilterTest, RefusesWithAProblem) {
  {
    OneExchange x(*bench_, "/office", "192.0.2.1");
    auto* head = x.run_request_steps();
    ASSERT_TRUE(head);
    EXPECT_EQ(head->status, 403);
    EXPECT_THAT(x.body(), testing::HasSubstr(R"("reason":"denied")"));
  }
  EXPECT_TRUE(bench_->last().failed);
  EXPECT_EQ(bench_->last().reason, Errc::denied);
  OneExchange y(*bench_, "/office", "10.0.0.1");
  EXPECT_FALSE(y.run_request_steps());
}

TEST_F(AccessFilterTest, JudgesTheClientBehindATrustedProxy) {
  OneExchange in(*bench_, "/office", "172.16.0.1", "public", {{"X-Forwarded-For", "10.0.0.9"}});
  EXPECT_FALSE(in.run_request_steps());
  OneExchange spoofed(*bench_, "/office", "192.0.2.1", "public", {{"X-Forwarded-For", "10.0.0.9"}});
  EXPECT_TRUE(spoofed.run_request_steps());
}

TEST_F(AccessFilterTest, OnlyHidesAServiceFromOtherListeners) {
  OneExchange outside(*bench_, "/hidden", "192.0.2.1", "public");
  auto* head = outside.run_request_steps();
  ASSERT_TRUE(head);
  EXPECT_EQ(head->status, 404);
  OneExchange inside(*bench_, "/hidden", "192.0.2.1", "internal");
  EXPECT_FALSE(inside.run_request_steps());
}

TEST_F(AccessFilterTest, ASplitIsAsStrictAsItsStrictestService) {
  OneExchange x(*bench_, "/split", "192.0.2.1");
  auto* head = x.run_request_steps();
  ASSERT_TRUE(head);
  EXPECT_EQ(head->status, 403);
}

TEST_F(AccessFilterTest, AnOpenServiceHasNoStep) {
  EXPECT_TRUE(bench_->snapshot()->routes()[0].chain.request.empty());
  OneExchange x(*bench_, "/open", "192.0.2.1");
  EXPECT_FALSE(x.run_request_steps());
}

}  // namespace
}  // namespace gatehouse::filters
