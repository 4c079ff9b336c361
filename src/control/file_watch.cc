#include "control/file_watch.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace gatehouse::control {
namespace {

constexpr Duration kQuiet = 50ms;
constexpr Duration kLatest = 1s;
constexpr Duration kLookAgain = 2s;
constexpr Duration kPoll = 5s;
constexpr int kLongestChain = 40;  // of symlinks, as in the kernel
constexpr std::uint32_t kEvents = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE |
                                  IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

namespace fs = std::filesystem;

}  // namespace

WatchPlan plan_watch(const std::vector<std::string>& paths) {
  WatchPlan plan;
  for (const auto& text : paths) {
    std::error_code error;
    fs::path rest = fs::absolute(text, error).lexically_normal();
    fs::path at = "/";
    int links = 0;
    auto part = rest.begin();
    while (part != rest.end()) {
      if (*part == "/" || part->empty()) {
        ++part;
        continue;
      }
      if (part->string().find_first_of("*?[") !=
          std::string::npos) {  // of `include`: whatever is in that folder
        plan[at.string()].insert("*");
        break;
      }
      fs::path next = at / *part;
      bool last = std::next(part) == rest.end();
      bool link = fs::is_symlink(fs::symlink_status(next, error)) && ++links <= kLongestChain;
      if (link || last) plan[at.string()].insert(part->string());
      if (!link) {
        at = std::move(next);
        ++part;
        continue;
      }
      // Goes on from where the link points, with the rest of the path behind it.
      fs::path target = fs::read_symlink(next, error);
      for (auto behind = std::next(part); behind != rest.end(); ++behind) target /= *behind;
      rest = target.is_absolute() ? target.lexically_normal() : (at / target).lexically_normal();
      at = "/";
      part = rest.begin();
    }
  }
  return plan;
}

FileWatch::FileWatch(net::Loop& loop, net::EpollPoller& poller, std::function<void()> changed,
                     std::function<void(std::string_view)> warn)
    : loop_(loop),
      poller_(poller),
      changed_(std::move(changed)),
      warn_(std::move(warn)),
      fd_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)),
      timer_(&settle, this) {
  if (fd_ >= 0)
    ticket_ = poller.add(fd_, EPOLLIN, *this);
  else
    lost_sight(errno);
}

FileWatch::~FileWatch() {
  if (fd_ < 0) return;
  poller_.remove(ticket_);
  ::close(fd_);
}

void FileWatch::lost_sight(int error) {
  blind_ = true;
  if (auto warn = std::exchange(warn_, nullptr))
    warn(fmt::format("files cannot be watched ({}): they are read every {} s instead", std::strerror(error),
                     std::chrono::duration_cast<std::chrono::seconds>(kPoll).count()));
}

void FileWatch::watch(std::vector<std::string> paths) {
  paths_ = std::move(paths);
  if (renew()) found();
}

// Whether a folder is watched now that was not before.
bool FileWatch::renew() {
  WatchPlan plan = plan_watch(paths_);
  incomplete_ = false;
  blind_ = fd_ < 0;
  bool fresh = false;
  std::map<int, std::string> folders;
  for (const auto& [folder, names] : plan) {
    if (fd_ < 0) break;
    int wd = ::inotify_add_watch(fd_, folder.c_str(),
                                 kEvents);  // the same descriptor for a folder that is watched
    if (wd >= 0) {
      fresh = fresh || !folders_.contains(wd);
      folders[wd] = folder;
    } else if (errno == ENOENT || errno == ENOTDIR) {
      incomplete_ = true;
    } else {
      lost_sight(errno);
    }
  }
  for (const auto& [wd, folder] : folders_)
    if (!folders.contains(wd)) ::inotify_rm_watch(fd_, wd);
  plan_ = std::move(plan);
  folders_ = std::move(folders);
  if ((incomplete_ || blind_) && !dirty_)
    loop_.set_timer(timer_, after(loop_.now(), incomplete_ ? kLookAgain : kPoll));
  return fresh;
}

// Something that matters: told when it is quiet, but not put off for ever.
void FileWatch::found() {
  if (!std::exchange(dirty_, true)) latest_ = after(loop_.now(), kLatest);
  loop_.set_timer(timer_, std::min(after(loop_.now(), kQuiet), latest_));
}

void FileWatch::on_events(std::uint32_t) noexcept {
  alignas(inotify_event) std::array<char, 4096> buffer;
  ssize_t n = 0;
  bool ours = false;
  while ((n = ::read(fd_, buffer.data(), buffer.size())) > 0) {
    for (ssize_t i = 0; i < n;) {
      const auto* e = reinterpret_cast<const inotify_event*>(buffer.data() + i);
      i += static_cast<ssize_t>(sizeof *e + e->len);
      auto folder = folders_.find(e->wd);
      bool lost = e->mask & IN_Q_OVERFLOW;
      if (folder == folders_.end() && !lost) continue;
      bool self = e->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED);
      const auto& names = folder == folders_.end() ? std::set<std::string>{} : plan_[folder->second];
      if (lost || self || names.contains("*") || (e->len && names.contains(e->name))) ours = true;
    }
  }
  if (ours) found();
}

void FileWatch::settle(void* raw) noexcept {
  auto* self = static_cast<FileWatch*>(raw);
  bool changed = std::exchange(self->dirty_, false);
  // A folder that is there by now may have another file in it.
  bool fresh = self->renew();
  if (changed || fresh || self->blind_) self->changed_();
}

}  // namespace gatehouse::control
