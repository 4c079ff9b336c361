// Who is calling, as an exchange holds it: conditions, the record, and headers that only the gateway may set.
#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "gateway/exchange_testing.h"

namespace gatehouse::gateway {
namespace {

using testing::Bench;
using testing::OneExchange;

config::Condition condition(config::ConditionKey::Kind kind, std::string name, std::string text) {
  config::Condition c;
  c.key = {kind, std::move(name)};
  config::Test& test = c.any_of.emplace_back();
  test.text = std::move(text);
  return c;
}

// Keeps conditions in the snapshot, as a filter does that asks something of users.
class Asking final : public FilterKind {
 public:
  std::string_view name() const noexcept override { return "asking"; }
  void compile(const RouteContext& context, Chain&, config::Diagnostics& diagnostics) const override {
    const auto gold = condition(config::ConditionKey::Kind::claim, "tier", "gold");
    const auto alice = condition(config::ConditionKey::Kind::user, "", "alice");
    const config::Condition* one[] = {&gold};
    const config::Condition* other[] = {&alice};
    auto ranges = context.filters.shared<std::vector<ConditionTable::Range>>(
        [] { return std::make_shared<std::vector<ConditionTable::Range>>(); });
    ranges->push_back(context.snapshot.conditions.add(one, diagnostics));
    ranges->push_back(context.snapshot.conditions.add(other, diagnostics));
  }
};

class CallerTest : public ::testing::Test {
 protected:
  CallerTest() {
    kinds_.push_back(std::make_unique<Asking>());
    config::Spec spec = testing::spec_with({testing::service("api")}, {testing::route("/api", {"api"})});
    spec.auth.emplace();
    spec.auth->send = {{"x-user", config::SendItem::From::user, {}},
                       {"authorization", config::SendItem::From::remove, {}}};
    bench_.emplace(std::move(spec), kinds_);
  }
  std::span<const ConditionTable::Range> asked() {
    return *bench_->snapshot()->filters().find<std::vector<ConditionTable::Range>>();
  }
  std::vector<std::unique_ptr<FilterKind>> kinds_;
  std::optional<Bench> bench_;
};

TEST_F(CallerTest, ConditionsSeeTheAttributesOfWhoIsCalling) {
  ASSERT_TRUE(bench_->snapshot());
  OneExchange x(*bench_, "/api/1");
  EXPECT_EQ(x->caller(), nullptr);
  EXPECT_FALSE(x->holds(asked()));  // nobody: what is asked for is absent
  const std::array<Attribute, 2> attributes{{{"user", "bob"}, {"claim.tier", "gold"}}};
  const Identity bob{.user = "bob", .issuer = "main", .method = "jwt", .attributes = attributes};
  x->set_caller({.identity = &bob});
  EXPECT_EQ(x->identity(), &bob);
  EXPECT_TRUE(x->holds(asked()));
  EXPECT_TRUE(x->holds(asked().first(1)));
  EXPECT_FALSE(x->holds(asked().last(1)));  // he is not alice
  EXPECT_EQ(x->record().user, "bob");
}

TEST_F(CallerTest, NobodyHasNoAttributes) {
  OneExchange x(*bench_, "/api/1");
  x->set_caller(
      {.refused = Error{Errc::token_expired, Origin::client, Retry::never, "the token has expired"}});
  EXPECT_EQ(x->identity(), nullptr);
  EXPECT_FALSE(x->holds(asked()));
  EXPECT_EQ(x->record().user, "");
}

TEST_F(CallerTest, NamesThatSendUsesAreRemovedInEverySpelling) {
  OneExchange x(*bench_, "/api/1", "192.0.2.1", "public",
                {{"x-user", "root"},
                 {"X_User", "root"},
                 {"x.user", "root"},
                 {"x-users", "kept"},
                 {"authorization", "Bearer kept"}});
  const testing::Fields left = testing::fields_of(x->request().headers);
  EXPECT_EQ(left, (testing::Fields{{"x-users", "kept"}, {"authorization", "Bearer kept"}}));
}

// Whatever the table of headers thinks of a name, and whoever sends it.
TEST(ReservedNames, AreRemovedWhoeverSendsThem) {
  for (const char* name : {"x-user", "x-forwarded-user", "x-real-ip", "referer", "user-agent", "origin"}) {
    for (const char* peer : {"192.0.2.1", "10.0.0.1"}) {
      const std::vector<std::unique_ptr<FilterKind>> none;
      config::Spec spec = testing::spec_with({testing::service("api")}, {testing::route("/api", {"api"})});
      config::Cidr proxies;
      proxies.address = parse_ip("10.0.0.1")->bytes;
      spec.listeners.front().trusted_proxies.push_back(proxies);
      spec.auth.emplace();
      spec.auth->send = {{name, config::SendItem::From::user, {}}};
      Bench bench(std::move(spec), none);
      OneExchange x(bench, "/api/1", peer, "public", {{name, "root"}, {"x-other", "kept"}});
      EXPECT_EQ(testing::fields_of(x->request().headers), (testing::Fields{{"x-other", "kept"}}))
          << name << " from " << peer;
    }
  }
}

TEST(LocalPlace, AWorkerForgetsWhatNobodyHoldsAnyMore) {
  const std::vector<std::unique_ptr<FilterKind>> none;
  Bench bench(testing::spec_with({testing::service("api")}, {testing::route("/api", {"api"})}), none);
  auto place = std::make_shared<const LocalPlace>(3);
  auto made = std::make_shared<int>(7);
  std::weak_ptr<int> seen = made;
  EXPECT_EQ(bench.worker().local<int>(place, [&] { return std::exchange(made, nullptr); }), 7);
  EXPECT_EQ(bench.worker().local<int>(place, [] { return std::make_shared<int>(8); }), 7);
  place.reset();
  EXPECT_FALSE(seen.expired());
  bench.publish_again();
  EXPECT_TRUE(seen.expired());
}

}  // namespace
}  // namespace gatehouse::gateway
