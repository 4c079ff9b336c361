#include "control/source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace gatehouse::control {
namespace {

// The environment, and a record in `source` of what was asked of it.
config::Environment recorded(const config::Environment& environment, Source& source) {
  config::Environment e = environment;
  e.read_file = [&source, read = environment.read_file](const std::string& path) {
    auto text = read ? read(path) : std::nullopt;
    source.bytes[path] = text;
    return text;
  };
  e.glob = [&source, glob = environment.glob](const std::string& pattern) {
    source.includes = true;
    source.patterns.push_back(pattern);
    return glob ? glob(pattern) : std::vector<std::string>{};
  };
  return e;
}

void take(config::Loaded loaded, Source& source) {
  source.diagnostics = std::move(loaded.diagnostics);
  source.state = std::move(loaded.state);
  source.documents = std::move(loaded.documents);
  if (!loaded.spec) return;
  source.includes = source.includes || loaded.spec->files.size() > 1;
  source.spec = std::make_shared<const config::Spec>(std::move(*loaded.spec));
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

}  // namespace

std::vector<std::string> Source::paths() const {
  std::vector<std::string> list;
  for (const auto& [path, text] : bytes) list.push_back(path);
  return list;
}

std::vector<std::string> Source::watched() const {
  std::vector<std::string> list = paths();
  list.insert(list.end(), patterns.begin(), patterns.end());
  return list;
}

Source read_source(const std::string& path, const config::Environment& environment) {
  Source source;
  take(config::load_file(path, recorded(environment, source)), source);
  source.bytes.try_emplace(path, std::nullopt);
  return source;
}

Source read_source_text(std::string_view text, const std::string& name,
                        const config::Environment& environment, std::vector<std::string> files) {
  Source source;
  config::Environment e = recorded(environment, source);
  e.only_files = std::move(files);
  take(config::load_text(text, name, e), source);
  return source;
}

std::string replace_file(const std::string& path, std::string_view text,
                         const std::function<std::string()>& may) {
  // Through symlinks: the link stays, what it names is replaced. The new file keeps the mode of the old one.
  std::error_code ignored;
  auto real = std::filesystem::canonical(path, ignored);
  std::string target = ignored ? path : real.string();
  std::string temporary = target + ".new";
  struct stat old{};
  mode_t mode = ::stat(target.c_str(), &old) == 0 ? old.st_mode & 07777 : 0600;
  auto trouble = [&](const char* what) {
    std::string why = fmt::format("{} {}: {}", what, temporary, std::strerror(errno));
    ::unlink(temporary.c_str());
    return why;
  };
  int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
  if (fd < 0) return trouble("cannot write");
  bool good = write_all(fd, text) && ::fchmod(fd, mode) == 0 && ::fsync(fd) == 0;
  good = ::close(fd) == 0 && good;
  if (!good) return trouble("cannot write");
  if (std::string why = may ? may() : std::string(); !why.empty()) {
    ::unlink(temporary.c_str());
    return why;
  }
  if (::rename(temporary.c_str(), target.c_str()) != 0) return trouble("cannot rename");
  return {};
}

}  // namespace gatehouse::control
