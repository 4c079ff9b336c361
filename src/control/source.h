// A configuration as it was read: every byte that it was made of, and what it says.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/loader.h"

namespace gatehouse::control {

struct Source {
  using Bytes = std::map<std::string, std::optional<std::string>>;  // by path; nullopt = could not be read
  Bytes bytes;            // every file that was looked at: the main one, included ones, those of `file:`
  bool includes = false;  // it names other files of configuration
  std::shared_ptr<const config::Spec> spec;  // null if there is an error
  config::Diagnostics diagnostics;
  std::vector<std::string> documents;  // configuration itself; see config::Loaded
  config::Secret state;                // the folder, as far as it could be read

  std::vector<std::string> patterns;  // of `include`
  bool kept = false;                  // the last good one of the state folder: the disk says something else

  std::vector<std::string> paths() const;
  std::vector<std::string> watched() const;  // paths and patterns
};

// Any thread; blocks on files.
Source read_source(const std::string& path, const config::Environment& environment);
// `text` in place of the file `name`, as PUT sends it: it may use these files, and no others.
Source read_source_text(std::string_view text, const std::string& name,
                        const config::Environment& environment, std::vector<std::string> files);

// Replaces `path` by rename. An empty string, or what went wrong. `may`, if given, is asked at the last
// moment: a word of its own is why not.
std::string replace_file(const std::string& path, std::string_view text,
                         const std::function<std::string()>& may = nullptr);

}  // namespace gatehouse::control
