// The access log of the process: workers format lines into buffers of their own, one thread writes them.
//
// A worker never waits, locks, allocates or calls the system for the log, but to wake a writer that dozes;
// without room a line is lost and counted. What cannot be written (full disk, a pipe that nobody reads) is
// lost in whole lines, and counted: no line is ever cut or glued to another, as long as the process lives.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "config/spec.h"
#include "control/access_log_file.h"
#include "control/json_line.h"
#include "control/shared_log_channel.h"

namespace gatehouse::control {

// Which requests are logged, and what of them. Immutable.
struct LogPlan {
  static constexpr Duration kSlow = 1s;  // `keep: slow`

  LogPlan() = default;
  explicit LogPlan(const config::LogSpec& spec);
  // `random`: a uniform number for the sample; asked for only where there is one.
  template <class Random>
  bool wants(const gateway::RequestRecord& r, Random& random) const noexcept {
    if (everything || (keep_slow && r.total >= kSlow)) return true;
    // An answer that failed: a 5xx, or one that broke off.
    if (keep_errors && (r.status >= 500 || (r.failed && r.status < 400))) return true;
    return random.next() < threshold;
  }

  LineLayout layout;
  std::uint64_t threshold = UINT64_MAX;
  bool everything = true;
  bool keep_errors = false;
  bool keep_slow = false;
};

class AccessLog {
 public:
  struct Options {
    unsigned workers = 1;
    std::size_t half_bytes = std::size_t{1} << 20;  // of a worker's pair; touched as far as it is needed
    Duration wake = 20ms;
    // After so long without a line the writer dozes: it looks only every `doze`, or when a line nudges it. A
    // nudge in the very moment in which it dozes off is lost; the next one, or `doze`, makes up for it.
    Duration awake = 100ms;
    Duration doze = 250ms;
    Duration patience = 1s;  // how long stop() waits for a slow reader
    int stdout_fd = 1;
    // Told what an operator should know, on the writer's thread, at most once a second. May be empty.
    std::function<void(std::string_view)> on_trouble = {};
  };

  // Nothing is written before `configure`, nor lost: lines wait in the buffers.
  explicit AccessLog(Options options);
  AccessLog(const AccessLog&) = delete;
  ~AccessLog();  // stop(); workers must have ended

  // Control: from now on. If the target cannot be opened nothing changes and the error says why.
  std::expected<void, std::string> configure(const config::LogSpec& spec);
  // Any thread: after a rotation the name is opened anew before more is written. A failure is told to
  // on_trouble and the old file stays in use.
  void reopen() noexcept {
    reopen_.store(true, std::memory_order_relaxed);
    nudge();
  }
  // Control: writes what is there, waits at most `patience` for it, and ends the thread. What is left is
  // lost.
  void stop();

  // Workers.
  LogChannel& channel(unsigned worker) noexcept { return *channels_[worker]; }
  // After a line, or whatever else a writer that dozes should see to.
  void nudge() noexcept {
    if (dozing_.load(std::memory_order_relaxed)) [[unlikely]]
      wake_.notify_one();
  }
  const LogPlan& plan() const noexcept { return *plan_.load(std::memory_order_acquire); }

  bool dozes() const noexcept { return dozing_.load(std::memory_order_relaxed); }  // any thread

  // Any thread. Both only grow.
  std::uint64_t lines() const noexcept;  // formatted; what of them was lost later is in lost() too
  std::uint64_t lost() const noexcept;

 private:
  enum class Turn : std::uint8_t { done, slow, failing };  // slow: the reader; failing: try again later

  void run();
  void wait(Turn last);
  void doze(std::unique_lock<std::mutex>& lock);
  void apply_changes();
  Turn write_out();
  Turn write_carry();
  Turn write_from(LogChannel& channel);
  std::size_t settle_cut(std::string_view lines, const AccessLogFile::Written& w);
  void lose(std::string_view lines);
  void lose_carry();
  void lose_pending();
  void trouble(std::string_view what);

  const Options options_;
  std::vector<std::unique_ptr<LogChannel>> channels_;

  // Control's; plans live as long as the log, because workers read them at any time. Equal ones are used
  // again.
  struct Planned {
    config::LogSpec spec;
    LogPlan plan;
  };
  std::vector<std::unique_ptr<const Planned>> plans_;
  std::atomic<const LogPlan*> plan_;  // release: the plan is complete before it is seen
  config::Secret target_;

  std::atomic<bool> reopen_ = false;
  std::atomic<bool> dozing_ = false;          // guards nothing
  std::atomic<std::uint64_t> unwritten_ = 0;  // lines that the writer lost

  std::mutex lock_;
  std::condition_variable wake_;
  std::optional<AccessLogFile> next_file_;  // guarded by lock_
  bool stopping_ = false;                   // guarded by lock_

  // The writer's.
  AccessLogFile file_;
  std::string carry_;  // the rest of a line whose beginning is written: goes before all else
  std::chrono::steady_clock::time_point told_{};
  std::uint64_t seen_lines_ = 0;
  std::chrono::steady_clock::time_point last_line_{};  // when they were seen, about

  std::thread thread_;
};

}  // namespace gatehouse::control
