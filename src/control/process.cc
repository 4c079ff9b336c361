#include "control/process.h"

#include <fmt/format.h>
#include <sys/random.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <thread>
#include <vector>

#include "control/configuration.h"
#include "control/signals.h"
#include "control/worker_thread.h"
#include "net/fake_resolver.h"
#include "net/tcp.h"

namespace gatehouse::control {
namespace {

struct NullSink final : gateway::RecordSink {
  void record(const gateway::RequestRecord&) noexcept override {}
};

std::uint64_t seed() {
  std::uint64_t value = 0;
  if (::getrandom(&value, sizeof value, 0) != sizeof value) std::abort();
  return value;
}

unsigned worker_count(const config::Spec& spec) {
  return spec.workers ? spec.workers : std::max(1U, std::thread::hardware_concurrency());
}

// As many descriptors as the system lets us have.
void raise_descriptor_limit() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

void say(const std::string& line) {
  std::string text = line + '\n';
  std::fwrite(text.data(), 1, text.size(), stderr);
}

class Process {
 public:
  Process(const ProcessOptions& options, Source first)
      : loop_(clock_, poller_, seed()),
        network_(loop_, poller_),
        resolver_(loop_),
        offload_(loop_),
        endpoints_(loop_, resolver_),
        workers_(worker_count(*first.spec)),
        publisher_({loop_, binder_, offload_, registry_, options.filters, endpoints_, workers_}),
        configuration_({loop_, offload_, publisher_, config::Environment::system(), options.config,
                        [](Severity, const std::string& line) { say(line); }},
                       std::move(first)),
        signals_(poller_, [this](int s) { on_signal(s); }) {}

  int run() {
    auto task = start();
    loop_.run();
    task.cancel();
    threads_.clear();
    return status_;
  }

 private:
  net::Task<void> start() {
    auto prepared = co_await configuration_.prepare_first();
    if (!prepared) {
      for (const auto& d : prepared.error()) say(d.text());
      status_ = 1;
      loop_.stop();
      co_return;
    }
    std::vector<gateway::Worker*> workers;
    for (unsigned i = 0; i < workers_; ++i) {
      gateway::Worker::Options o;
      o.index = i;
      o.on_installed = publisher_.on_installed();
      o.on_retired = publisher_.on_retired();
      o.on_drained = [this](unsigned) {
        loop_.post([this] { ++drained_ < workers_ ? void() : loop_.stop(); });
      };
      threads_.push_back(std::make_unique<WorkerThread>(sink_, std::move(o), seed()));
      workers.push_back(&threads_.back()->worker());
    }
    publisher_.set_workers(std::move(workers));
    co_await configuration_.commit_first();
    say("ready");
  }

  void on_signal(int s) {
    if (s == SIGHUP) configuration_.request({.who = "SIGHUP"});
    if (s != SIGTERM && s != SIGINT) return;
    if (stopping_ || threads_.empty()) return loop_.stop();
    stopping_ = true;
    for (auto& t : threads_) {
      auto& w = t->worker();
      w.loop().post([&w, drain = configuration_.running().spec->drain] {
        w.begin_drain(after(w.loop().now(), drain));
      });
    }
  }

  net::SystemClock clock_;
  net::EpollPoller poller_;
  net::Loop loop_;
  net::SocketNetwork network_;
  net::FakeResolver resolver_;
  SystemBinder binder_;
  gateway::StateRegistry registry_;
  ThreadOffload offload_;
  EndpointDirectory endpoints_;
  unsigned workers_;
  Publisher publisher_;
  Configuration configuration_;
  NullSink sink_;
  std::vector<std::unique_ptr<WorkerThread>> threads_;
  SignalWatch signals_;
  unsigned drained_ = 0;
  bool stopping_ = false;
  int status_ = 0;
};

}  // namespace

int run_process(const ProcessOptions& options) {
  block_signals();
  raise_descriptor_limit();
  Source first = read_source(options.config, config::Environment::system());
  for (const auto& d : first.diagnostics) say(d.text());
  if (!first.spec) return 1;
  Process process(options, std::move(first));
  return process.run();
}

}  // namespace gatehouse::control
