#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "app/commands.h"
#include "app/http_request.h"
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
  for (auto& w : words) argv.push_back(w.data());
  return run_command(static_cast<int>(argv.size()), argv.data(), {});
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

}  // namespace
}  // namespace gatehouse::app
