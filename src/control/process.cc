#include "control/process.h"

#include <fmt/format.h>
#include <malloc.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "control/control.h"
#include "control/file_watch.h"
#include "control/heartbeat.h"
#include "control/kept_configuration.h"
#include "control/key_log_file.h"
#include "control/service_notices.h"
#include "control/signals.h"
#include "control/state_folder.h"
#include "control/worker_sink.h"
#include "control/worker_thread.h"
#include "net/ares_resolver.h"
#include "net/tcp.h"

namespace gatehouse::control {
namespace {

std::uint64_t seed() {
  std::uint64_t value = 0;
  if (::getrandom(&value, sizeof value, 0) != sizeof value) std::abort();
  return value;
}

unsigned worker_count(const config::Spec& spec) {
  return spec.workers ? spec.workers : std::max(1U, std::thread::hardware_concurrency());
}

// What is asked for is a beat in every half of the watchdog's time; a third leaves room for one that is late.
constexpr int kBeatsPerWatchdog = 3;
// Beyond `ready_grace` and `drain`: for workers to cancel what is left, threads to end, the log to be
// written.
constexpr Duration kStopSlack = 10s;

// As many descriptors as the system lets us have. Returns how many that is; 0 = it is not known.
std::uint64_t raise_descriptor_limit() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY ? limit.rlim_cur : 0;
}

// How many connections a listener holds at most where `max_connections` does not say: some descriptors stay
// free for connections to services, for files and for the admin API.
std::uint64_t connections_for(std::uint64_t descriptors) noexcept {
  const std::uint64_t reserve = std::min(std::max<std::uint64_t>(descriptors / 10, 64), descriptors / 2);
  return descriptors - reserve;
}

// Before there is a gateway: plain lines for whoever starts it by hand, JSON where stderr is collected.
class Startup {
 public:
  explicit Startup(bool json) : json_(json) {}
  void error(std::string_view what) { put(Severity::error, what, what); }
  void warning(std::string_view what) { put(Severity::warning, what, fmt::format("warning: {}", what)); }
  void say(const config::Diagnostic& d) {
    bool error = d.level == config::Diagnostic::Level::error;
    put(error ? Severity::error : Severity::warning, d.text(), d.text());
  }

 private:
  void put(Severity level, std::string_view message, std::string_view line) {
    if (json_) return log_.write(level, message);
    log_.put(fmt::format("{}\n", line));
  }
  net::SystemClock clock_;
  DiagnosticLog log_{clock_, DiagnosticLog::Format::json};
  bool json_;
};

// The admin API's token where the configuration has none: kept in the state folder, so that the commands find
// it. Where the folder is not ours to write, what cannot be read there stops nobody either.
std::expected<std::string, std::string> token_of(const StateFolder& state, const config::AdminSpec& admin,
                                                 Startup& startup) {
  auto kept = state.read(kTokenFile);
  if (!kept && state.writable()) return std::unexpected(kept.error());
  if (!kept) startup.warning(kept.error());
  if (kept && *kept && (*kept)->size() >= 32) return (*kept)->substr(0, (*kept)->find('\n'));
  std::string token = random_token();
  if (!state.writable()) {
    if (admin.enabled && admin.token.empty() && admin.tokens.empty())
      startup.warning(
          "so nobody knows the admin API's token; set `admin.token`, or `state` to a writable folder");
    return token;
  }
  if (auto written = state.write(kTokenFile, token + "\n"); !written) return std::unexpected(written.error());
  return token;
}

// Where services were before. A file that is not understood is said and ignored: names answer, as a rule.
KnownAddresses addresses_of(const StateFolder& state, DiagnosticLog& log) {
  auto text = state.read(kAddressesFile);
  if (text && !*text) return {};
  auto known = text ? parse_addresses(**text) : std::unexpected(text.error());
  if (known) return std::move(*known);
  log.warning(fmt::format("the addresses kept in {} are ignored: {}", state.shown(), known.error()));
  return {};
}

std::function<std::expected<void, std::string>(const std::string&)> keeper_of(const StateFolder& state) {
  if (!state.writable()) return nullptr;
  return [&state](const std::string& text) { return state.write(kAddressesFile, text); };
}

KeptFiles files_of(const StateFolder& state) {
  KeptFiles files;
  files.open = [&state](const std::string& name) { return state.open_file(name); };
  if (state.writable())
    files.write = [&state](const std::string& name, const std::string& content, gateway::FilePart where) {
      return state.write(name, content, where);
    };
  return files;
}

std::array<std::uint8_t, 32> random_secret() {
  std::array<std::uint8_t, 32> secret{};
  if (::getrandom(secret.data(), secret.size(), 0) != static_cast<ssize_t>(secret.size())) std::abort();
  return secret;
}

// Who started the process, as its environment says.
struct ServiceManager {
  ServiceNotices notices;
  std::optional<Duration> watchdog;  // how long it may be silent
};

// Before the first thread: what is read is taken out of the environment, for it is meant for this process
// alone.
ServiceManager service_manager(Startup& startup) {
  const auto environment = config::Environment::system();
  const auto socket = environment.variable("NOTIFY_SOCKET");
  const auto watchdog =
      watchdog_of(environment.variable("WATCHDOG_USEC"), environment.variable("WATCHDOG_PID"), ::getpid());
  for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) ::unsetenv(name);
  if (!socket || socket->empty()) return {};
  auto notices = ServiceNotices::open(*socket);
  if (!notices) {
    startup.warning(fmt::format("$NOTIFY_SOCKET is ignored: {}", notices.error()));
    return {};
  }
  return {std::move(*notices), watchdog};
}

