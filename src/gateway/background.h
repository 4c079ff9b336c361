// What a filter does besides requests: on control's loop, once a process. A filter is never known to control
// by name; app lists the kinds, and control runs what they bring.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "gateway/state_file.h"
#include "net/loop.h"
#include "net/network.h"
#include "net/resolver.h"
#include "net/task.h"
#include "upstream/client.h"

namespace gatehouse::gateway {

class Snapshot;

// A metric of a background task, as the reference and the scrape show it.
struct MetricFamily {
  std::string_view name;  // without the `_total` of counters
  bool counter = false;   // else a gauge
  std::string_view labels;
  std::string_view help;
};
struct Measurement {
  std::size_t family = 0;                                          // in FilterKind::metrics of its kind
  std::vector<std::pair<std::string_view, std::string>> labels{};  // name, value
  double value = 0;
};

// What control lends a task. Thread: control's loop. All of it outlives the task.
struct BackgroundContext {
  net::Loop& loop;
  net::Resolver& resolver;
  upstream::Client& client;  // of this task alone: so are the indexes of its SharedVersions
  std::function<void(Severity level, const std::string& line)> log;
  // Files of the state folder, off this thread. nullopt: there is none, or none that may be read (said in the
  // log).
  std::function<net::Task<std::optional<std::string>>(std::string name)> recall;
  // The same of one that nobody should hold all of: `use` is called with it, off this thread, unless there is
  // none. It owns what it uses, and runs to its end also when the waiter is cancelled. That bytes could not
  // be read is said in the log too.
  std::function<net::Task<void>(std::string name, std::function<void(const StateFile&)> use)> recall_parts{};
  // Written by rename. False: it could not be (said in the log, once), or what is there could not be read:
  // then it stays as it is.
  std::function<net::Task<bool>(std::string name, std::string content)> keep;
  // The same in parts: the last one puts the file in its place. After a false its writer begins anew. One
  // writer a name.
  std::function<net::Task<bool>(std::string name, std::string part, FilePart where)> keep_part{};
};

// Something that a person asks of a task: `keys revoke ISSUER KID`.
struct Command {
  std::string verb;
  std::vector<std::pair<std::string, std::string>> arguments{};
  std::string who;  // name of the token that asked; for the log
  std::string_view argument(std::string_view name) const noexcept {
    for (const auto& [key, value] : arguments)
      if (key == name) return value;
    return {};
  }
};
// JSON, or why not, in one sentence.
using CommandResult = std::expected<std::string, std::string>;

// Owner and thread: control's. Destroying it cancels all it does.
class BackgroundTask {
 public:
  virtual ~BackgroundTask() = default;
  // What admin API and commands call it: `keys`.
  virtual std::string_view name() const noexcept = 0;
  // Reads what it kept of what this snapshot needs; before each `apply`. Another snapshot may be in force: it
  // changes nothing that that one uses.
  virtual net::Task<void> recall(std::shared_ptr<const Snapshot>) { co_return; }
  // This snapshot is about to be in force: before any worker has it.
  virtual void apply(const std::shared_ptr<const Snapshot>& snapshot) = 0;
  // Its state, as a JSON object, for the admin API.
  virtual std::string show() const = 0;
  virtual net::Task<CommandResult> command(Command) {
    co_return std::unexpected(std::string("this takes no commands"));
  }
  virtual void measure(std::vector<Measurement>&) const {}
  // The process ends, and no request is served any more: what is to be kept and is not yet.
  virtual net::Task<void> finish() { co_return; }
};

}  // namespace gatehouse::gateway
