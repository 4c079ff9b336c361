// What the process counted, as Prometheus reads it. Names and labels are fixed: they are in
// docs/reference.md.
//
// Cardinality is bounded by the configuration: labels are names of routes, services and versions, classes of
// status, reasons of the table of errors, numbers of workers. Never a path.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "control/background_tasks.h"
#include "control/certificate_expiry.h"
#include "control/shared_metric_cells.h"
#include "gateway/registry.h"
#include "gateway/worker.h"
#include "upstream/client.h"

namespace gatehouse::control {

enum class MetricsFormat : std::uint8_t { text, open_metrics };  // text: 0.0.4

// What an Accept field asks for; text unless OpenMetrics is preferred.
MetricsFormat metrics_format(std::string_view accept) noexcept;
std::string_view metrics_content_type(MetricsFormat format) noexcept;

// Everything that is rendered. Control fills it in anew for each answer.
struct MetricsSource {
  struct Worker {
    const MetricCells& cells;
    const gateway::WorkerStats& stats;
    const upstream::ClientCounters& client;
    Duration longest_turn{};  // since the answer before; control takes it from WorkerStats
  };
  struct Service {
    std::string_view name;
    std::uint64_t in_flight = 0;
    std::uint64_t max_in_flight = 0;  // 0 = no limit, and nothing is counted
  };
  std::span<const gateway::SeriesLabels> series;  // StateRegistry::all_series
  std::span<const Worker> workers;
  std::vector<CertificateLeft> certificates;
  std::vector<Service> services{};  // of the snapshot in force
  std::vector<TaskMetrics> tasks{};
  std::uint64_t reloads_ok = 0;
  std::uint64_t reloads_refused = 0;
  std::uint64_t snapshot_version = 0;
  bool differs_from_disk = false;  // after PUT or rollback
  std::uint64_t log_lines = 0;
  std::uint64_t log_lines_lost = 0;
  std::uint64_t diagnostic_lines_lost = 0;
  std::uint64_t resident_bytes = 0;
  std::uint64_t open_descriptors = 0;
  WallTime started{};
  WallTime configured{};  // when the running configuration came into force
  std::string_view version = GATEHOUSE_VERSION;
};

// One whole answer. Thread: control. A series that never counted anything is left out.
std::string render(const MetricsSource& source, MetricsFormat format);

// Of this process; 0 where the system does not say. Reads /proc.
std::uint64_t resident_bytes();
std::uint64_t open_descriptors();

// Sections of docs/reference.md, from the tables that the code itself uses.
// `filters`: whose background tasks measure, too.
std::string metrics_reference_markdown(gateway::Snapshot::FilterKinds filters);
std::string log_reference_markdown();

}  // namespace gatehouse::control
