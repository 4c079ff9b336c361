// One file of the state folder that is written again and again: one write at a time, and of those that wait
// only the latest.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "net/loop.h"
#include "net/task.h"

namespace gatehouse::filters {

// Thread: its loop. Destroyed, it forgets what waits; a write under way goes on.
class KeptFile {
 public:
  // As BackgroundContext::keep.
  using Keep = std::function<net::Task<bool>(std::string name, std::string content)>;

  KeptFile(net::Loop& loop, Keep keep) : keep_(std::move(keep)), written_(loop) {}
  KeptFile(const KeptFile&) = delete;

  void write(std::string name, std::string content) {
    waiting_ = {std::move(name), std::move(content)};
    ++asked_;
    if (!writing_ || writing_.done()) writing_ = work();
  }
  // When all that was given so far has been written, or what replaced it: whether that went well.
  net::Task<bool> written() {
    const std::uint64_t mine = asked_;
    while (done_ < mine) co_await written_.wait();
    co_return good_;
  }

 private:
  net::Task<void> work() {
    while (waiting_) {
      auto next = std::move(*waiting_);
      waiting_.reset();
      const std::uint64_t number = asked_;
      good_ = co_await keep_(std::move(next.first), std::move(next.second));
      done_ = number;
      written_.notify();
    }
  }

  Keep keep_;
  std::optional<std::pair<std::string, std::string>> waiting_;
  std::uint64_t asked_ = 0;
  std::uint64_t done_ = 0;
  bool good_ = true;
  net::Signal written_;
  net::Task<void> writing_;  // last: it uses the others
};

}  // namespace gatehouse::filters
