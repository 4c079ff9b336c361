#include "control/state_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

namespace gatehouse::control {
namespace {

std::string reason() { return std::strerror(errno); }

// Empty, or why what `fd` refers to is not to be trusted. Root may read what belongs to the user it is asked
// about. `s`: what it says of itself.
std::string distrust(int fd, bool root_may_read, struct stat& s) {
  if (::fstat(fd, &s) != 0) return reason();
  if (!S_ISREG(s.st_mode)) return "it is not a file";
  if (s.st_uid != ::geteuid() && !(root_may_read && ::geteuid() == 0)) return "it belongs to another user";
  if (s.st_mode & 0022) return "others may write to it (chmod go-w)";
  return {};
}

class OpenFile final : public gateway::StateFile {
 public:
  OpenFile(int fd, std::size_t size) : fd_(fd), size_(size) {}
  OpenFile(const OpenFile&) = delete;
  ~OpenFile() override { ::close(fd_); }
  std::size_t size() const noexcept override { return size_; }
  std::size_t read(std::size_t offset, std::span<char> into) const override {
    std::size_t had = 0;
    while (had < into.size()) {
      const ssize_t n = ::pread(fd_, into.data() + had, into.size() - had, static_cast<off_t>(offset + had));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) trouble_ = reason();
      if (n <= 0) break;
      had += static_cast<std::size_t>(n);
    }
    return had;
  }
  std::string trouble() const override { return trouble_; }

 private:
  const int fd_;
  const std::size_t size_;
  mutable std::string trouble_;
};

using MaybeFile = std::expected<std::unique_ptr<const gateway::StateFile>, std::string>;
using MaybeText = std::expected<std::optional<std::string>, std::string>;

MaybeFile open_trusted(int folder, const std::string& shown, std::string_view name, bool root_may_read) {
  int fd = ::openat(folder, std::string(name).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0 && errno == ENOENT) return nullptr;
  if (fd < 0) return std::unexpected(fmt::format("{}/{} cannot be read: {}", shown, name, reason()));
  struct stat s{};
  std::string doubt = distrust(fd, root_may_read, s);
  if (doubt.empty() && s.st_size > static_cast<off_t>(StateFolder::kLongestFile)) doubt = "it is too large";
  if (doubt.empty()) return std::make_unique<const OpenFile>(fd, static_cast<std::size_t>(s.st_size));
  ::close(fd);
  return std::unexpected(fmt::format("{}/{} is refused: {}", shown, name, doubt));
}

MaybeText read_trusted(int folder, const std::string& shown, std::string_view name, bool root_may_read) {
  const MaybeFile file = open_trusted(folder, shown, name, root_may_read);
  if (!file) return std::unexpected(file.error());
  if (!*file) return std::optional<std::string>{};
  std::string text = gateway::text_of(**file);
  if (const std::string trouble = (*file)->trouble(); !trouble.empty())
    return std::unexpected(fmt::format("{}/{} cannot be read: {}", shown, name, trouble));
  return std::optional(std::move(text));
}

std::string not_writable(const std::string& shown, const std::string& why) {
  return fmt::format("the state folder {} cannot be written to ({}): nothing is kept over a restart", shown,
                     why);
}

}  // namespace

std::expected<StateFolder, std::string> StateFolder::open(const config::Secret& where) {
  const std::string& path = where.reveal();
  const std::string& shown = where.source();
  std::error_code ignored;
  auto parent = std::filesystem::path(path).parent_path();
  if (!parent.empty()) std::filesystem::create_directories(parent, ignored);
  ::mkdir(path.c_str(), 0700);  // what went wrong shows when it is opened
  int folder = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return StateFolder(shown, -1, -1, not_writable(shown, reason()));
  StateFolder state(shown, folder, -1, {});
  struct stat s{};
  if (::fstat(folder, &s) == 0 && (s.st_mode & 0022))
    return std::unexpected(fmt::format(
        "the state folder {} is refused: others may write to it. Run `chmod go-w {}`", shown, shown));
  if (s.st_uid != ::geteuid() || ::faccessat(folder, ".", W_OK, AT_EACCESS) != 0) {
    state.warning_ = not_writable(shown, s.st_uid != ::geteuid() ? "it belongs to another user" : reason());
    return state;
  }
  state.lock_ = ::openat(folder, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (state.lock_ < 0) {
    state.warning_ = not_writable(shown, reason());
    return state;
  }
  if (std::string doubt = distrust(state.lock_, false, s); !doubt.empty())
    return std::unexpected(fmt::format("{}/lock is refused: {}", shown, doubt));
  if (::flock(state.lock_, LOCK_EX | LOCK_NB) != 0)
    return std::unexpected(
        fmt::format("another gateway uses the state folder {}. Stop it, or give this one a folder of its own "
                    "with `state`",
                    shown));
  return state;
}

StateFolder::StateFolder(StateFolder&& o) noexcept
    : shown_(std::move(o.shown_)),
      folder_(std::exchange(o.folder_, -1)),
      lock_(std::exchange(o.lock_, -1)),
      warning_(std::move(o.warning_)) {}

StateFolder::~StateFolder() {
  if (lock_ >= 0) ::close(lock_);
  if (folder_ >= 0) ::close(folder_);
}

MaybeText StateFolder::read(std::string_view name) const {
  if (folder_ < 0) return std::optional<std::string>{};
  return read_trusted(folder_, shown_, name, false);
}

MaybeFile StateFolder::open_file(std::string_view name) const {
  if (folder_ < 0) return nullptr;
  return open_trusted(folder_, shown_, name, false);
}

std::expected<void, std::string> StateFolder::write(std::string_view name, std::string_view content,
                                                    gateway::FilePart where) const {
  std::string temporary = fmt::format("{}.new", name);
  auto trouble = [&] {
    return std::unexpected(fmt::format("{}/{} cannot be written: {}", shown_, name, reason()));
  };
  const int how = where.first ? O_CREAT | O_TRUNC : O_APPEND;
  int fd = ::openat(folder_, temporary.c_str(), O_WRONLY | how | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return trouble();
  bool good = ::write(fd, content.data(), content.size()) == static_cast<ssize_t>(content.size());
  good = good && (!where.last || ::fsync(fd) == 0);
  good = ::close(fd) == 0 && good;
  if (good && where.last)
    good = ::renameat(folder_, temporary.c_str(), folder_, std::string(name).c_str()) == 0;
  if (!good) return trouble();
  return {};
}

std::string random_token() {
  std::array<unsigned char, 32> bytes;
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) std::abort();
  std::string text;
  for (unsigned char b : bytes) text += fmt::format("{:02x}", b);
  return text;
}

std::expected<std::string, std::string> read_admin_token(const config::Secret& folder) {
  const std::string& shown = folder.source();
  int fd = ::open(folder.reveal().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return std::unexpected(fmt::format("the state folder {} cannot be read: {}", shown, reason()));
  MaybeText text = read_trusted(fd, shown, kTokenFile, true);
  ::close(fd);
  if (!text) return std::unexpected(text.error());
  if (!*text)
    return std::unexpected(
        fmt::format("there is no token in {}: is the gateway running? If it may not write there, set "
                    "`admin.token`, or `state` to a writable folder",
                    shown));
  std::string token = **text;
  while (!token.empty() && (token.back() == '\n' || token.back() == ' ')) token.pop_back();
  return token;
}

}  // namespace gatehouse::control
