#include "config/substitute.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace gatehouse::config {

namespace {

constexpr std::size_t kMaxFilesRead = 4096;  // of all kinds

bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_name_part(char c) { return is_name_start(c) || (c >= '0' && c <= '9'); }

bool is_variable(std::string_view name) {
  return !name.empty() && is_name_start(name.front()) && std::ranges::all_of(name, is_name_part);
}

std::optional<std::string> variable(Reader& reader, const Node& node, std::string_view name) {
  auto value =
      reader.environment().variable ? reader.environment().variable(std::string(name)) : std::nullopt;
  if (!value) {
    reader.error(node, fmt::format("the environment variable `{}` is not set", name),
                 "Set it, or write `$$` for a dollar");
  }
  return value;
}

// `text` with every `${NAME}` and `$$` replaced. Nothing if one of them cannot be. `variables`: whether there
// were any.
std::optional<std::string> replaced(Reader& reader, const Node& node, std::string_view text,
                                    bool& variables) {
  std::string out;
  while (!text.empty()) {
    const std::size_t dollar = text.find('$');
    out += text.substr(0, dollar);
    if (dollar == std::string_view::npos) break;
    text.remove_prefix(dollar + 1);
    if (text.starts_with('$')) {
      out += '$';
      text.remove_prefix(1);
    } else if (text.starts_with('{')) {
      const std::size_t end = text.find('}');
      const std::string_view name = text.substr(1, end == std::string_view::npos ? 0 : end - 1);
      if (!is_variable(name)) {
        reader.error(node, "`${` without the name of a variable and `}`",
                     "Write for example \"${NAME}\", or `$$` for a dollar");
        return std::nullopt;
      }
      auto value = variable(reader, node, name);
      if (!value) return std::nullopt;
      variables = true;
      out += *value;
      text.remove_prefix(end + 1);
    } else {
      out += '$';  // a lone one stands for itself: `~/a$`
    }
  }
  return out;
}

bool names_file(std::string_view text) {
  return text.starts_with("file:/") || text.starts_with("file:./") || text.starts_with("file:../");
}

void substitute_scalar(Reader& reader, Node& node) {
  std::optional<std::string> value;
  if (node.value.starts_with('$') && is_variable(std::string_view(node.value).substr(1))) {
    value = variable(reader, node, std::string_view(node.value).substr(1));
    node.whole = true;
  } else if (names_file(node.value)) {
    const std::string path = beside(reader.at(node).file, node.value.substr(5));
    value = contents(reader, node, path, path);
    node.whole = true;
  } else if (node.value.find('$') != std::string::npos) {
    bool variables = false;
    value = replaced(reader, node, node.value, variables);
    if (value && *value == node.value) return;
    node.escaped = value.has_value() && !variables;
  } else {
    return;
  }
  node.substituted = true;
  node.source = std::move(node.value);
  node.value = value.value_or(std::string());
  node.failed = !value.has_value();
}

}  // namespace

void substitute(Reader& reader, Node& node) {
  if (node.is_scalar()) substitute_scalar(reader, node);
  for (Node& item : node.items) substitute(reader, item);
  for (NodeMember& member : node.members) substitute(reader, member.value);
}

std::optional<std::string> contents(Reader& reader, const Node& node, const std::string& path,
                                    const std::string& shown, std::size_t max_size) {
  if (!may_use(reader, node, path, shown)) return std::nullopt;
  auto text = reader.environment().read_file ? reader.environment().read_file(path) : std::nullopt;
  if (!text) {
    reader.error(node, fmt::format("the file `{}` cannot be read", shown),
                 "It must be a regular file that the gateway's user may read");
    return std::nullopt;
  }
  if (text->size() > max_size) {
    reader.error(node, fmt::format("the file `{}` is larger than {} MB", shown, max_size / 1024 / 1024));
    return std::nullopt;
  }
  if (reader.files().size() >= kMaxFilesRead) {
    reader.error(node, fmt::format("more than {} files are read", kMaxFilesRead));
    return std::nullopt;
  }
  reader.add_file(path);
  if (text->ends_with('\n')) text->pop_back();
  if (text->ends_with('\r')) text->pop_back();
  return text;
}

std::string beside(const std::string& file, const std::string& path) {
  if (path.starts_with('/')) return path;
  const std::size_t slash = file.rfind('/');
  const std::string_view rest =
      path.starts_with("./") ? std::string_view(path).substr(2) : std::string_view(path);
  return slash == std::string::npos ? std::string(rest) : file.substr(0, slash + 1) + std::string(rest);
}

bool may_use(Reader& reader, const Node& node, const std::string& path, const std::string& shown) {
  const auto& allowed = reader.environment().only_files;
  if (!allowed || std::ranges::find(*allowed, path) != allowed->end()) return true;
  reader.error(node, fmt::format("the file `{}` may not be used here", shown),
               "A configuration that is sent may use only the files that the one on disk uses");
  return false;
}

}  // namespace gatehouse::config
