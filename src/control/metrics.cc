#include "control/metrics.h"

#include <dirent.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <tuple>

#include "control/json_line.h"
#include "http/header.h"

namespace gatehouse::control {
namespace {

enum class Type : std::uint8_t { counter, gauge, histogram };

struct Metric {
  std::string_view name;  // without the `_total` of counters
  Type type;
  std::string_view labels;
  std::string_view help;
};

// The one table of metrics, in the order of the answer.
enum Id : std::size_t {
  kRequests,
  kOwnDuration,
  kUpstreamDuration,
  kFailures,
  kRequestsInProgress,
  kTunnels,
  kRequestBytes,
  kResponseBytes,
  kAccepted,
  kConnections,
  kRejected,
  kAcceptFailures,
  kHandshakes,
  kCertificates,
  kConnects,
  kConnectFailures,
  kReuses,
  kIdle,
  kRetries,
  kServiceInFlight,
  kServiceLimit,
  kReloads,
  kSnapshotVersion,
  kSnapshots,
  kDiffers,
  kLoopLag,
  kLogLines,
  kLogLinesLost,
  kDiagnosticLinesLost,
  kResident,
  kDescriptors,
  kStarted,
  kConfigured,
  kBuild,
  kMetricCount
};
constexpr std::array<Metric, kMetricCount> kMetrics = {{
    {"gatehouse_requests", Type::counter, "route, service, version, class",
     "Requests that are over, by the class of the status sent; class none: nothing was sent"},
    {"gatehouse_own_duration_seconds", Type::histogram, "route, service",
     "The gateway's own share of the time to the answer"},
    {"gatehouse_upstream_duration_seconds", Type::histogram, "route, service",
     "Waiting for the head of the service's answer, all tries of a request together"},
    {"gatehouse_failures", Type::counter, "reason", "Requests that failed, by reason"},
    {"gatehouse_requests_in_progress", Type::gauge, "", "Requests that are being served; tunnels apart"},
    {"gatehouse_tunnels", Type::gauge, "", "WebSockets that are open"},
    {"gatehouse_request_body_bytes", Type::counter, "", "Bodies of requests"},
    {"gatehouse_response_body_bytes", Type::counter, "", "Bodies of answers"},
    {"gatehouse_connections_accepted", Type::counter, "", "Connections of clients that were accepted"},
    {"gatehouse_connections", Type::gauge, "", "Connections of clients that are open"},
    {"gatehouse_connections_rejected", Type::counter, "",
     "Connections beyond max_connections or per_address"},
    {"gatehouse_accept_failures", Type::counter, "",
     "Connections that could not be accepted, for want of descriptors"},
    {"gatehouse_tls_handshakes", Type::counter, "result",
     "TLS handshakes of clients: full, resumed (an earlier session goes on), failed"},
    {"gatehouse_certificate_expiry_seconds", Type::gauge, "listener, certificate",
     "Until the certificate expires; negative once it has"},
    {"gatehouse_upstream_connects", Type::counter, "", "Attempts to open a connection to a service"},
    {"gatehouse_upstream_connect_failures", Type::counter, "",
     "Connections to services that could not be opened"},
    {"gatehouse_upstream_reuses", Type::counter, "", "Attempts that went over a pooled connection"},
    {"gatehouse_upstream_idle_connections", Type::gauge, "", "Pooled connections that wait for use"},
    {"gatehouse_upstream_retries", Type::counter, "", "Attempts after the first"},
    {"gatehouse_service_in_flight", Type::gauge, "service",
     "Requests that a service with `max_in_flight` is serving now, open WebSockets among them"},
    {"gatehouse_service_max_in_flight", Type::gauge, "service",
     "How many it may serve; beyond them requests get 503. The ratio of the two rises before the CPU does"},
    {"gatehouse_reloads", Type::counter, "result", "Configurations that were put in force (ok) or refused"},
    {"gatehouse_snapshot_version", Type::gauge, "worker",
     "Version of the configuration that the worker uses"},
    {"gatehouse_snapshots", Type::gauge, "worker",
     "Configurations that the worker holds: the current one and those that requests still use"},
    {"gatehouse_configuration_differs_from_disk", Type::gauge, "",
     "1 after a PUT or rollback, while what runs is not what the files say"},
    {"gatehouse_loop_lag_seconds", Type::gauge, "worker",
     "Longest turn of the worker's loop since the last scrape: how late an event may have been served"},
    {"gatehouse_log_lines", Type::counter, "", "Lines of the access log"},
    {"gatehouse_log_lines_lost", Type::counter, "",
     "Lines of the access log that were lost: full disk, slow reader"},
    {"gatehouse_diagnostic_lines_lost", Type::counter, "",
     "Lines for stderr that were lost: full disk, slow reader"},
    {"gatehouse_resident_memory_bytes", Type::gauge, "", "Memory of the process that is resident"},
    {"gatehouse_open_descriptors", Type::gauge, "", "File descriptors that the process has open"},
    {"gatehouse_start_time_seconds", Type::gauge, "", "When the process started, since 1970"},
    {"gatehouse_configuration_time_seconds", Type::gauge, "",
     "When the running configuration came into force, since 1970"},
    {"gatehouse_build_info", Type::gauge, "version", "Always 1"},
}};

constexpr std::array<std::string_view, kStatusClasses> kClasses = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};

std::string_view type_name(Type type) noexcept {
  constexpr std::array<std::string_view, 3> names = {"counter", "gauge", "histogram"};
  return names[static_cast<std::size_t>(type)];
}

double seconds(Duration d) noexcept { return std::chrono::duration<double>(d).count(); }
double seconds(WallTime t) noexcept { return std::chrono::duration<double>(t.time_since_epoch()).count(); }

// Writes families in the order of the table.
class Page {
 public:
  explicit Page(MetricsFormat format) noexcept : format_(format) {}

