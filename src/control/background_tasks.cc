#include "control/background_tasks.h"

#include <algorithm>
#include <utility>

namespace gatehouse::control {

struct BackgroundTasks::Entry {
  Entry(net::Loop& loop, net::Network& network) : client(loop, network) {}
  upstream::Client client;
  std::span<const gateway::MetricFamily> families;
  std::unique_ptr<gateway::BackgroundTask> task;  // after the client that it uses
};

BackgroundTasks::BackgroundTasks(Parts parts) : parts_(std::move(parts)) {
  for (const auto& kind : parts_.filters) {
    auto entry = std::make_unique<Entry>(parts_.loop, parts_.network);
    entry->task = kind->background(context(entry->client));
    entry->families = kind->metrics();
    if (entry->task) entries_.push_back(std::move(entry));
  }
}

BackgroundTasks::~BackgroundTasks() = default;

gateway::BackgroundContext BackgroundTasks::context(upstream::Client& client) {
  return {.loop = parts_.loop,
          .resolver = parts_.resolver,
          .client = client,
          .log = [&log = parts_.log](Severity level, const std::string& line) { log.write(level, line); },
          .recall = [this](std::string name) { return read(std::move(name)); },
          .recall_parts =
              [this](std::string name, std::function<void(const gateway::StateFile&)> use) {
                return read_parts(std::move(name), std::move(use));
              },
          .keep = [this](std::string name,
                         std::string content) { return write(std::move(name), std::move(content), {}); },
          .keep_part =
              [this](std::string name, std::string part, gateway::FilePart where) {
                return write(std::move(name), std::move(part), where);
              }};
}

net::Task<std::optional<std::string>> BackgroundTasks::read(std::string name) {
  auto text = std::make_shared<std::optional<std::string>>();
  co_await read_parts(name, [text](const gateway::StateFile& file) { *text = text_of(file); });
  if (unread_.contains(name)) co_return std::nullopt;
  co_return std::move(*text);
}

net::Task<void> BackgroundTasks::read_parts(std::string name,
                                            std::function<void(const gateway::StateFile&)> use) {
  if (!parts_.files.open) co_return;
  const auto done = co_await offload(
      parts_.offload, parts_.loop,
      [open = parts_.files.open, use = std::move(use), name] -> std::expected<void, std::string> {
        const auto file = open(name);
        if (!file) return std::unexpected(file.error());
        if (!*file) return {};
        use(**file);
        const std::string trouble = (*file)->trouble();
        if (!trouble.empty()) return std::unexpected(name + " cannot be read: " + trouble);
        return {};
      });
  if (done) {
    unread_.erase(name);
    co_return;
  }
  parts_.log.warning(done.error() +
                     "; it is left as it is, and not written over: put that right and restart, or remove it");
  unread_.insert(std::move(name));
}

net::Task<bool> BackgroundTasks::write(std::string name, std::string content, gateway::FilePart where) {
  if (!parts_.files.write) co_return false;
  if (unread_.contains(name)) {
    const auto there = co_await offload(parts_.offload, parts_.loop,
                                        [open = parts_.files.open, name] { return open(name); });
    if (!there || *there) co_return false;
    unread_.erase(name);  // somebody has removed it
  }
  auto written =
      co_await offload(parts_.offload, parts_.loop,
                       [write = parts_.files.write, name = std::move(name), content = std::move(content),
                        where] { return write(name, content, where); });
  if (written) {
    said_unwritable_ = false;
    co_return true;
  }
  if (!std::exchange(said_unwritable_, true)) parts_.log.warning(written.error());
  co_return false;
}

net::Task<void> BackgroundTasks::recall(std::shared_ptr<const gateway::Snapshot> snapshot) {
  for (const auto& entry : entries_) co_await entry->task->recall(snapshot);
}

void BackgroundTasks::apply(const std::shared_ptr<const gateway::Snapshot>& snapshot) {
  for (const auto& entry : entries_) entry->task->apply(snapshot);
}

net::Task<void> BackgroundTasks::finish() {
  for (const auto& entry : entries_) co_await entry->task->finish();
}

gateway::BackgroundTask* BackgroundTasks::find(std::string_view name) const noexcept {
  auto entry = std::ranges::find_if(entries_, [&](const auto& e) { return e->task->name() == name; });
  return entry == entries_.end() ? nullptr : (*entry)->task.get();
}

std::vector<TaskMetrics> BackgroundTasks::measure() const {
  std::vector<TaskMetrics> all;
  all.reserve(entries_.size());
  for (const auto& entry : entries_) {
    all.push_back({entry->families, {}});
    entry->task->measure(all.back().values);
  }
  return all;
}

}  // namespace gatehouse::control
