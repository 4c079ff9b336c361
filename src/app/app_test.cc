#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "app/commands.h"
#include "app/http_request.h"
#include "app/keys_command.h"
#include "app/sample_service.h"

namespace gatehouse::app {
namespace {

TEST(SampleServiceThread, AnswersManyRequestsWithBodies) {
  SampleService service(echo);
  for (int i = 0; i < 20; ++i) {
    auto answer = send({.port = service.address().port,
                        .method = "POST",
                        .target = "/x?n=" + std::to_string(i),
                        .headers = {{"x-test", "1"}},
                        .body = std::string(static_cast<std::size_t>(i) * 1000, 'b')});
    ASSERT_TRUE(answer) << answer.error();
    EXPECT_EQ(answer->status, 200);
    EXPECT_NE(answer->body.find("/x?n=" + std::to_string(i)), std::string::npos);
    EXPECT_NE(answer->body.find(std::string(static_cast<std::size_t>(i) * 1000, 'b')), std::string::npos);
  }
}

TEST(HttpRequest, SaysInOneLineThatNobodyAnswers) {
  std::uint16_t port = 0;
  {
    SampleService service(hello);
    port = service.address().port;
    EXPECT_TRUE(send({.port = port, .target = "/"}));
  }
  auto answer = send({.port = port, .target = "/"});
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().find("no gateway answers"), std::string::npos);
}

int run(std::vector<std::string> words) {
  words.insert(words.begin(), "gatehouse");
  std::vector<char*> argv;
  argv.reserve(words.size());
  for (auto& w : words) argv.push_back(w.data());
  return run_command(static_cast<int>(argv.size()), argv.data(), {});
}

class CertCommand : public ::testing::Test {
 protected:
  CertCommand() {
    std::string pattern = (std::filesystem::temp_directory_path() / "cert-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
  }
  ~CertCommand() override { std::filesystem::remove_all(folder); }
  int cert(std::vector<std::string> more = {}) {
    std::vector<std::string> words = {"cert",  "a.test",          "--cert", folder / "cert.pem",
                                      "--key", folder / "key.pem"};
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  }
  std::string text(const char* name) const {
    std::ostringstream out;
    out << std::ifstream(folder / name).rdbuf();
    return out.str();
  }
  std::filesystem::path folder;
};

TEST_F(CertCommand, ReplacesNothingUnlessToldTo) {
  EXPECT_EQ(cert(), 0);
  const std::string first = text("key.pem");
  EXPECT_TRUE(first.starts_with("-----BEGIN PRIVATE KEY-----"));
  EXPECT_EQ(std::filesystem::status(folder / "key.pem").permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  EXPECT_EQ(cert(), 1);
  EXPECT_EQ(text("key.pem"), first);
  EXPECT_EQ(cert({"--force"}), 0);
  EXPECT_NE(text("key.pem"), first);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 2) << "and leaves nothing behind";
}

TEST_F(CertCommand, WritesBothFilesOrNeither) {
  std::ofstream(folder / "cert.pem") << "mine";
  EXPECT_EQ(cert(), 1);
  EXPECT_FALSE(std::filesystem::exists(folder / "key.pem"));
  EXPECT_EQ(text("cert.pem"), "mine");
  std::filesystem::rename(folder / "cert.pem", folder / "key.pem");
  EXPECT_EQ(cert(), 1);
  EXPECT_FALSE(std::filesystem::exists(folder / "cert.pem"));
  std::filesystem::remove(folder / "key.pem");
  std::filesystem::create_symlink(folder / "elsewhere", folder / "cert.pem");
  EXPECT_EQ(cert(), 1) << "a link that leads nowhere is there, too";
  EXPECT_FALSE(std::filesystem::exists(folder / "key.pem"));
  std::filesystem::remove(folder / "cert.pem");
  EXPECT_EQ(
      run({"cert", "a.test", "--force", "--cert", folder / "no" / "folder", "--key", folder / "key.pem"}), 1);
  EXPECT_TRUE(std::filesystem::is_empty(folder));
  EXPECT_EQ(run({"cert", "a.test", "--cert", folder / "one", "--key", folder / "one"}), 1);
  EXPECT_TRUE(std::filesystem::is_empty(folder));
}

TEST_F(CertCommand, LosesNothingThatItWasToReplace) {
  std::ofstream(folder / "key.pem") << "the old key";
  std::filesystem::create_directory(folder / "cert.pem");
  EXPECT_EQ(cert({"--force"}), 1);
  EXPECT_EQ(text("key.pem"), "the old key");
  std::filesystem::remove(folder / "cert.pem");
  EXPECT_EQ(
      run({"cert", "a.test", "--force", "--cert", folder / "." / "key.pem", "--key", folder / "key.pem"}), 1);
  EXPECT_EQ(text("key.pem"), "the old key");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1);
}

TEST(Commands, ExitStatusTellsNoFromWrongUse) {
  EXPECT_EQ(run({"--help"}), 0);
  for (const char* c : {"run", "demo", "check", "print", "schema", "reference", "explain", "reload",
                        "rollback", "token", "version"})
    EXPECT_EQ(run({c, "--help"}), 0) << c;
  EXPECT_EQ(run({}), 2);
  EXPECT_EQ(run({"frobnicate"}), 2);
  EXPECT_EQ(run({"version", "--wrong"}), 2);
  EXPECT_EQ(run({"version"}), 0);
  EXPECT_EQ(run({"schema"}), 0);
  EXPECT_EQ(run({"check", "/nonexistent/gatehouse.yaml"}), 1);
  EXPECT_EQ(run({"run", "/nonexistent/gatehouse.yaml"}), 1);
  EXPECT_EQ(run({"explain", "/nonexistent/gatehouse.yaml", "GET", "/"}), 1);
}

TEST(KeysCommand, ShowsIssuersForPeople) {
  const auto text = keys_text(
      R"({"issuers":[{"name":"main","issuer":"https://id.example","source":"discovery https://id.example","state":"stale",)"
      R"("age_seconds":300,"last_fetch":{"ok":false,"at":"2026-01-01T00:00:00Z","failure":"it is down"},)"
      R"("next_fetch_in_seconds":5,"keys":[{"kid":"a\u001b","thumbprint":"T1","algorithms":["RS256","PS256"],"state":"removed",)"
      R"("gone_in_seconds":60}],"revoked":[{"thumbprint":"T2","kid":"b","at":"2026-01-01T00:00:00Z","by":"ann"}]}]})");
  ASSERT_TRUE(text);
  EXPECT_NE(
      text->find("issuer main (https://id.example) from discovery https://id.example: stale, 5 min old, "
                 "next fetch in 5 s\n"),
      std::string::npos)
      << *text;
  EXPECT_NE(text->find("the last fetch failed at 2026-01-01T00:00:00Z: it is down\n"), std::string::npos);
  EXPECT_NE(text->find("T1  RS256 PS256  gone in 60 s\n"), std::string::npos) << *text;
  EXPECT_NE(text->find("T2  by ann, 2026-01-01T00:00:00Z\n"), std::string::npos) << *text;
  EXPECT_EQ(text->find('\x1b'), std::string::npos);
  EXPECT_FALSE(keys_text("{}"));
  EXPECT_TRUE(keys_text(R"({"issuers":[]})"));
}

TEST(KeysCommand, TakesItsArguments) {
  EXPECT_EQ(run({"keys", "revoke", "main"}), 2);
  EXPECT_EQ(run({"keys", "nonsense"}), 2);
  EXPECT_EQ(run({"keys", "revoke", "main", "k", "--admin", "127.0.0.1:1", "--token", "t"}), 1);
  EXPECT_EQ(run({"keys", "--admin", "127.0.0.1:1", "--token", "t"}), 1);
  EXPECT_EQ(encode_query("a b&c=d/\xc3"), "a%20b%26c%3Dd%2F%C3");
}

}  // namespace
}  // namespace gatehouse::app