  void family(Id id) { family(kMetrics[id]); }
  void family(const Metric& m) {
    name_ = m.name;
    suffix_ = m.type == Type::counter ? "_total" : "";
    // In OpenMetrics the family of a counter is named without the suffix of its sample.
    const std::string_view family_suffix = format_ == MetricsFormat::text ? suffix_ : "";
    append("# HELP {}{} {}\n# TYPE {}{} {}\n", m.name, family_suffix, m.help, m.name, family_suffix,
           type_name(m.type));
  }
  template <class Value>
  void sample(Value value, std::string_view labels = {}) {
    append("{}{}{} {}\n", name_, suffix_, labels, value);
  }
  template <class Value>
  void single(Id id, Value value, std::string_view labels = {}) {
    family(id);
    sample(value, labels);
  }
  // `labels`: "a=\"b\"", without braces.
  void histogram(const LatencyTotals& totals, std::string_view labels) {
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < LatencyScale::kBuckets; ++i) {
      below += totals.counts[i];
      if (i + 1 < LatencyScale::kBuckets)
        append("{}_bucket{{{},le=\"{}\"}} {}\n", name_, labels, bound_text(LatencyScale::upper(i)), below);
      else
        append("{}_bucket{{{},le=\"+Inf\"}} {}\n", name_, labels, below);
    }
    append("{}_sum{{{}}} {}\n{}_count{{{}}} {}\n", name_, labels, seconds(totals.sum), name_, labels, below);
  }
  std::string take() {
    if (format_ == MetricsFormat::open_metrics) text_ += "# EOF\n";
    return std::move(text_);
  }

 private:
  template <class... Args>
  void append(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
  }
  // OpenMetrics wants "1.0" where the text format says "1": both take the former.
  static std::string bound_text(Duration bound) {
    std::string text = fmt::format("{}", seconds(bound));
    if (text.find_first_of(".e") == text.npos) text += ".0";
    return text;
  }

  MetricsFormat format_;
  std::string text_;
  std::string_view name_;
  std::string_view suffix_;
};

// ---- labels ----------------------------------------------------------------------------------------------