class Process {
 public:
  // `state` outlives it.
  Process(const ProcessOptions& options, Source first, std::string random_token, const StateFolder& state,
          net::TlsKeyLog key_log, std::uint64_t descriptors, ServiceManager& service_manager)
      : options_(options),
        notices_(service_manager.notices),
        watchdog_(service_manager.watchdog),
        loop_(clock_, poller_, seed()),
        network_(loop_, poller_),
        resolver_(loop_, poller_),
        log_(clock_, options.json ? DiagnosticLog::Format::json : DiagnosticLog::Format::text),
        workers_(worker_count(*first.spec)),
        access_log_(
            {.workers = workers_, .on_trouble = [this](std::string_view what) { log_.warning(what); }}),
        offload_(loop_),
        watch_(
            loop_, poller_,
            [this] { control_->configuration().request({.who = std::string(Change::kFileChange)}); },
            [this](std::string_view what) { log_.warning(what); }),
        signals_(poller_, [this](int s) { on_signal(s); }) {
    if (options.quiet) log_.set_level(Severity::warning);
    notices_.on_trouble = [this](std::string_view what) { log_.warning(what); };
    for (unsigned i = 0; i < workers_; ++i) {
      sinks_.push_back(std::make_unique<WorkerSink>(access_log_, i, seed()));
      cells_.push_back(&sinks_.back()->cells());
    }
    control_.emplace(Control::Parts{.loop = loop_,
                                    .network = network_,
                                    .resolver = resolver_,
                                    .binder = binder_,
                                    .offload = offload_,
                                    .log = log_,
                                    .filters = options.filters,
                                    .environment = config::Environment::system(),
                                    .path = options.config,
                                    .workers = workers_,
                                    .auto_connections = connections_for(descriptors),
                                    .random_token = std::move(random_token),
                                    .access_log = &access_log_,
                                    .cells = cells_,
                                    .key_log = std::move(key_log),
                                    .known_addresses = addresses_of(state, log_),
                                    .keep_addresses = keeper_of(state),
                                    .give_back_memory = [] { ::malloc_trim(0); },
                                    .kept_files = files_of(state),
                                    .secret = random_secret()},
                     std::move(first));
  }

  int run() {
    running_ = start();
    if (!loop_stopped_) loop_.run();
    heartbeat_.reset();
    running_.cancel();
    stopping_.cancel();
    control_->forget_workers();
    threads_.clear();  // their last records are in the log's buffers now
    access_log_.stop();
    return status_;
  }

  bool refused() const noexcept { return refused_; }  // it ended because the configuration cannot be used

 private:
  net::Task<void> start() {
    auto prepared = co_await control_->prepare();
    if (!prepared) {
      for (const auto& d : prepared.error()) Startup(options_.json).say(d);
      refused_ = true;
      stop(1);
      co_return;
    }
    std::vector<gateway::Worker*> workers;
    for (unsigned i = 0; i < workers_; ++i) {
      threads_.push_back(std::make_unique<WorkerThread>(*sinks_[i], control_->worker_options(i), seed()));
      workers.push_back(&threads_.back()->worker());
    }
    auto watch = [this] { watch_.watch(control_->configuration().disk().watched()); };
    control_->configuration().on_disk_read = watch;
    watch();
    co_await control_->start(std::move(workers));
    announce();
    tell_ready();
    if (options_.on_started)
      options_.on_started({control_->configuration().running().spec->admin.enabled
                               ? net::to_string(control_->admin_address())
                               : std::string()});
  }

  void announce() {
    const auto& spec = *control_->configuration().running().spec;
    for (const auto& listener : spec.listeners)
      if (const auto* address = control_->publisher().address_of(listener.name))
        log_.info(fmt::format("listener {} accepts on {}", listener.name, net::to_string(*address)));
    if (spec.admin.enabled)
      log_.info(fmt::format("admin API on {}", net::to_string(control_->admin_address())));
    log_.info(fmt::format("gatehouse {} is up with {} workers and the configuration of {}", GATEHOUSE_VERSION,
                          workers_, options_.config));
  }

  // From here on whoever started the process hears of it.
  void tell_ready() {
    Configuration& configuration = control_->configuration();
    configuration.on_change_begun = [this] {
      if (!stopping_) notices_.reloading(clock_.now());
    };
    configuration.on_change_ended = [this] {
      if (!stopping_) notices_.ready(status());
    };
    if (!stopping_) notices_.ready(status());  // told to stop during the start: that has been said already
    if (!watchdog_) return;
    std::vector<net::Loop*> loops;
    loops.reserve(threads_.size());
    for (const auto& thread : threads_) loops.push_back(&thread->worker().loop());
    heartbeat_.emplace(loop_, std::move(loops), *watchdog_ / kBeatsPerWatchdog, [this] { notices_.alive(); });
  }

