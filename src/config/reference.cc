// The configuration part of docs/reference.md, from the same tables as the loader.
#include <fmt/format.h>

#include <limits>
#include <string>
#include <string_view>

#include "config/loader.h"
#include "config/tables.h"
#include "config/values.h"

namespace gatehouse::config {

namespace {

// `|` would end a cell.
std::string cell(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

// As markdown renderers make it from the heading.
std::string anchor(std::string_view heading) {
  std::string out;
  for (char c : heading) {
    if (c == ' ') out += '-';
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-') out += c;
  }
  return out;
}

std::string type_of(const Field& field) {
  switch (field.shape) {
    case Shape::value: return std::string(field.kind->name);
    case Shape::group:
    case Shape::optional: return fmt::format("[`{0}`](#{1})", field.table->name, anchor(field.table->name));
    case Shape::named:
      return fmt::format("map of [`{0}`](#{1})", field.table->name, anchor(field.table->name));
    case Shape::list:
      return fmt::format("list of [`{0}`](#{1})", field.table->name, anchor(field.table->name));
    case Shape::elsewhere:
      return field.kind != nullptr
                 ? std::string(field.kind->name)
                 : fmt::format("[`{0}`](#{1})", field.table->name, anchor(field.table->name));
    case Shape::later: break;
  }
  return {};
}

std::string show_bound(const Field& field, std::int64_t bound) {
  if (field.kind->name == "duration") return show_duration(Duration{bound});
  if (field.kind->name == "size") return show_size(static_cast<std::uint64_t>(bound));
  return std::to_string(bound);
}

std::string range_of(const Field& field) {
  constexpr auto kNoMin = std::numeric_limits<std::int64_t>::min();
  if (field.shape != Shape::value || field.options.min == kNoMin) return {};
  std::string out =
      fmt::format("{} .. {}", show_bound(field, field.options.min), show_bound(field, field.options.max));
  if (!field.options.zero.empty()) out += fmt::format(", `{}`", field.options.zero);
  return out;
}

std::string default_cell(const Table& table, const Field& field) {
  if (!field.options.default_text.empty()) return cell(field.options.default_text);
  if (field.shape == Shape::optional) return "`off`";
  if (const auto shown = default_of(table, field)) return fmt::format("`{}`", cell(*shown));
  return {};
}

std::string section(const Table& table) {
  std::string out =
      fmt::format("### {}\n\n{}\n\n| field | type | default | range | meaning |\n|---|---|---|---|---|\n",
                  table.name.empty() ? "The file" : fmt::format("`{}`", table.name), table.help);
  std::string later;
  for (const Field& field : table.fields) {
    if (field.shape == Shape::later) {
      later += fmt::format("{}`{}`", later.empty() ? "" : ", ", field.name);
      continue;
    }
    out += fmt::format("| `{}` | {} | {} | {} | {} |\n", field.name, type_of(field),
                       default_cell(table, field), range_of(field), cell(field.help));
  }
  if (!later.empty()) out += fmt::format("\nNot in this version, and refused: {}.\n", later);
  return out + "\n";
}

std::string types() {
  std::string out = "### Types\n\n| type | what is written |\n|---|---|\n";
  for (const Table* table : all_tables()) {
    for (const Field& field : table->fields) {
      if (field.kind == nullptr) continue;
      const std::string row = fmt::format("| {} | {} |\n", field.kind->name, cell(field.kind->expects));
      if (out.find(row) == std::string::npos) out += row;
    }
  }
  return out +
         "\nAny of them may be `$NAME` (an environment variable), hold `${NAME}`, or be `file:/path` (a "
         "file's contents).\n";
}

}  // namespace

std::string reference_markdown() {
  std::string out =
      "## Configuration\n\nGenerated from the tables that the loader reads by; do not edit.\n\n";
  for (const Table* table : all_tables()) out += section(*table);
  return out + types();
}

}  // namespace gatehouse::config