std::string label(std::string_view name, std::string_view value) {
  std::string text(name);
  text += "=\"";
  for (char c : value) {
    if (c == '\n') {
      text += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text += '"';
}

std::string labels_of(const gateway::SeriesLabels& s) {
  return label("route", s.route) + ',' + label("service", s.service);
}
std::string in_braces(const std::string& labels) { return '{' + labels + '}'; }
std::string worker_label(std::size_t i) { return in_braces(label("worker", std::to_string(i))); }

// ---- sums over the workers -------------------------------------------------------------------------------

using Workers = std::span<const MetricsSource::Worker>;

template <class Get>
auto sum(Workers workers, Get get) {
  std::uint64_t n = 0;
  for (const auto& w : workers) n += static_cast<std::uint64_t>(get(w));
  return n;
}
template <class Kept>
auto stat(Kept gateway::WorkerStats::* member) {
  return [member](const MetricsSource::Worker& w) { return (w.stats.*member).value(); };
}
template <class Kept>
auto client(Kept upstream::ClientCounters::* member) {
  return [member](const MetricsSource::Worker& w) { return (w.client.*member).value(); };
}

template <class Get>
SeriesTotals totals(Workers workers, Get get) {
  SeriesTotals all;
  for (const auto& w : workers) all += get(w.cells);
  return all;
}

struct CountedSeries {
  gateway::SeriesLabels labels;
  SeriesTotals totals;
};

// Every series that counted something.
std::vector<CountedSeries> counted(const MetricsSource& source) {
  std::vector<CountedSeries> all;
  auto add = [&](gateway::SeriesLabels labels, SeriesTotals t) {
    if (t.count() != 0) all.push_back({std::move(labels), t});
  };
  for (std::size_t i = 0; i < source.series.size(); ++i)
    add(source.series[i], totals(source.workers, [i](const MetricCells& c) { return c.series(i); }));
  add({}, totals(source.workers, [](const MetricCells& c) { return c.unrouted(); }));
  add({"(other)", "(other)", ""}, totals(source.workers, [](const MetricCells& c) { return c.other(); }));
  return all;
}

void put_requests(Page& page, const MetricsSource& source) {
  const std::vector<CountedSeries> series = counted(source);
  page.family(kRequests);
  for (const CountedSeries& s : series) {
    const std::string labels = labels_of(s.labels) + ',' + label("version", s.labels.version) + ',';
    for (std::size_t c = 0; c < kStatusClasses; ++c)
      if (s.totals.requests[c] != 0)
        page.sample(s.totals.requests[c], in_braces(labels + label("class", kClasses[c])));
  }
  // Versions are told apart by the counts alone: histograms are the bulk of the page.
  std::map<std::string, std::pair<LatencyTotals, LatencyTotals>> by_route;
  for (const CountedSeries& s : series) {
    auto& [own, up] = by_route[labels_of(s.labels)];
    own += s.totals.own;
    up += s.totals.upstream;
  }
  page.family(kOwnDuration);
  for (const auto& [labels, t] : by_route) page.histogram(t.first, labels);
  page.family(kUpstreamDuration);
  for (const auto& [labels, t] : by_route)
    if (t.second.count() != 0) page.histogram(t.second, labels);
  page.family(kFailures);
  for (const ErrcInfo& e : errc_table())
    page.sample(sum(source.workers, [&](const auto& w) { return w.cells.failures(e.code); }),
                in_braces(label("reason", e.reason)));
}

// Of those that have a limit.
void put_services(Page& page, const MetricsSource& source, Id id,
                  std::uint64_t MetricsSource::Service::* value) {
  page.family(id);
  for (const MetricsSource::Service& s : source.services)
    if (s.max_in_flight != 0) page.sample(s.*value, in_braces(label("service", s.name)));
}

void put_connections(Page& page, const MetricsSource& source) {
  const Workers workers = source.workers;
  using gateway::WorkerStats;
  using upstream::ClientCounters;
  page.single(kRequestsInProgress, sum(workers, stat(&WorkerStats::exchanges)));
  page.single(kTunnels, sum(workers, stat(&WorkerStats::tunnels)));
  page.single(kRequestBytes, sum(workers, [](const auto& w) { return w.cells.bytes_in(); }));
  page.single(kResponseBytes, sum(workers, [](const auto& w) { return w.cells.bytes_out(); }));
  page.single(kAccepted, sum(workers, stat(&WorkerStats::accepted)));
  page.single(kConnections, sum(workers, stat(&WorkerStats::connections)));
  page.single(kRejected, sum(workers, stat(&WorkerStats::rejected)));
  page.single(kAcceptFailures, sum(workers, stat(&WorkerStats::accept_failures)));
  page.family(kHandshakes);
  page.sample(sum(workers, stat(&WorkerStats::tls_full)), in_braces(label("result", "full")));
  page.sample(sum(workers, stat(&WorkerStats::tls_resumed)), in_braces(label("result", "resumed")));
  page.sample(sum(workers, stat(&WorkerStats::tls_failed)), in_braces(label("result", "failed")));
  page.family(kCertificates);
  for (const auto& c : source.certificates)
    page.sample(seconds(c.left),
                in_braces(label("listener", c.listener) + ',' + label("certificate", c.name)));
  page.single(kConnects, sum(workers, client(&ClientCounters::connects)));
  page.single(kConnectFailures, sum(workers, client(&ClientCounters::connect_failures)));
  page.single(kReuses, sum(workers, client(&ClientCounters::reuses)));
  page.single(kIdle, sum(workers, client(&ClientCounters::idle)));
  page.single(kRetries, sum(workers, client(&ClientCounters::retries)));
  put_services(page, source, kServiceInFlight, &MetricsSource::Service::in_flight);
  put_services(page, source, kServiceLimit, &MetricsSource::Service::max_in_flight);
}

template <class Get>
void put_by_worker(Page& page, Id id, Workers workers, Get get) {
  page.family(id);
  for (std::size_t i = 0; i < workers.size(); ++i) page.sample(get(workers[i]), worker_label(i));
}

void put_process(Page& page, const MetricsSource& source) {
  page.family(kReloads);
  page.sample(source.reloads_ok, in_braces(label("result", "ok")));
  page.sample(source.reloads_refused, in_braces(label("result", "refused")));
  put_by_worker(page, kSnapshotVersion, source.workers, stat(&gateway::WorkerStats::snapshot_version));
  put_by_worker(page, kSnapshots, source.workers, stat(&gateway::WorkerStats::snapshots));
  page.single(kDiffers, source.differs_from_disk ? 1 : 0);
  put_by_worker(page, kLoopLag, source.workers, [](const auto& w) { return seconds(w.longest_turn); });
  page.single(kLogLines, source.log_lines);
  page.single(kLogLinesLost, source.log_lines_lost);
  page.single(kDiagnosticLinesLost, source.diagnostic_lines_lost);
  page.single(kResident, source.resident_bytes);
  page.single(kDescriptors, source.open_descriptors);
  page.single(kStarted, seconds(source.started));
  page.single(kConfigured, seconds(source.configured));
  page.single(kBuild, 1, in_braces(label("version", source.version)));
}

Metric metric_of(const gateway::MetricFamily& f) noexcept {
  return {f.name, f.counter ? Type::counter : Type::gauge, f.labels, f.help};
}

void put_task(Page& page, const TaskMetrics& task) {
  for (std::size_t i = 0; i < task.families.size(); ++i) {
    page.family(metric_of(task.families[i]));
    for (const gateway::Measurement& m : task.values) {
      if (m.family != i) continue;
      std::string labels;
      for (const auto& [name, value] : m.labels)
        labels += fmt::format("{}{}", labels.empty() ? "" : ",", label(name, value));
      page.sample(m.value, labels.empty() ? labels : in_braces(labels));
    }
  }
}

// The quality of one item of an Accept field; 1 where it does not say.
double quality(std::string_view item) {
  const std::size_t at = item.find(";q=");
  if (at == item.npos) return 1.0;
  std::array<char, 8> number{};
  item.substr(at + 3).copy(number.data(), number.size() - 1);
  return std::strtod(number.data(), nullptr);
}

}  // namespace

MetricsFormat metrics_format(std::string_view accept) noexcept {
  double open = 0;
  double text = 0;
  http::for_each_list_item(accept, [&](std::string_view item) {
    if (item.starts_with("application/openmetrics-text")) open = std::max(open, quality(item));
    if (item.starts_with("text/plain")) text = std::max(text, quality(item));
  });
  return open > 0 && open >= text ? MetricsFormat::open_metrics : MetricsFormat::text;
}

std::string_view metrics_content_type(MetricsFormat format) noexcept {
  return format == MetricsFormat::open_metrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                               : "text/plain; version=0.0.4; charset=utf-8";
}

std::string render(const MetricsSource& source, MetricsFormat format) {
  Page page(format);
  put_requests(page, source);
  put_connections(page, source);
  put_process(page, source);
  for (const TaskMetrics& task : source.tasks) put_task(page, task);
  return page.take();
}

std::uint64_t resident_bytes() {
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen("/proc/self/statm", "re"), &std::fclose);
  unsigned long long all = 0;
  unsigned long long resident = 0;
  if (!file || std::fscanf(file.get(), "%llu %llu", &all, &resident) != 2) return 0;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::uint64_t open_descriptors() {
  std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir("/proc/self/fd"), &::closedir);
  if (!folder) return 0;
  std::uint64_t n = 0;
  while (const dirent* entry = ::readdir(folder.get())) n += entry->d_name[0] != '.';
  return n - 1;  // the folder's own
}

