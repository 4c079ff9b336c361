#include "config/loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <tuple>
#include <utility>

#include "config/links.h"
#include "config/reader.h"
#include "config/substitute.h"
#include "config/suggest.h"
#include "config/system_authorities.h"
#include "config/tables.h"
#include "config/yaml.h"

namespace gatehouse::config {

namespace {

constexpr std::size_t kMaxFiles = 256;

void check_root(Reader& reader, Node& root) {
  if (root.is_map() || root.is_null()) return;
  reader.error(root, "a configuration is a map", "Write for example `services: {users: http://users:8080}`");
  root = Node{};
}

std::optional<Node> parse(Reader& reader, std::string_view text, const std::string& file) {
  const std::uint16_t index = reader.add_file(file);
  reader.documents.push_back(file);
  auto root = read_yaml(text, index, file, reader.diagnostics());
  if (!root) return std::nullopt;
  check_root(reader, *root);
  substitute(reader, *root);
  return root;
}

bool has_wildcard(std::string_view path) { return path.find_first_of("*?[") != std::string_view::npos; }

// The files that one `include` pattern names.
std::vector<std::string> files_of(Reader& reader, const Node& node, const std::string& main) {
  const std::string pattern = beside(main, node.value);
  if (!has_wildcard(pattern)) return {pattern};
  std::vector<std::string> found =
      reader.environment().glob ? reader.environment().glob(pattern) : std::vector<std::string>{};
  if (const auto& allowed = reader.environment().only_files) {
    std::erase_if(
        found, [&](const std::string& path) { return std::ranges::find(*allowed, path) == allowed->end(); });
  }
  std::erase(found, main);  // `*.yaml` beside the main file names that one too
  if (found.empty())
    reader.warning(reader.at(node), fmt::format("`{}` names no file", node.shown()),
                   "Check the pattern; it is taken from the folder of this file");
  return found;
}

void read_included(Reader& reader, const Node& node, const std::string& path, Spec& spec) {
  if (std::ranges::find(reader.files(), path) != reader.files().end()) {
    reader.error(node, fmt::format("the file `{}` is included twice", path), "Name it once");
    return;
  }
  if (reader.files().size() >= kMaxFiles) {
    reader.error(node, fmt::format("more than {} files", kMaxFiles), "Include fewer, larger files");
    return;
  }
  if (!may_use(reader, node, path, path)) return;
  const auto text = reader.environment().read_file ? reader.environment().read_file(path) : std::nullopt;
  if (!text) {
    reader.error(node, fmt::format("the included file `{}` cannot be read", path),
                 "It must be a regular file that the gateway's user may read");
    return;
  }
  if (auto document = parse(reader, *text, path))
    read_table(reader, *document, {}, top_table(), &spec, Part::include);
}

void read_includes(Reader& reader, const Node& root, const std::string& main, Spec& spec) {
  const Node* include = root.find("include");
  if (include == nullptr || include->is_null()) return;
  const auto one = [&](const Node& node) {
    if (!node.is_scalar() || node.value.empty()) {
      if (!node.failed)
        reader.error(node, "`include` takes a file such as `teams/*.yaml`, or a list of them");
      return;
    }
    for (const std::string& path : files_of(reader, node, main)) read_included(reader, node, path, spec);
  };
  if (!include->is_list()) return one(*include);
  for (const Node& node : include->items) one(node);
}

// One path for all services would be the same route many times over.
void check_default_path(Reader& reader, const Node& defaults) {
  const Node* path = defaults.find("path");
  if (path == nullptr || !reader.defaults.path) return;
  reader.error(*path, "a `path` does not belong in `defaults`, except `none`", "Write it in each service");
}

std::string default_state(const Environment& environment) {
  const auto variable = [&](const char* name) {
    auto value = environment.variable ? environment.variable(name) : std::nullopt;
    return value && !value->empty() ? *value : std::string();
  };
  if (const std::string folder = variable("STATE_DIRECTORY"); !folder.empty())
    return folder.substr(0, folder.find(':'));  // systemd: a list
  if (const std::string home = variable("XDG_STATE_HOME"); !home.empty()) return home + "/gatehouse";
  return "/var/lib/gatehouse";
}

// Services and routes of all files, then what follows from them.
void link(Reader& reader, Spec& spec) {
  if (spec.listeners.empty()) {
    spec.listeners.emplace_back();
    spec.listeners.back().name = "public";
  }
  if (const Location* at = verified_by_system(spec)) {
    if (auto read = read_system_authorities(reader.environment())) {
      spec.system_ca = std::move(*read);
    } else {
      reader.error(*at, read.error(), "Correct the variable; a service may have `tls: {ca: FILE}` instead");
    }
  }
  check_references(reader, spec);
  check_auth(reader, spec);
  check_ports(reader, spec);
  add_base_routes(reader, spec);
  check_rewrites(reader, spec);
  name_routes(reader, spec);
  check_limits(reader, spec);
}

// By place. What stands at one place keeps its order.
void sort(Diagnostics& diagnostics, const std::vector<std::string>& files) {
  std::vector<std::size_t> order(diagnostics.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto place = [&](std::size_t index) {
    const Location& at = diagnostics[index].at;
    return std::tuple(std::ranges::find(files, at.file) - files.begin(), at.line, at.column, index);
  };
  std::ranges::sort(order, {}, place);
  Diagnostics sorted;
  for (std::size_t index : order) sorted.push_back(std::move(diagnostics[index]));
  diagnostics = std::move(sorted);
}

}  // namespace

Loaded load_text(std::string_view text, const std::string& name, const Environment& environment) {
  Loaded out;
  Reader reader(environment, out.diagnostics);
  Spec spec;
  if (auto document = parse(reader, text, name)) {
    if (const Node* defaults = document->find("defaults"); defaults != nullptr) {
      read_table(reader, *defaults, "defaults",
                 *top_table().fields[find_field(top_table(), "defaults")].table, &reader.defaults,
                 Part::defaults);
      check_default_path(reader, *defaults);
    }
    read_table(reader, *document, {}, top_table(), &spec);
    read_includes(reader, *document, name, spec);
    link(reader, spec);
  }
  if (spec.state.empty()) spec.state = Secret::plain(default_state(environment));
  out.state = spec.state;
  out.documents = std::move(reader.documents);
  spec.files = reader.files();
  sort(out.diagnostics, spec.files);
  if (!has_errors(out.diagnostics)) out.spec = std::move(spec);
  return out;
}

Loaded load_file(const std::string& path, const Environment& environment) {
  const auto text = environment.read_file ? environment.read_file(path) : std::nullopt;
  if (text) return load_text(*text, path, environment);
  Loaded out;
  out.diagnostics.push_back({Diagnostic::Level::error,
                             {path, 0, 0},
                             "the file cannot be read",
                             "It must exist, and be a regular file that this user may read"});
  return out;
}

}  // namespace gatehouse::config
