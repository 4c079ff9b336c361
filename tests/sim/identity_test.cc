// Identity in the whole gateway: control, two workers, an issuer that replaces its key every five seconds
// without keeping the old one, clients that use the new key at once, and a stranger with made-up keys; in one
// thread, by a seed. Nobody with a valid token may be refused.
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/control_testing.h"
#include "filters/auth/auth_filter.h"
#include "filters/auth/keys_testing.h"
#include "jose/token_testing.h"

namespace gatehouse::sim {
namespace {

using control::testing::Answer;
using control::testing::Gateway;
using filters::testing::FakeIssuer;
using filters::testing::http_answer;
using jose::Algorithm;
using jose::testing::Signer;

constexpr std::string_view kConfig = R"(
listen: {public: {port: 8080, bind: 127.0.0.1}}
auth: {issuer: "http://127.0.0.1", audience: api}
routes: [{path: /x, reply: {body: "yes"}}]
admin: {port: 9900}
)";
constexpr Duration kRotation = 5s;
constexpr Duration kTime = 60s;

struct SigningKey {
  std::string kid;
  Signer signer = Signer::ed25519();
  std::string token(std::int64_t now_s) const {
    return jose::testing::token(
        signer, jose::testing::how(Algorithm::eddsa),
        jose::testing::header(Algorithm::eddsa, fmt::format(R"("kid":"{}")", kid)),
        fmt::format(R"({{"iss":"http://127.0.0.1","aud":"api","sub":"ann","exp":{}}})", now_s + 300));
  }
};

enum class Provider : std::uint8_t { quick, slow, failing };

class Scene {
 public:
  Scene(std::uint64_t seed, Provider provider)
      : provider_(provider),
        gateway_(std::string(kConfig), {}, kinds(), seed),
        issuer_(gateway_.world),
        stranger_(gateway_.world, IpAddress::v4(0x7f000009)) {
    keys_.push_back({"k0"});
    gateway_.world.faults().delay_max = 20ms;
    if (provider == Provider::slow) issuer_.wait = 1s;
    issuer_.answer = [this](const std::string& target) { return answer(target); };
  }

  void play() {
    ASSERT_TRUE(gateway_.start());
    net::MemoryWorld& world = gateway_.world;
    const Time end = after(world.clock().now(), kTime);
    Time next_key = after(world.clock().now(), kRotation);
    while (world.clock().now() < end) {
      if (world.clock().now() >= next_key) {
        keys_.push_back({fmt::format("k{}", keys_.size())});
        next_key = after(next_key, kRotation);
      }
      ask(gateway_.client, newest().token(now_s()), asked_);
      if (keys_.size() > 1) ask(gateway_.client, keys_[keys_.size() - 2].token(now_s()), asked_);
      SigningKey made_up{fmt::format("made-up-{}", world.random().next())};
      ask(stranger_, made_up.token(now_s()), strange_);
      world.run_for(50ms + Duration(world.random().below(50'000'000)));
    }
    world.run_for(20s);  // the last of them
  }

  void judge() {
    std::size_t answered = 0;
    for (const auto& q : asked_) {
      if (!q->answer) ADD_FAILURE() << "a request was never answered";
      answered += q->answer ? 1 : 0;
      EXPECT_EQ(q->answer.value_or(Answer{}).status, 200) << q->answer.value_or(Answer{}).text;
    }
    EXPECT_GT(answered, 1000U);
    for (const auto& q : strange_) {
      const int status = q->answer.value_or(Answer{}).status;
      EXPECT_TRUE(status == 401 || status == 503) << status;
    }
    // Four between two rotations and one in five seconds for who asks; where every second fails, twice as
    // many, and the discovery document again. However many keys the stranger makes up.
    EXPECT_LT(issuer_.requests.size(), 4 * static_cast<std::size_t>(kTime / 1s));
  }

 private:
  struct Question {
    std::optional<Answer> answer;
    net::Task<void> task;
  };
  using Questions = std::deque<std::unique_ptr<Question>>;

  static std::vector<std::unique_ptr<gateway::FilterKind>> kinds() {
    std::vector<std::unique_ptr<gateway::FilterKind>> all;
    all.push_back(filters::auth_filter());
    return all;
  }
  const SigningKey& newest() const { return keys_.back(); }
  std::int64_t now_s() const {
    return std::chrono::floor<std::chrono::seconds>(gateway_.world.clock().wall()).time_since_epoch().count();
  }
  std::string answer(const std::string& target) {
    if (target.starts_with("/.well-known/"))
      return http_answer(R"({"issuer":"http://127.0.0.1","jwks_uri":"http://127.0.0.1/jwks"})");
    if (provider_ == Provider::failing && ++fetches_ % 2 == 1) return {};
    return http_answer(
        fmt::format(R"({{"keys":[{}]}})", newest().signer.jwk(fmt::format(R"("kid":"{}")", newest().kid))));
  }
  static void ask(net::MemoryHost& from, const std::string& token, Questions& questions) {
    auto q = std::make_unique<Question>();
    q->task = control::testing::fetch(from, Gateway::kPort,
                                      fmt::format("GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                                                  "Authorization: Bearer {}\r\n\r\n",
                                                  token),
                                      q->answer);
    questions.push_back(std::move(q));
  }

  Provider provider_;
  std::vector<SigningKey> keys_;
  unsigned fetches_ = 0;
  Gateway gateway_;
  FakeIssuer issuer_;
  net::MemoryHost stranger_;
  Questions asked_;
  Questions strange_;
};

class Rotation : public ::testing::TestWithParam<Provider> {};

TEST_P(Rotation, NobodyWithAValidTokenIsRefused) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    SCOPED_TRACE(seed);
    Scene scene(seed, GetParam());
    scene.play();
    scene.judge();
  }
}

INSTANTIATE_TEST_SUITE_P(Providers, Rotation,
                         ::testing::Values(Provider::quick, Provider::slow, Provider::failing));

}  // namespace
}  // namespace gatehouse::sim
