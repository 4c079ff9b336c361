#include "config/table.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/suggest.h"
#include "config/tables.h"

namespace gatehouse::config {

namespace {

// What other gateways, or the plural, call our fields.
constexpr std::pair<std::string_view, std::string_view> kSynonyms[] = {
    {"upstreams", "services"},
    {"upstream", "services"},
    {"backends", "services"},
    {"clusters", "services"},
    {"listeners", "listen"},
    {"server", "listen"},
    {"servers", "listen"},
    {"entrypoints", "listen"},
    {"paths", "path"},
    {"prefix", "path"},
    {"uri", "path"},
    {"hosts", "host"},
    {"hostname", "host"},
    {"methods", "method"},
    {"service", "to"},
    {"backend", "to"},
    {"target", "to"},
    {"match", "when"},
    {"if", "when"},
    {"conditions", "when"},
    {"urls", "url"},
    {"address", "bind"},
    {"endpoints", "url"},
    {"targets", "url"},
    {"retries", "retry"},
    {"strip_prefix", "rewrite"},
    {"load_balancing", "balance"},
    {"lb", "balance"},
    {"healthcheck", "health"},
    {"health_check", "health"},
    {"read_timeout", "timeout"},
    {"max_body_size", "max_body"},
    {"client_max_body_size", "max_body"},
    {"proxy_connect_timeout", "connect_timeout"},
    {"attempts", "tries"},
    {"interval", "every"},
    {"logging", "log"},
    {"access_log", "log"},
    {"worker_processes", "workers"},
    {"threads", "workers"},
    {"code", "status"},
    {"weight", "to"},
    {"authentication", "auth"},
    {"jwt", "auth"},
    {"oidc", "auth"},
    {"issuers", "issuer"},
    {"iss", "issuer"},
    {"jwks_uri", "jwks"},
    {"jwks_url", "jwks"},
    {"audiences", "audience"},
    {"aud", "audience"},
    {"algorithms", "algs"},
    {"clock_skew", "leeway"},
    {"apikeys", "api_keys"},
    {"keys_file", "file"},
    {"hash", "sha256"},
    {"origin", "origins"},
    {"allow_origins", "origins"},
    {"allowed_origins", "origins"},
    {"allow_methods", "methods"},
    {"allowed_methods", "methods"},
    {"allow_headers", "headers"},
    {"allowed_headers", "headers"},
    {"expose_headers", "expose"},
    {"exposed_headers", "expose"},
    {"allow_credentials", "credentials"},
    {"allow_private_network", "private_network"}};

// What was meant by a key that the table lacks: a near name, a synonym, or another table's field.
std::string hint_for(const Table& table, std::string_view key) {
  std::vector<std::string_view> names;
  for (const Field& field : table.fields) names.push_back(field.name);
  for (const auto& [theirs, ours] : kSynonyms) {
    if (theirs == key && std::ranges::find(names, ours) != names.end())
      return fmt::format("It is called `{}` here", ours);
  }
  for (const Table* other : all_tables()) {
    if (other == &table || find_field(*other, key) == other->fields.size()) continue;
    if (std::string near = did_you_mean(key, names); !near.empty()) return near;
    return fmt::format("It belongs {}",
                       other->name.empty() ? "at the top of the file" : fmt::format("to `{}`", other->name));
  }
  return did_you_mean(key, names);
}

void unknown_key(Reader& reader, const Node& key, std::string_view where, const Table& table) {
  const std::string place = where.empty() ? "at the top of the file" : fmt::format("in `{}`", where);
  std::string hint = hint_for(table, key.value);
  if (hint.empty()) {
    std::string names;
    for (const Field& field : table.fields) {
      if (field.shape != Shape::later) names += (names.empty() ? "`" : ", `") + std::string(field.name) + "`";
    }
    hint = "Known are " + names;
  }
  reader.error(key, fmt::format("unknown key `{}` {}", key.value, place), std::move(hint));
}

// A name may be taken once, across all files.
bool take_name(Reader& reader, const Node& key, const Field& field, void* member) {
  if (!field.options.short_name.empty() &&
      find_field(*field.table, key.value) != field.table->fields.size()) {
    reader.error(
        key, fmt::format("`{}` holds names, and `{}` belongs below one", field.name, key.value),
        fmt::format("Write `{0}: {{{1}: {{{2}: ...}}}}`", field.name, field.options.short_name, key.value));
    return false;
  }
  if (!is_name(key.value, false)) {
    reader.error(key, fmt::format("`{}` is no name", key.value), "A name has letters, digits, `_` and `-`");
    return false;
  }
  if (const auto first = reader.first_of(member, key.value, reader.at(key))) {
    reader.error(key,
                 fmt::format("`{}` is defined twice in `{}`, first at {}:{}", key.value, field.name,
                             first->file, first->line),
                 "Give one of them another name");
    return false;
  }
  return true;
}

void read_named(Reader& reader, const Node& node, const Field& field, void* member) {
  if (node.is_null()) return;
  if (!node.is_map() && !field.options.short_name.empty()) {
    void* element = field.groups.add(reader, member);
    *field.table->key(element) = field.options.short_name;
    *field.table->at(element) = reader.at(node);
    read_table(reader, node, field.name, *field.table, element);
    return;
  }
  if (!node.is_map()) {
    reader.error(node, fmt::format("`{0}` is a map from names to what they stand for", field.name),
                 fmt::format("Write `{}: {{name: ...}}`", field.name));
    return;
  }
  if (!field.options.short_name.empty() && !reader.few_enough(node, field.name)) return;
  for (const NodeMember& entry : node.members) {
    if (!take_name(reader, entry.key, field, member)) continue;
    void* element = field.groups.add(reader, member);
    *field.table->key(element) = entry.key.value;
    *field.table->at(element) = reader.at(entry.key);
    read_table(reader, entry.value, fmt::format("{}.{}", field.name, entry.key.value), *field.table, element);
  }
}

void read_list(Reader& reader, const Node& node, const Field& field, void* member) {
  if (node.is_null()) return;
  if (!node.is_list()) {
    reader.error(node, fmt::format("`{}` is a list", field.name),
                 fmt::format("Write each one on a line of its own: `- {{...}}`"));
    return;
  }
  for (const Node& item : node.items) {
    void* element = field.groups.add(reader, member);
    if (field.table->at != nullptr) *field.table->at(element) = reader.at(item);
    read_table(reader, item, field.name, *field.table, element);
  }
}

void read_optional(Reader& reader, const Node& node, const Field& field, std::string_view key, void* member) {
  // Of the whole, which several files may hold: none adds to another, or turns it off.
  if (field.options.in_include) {
    if (const auto first = reader.first_of(member, std::string(field.name), reader.at(node))) {
      reader.error(node,
                   fmt::format("`{}` is defined twice, first at {}:{}", field.name, first->file, first->line),
                   "Keep one of them");
      return;
    }
  }
  if (node.is_scalar() && (node.value == "off" || node.value == "false")) {
    field.groups.clear(member);
    return;
  }
  void* element = field.groups.add(reader, member);
  if (field.table->at != nullptr) *field.table->at(element) = reader.at(node);
  if (field.options.on && node.is_scalar() &&
      (node.value == "on" || node.value == "true")) {  // all its defaults, if that will do
    if (field.table->finish != nullptr) field.table->finish(reader, node, element);
    return;
  }
  read_table(reader, node, key, *field.table, element);
}

void read_value(Reader& reader, const Node& node, const Field& field, void* member) {
  if (node.is_null()) {
    reader.error(node, fmt::format("`{}` has no value", field.name),
                 fmt::format("Write {}, or remove the line", field.kind->expects));
    return;
  }
  if (node.holds_failure()) return;  // reported where it was to be replaced; there is no value to judge
  field.read(reader, node, field, member);
}

// Replaces what `defaults` may have left for the field.
void note(Written& written, std::size_t index, const Node& key, const Node& node, const Field& field) {
  const bool keep = field.kind != nullptr && !field.kind->keeps_source;
  std::erase_if(written.entries, [&](const Written::Entry& entry) { return entry.field == index; });
  written.entries.push_back({static_cast<std::uint16_t>(index), key.file, key.line,
                             keep && node.holds_substitution() ? flow_text(node) : std::string()});
}

// Anything but a map: the word `off`, or the value of the one field that the table names. False if it may be
// neither.
bool read_short(Reader& reader, const Node& node, std::string_view key, const Table& table, void* object) {
  const std::size_t index = find_field(table, table.short_field);
  if (table.turn_off != nullptr && node.is_scalar() && (node.value == "off" || node.value == "false")) {
    table.turn_off(object);
    if (index < table.fields.size()) note(table.written(object), index, node, node, table.fields[index]);
  } else if (index < table.fields.size()) {
    read_value(reader, node, table.fields[index], table.fields[index].member(object));
    note(table.written(object), index, node, node, table.fields[index]);
  } else if (!table.sample.empty()) {
    reader.error(node, fmt::format("each of `{}` is a map", key), fmt::format("Write `{}`", table.sample));
    return false;
  } else {
    reader.error(
        node, fmt::format("`{}` is a map", key),
        fmt::format("Write `{}: {{{}: ...}}`", key.substr(key.rfind('.') + 1), table.fields.front().name));
    return false;
  }
  return true;
}

bool may_stand(Reader& reader, const Node& key, const Field& field, Part part) {
  if (field.shape == Shape::later) {
    reader.error(key, fmt::format("`{}` is not available in this version", field.name), "Remove it");
    return false;
  }
  if (part == Part::include && !field.options.in_include) {
    reader.error(key, fmt::format("`{}` does not belong in an included file", field.name),
                 "Write it in the main file");
    return false;
  }
  if (part == Part::defaults && !field.options.in_defaults) {
    reader.error(key, fmt::format("`{}` does not belong in `defaults`", field.name),
                 "Write it in each service");
    return false;
  }
  return true;
}

}  // namespace

void read_field(Reader& reader, const Node& node, const std::string& key, const Field& field, void* object) {
  if (field.shape == Shape::elsewhere) return;
  void* member = field.member(object);
  switch (field.shape) {
    case Shape::value: return read_value(reader, node, field, member);
    case Shape::group:
      if (field.table->at != nullptr) *field.table->at(member) = reader.at(node);
      return read_table(reader, node, key, *field.table, member);
    case Shape::optional: return read_optional(reader, node, field, key, member);
    case Shape::named: return read_named(reader, node, field, member);
    case Shape::list: return read_list(reader, node, field, member);
    case Shape::elsewhere:
    case Shape::later: return;
  }
}

std::size_t find_field(const Table& table, std::string_view name) noexcept {
  const auto found = std::ranges::find(table.fields, name, &Field::name);
  return static_cast<std::size_t>(found - table.fields.begin());
}

bool is_written(const Table& table, const Written& written, std::string_view name) noexcept {
  return written.find(find_field(table, name)) != nullptr;
}

void read_table(Reader& reader, const Node& node, std::string_view key, const Table& table, void* object,
                Part part) {
  if (!node.is_map() && !node.is_null()) {
    if (!read_short(reader, node, key, table, object)) return;
    if (table.finish != nullptr && part != Part::defaults) table.finish(reader, node, object);
    return;
  }
  for (const NodeMember& member : node.members) {
    const std::size_t index = find_field(table, member.key.value);
    if (index == table.fields.size()) {
      unknown_key(reader, member.key, key, table);
      continue;
    }
    const Field& field = table.fields[index];
    if (!may_stand(reader, member.key, field, part)) continue;
    const std::string inner = key.empty() ? std::string(field.name) : fmt::format("{}.{}", key, field.name);
    read_field(reader, member.value, inner, field, object);
    note(table.written(object), index, member.key, member.value, field);
  }
  if (table.finish != nullptr && part != Part::defaults) table.finish(reader, node, object);
}

std::optional<std::string> default_of(const Table& table, const Field& field) {
  if (!field.options.default_text.empty()) return std::string(field.options.default_text);
  if (field.show == nullptr || table.make == nullptr) return std::nullopt;
  const auto object = table.make();
  return field.show(field, field.member(object.get()));
}

}  // namespace gatehouse::config
