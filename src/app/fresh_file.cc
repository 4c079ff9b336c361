#include "app/fresh_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace gatehouse::app {

FreshFile::FreshFile(std::string path, bool replace)
    : path_(std::move(path)), fresh_(path_ + ".XXXXXX"), replace_(replace) {}

FreshFile::~FreshFile() {
  if (written_) ::unlink(fresh_.c_str());
}

std::string FreshFile::refusal() {
  struct stat status{};
  if (::lstat(path_.c_str(), &status) != 0) return {};
  if (!replace_) return is_there();
  there_ = true;
  return S_ISREG(status.st_mode) ? std::string() : fmt::format("`{}` is no regular file", path_);
}

std::string FreshFile::write(std::string_view text, mode_t mode) {
  int fd = ::mkostemp(fresh_.data(), O_CLOEXEC);
  if (fd < 0) return trouble();
  written_ = true;
  errno = ENOSPC;  // what a short write means
  bool good = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  good = good && ::fchmod(fd, mode) == 0;
  good = ::close(fd) == 0 && good;
  return good ? std::string() : trouble();
}

std::string FreshFile::put_in_place() {
  if (move(there_ ? RENAME_EXCHANGE : RENAME_NOREPLACE) != 0) return errno == EEXIST ? is_there() : trouble();
  written_ = there_;
  return {};
}

void FreshFile::take_back() {
  if (there_) {
    (void)move(RENAME_EXCHANGE);
  } else {
    ::unlink(path_.c_str());
  }
}

int FreshFile::move(unsigned how) const {
  int done = ::renameat2(AT_FDCWD, fresh_.c_str(), AT_FDCWD, path_.c_str(), how);
  // Not every file system knows these. There the old file goes at once, or the new one replaces what has
  // come within a moment.
  if (done != 0 && errno == EINVAL) done = std::rename(fresh_.c_str(), path_.c_str());
  return done;
}

std::string FreshFile::is_there() const {
  return fmt::format("`{}` is there already; --force replaces it", path_);
}

std::string FreshFile::trouble() const {
  return fmt::format("`{}` cannot be written: {}", path_, std::strerror(errno));
}

}  // namespace gatehouse::app
