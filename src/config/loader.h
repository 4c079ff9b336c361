// From files to a Spec, or to all that is wrong with them.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostic.h"
#include "config/spec.h"

namespace gatehouse::config {

// What the loader may look at outside the text; parameters, so that tests give their own.
struct Environment {
  std::function<std::optional<std::string>(const std::string& name)> variable;   // $NAME
  std::function<std::optional<std::string>(const std::string& path)> read_file;  // nullopt = unreadable
  std::function<std::vector<std::string>(const std::string& pattern)> glob;      // sorted paths
  std::optional<std::vector<std::string>>
      only_files;               // if set, `file:` and `include` may use these paths alone
  static Environment system();  // the process's own
};

struct Loaded {
  std::optional<Spec> spec;  // present if there is no error
  Diagnostics diagnostics;   // errors, warnings and hints, in order of file, line, column
  // The files of Spec::files that are configuration, not secrets or certificates that it names; the main one
  // first.
  std::vector<std::string> documents{};
  Secret state{};  // the state folder, as far as it could be read: of a file with errors too
};

// Bounded: 4 MB a file, 64 levels, aliases refused, 256 files. Pure but for `environment`. Any thread.
Loaded load_file(const std::string& path, const Environment& environment);
Loaded load_text(std::string_view text, const std::string& name, const Environment& environment);

// The Spec as YAML: every default, each line with a comment that says where its value comes from.
// Secrets print as their source.
std::string print(const Spec& spec);
std::string json_schema();
std::string reference_markdown();  // the configuration part of docs/reference.md

}  // namespace gatehouse::config
