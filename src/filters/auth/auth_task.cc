#include "filters/auth/auth_task.h"

#include <utility>
#include <vector>

#include "filters/auth/auth_metrics.h"
#include "filters/auth/auth_policy.h"
#include "filters/auth/key_keeper.h"
#include "gateway/snapshot.h"

namespace gatehouse::filters {
namespace {

class AuthTask final : public gateway::BackgroundTask {
 public:
  explicit AuthTask(gateway::BackgroundContext context) : keys_(key_keeper(std::move(context))) {}

  std::string_view name() const noexcept override { return keys_->name(); }
  net::Task<void> recall(std::shared_ptr<const gateway::Snapshot> snapshot) override {
    return keys_->recall(std::move(snapshot));
  }
  void apply(const std::shared_ptr<const gateway::Snapshot>& snapshot) override {
    if (const auto policy = snapshot->filters().find<AuthPolicy>()) counts_ = policy->counts;
    keys_->apply(snapshot);
  }
  std::string show() const override { return keys_->show(); }
  net::Task<gateway::CommandResult> command(gateway::Command command) override {
    return keys_->command(std::move(command));
  }
  void measure(std::vector<gateway::Measurement>& into) const override {
    keys_->measure(into);
    if (counts_) filters::measure(*counts_, kKeyMetrics.size(), into);
  }

 private:
  std::unique_ptr<gateway::BackgroundTask> keys_;
  std::shared_ptr<const SharedAuthCounts> counts_;  // null: there has been no `auth` yet
};

}  // namespace

std::unique_ptr<gateway::BackgroundTask> auth_task(gateway::BackgroundContext context) {
  return std::make_unique<AuthTask>(std::move(context));
}

std::span<const gateway::MetricFamily> auth_task_metrics() {
  static const std::vector<gateway::MetricFamily> kAll = [] {
    std::vector<gateway::MetricFamily> all(kKeyMetrics.begin(), kKeyMetrics.end());
    all.insert(all.end(), auth_metric_families().begin(), auth_metric_families().end());
    return all;
  }();
  return kAll;
}

}  // namespace gatehouse::filters
