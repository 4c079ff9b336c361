// The folder that a gateway keeps between starts (`state`): 0700, files 0600, written by rename, one gateway
// a folder.
#pragma once

#include <cstddef>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "config/spec.h"
#include "gateway/state_file.h"

namespace gatehouse::control {

inline constexpr std::string_view kTokenFile = "admin-token";

// Owner: the process. Holds the folder's lock until it is destroyed. Blocks on files.
class StateFolder {
 public:
  static constexpr std::size_t kLongestFile = std::size_t{256} << 20;

  // Makes the folder if it is not there. Refuses one that others may write to, and one that another gateway
  // holds: the error is one clear line. A folder that cannot be written to is no error; `warning` says so.
  static std::expected<StateFolder, std::string> open(const config::Secret& path);
  StateFolder(StateFolder&& o) noexcept;
  StateFolder& operator=(StateFolder&&) = delete;
  ~StateFolder();

  const std::string& warning() const noexcept { return warning_; }  // empty: it is writable
  bool writable() const noexcept { return warning_.empty(); }
  const std::string& shown() const noexcept { return shown_; }  // its path, as it may be printed

  // nullopt: there is none. A file of another user, or writable by others, is refused and never read; so is
  // one of more than kLongestFile.
  std::expected<std::optional<std::string>, std::string> read(std::string_view name) const;
  // The same, to be read in parts; null: there is none.
  std::expected<std::unique_ptr<const gateway::StateFile>, std::string> open_file(
      std::string_view name) const;
  // `where`: a part of it; the last one puts the file in its place.
  std::expected<void, std::string> write(std::string_view name, std::string_view content,
                                         gateway::FilePart where = {}) const;

 private:
  StateFolder(std::string shown, int folder, int lock, std::string warning)
      : shown_(std::move(shown)), folder_(folder), lock_(lock), warning_(std::move(warning)) {}
  std::string shown_;  // the path, as it may be printed
  int folder_;         // -1: it is not there
  int lock_;           // -1: not held, for want of the right to write
  std::string warning_;
};

// 32 random bytes of the system, as text.
std::string random_token();
// The token that a running gateway keeps in `folder`, for commands.
std::expected<std::string, std::string> read_admin_token(const config::Secret& folder);

}  // namespace gatehouse::control