std::string metrics_reference_markdown(gateway::Snapshot::FilterKinds filters) {
  std::string text =
      "## Metrics\n\n`GET /metrics` of the admin API, as Prometheus text 0.0.4, or OpenMetrics where "
      "`Accept` prefers "
      "it. All\nunits are base units. A series appears with its first request.\n\n"
      "| metric | type | labels | meaning |\n|---|---|---|---|\n";
  auto put = [&](const Metric& m) {
    text += fmt::format("| `{}{}` | {} | {} | {} |\n", m.name, m.type == Type::counter ? "_total" : "",
                        type_name(m.type), m.labels.empty() ? "-" : m.labels, m.help);
  };
  for (const Metric& m : kMetrics) put(m);
  for (const auto& kind : filters)
    for (const gateway::MetricFamily& f : kind->metrics()) put(metric_of(f));
  text += "\nClasses are `none` (nothing was sent), `1xx` to `5xx`. Buckets end at ";
  for (Duration bound : LatencyScale::kBounds) text += fmt::format("{} ", seconds(bound));
  return text + "seconds.\n";
}

std::string_view in_words(LogDefault d) noexcept {
  return d == LogDefault::yes ? "yes" : d == LogDefault::no ? "no" : "over TLS";
}

std::string log_reference_markdown() {
  std::string text =
      "## Access log\n\nOne JSON object a line and a line a request, when the request is over. The fields, "
      "in their "
      "order:\n\n| field | type | by default | meaning |\n|---|---|---|---|\n";
  for (const LogFieldInfo& f : log_fields())
    text += fmt::format("| `{}` | {} | {} | {} |\n", f.name, f.type, in_words(f.by_default), f.help);
  text += fmt::format(
      "\nTimes are numbers of seconds with six decimals. A text that does not apply is empty. A byte that "
      "belongs to "
      "no UTF-8\ncharacter becomes U+FFFD; a text longer than {} bytes is cut.\n\n"
      "`sample` logs a share of the requests; `keep` says which are logged in any case: `errors` (status "
      "5xx, or an\n"
      "answer that broke off), `slow` (`total` of 1 s or more). SIGUSR1 opens the file anew. What cannot be "
      "written, "
      "because\nthe disk is full or the reader slow, is lost in whole lines and counted "
      "(`gatehouse_log_lines_lost_total`).\n",
      kLongestLogValue);
  return text;
}

}  // namespace gatehouse::control
