// The last configuration that came into force from the disk, as it is kept in the state folder: a gateway
// that is started again while its files have an error goes on with that, and says so.
//
// Only the configuration's own files, with secrets as they are written (`$NAME`, `file:`); what they name
// (certificates, keys, secrets) is read from its own place.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/loader.h"
#include "control/source.h"

namespace gatehouse::control {

inline constexpr const char* kConfigurationFile = "configuration";

struct KeptConfiguration {
  std::vector<std::pair<std::string, std::string>> files;  // path and text; the main one first

  // nullopt: the source has errors, or a file of it is not known.
  static std::optional<KeptConfiguration> of(const Source& source);
  static std::expected<KeptConfiguration, std::string> parse(std::string_view text);  // or why not
  std::string text() const;
};

// The source that these files make: read by `environment`, but for the files themselves and what `include`
// finds.
Source read_kept(const KeptConfiguration& kept, const config::Environment& environment);

}  // namespace gatehouse::control
