// Tells when files of the configuration may have changed: written, renamed into place, or swapped by a
// symlink.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "net/epoll.h"

namespace gatehouse::control {

// By folder, the names whose change matters: the files themselves and every symlink on the way to them
// (Kubernetes mounts a file as a link through a link, and swaps the inner one). `*` stands for any name: the
// path has a wildcard there.
using WatchPlan = std::map<std::string, std::set<std::string>>;
WatchPlan plan_watch(const std::vector<std::string>& paths);

// Thread: its loop. Folders are watched, not files: a file that is replaced is another file.
class FileWatch final : private net::EpollHandler {
 public:
  // `changed` is called from a timer, once things have been quiet for 50 ms, or a second after they began.
  // Also when a folder has not been watched before: what was read of it may have changed since. Where the
  // system does not watch (inotify has limits), it is called every 5 s, and `warn` once.
  FileWatch(net::Loop& loop, net::EpollPoller& poller, std::function<void()> changed,
            std::function<void(std::string_view)> warn = nullptr);
  FileWatch(const FileWatch&) = delete;
  ~FileWatch();

  void watch(std::vector<std::string> paths);  // instead of what was watched before

 private:
  void on_events(std::uint32_t events) noexcept override;
  static void settle(void* self) noexcept;
  bool renew();
  void found();
  void lost_sight(int error);

  net::Loop& loop_;
  net::EpollPoller& poller_;
  std::function<void()> changed_;
  std::function<void(std::string_view)> warn_;  // null once it has been called
  int fd_;
  net::EpollPoller::Ticket ticket_;
  std::vector<std::string> paths_;
  WatchPlan plan_;
  std::map<int, std::string> folders_;  // by watch descriptor
  bool incomplete_ = false;             // a folder is not there: look again
  bool blind_ = false;                  // the system does not watch a folder for us
  bool dirty_ = false;
  Time latest_{};  // while dirty_: when it is told, quiet or not
  net::Timer timer_;
};

}  // namespace gatehouse::control
