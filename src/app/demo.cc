#include "app/demo.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "app/demo_issuer.h"
#include "app/http_request.h"
#include "app/sample_service.h"
#include "control/process.h"
#include "control/signals.h"

namespace gatehouse::app {
namespace {

// Gone with the demonstration.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "gatehouse-demo-XXXXXX").string();
    if (::mkdtemp(pattern.data()) != nullptr) path_ = pattern;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

constexpr std::string_view kConfig = R"(listen: {{public: {{port: 8080, bind: 127.0.0.1}}}}
auth:                       # an issuer inside the demonstration; yours is `issuer: https://id.example.com`
  issuer: {}
  audience: demo
  public: [/hello/*, /echo/*, /say/*, /old/*, /scarce]
limits: {{default: 100/s}}    # per user, or per address of who has shown no credentials
services:
  hello: http://{}
  echo:  {{url: http://{}, headers: {{request: {{set: {{x-demo: "added by the gateway"}}}}}}}}
routes:
  - {{path: /hello/*, to: hello}}
  - {{path: /echo/*, to: echo}}
  - {{path: /say/:name, to: hello, rewrite: /hello/:name}}
  - {{path: /old/*, redirect: /hello/*}}
  - {{path: /hello/beta, to: echo, when: {{header.x-beta: "true"}}}}
  - {{path: /private/*, to: echo}}
  - {{path: /scarce, reply: {{body: "one of two a minute\n"}}, limit: 2/min}}
state: {}/state
admin: {{port: 0}}
log: {{to: {}}}
)";

struct Try {
  std::string_view what;
  std::string options;  // of curl
  std::string_view path;
  int status;
  std::vector<std::pair<std::string, std::string>> headers{};
  std::string_view body{};
};

std::vector<Try> tries_with(const std::string& token) {
  return {
      {"a service, by its name", "", "/hello/world", 200},
      {"what arrives there", "-d 'some text' ", "/echo/anything?x=1", 200, {}, "some text"},
      {"a path rewritten", "", "/say/gatehouse", 200},
      {"a route by a header", "-H 'x-beta: true' ", "/hello/beta", 200, {{"x-beta", "true"}}},
      {"no such route", "-i ", "/nothing", 404},
      {"no credentials", "-i ", "/private/1", 401},
      {"a token of the demonstration's own issuer, good for an hour: the service learns who it is, in x-user",
       fmt::format("-H 'authorization: Bearer {}' ", token),
       "/private/1",
       200,
       {{"authorization", "Bearer " + token}}},
      {"a limit of two a minute", "-i ", "/scarce", 200},
      {"the second", "-i ", "/scarce", 200},
      {"and one too many", "-i ", "/scarce", 429},
  };
}

std::string curl_line(const Try& t) {
  return fmt::format("curl {}'http://127.0.0.1:8080{}'", t.options, t.path);
}

// What an answer tells about limits, a line each.
std::string limit_headers(const HttpAnswer& answer) {
  std::string lines;
  for (const auto& [name, value] : answer.headers)
    if (name == "retry-after" || name.starts_with("ratelimit")) lines += fmt::format("{}: {}\n", name, value);
  return lines;
}

// Makes the requests; false if an answer was not as it should be.
bool make_requests(const std::vector<Try>& tries) {
  bool good = true;
  for (const Try& t : tries) {
    fmt::print("# {}\n$ {}\n", t.what, curl_line(t));
    auto answer = send({.port = 8080,
                        .method = t.body.empty() ? "GET" : "POST",
                        .target = std::string(t.path),
                        .headers = t.headers,
                        .body = std::string(t.body)});
    if (!answer) {
      fmt::print("{}\n\n", answer.error());
      good = false;
      continue;
    }
    good = good && answer->status == t.status;
    std::string_view line_end = answer->body.ends_with('\n') ? "" : "\n";
    fmt::print("HTTP {}\n{}{}{}\n", answer->status, limit_headers(*answer), answer->body, line_end);
  }
  std::fflush(stdout);
  return good;
}

void show(const control::Started& started, const std::string& config, const std::vector<Try>& tries) {
  fmt::print("Gatehouse is up. Worth trying, in another terminal:\n\n");
  for (const Try& t : tries) fmt::print("  # {}\n  {}\n", t.what, curl_line(t));
  fmt::print(
      "\nThe admin API:  curl 'http://{}/metrics'\n"
      "The configuration, which takes effect when you save it: {}\n"
      "Ctrl-C ends it.\n\n",
      started.admin, config);
  std::fflush(stdout);
}

}  // namespace

int demo(gateway::Snapshot::FilterKinds filters) {
  control::block_signals();  // before the services' threads begin
  TemporaryFolder folder;
  if (folder.path().empty()) {
    fmt::print(stderr, "there is no folder for temporary files\n");
    return 1;
  }
  bool terminal = ::isatty(STDIN_FILENO) && ::isatty(STDOUT_FILENO);
  SampleService hello_service(hello);
  SampleService echo_service(echo);
  DemoIssuer issuer;
  const std::vector<Try> tries = tries_with(issuer.token("ada", std::chrono::system_clock::now()));
  std::string config = folder.path() + "/gatehouse.yaml";
  std::ofstream(config) << fmt::format(kConfig, issuer.url(), net::to_string(hello_service.address()),
                                       net::to_string(echo_service.address()), folder.path(),
                                       terminal ? "stdout" : folder.path() + "/access.log");
  bool good = true;
  std::thread client;
  int status = control::run_process({.config = config,
                                     .filters = filters,
                                     .on_started =
                                         [&](const control::Started& started) {
                                           if (terminal) return show(started, config, tries);
                                           client = std::thread([&good, &tries] {
                                             good = make_requests(tries);
                                             ::kill(::getpid(), SIGTERM);
                                           });
                                         },
                                     .quiet = true});
  if (client.joinable()) client.join();
  return status == 0 && !good ? 1 : status;
}

}  // namespace gatehouse::app
