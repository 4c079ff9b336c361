// What reading a configuration shares: the files, what was found wrong, and the names that are looked up at
// the end.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "config/diagnostic.h"
#include "config/loader.h"
#include "config/node.h"
#include "config/values.h"

namespace gatehouse::config {

// A name that must exist once everything is read.
struct Reference {
  enum class To : std::uint8_t { service, listener, issuer };
  To to = To::service;
  std::string name;
  std::string version;  // of a service; may be empty
  std::string shown;    // what an error may quote
  Location at;
};

class Reader {
 public:
  static constexpr std::size_t kMaxDiagnostics = 1000;
  // Of what is compared each with each: listeners, versions of a service, headers of a map, conditions of a
  // `when`.
  static constexpr std::size_t kMaxTogether = 1000;

  Reader(const Environment& environment, Diagnostics& diagnostics)
      : environment_(environment), diagnostics_(diagnostics) {}

  const Environment& environment() const noexcept { return environment_; }
  Diagnostics& diagnostics() noexcept { return diagnostics_; }

  // The index of `file` in `files`, added if it is new.
  std::uint16_t add_file(const std::string& file);
  const std::vector<std::string>& files() const noexcept { return files_; }
  // Those of them that are configuration, not something that it names.
  std::vector<std::string> documents;
  Location at(const Node& node) const;

  void error(const Node& node, std::string message, std::string instead = {});
  void error(const Location& at, std::string message, std::string instead = {});
  void warning(const Location& at, std::string message, std::string instead = {});
  void hint(const Location& at, std::string message, std::string instead = {});

  // False, and reported, if `node` holds more than kMaxTogether.
  bool few_enough(const Node& node, std::string_view what);

  // `what` (a field's name) has a wrong value. Of a substituted value nothing is said but that it is none of
  // `expects`: a complaint quotes the text, and that one may be a secret.
  void refuse(const Node& node, std::string_view what, std::string_view expects, const Complaint& complaint);

  // `name` (and `version` of it), which stands in `node`, must exist in the end. `shown`: what an error may
  // quote.
  void refer(const Node& node, Reference::To to, std::string name, std::string version, std::string shown);
  const std::vector<Reference>& references() const noexcept { return references_; }

  // Where `name` was first given in the map `owner`; nothing if this is the first time, which is then kept.
  std::optional<Location> first_of(const void* owner, const std::string& name, const Location& at);

  // What services begin with: `defaults`.
  ServiceSpec defaults;

 private:
  void add(Diagnostic::Level level, const Location& at, std::string message, std::string instead);

  const Environment& environment_;
  Diagnostics& diagnostics_;
  std::vector<std::string> files_;
  std::vector<Reference> references_;
  std::map<const void*, std::unordered_map<std::string, Location>> names_;
};

}  // namespace gatehouse::config
