#include "control/access_log.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <system_error>

namespace gatehouse::control {

LogPlan::LogPlan(const config::LogSpec& spec) : layout(spec.fields) {
  auto keeps = [&](std::string_view what) { return std::ranges::find(spec.keep, what) != spec.keep.end(); };
  everything = spec.sample >= 1.0;
  // The largest double below 2^64 is far enough from it for the multiplication not to reach it.
  threshold = everything ? UINT64_MAX : static_cast<std::uint64_t>(std::max(spec.sample, 0.0) * 0x1.0p64);
  keep_errors = keeps("errors");
  keep_slow = keeps("slow");
}

AccessLog::AccessLog(Options options) : options_(std::move(options)) {
  for (unsigned i = 0; i < options_.workers; ++i)
    channels_.push_back(std::make_unique<LogChannel>(options_.half_bytes));
  plans_.push_back(std::make_unique<const Planned>());
  plan_.store(&plans_.back()->plan, std::memory_order_release);
  thread_ = std::thread([this] { run(); });
}

AccessLog::~AccessLog() { stop(); }

std::expected<void, std::string> AccessLog::configure(const config::LogSpec& spec) {
  if (spec.to != target_) {
    auto file = AccessLogFile::open(spec.to, options_.stdout_fd);
    if (!file) return std::unexpected(file.error());
    target_ = spec.to;
    {
      std::lock_guard lock(lock_);
      next_file_ = std::move(*file);
    }
    wake_.notify_one();
  }
  auto same = [&](const std::unique_ptr<const Planned>& p) {
    return p->spec.fields == spec.fields && p->spec.sample == spec.sample && p->spec.keep == spec.keep;
  };
  auto known = std::ranges::find_if(plans_, same);
  if (known == plans_.end()) {
    plans_.push_back(std::make_unique<const Planned>(Planned{spec, LogPlan(spec)}));
    known = plans_.end() - 1;
  }
  plan_.store(&(*known)->plan, std::memory_order_release);
  return {};
}

void AccessLog::stop() {
  {
    std::lock_guard lock(lock_);
    if (!thread_.joinable()) return;
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

std::uint64_t AccessLog::lines() const noexcept {
  std::uint64_t n = 0;
  for (const auto& c : channels_) n += c->lines();
  return n;
}

std::uint64_t AccessLog::lost() const noexcept {
  std::uint64_t n = unwritten_.load(std::memory_order_relaxed);
  for (const auto& c : channels_) n += c->lost();
  return n;
}

// ---- the writer's thread ---------------------------------------------------------------------------------

void AccessLog::run() {
  sigset_t all;  // signals belong to other threads; SIGPIPE becomes an error of write
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
  std::optional<std::chrono::steady_clock::time_point> end;
  for (Turn last = Turn::done;;) {
    bool stopping = false;
    {
      std::lock_guard lock(lock_);
      stopping = stopping_;
    }
    apply_changes();
    last = write_out();
    if (stopping) {
      auto now = std::chrono::steady_clock::now();
      if (!end) end = now + options_.patience;
      if (last != Turn::slow || now >= *end) break;
    }
    wait(last);
  }
  lose_carry();
  lose_pending();
}

void AccessLog::wait(Turn last) {
  const auto most = std::chrono::duration_cast<std::chrono::milliseconds>(options_.wake);
  if (last == Turn::slow) {
    pollfd writable{.fd = file_.descriptor(), .events = POLLOUT, .revents = 0};
    ::poll(&writable, 1, static_cast<int>(most.count()));
    return;
  }
  const auto now = std::chrono::steady_clock::now();
  if (const std::uint64_t all = lines(); all != seen_lines_) {
    seen_lines_ = all;
    last_line_ = now;
  }
  std::unique_lock lock(lock_);
  if (now - last_line_ < options_.awake || next_file_ || reopen_.load(std::memory_order_relaxed)) {
    wake_.wait_for(lock, most, [this] { return stopping_; });
  } else if (!stopping_) {
    doze(lock);
  }
}

void AccessLog::doze(std::unique_lock<std::mutex>& lock) {
  dozing_.store(true, std::memory_order_relaxed);
  wake_.wait_for(lock, std::chrono::nanoseconds(options_.doze));
  dozing_.store(false, std::memory_order_relaxed);
}

void AccessLog::apply_changes() {
  std::optional<AccessLogFile> next;
  {
    std::lock_guard lock(lock_);
    next.swap(next_file_);
  }
  const bool anew = reopen_.exchange(false, std::memory_order_relaxed);
  if (!next && !anew) return;
  // The rest of a line belongs after its beginning: if it does not go there now, it is lost.
  if (write_carry() != Turn::done) lose_carry();
  if (next) file_ = std::move(*next);
  if (!anew || file_.descriptor() < 0) return;
  if (auto done = file_.reopen(); !done) trouble(done.error());
}

AccessLog::Turn AccessLog::write_out() {
  if (file_.descriptor() < 0) return Turn::done;  // not configured yet
  Turn turn = write_carry();
  if (turn == Turn::failing) lose_pending();
  for (std::size_t i = 0; turn == Turn::done && i < channels_.size(); ++i) turn = write_from(*channels_[i]);
  return turn;
}

AccessLog::Turn AccessLog::write_carry() {
  if (carry_.empty()) return Turn::done;
  const AccessLogFile::Written w = file_.write(carry_);
  carry_.erase(0, w.bytes);
  if (carry_.empty()) return Turn::done;
  return w.would_block ? Turn::slow : Turn::failing;
}

// What is there now lies in one piece or in two; what comes meanwhile waits for the next turn.
AccessLog::Turn AccessLog::write_from(LogChannel& channel) {
  for (int piece = 0; piece < 2; ++piece) {
    const std::string_view lines = channel.pending();
    if (lines.empty()) return Turn::done;
    const AccessLogFile::Written w = file_.write(lines);
    if (w.bytes == lines.size()) {
      channel.take(w.bytes);
      continue;
    }
    const std::size_t settled = settle_cut(lines, w);
    channel.take(settled);
    if (w.would_block) return Turn::slow;
    // It failed: what waits is dropped at once, so that the buffers are free for what comes after.
    trouble("access log: " + std::generic_category().message(w.error));
    lose(lines.substr(settled));
    channel.take(lines.size() - settled);
    if (!carry_.empty()) return Turn::failing;  // nothing may be written before the rest of that line
  }
  return Turn::done;
}

// After a write that ended in the middle: keeps the rest of the line that was begun. Returns the bytes that
// are settled, whole lines.
std::size_t AccessLog::settle_cut(std::string_view lines, const AccessLogFile::Written& w) {
  if (w.bytes == 0 || lines[w.bytes - 1] == '\n') return w.bytes;
  const std::size_t end = lines.find('\n', w.bytes) + 1;
  carry_.assign(lines.substr(w.bytes, end - w.bytes));
  return end;
}

void AccessLog::lose(std::string_view lines) {
  unwritten_.fetch_add(static_cast<std::uint64_t>(std::ranges::count(lines, '\n')),
                       std::memory_order_relaxed);
}

void AccessLog::lose_carry() {
  if (!carry_.empty()) unwritten_.fetch_add(1, std::memory_order_relaxed);
  carry_.clear();
}

void AccessLog::lose_pending() {
  for (auto& channel : channels_) {
    for (std::string_view lines = channel->pending(); !lines.empty(); lines = channel->pending()) {
      lose(lines);
      channel->take(lines.size());
    }
  }
}

void AccessLog::trouble(std::string_view what) {
  const auto now = std::chrono::steady_clock::now();
  if (!options_.on_trouble || (told_.time_since_epoch().count() != 0 && now - told_ < 1s)) return;
  told_ = now;
  options_.on_trouble(what);
}

}  // namespace gatehouse::control
