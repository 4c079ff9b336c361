// What filters do besides requests: made once from the kinds that app lists, and handed what control lends.
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "control/diagnostic_log.h"
#include "control/offload.h"
#include "gateway/background.h"
#include "gateway/snapshot.h"

namespace gatehouse::control {

// Files that outlive the process, by name. Jobs of the offload, which may block; null functions: there are
// none.
struct KeptFiles {
  // Null pointer: there is no such file.
  std::function<std::expected<std::unique_ptr<const gateway::StateFile>, std::string>(
      const std::string& name)>
      open{};
  std::function<std::expected<void, std::string>(const std::string& name, const std::string& content,
                                                 gateway::FilePart where)>
      write{};
};

// Metrics of one kind of filter.
struct TaskMetrics {
  std::span<const gateway::MetricFamily> families;
  std::vector<gateway::Measurement> values;
};

// Owner: control. Thread: its loop. What is in Parts outlives it.
class BackgroundTasks {
 public:
  struct Parts {
    net::Loop& loop;
    net::Network& network;
    net::Resolver& resolver;
    Offload& offload;
    DiagnosticLog& log;
    gateway::Snapshot::FilterKinds filters;
    KeptFiles files;
  };
  explicit BackgroundTasks(Parts parts);
  BackgroundTasks(const BackgroundTasks&) = delete;
  ~BackgroundTasks();

  // `snapshot` is about to be in force: first this, then, in one go with the rest of it, `apply`.
  net::Task<void> recall(std::shared_ptr<const gateway::Snapshot> snapshot);
  void apply(const std::shared_ptr<const gateway::Snapshot>& snapshot);

  net::Task<void> finish();  // before the process ends

  gateway::BackgroundTask* find(std::string_view name) const noexcept;  // nullptr: no filter brings it
  std::vector<TaskMetrics> measure() const;

 private:
  struct Entry;
  gateway::BackgroundContext context(upstream::Client& client);
  net::Task<std::optional<std::string>> read(std::string name);
  net::Task<void> read_parts(std::string name, std::function<void(const gateway::StateFile&)> use);
  net::Task<bool> write(std::string name, std::string content, gateway::FilePart where);

  Parts parts_;
  bool said_unwritable_ = false;
  // Files that are there and could not be read: what stands in them may matter, so they stay as they are
  // until they have been read or somebody has removed them.
  std::set<std::string> unread_;
  std::vector<std::unique_ptr<Entry>> entries_;  // last: they use the others
};

}  // namespace gatehouse::control
