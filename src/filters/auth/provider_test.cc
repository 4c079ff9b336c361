#include "filters/auth/provider.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "filters/auth/keys_testing.h"
#include "net/fake_resolver.h"

namespace gatehouse::filters {
namespace {

using testing::FakeIssuer;
using ::testing::HasSubstr;
using testing::http_answer;
using testing::kids;
using testing::test_set;

constexpr std::string_view kDocument = "/realms/a/.well-known/openid-configuration";
constexpr std::string_view kIssuer = "http://127.0.0.1/realms/a";

std::string document(std::string_view uri = "http://127.0.0.1/keys", std::string_view issuer = kIssuer) {
  return http_answer(R"({"issuer":")" + std::string(issuer) + R"(","jwks_uri":")" + std::string(uri) + "\"}");
}

class ProviderTest : public ::testing::Test {
 protected:
  ProviderTest() {
    source->issuer = kIssuer;
    source->discovery = config::WebUrl{
        .shown = {}, .host = "127.0.0.1", .port = 80, .tls = false, .target = std::string(kDocument)};
    says[std::string(kDocument)] = document();
    says["/keys"] = http_answer(test_set("ab"), "Cache-Control: max-age=300\r\nAge: 60\r\n");
    issuer.answer = [this](const std::string& target) {
      auto found = says.find(target);
      return found == says.end() ? http_answer("no", "", 404) : found->second;
    };
  }
  net::Task<void> run() { result = co_await provider.fetch(source); }
  const std::expected<FetchedKeys, FetchFailure>& fetch() {
    issuer.requests.clear();
    result = std::unexpected(FetchFailure{});
    task = run();
    world.run_until([&] { return task.done(); }, 1min);
    return result;
  }
  std::string failure() { return fetch() ? "none" : result.error().text; }
  std::string asked() const {
    std::string text;
    for (const auto& r : issuer.requests) text += r.target + " ";
    return text;
  }

  net::MemoryWorld world{1};
  net::MemoryHost host{world};
  net::FakeResolver resolver{host.loop};
  upstream::Client client{host.loop, host.network};
  upstream::UrlClient urls{client, resolver};
  std::shared_ptr<KeySource> source = std::make_shared<KeySource>();
  std::map<std::string, std::string> says;
  FakeIssuer issuer{world};
  Provider provider{urls, host.loop};
  std::expected<FetchedKeys, FetchFailure> result;
  net::Task<void> task;
};

TEST_F(ProviderTest, FindsTheKeysByTheDocument) {
  const auto& got = fetch();
  ASSERT_TRUE(got) << got.error().text;
  EXPECT_EQ(kids(got->keys), "ab");
  EXPECT_EQ(got->ttl, 4min);
  EXPECT_EQ(asked(), std::string(kDocument) + " /keys ");
}

TEST_F(ProviderTest, RemembersWhereTheyAreForAnHour) {
  ASSERT_TRUE(fetch());
  ASSERT_TRUE(fetch());
  EXPECT_EQ(asked(), "/keys ");
  world.run_for(61min);
  ASSERT_TRUE(fetch());
  EXPECT_EQ(asked(), std::string(kDocument) + " /keys ");
}

TEST_F(ProviderTest, LooksAgainWhereTheyAreNoMore) {
  ASSERT_TRUE(fetch());
  says[std::string(kDocument)] = document("http://127.0.0.1/moved");
  says["/moved"] = http_answer(test_set("c"));
  says.erase("/keys");
  EXPECT_EQ(failure(), "the key set was answered with status 404");
  ASSERT_TRUE(fetch());
  EXPECT_EQ(kids(result->keys), "c");
}

TEST_F(ProviderTest, TakesTheDocumentOfRfc8414) {
  says.erase(std::string(kDocument));
  EXPECT_EQ(failure(), "the discovery document was answered with status 404");
  says["/.well-known/oauth-authorization-server/realms/a"] = document();
  EXPECT_TRUE(fetch());
  EXPECT_EQ(asked(), std::string(kDocument) + " /.well-known/oauth-authorization-server/realms/a /keys ");
}

TEST_F(ProviderTest, AsksAKeySetUrlDirectly) {
  source->discovery.reset();
  source->jwks =
      config::WebUrl{.shown = {}, .host = "127.0.0.1", .port = 80, .tls = false, .target = "/keys"};
  ASSERT_TRUE(fetch());
  EXPECT_EQ(asked(), "/keys ");
}

TEST_F(ProviderTest, SaysWhatIsWrong) {
  auto keys = [&](std::string answer) {
    says["/keys"] = std::move(answer);
    return failure();
  };
  EXPECT_EQ(keys(http_answer("oops", "", 500)), "the key set was answered with status 500");
  EXPECT_EQ(keys(""), "the key set could not be had: the connection was reset before the response");
  EXPECT_EQ(keys(http_answer("<html>")),
            "the key set is not accepted: it is not a JSON object, or names a member twice");
  EXPECT_EQ(keys(http_answer("{}")), "the key set is not accepted: it has no list `keys`");
  EXPECT_EQ(keys(http_answer(R"({"keys":[]})")), "the key set is empty");
  EXPECT_THAT(keys(http_answer(R"({"keys":[{"kty":"oct","k":"c2VjcmV0LWNhbmFyeQ"}]})")),
              HasSubstr("no key that can be used"));
  EXPECT_EQ(keys(http_answer(std::string(jose::KeySet::kMaxBytes + 1, ' '))),
            "the key set could not be had: the answer is too large");
  EXPECT_EQ(keys(http_answer("", "Location: http://10.0.0.1/\r\n", 307)),
            "the key set could not be had: the answer is a redirect, and none is followed");
  says[std::string(kDocument)] = document("http://127.0.0.1/keys", "http://127.0.0.1/realms/b");
  EXPECT_EQ(failure(), "the discovery document is not accepted: its `issuer` is another one");
  says[std::string(kDocument)] = document("http://10.0.0.1/keys");
  EXPECT_EQ(failure(), "the discovery document is not accepted: its `jwks_uri` is not https");
  says[std::string(kDocument)] = http_answer(std::string(kMaxDiscoveryBytes + 1, ' '));
  EXPECT_EQ(failure(), "the discovery document could not be had: the answer is too large");
}

TEST_F(ProviderTest, BothAnswersHaveOneTime) {
  issuer.wait = 3s;
  const Time began = host.loop.now();
  EXPECT_EQ(failure(), "the key set could not be had: no whole answer came in time");
  EXPECT_LT(host.loop.now() - began, 5100ms);
  EXPECT_TRUE(fetch()) << "where they are is known now: who takes 3 s for each answer is slow, but not lost";
}

}  // namespace
}  // namespace gatehouse::filters
