// A whole gateway with its control in one thread: network, clock, names and files in memory. For the tests of
// this room.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/control.h"
#include "gateway/state_file_testing.h"
#include "net/fake_resolver.h"
#include "net/memory_network.h"

namespace gatehouse::control::testing {

struct NullSink final : gateway::RecordSink {
  void record(const gateway::RequestRecord&) noexcept override {}
};

class MemoryBinder final : public SocketBinder {
 public:
  explicit MemoryBinder(net::MemoryWorld& world) noexcept : world_(world) {}
  Result<std::unique_ptr<net::BoundSocket>> bind(const net::SocketAddress& address) override {
    return world_.bind(address);
  }
  Result<void> probe(const net::SocketAddress& address) override {
    if (address.port == occupied) return fail(Errc::io_failed, "the address is in use");
    return {};
  }
  std::uint16_t occupied = 0;

 private:
  net::MemoryWorld& world_;
};

struct Answer {
  int status = 0;
  std::string text;  // head and body
  bool has(std::string_view part) const { return text.find(part) != std::string::npos; }
};

inline net::Task<void> fetch(net::MemoryHost& host, std::uint16_t port, std::string request,
                             std::optional<Answer>& out) {
  auto to = net::SocketAddress::of(IpAddress::v4(0x7f000001), port);
  auto stream = co_await host.network.connect(to, after(host.loop.now(), 5s));
  if (!stream) {
    out = Answer{0, std::string(stream.error().detail)};
    co_return;
  }
  net::SliceList list;
  list.add(Slice::unowned(request));
  (void)co_await (*stream)->send(std::move(list), 10s);
  Answer answer;
  for (;;) {
    auto bytes = co_await (*stream)->recv(BlockPool::kMedium, after(host.loop.now(), 60s));
    if (!bytes || bytes->empty()) break;
    answer.text += bytes->view();
  }
  if (answer.text.size() > 12) answer.status = std::stoi(answer.text.substr(9, 3));
  out = std::move(answer);
}

class Gateway {
 public:
  static constexpr std::uint16_t kPort = 8080;
  static constexpr std::uint16_t kAdmin = 9900;

  using Kinds = std::vector<std::unique_ptr<gateway::FilterKind>>;

  explicit Gateway(std::string text, std::map<std::string, std::string> more = {}, Kinds filters = {},
                   std::uint64_t seed = 1)
      : world(seed),
        control_host(world),
        client(world),
        resolver(control_host.loop),
        binder(world),
        files(std::move(more)),
        kinds(std::move(filters)) {
    files["g.yaml"] = std::move(text);
    for (unsigned i = 0; i < 2; ++i) hosts.push_back(std::make_unique<net::MemoryHost>(world));
    environment.variable = [](const std::string& name) -> std::optional<std::string> {
      return name == "TOKEN" ? std::optional<std::string>("canary-secret") : std::nullopt;
    };
    environment.read_file = [this](const std::string& path) -> std::optional<std::string> {
      auto f = files.find(path);
      return f == files.end() ? std::nullopt : std::optional(f->second);
    };
    environment.glob = [](const std::string&) { return std::vector<std::string>{}; };
    int fd = ::open("/dev/null", O_WRONLY);
    log.emplace(world.clock(), DiagnosticLog::Format::text, fd);
    offload.emplace(control_host.loop);
    control.emplace(Control::Parts{.loop = control_host.loop,
                                   .network = control_host.network,
                                   .resolver = resolver,
                                   .binder = binder,
                                   .offload = *offload,
                                   .log = *log,
                                   .filters = kinds,
                                   .environment = environment,
                                   .path = "g.yaml",
                                   .workers = 2,
                                   .random_token = "random-token",
                                   .keep_addresses =
                                       [this](const std::string& known) {
                                         kept.push_back(known);
                                         return std::expected<void, std::string>{};
                                       },
                                   .kept_files = kept_files(),
                                   .secret = {7}},
                    read_source("g.yaml", environment));
  }
  ~Gateway() {
    task.cancel();
    control->forget_workers();
    workers.clear();
    control.reset();
  }

  // False: it was refused, and `refused` says why.
  bool start(Duration within = 5s) {
    if (!control->configuration().disk().spec) {
      refused = control->configuration().disk().diagnostics;
      return false;
    }
    done = false;
    task = run();
    world.run_until([this] { return done; }, within);
    return done && refused.empty();
  }

  Answer ask(std::uint16_t port, std::string_view head, std::string_view body = {},
             std::string_view more = {}) {
    std::string request =
        std::string(head) + " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n" + std::string(more);
    if (!body.empty()) request += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    request += "\r\n" + std::string(body);
    std::optional<Answer> answer;
    auto t = fetch(client, port, std::move(request), answer);
    world.run_until([&] { return answer.has_value(); }, 90s);
    return answer.value_or(Answer{});
  }
  Answer admin(std::string_view head, std::string_view body = {}) {
    return ask(kAdmin, head, body, "Authorization: Bearer random-token\r\n");
  }
  int get(std::string_view path) { return ask(kPort, "GET " + std::string(path)).status; }

  net::MemoryWorld world;
  net::MemoryHost control_host;
  net::MemoryHost client;
  net::FakeResolver resolver;
  MemoryBinder binder;
  std::map<std::string, std::string> files;
  Kinds kinds;
  std::vector<std::string> kept;             // addresses of names, each time that they were written
  std::map<std::string, std::string> state;  // files of background tasks
  bool state_full = false;
  bool state_unreadable = false;  // what is there belongs to another user
  bool state_failing = false;     // what is there cannot be read from the disk
  config::Environment environment;
  NullSink sink;
  std::optional<DiagnosticLog> log;
  std::optional<InlineOffload> offload;
  std::vector<std::unique_ptr<net::MemoryHost>> hosts;
  std::optional<Control> control;
  std::vector<std::unique_ptr<gateway::Worker>> workers;
  config::Diagnostics refused;
  bool done = false;
  net::Task<void> task;

 private:
  class FailingFile final : public gateway::StateFile {
   public:
    std::size_t size() const noexcept override { return 100; }
    std::size_t read(std::size_t, std::span<char>) const override { return 0; }
    std::string trouble() const override { return "Input/output error"; }
  };
  KeptFiles kept_files() {
    return {.open = [this](const std::string& name)
                -> std::expected<std::unique_ptr<const gateway::StateFile>, std::string> {
              auto f = state.find(name);
              if (f == state.end()) return nullptr;
              if (state_unreadable) return std::unexpected(name + " is refused");
              if (state_failing) return std::make_unique<const FailingFile>();
              return std::make_unique<const gateway::testing::MemoryFile>(f->second);
            },
            .write = [this](const std::string& name, const std::string& content,
                            gateway::FilePart where) -> std::expected<void, std::string> {
              if (state_full) return std::unexpected("the disk is full");
              std::string& text = state[name + ".new"];
              text = where.first ? content : text + content;
              if (where.last) state[name] = state.extract(name + ".new").mapped();
              return {};
            }};
  }
  net::Task<void> run() {
    auto prepared = co_await control->prepare();
    if (!prepared) {
      refused = prepared.error();
      done = true;
      co_return;
    }
    std::vector<gateway::Worker*> list;
    for (unsigned i = 0; i < 2; ++i) {
      workers.push_back(std::make_unique<gateway::Worker>(hosts[i]->loop, hosts[i]->network, sink,
                                                          control->worker_options(i)));
      list.push_back(workers.back().get());
    }
    co_await control->start(std::move(list));
    done = true;
  }
};

}  // namespace gatehouse::control::testing
