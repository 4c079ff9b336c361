#include "control/kept_configuration.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <charconv>

#include "base/hash.h"

namespace gatehouse::control {
namespace {

constexpr std::string_view kName = "gatehouse configuration 1\n";
constexpr std::size_t kMostFiles = 256;  // as the loader

// A number and the character behind it.
std::optional<std::size_t> take_number(std::string_view& text, char end) {
  std::size_t number = 0;
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || at == text.data() + text.size() || *at != end) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(at - text.data()) + 1);
  return number;
}

std::vector<std::string> matching(const KeptConfiguration& kept, const std::string& pattern) {
  std::vector<std::string> found;
  for (const auto& [path, text] : kept.files)
    if (::fnmatch(pattern.c_str(), path.c_str(), FNM_PATHNAME) == 0) found.push_back(path);
  return found;  // in the order of the configuration, which is glob's
}

std::string checksum(std::string_view text) { return fmt::format("{:016x}\n", hash64(text)); }

}  // namespace

std::optional<KeptConfiguration> KeptConfiguration::of(const Source& source) {
  if (!source.spec) return std::nullopt;
  KeptConfiguration kept;
  for (const std::string& path : source.documents) {
    const auto file = source.bytes.find(path);
    if (file == source.bytes.end() || !file->second) return std::nullopt;
    kept.files.emplace_back(path, *file->second);
  }
  return kept;
}

std::string KeptConfiguration::text() const {
  std::string out(kName);
  for (const auto& [path, text] : files)
    out += fmt::format("{} {}\n{}{}", path.size(), text.size(), path, text);
  return out + checksum(out);
}

std::expected<KeptConfiguration, std::string> KeptConfiguration::parse(std::string_view text) {
  const auto wrong = [](const char* why) { return std::unexpected(std::string(why)); };
  if (!text.starts_with(kName)) return wrong("it is no such file of this version");
  const std::size_t sum = checksum({}).size();
  if (text.size() < kName.size() + sum ||
      text.substr(text.size() - sum) != checksum(text.substr(0, text.size() - sum)))
    return wrong("it is damaged or cut off");
  std::string_view rest = text.substr(kName.size(), text.size() - kName.size() - sum);
  KeptConfiguration kept;
  while (!rest.empty()) {
    const auto path = take_number(rest, ' ');
    const auto size = path ? take_number(rest, '\n') : std::nullopt;
    if (!size || *path > rest.size() || *size > rest.size() - *path || kept.files.size() == kMostFiles)
      return wrong("it ends in the middle");
    kept.files.emplace_back(rest.substr(0, *path), rest.substr(*path, *size));
    rest.remove_prefix(*path + *size);
  }
  if (kept.files.empty()) return wrong("it is empty");
  return kept;
}

Source read_kept(const KeptConfiguration& kept, const config::Environment& environment) {
  config::Environment e = environment;
  e.read_file = [&kept, read = environment.read_file](const std::string& path) -> std::optional<std::string> {
    const auto file = std::ranges::find(kept.files, path, [](const auto& f) { return f.first; });
    if (file != kept.files.end()) return file->second;
    return read ? read(path) : std::nullopt;
  };
  // What an `include` found then, by its own rule.
  e.glob = [&kept](const std::string& pattern) { return matching(kept, pattern); };
  Source source = read_source(kept.files.front().first, e);
  source.kept = true;
  return source;
}

}  // namespace gatehouse::control