  // For `systemctl status`.
  std::string status() {
    const Configuration& configuration = control_->configuration();
    std::string text = fmt::format("configuration {} is in force", configuration.running().version);
    if (configuration.differs_from_disk()) text += ", which differs from the files";
    std::string_view before = "; accepting on ";
    for (const auto& listener : configuration.running().spec->listeners)
      if (const auto* address = control_->publisher().address_of(listener.name))
        text +=
            fmt::format("{}{} ({})", std::exchange(before, ", "), net::to_string(*address), listener.name);
    return text;
  }

  void on_signal(int s) {
    if (s == SIGHUP) control_->configuration().request({.who = "SIGHUP"});
    if (s == SIGUSR1) access_log_.reopen();
    if (s != SIGTERM && s != SIGINT) return;
    if (stopping_ || threads_.empty()) return stop(0);
    stopping_ = drain();
    const auto& spec = *control_->configuration().running().spec;
    notices_.stopping(spec.ready_grace + spec.drain + kStopSlack);
    log_.info("shutting down: no new connections, requests in flight are finished");
  }

  net::Task<void> drain() {
    co_await control_->drain();
    stop(0);
  }

  void stop(int status) {
    status_ = status;
    loop_stopped_ = true;
    loop_.stop();
  }

  const ProcessOptions& options_;
  ServiceNotices& notices_;
  std::optional<Duration> watchdog_;
  net::SystemClock clock_;
  net::EpollPoller poller_;
  net::Loop loop_;
  net::SocketNetwork network_;
  net::AresResolver resolver_;
  SystemBinder binder_;
  DiagnosticLog log_;
  unsigned workers_;
  AccessLog access_log_;
  std::vector<std::unique_ptr<WorkerSink>> sinks_;
  std::vector<MetricCells*> cells_;
  std::vector<std::unique_ptr<WorkerThread>> threads_;
  std::optional<Control> control_;
  ThreadOffload offload_;  // after what its jobs use: it ends first
  FileWatch watch_;
  SignalWatch signals_;
  bool loop_stopped_ = false;
  bool refused_ = false;
  int status_ = 0;
  net::Task<void> running_;
  net::Task<void> stopping_;
  std::optional<Heartbeat> heartbeat_;
};

// What the state folder has of the same file, if that still loads.
std::optional<Source> last_good(const ProcessOptions& options, const StateFolder& state, Startup& startup) {
  if (options.strict) return std::nullopt;
  const auto text = state.read(kConfigurationFile);
  if (!text) startup.warning(text.error());
  if (!text || !*text) return std::nullopt;
  const auto kept = KeptConfiguration::parse(**text);
  if (!kept) {
    startup.warning(fmt::format("the last good configuration is ignored: {}", kept.error()));
    return std::nullopt;
  }
  if (kept->files.front().first != options.config) return std::nullopt;
  // The same as on the disk: what is wrong is not the configuration, but a port that is taken, say.
  const auto now = KeptConfiguration::of(read_source(options.config, config::Environment::system()));
  if (now && now->files == kept->files) return std::nullopt;
  Source source = read_kept(*kept, config::Environment::system());
  if (!source.spec) {
    startup.warning("the last good configuration does not load any more either");
    return std::nullopt;
  }
  startup.warning("the configuration has errors: the last good one is used until they are mended");
  return source;
}

}  // namespace

int run_process(const ProcessOptions& options) {
  block_signals();
  const std::uint64_t descriptors = raise_descriptor_limit();
  Source first = read_source(options.config, config::Environment::system());
  Startup startup(options.json);
  ServiceManager manager = service_manager(startup);
  for (const auto& d : first.diagnostics) startup.say(d);
  net::TlsKeyLog key_log;
  if (!options.tls_key_log.empty()) {
    auto opened = open_key_log(options.tls_key_log);
    if (!opened) {
      startup.error(opened.error());
      return 1;
    }
    key_log = std::move(*opened);
    startup.warning(fmt::format("the keys of TLS sessions go to `{}`: whoever reads it reads all traffic",
                                options.tls_key_log));
  }
  auto state = StateFolder::open(first.spec ? first.spec->state : first.state);
  if (!state) {
    startup.error(state.error());
    return 1;
  }
  if (!first.spec) {
    auto good = last_good(options, *state, startup);
    if (!good) return 1;
    first = std::move(*good);
  }
  if (!state->writable()) startup.warning(state->warning());
  auto token = token_of(*state, first.spec->admin, startup);
  if (!token) {
    startup.error(token.error());
    return 1;
  }
  for (;;) {
    const bool kept = first.kept;
    Process process(options, std::move(first), *token, *state, key_log, descriptors, manager);
    const int status = process.run();
    if (!process.refused() || kept) return status;
    auto good = last_good(options, *state, startup);
    if (!good) return status;
    first = std::move(*good);
  }
}

}  // namespace gatehouse::control
