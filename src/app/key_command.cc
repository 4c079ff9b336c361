#include "app/key_command.h"

#include <fmt/format.h>
#include <openssl/sha.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <map>
#include <optional>
#include <string_view>

#include "app/fresh_file.h"
#include "base/json_text.h"
#include "config/values.h"
#include "config/yaml.h"
#include "jose/base64url.h"

namespace gatehouse::app {
namespace {

// So that a key in a log or a repository is known for what it is.
constexpr std::string_view kPrefix = "gh_";

int no_good(const std::string& what) {
  std::fputs((what + "\n").c_str(), stderr);
  return 2;
}
int failed(const std::string& what) {
  std::fputs((what + "\n").c_str(), stderr);
  return 1;
}

std::optional<std::string> fresh_key() {
  std::array<std::uint8_t, 32> random{};
  if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size()))
    return std::nullopt;
  return std::string(kPrefix) + jose::base64url_encode(random);
}

std::string hash_of(std::string_view key) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  ::SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(), digest.data());
  std::string out;
  for (unsigned char byte : digest) out += fmt::format("{:02x}", byte);
  return out;
}

using Claims = std::map<std::string, std::vector<std::string>>;

std::optional<Claims> claims_of(const std::vector<std::string>& texts) {
  Claims claims;
  for (const std::string& text : texts) {
    const std::size_t is = text.find('=');
    if (is == std::string::npos || is == 0) return std::nullopt;
    claims[text.substr(0, is)].push_back(text.substr(is + 1));
  }
  return claims;
}

// JSON is YAML.
std::string text_of(const std::string& value) {
  std::string out = JsonText().value(value).take();
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

// `alice: {sha256: "...", claims: {tier: "gold"}}`: a line of `auth.api_keys.keys`.
std::string line_of(const KeyOptions& options, const Claims& claims, const std::string& hash) {
  std::string line = fmt::format("{}: {{sha256: \"{}\"", text_of(options.name), hash);
  std::string items;
  for (const auto& [name, values] : claims) {
    std::string list;
    for (const auto& value : values) list += (list.empty() ? "" : ", ") + text_of(value);
    items += fmt::format("{}{}: {}", items.empty() ? "" : ", ", text_of(name),
                         values.size() == 1 ? list : "[" + list + "]");
  }
  if (!items.empty()) line += fmt::format(", claims: {{{}}}", items);
  if (!options.expires.empty()) line += fmt::format(", expires: {}", text_of(options.expires));
  return line + "}";
}

// What stands in the file; nullopt: it cannot be read.
std::optional<std::string> content_of(const std::string& path) {
  std::string content;
  std::FILE* file = std::fopen(path.c_str(), "re");
  if (file == nullptr) return errno == ENOENT ? std::optional(content) : std::nullopt;
  std::array<char, 64 * 1024> piece{};
  while (std::size_t n = std::fread(piece.data(), 1, piece.size(), file)) content.append(piece.data(), n);
  const bool good = std::ferror(file) == 0;
  std::fclose(file);
  return good ? std::optional(content) : std::nullopt;
}

// Adds the line. What stood there before, and will stand there, has to be a map of keys: the gateway would
// refuse anything else, and the key is shown only once. Empty, or what went wrong.
std::string add_line(const KeyOptions& options, const std::string& line) {
  const auto before = content_of(options.file);
  if (!before) return fmt::format("`{}` cannot be read: {}", options.file, std::strerror(errno));
  const std::string text = *before + (before->empty() || before->ends_with('\n') ? "" : "\n") + line + "\n";
  config::Diagnostics diagnostics;
  const auto known = config::read_yaml(*before, 0, options.file, diagnostics, config::kMaxKeyFileSize);
  if (known && known->find(options.name) != nullptr)
    return fmt::format("`{}` has a key `{}` already; remove it first, or choose another name", options.file,
                       options.name);
  const auto then = config::read_yaml(text, 0, options.file, diagnostics, config::kMaxKeyFileSize);
  if (!known || !then || !then->is_map())
    return fmt::format("`{}` is no map of keys, one a line, to which another can be added{}", options.file,
                       diagnostics.empty() ? "" : ": " + diagnostics.front().text());
  struct stat status{};
  const bool there = ::stat(options.file.c_str(), &status) == 0;
  FreshFile file(options.file, true);
  std::string wrong = file.refusal();
  if (wrong.empty()) wrong = file.write(text, there ? status.st_mode & 07777U : 0600);
  return wrong.empty() ? file.put_in_place() : wrong;
}

}  // namespace

int create_key(const KeyOptions& options) {
  if (options.name.empty()) return no_good("the key needs a name");
  const auto claims = claims_of(options.claims);
  if (!claims) return no_good("a claim is written as NAME=VALUE, for example `tier=gold`");
  if (!options.expires.empty() && !config::parse_wall_time(options.expires))
    return no_good(fmt::format("`{}` is no point in time; write for example `2027-12-31`", options.expires));
  const auto key = fresh_key();
  if (!key) return failed("the system has no random bytes");
  const std::string hash = hash_of(*key);
  const std::string line = line_of(options, *claims, hash);
  if (!options.file.empty())
    if (std::string wrong = add_line(options, line); !wrong.empty()) return failed(wrong);
  if (options.json) {
    std::fputs(JsonText()
                   .begin_object()
                   .field("name", options.name)
                   .field("key", *key)
                   .field("sha256", hash)
                   .end_object()
                   .take()
                   .c_str(),
               stdout);
    return 0;
  }
  std::fputs(
      fmt::format("{}\n\nThis is shown once; the gateway knows only its hash. {}\n", *key,
                  options.file.empty() ? fmt::format("For `auth.api_keys.keys`:\n  {}", line)
                                       : fmt::format("`{}` has it as `{}`.", options.file, options.name))
          .c_str(),
      stdout);
  return 0;
}

}  // namespace gatehouse::app
