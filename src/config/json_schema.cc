// The JSON Schema of the language, for completion and checks in editors. One definition a table and a kind of
// value.
#include <fmt/format.h>

#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "config/loader.h"
#include "config/tables.h"

namespace gatehouse::config {

namespace {

// A condition's value: see rule 3. The kinds of `when` refer to it.
constexpr std::string_view kConditionSet = R"({
      "type": "object", "minProperties": 1, "additionalProperties": false,
      "properties": {"host": {"$ref": "#/$defs/test"}, "path": {"$ref": "#/$defs/test"}, "method": {"$ref": "#/$defs/test"}, "ip": {"$ref": "#/$defs/test"}, "listener": {"$ref": "#/$defs/test"}, "user": {"$ref": "#/$defs/test"}},
      "patternProperties": {"^(header|query|cookie|claim)[.].+$": {"$ref": "#/$defs/test"}, "^cert[.](subject|san|sha256)$": {"$ref": "#/$defs/test"}}
    })";
constexpr std::string_view kTest = R"({
      "anyOf": [{"$ref": "#/$defs/single_test"}, {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/single_test"}}]
    })";
constexpr std::string_view kSingleTest = R"({
      "anyOf": [{"type": ["string", "number", "boolean"]}, {"type": "object", "required": ["is"], "properties": {"is": {"type": ["string", "number", "boolean"]}}, "additionalProperties": false}]
    })";
constexpr std::string_view kConditions = R"({
      "anyOf": [{"$ref": "#/$defs/condition_set"}, {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/condition_set"}}]
    })";
constexpr std::string_view kAlgorithm = R"({
      "enum": ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "HS256", "HS384", "HS512"]
    })";
// Any value may come from a variable or a file instead.
constexpr std::string_view kSubstitution = R"({"type": "string", "pattern": "[$]|^file:"})";

std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

// `services.<name>.retry` -> `services_name_retry`.
std::string definition_name(std::string_view table) {
  std::string out;
  for (char c : table) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (letter) out += c;
    if (!letter && !out.empty() && out.back() != '_') out += '_';
  }
  if (out.ends_with('_')) out.pop_back();
  return out;
}

std::string reference_to(const Table& table) {
  return fmt::format(R"({{"$ref": "#/$defs/{}"}})", definition_name(table.name));
}

// The kind's schema, with the field's range and word for nothing.
std::string value_schema(const Field& field) {
  std::string schema(field.kind->schema);
  const Options& options = field.options;
  if (schema == R"({"type": "integer"})") {
    schema.pop_back();
    if (options.min != std::numeric_limits<std::int64_t>::min())
      schema += fmt::format(R"(, "minimum": {})", options.min);
    if (options.max != std::numeric_limits<std::int64_t>::max())
      schema += fmt::format(R"(, "maximum": {})", options.max);
    schema += '}';
  }
  std::string any = schema;
  if (!options.zero.empty()) any += fmt::format(R"(, {{"const": {}}})", json_text(options.zero));
  if (options.zero == "off") any += R"(, {"const": false})";
  const bool takes_any_text = schema == R"({"type": "string"})";
  if (!takes_any_text) any += fmt::format(", {}", kSubstitution);
  return any == schema ? schema : fmt::format(R"({{"anyOf": [{}]}})", any);
}

std::string with_description(std::string schema, const Table& table, const Field& field) {
  std::string description(field.help);
  if (const auto standard = default_of(table, field); standard && !standard->empty()) {
    description += fmt::format(" (default: {})", *standard);
  }
  schema.pop_back();
  return fmt::format(R"({}, "description": {}}})", schema, json_text(description));
}

std::string field_schema(const Table& table, const Field& field) {
  switch (field.shape) {
    case Shape::value: return with_description(value_schema(field), table, field);
    case Shape::group: return with_description(reference_to(*field.table), table, field);
    case Shape::optional:
      return with_description(
          fmt::format(R"({{"anyOf": [{{"enum": [{}]}}, {}]}})",
                      field.options.on ? R"("on", "off", true, false)" : R"("off", false)",
                      reference_to(*field.table)),
          table, field);
    case Shape::named: {
      std::string map =
          fmt::format(R"({{"type": "object", "additionalProperties": {}}})", reference_to(*field.table));
      if (!field.options.short_name.empty())
        map = fmt::format(
            R"({{"anyOf": [{}, {}]}})", map,
            value_schema(field.table->fields[find_field(*field.table, field.table->short_field)]));
      return with_description(std::move(map), table, field);
    }
    case Shape::list:
      return with_description(
          fmt::format(R"({{"type": ["array", "null"], "items": {}}})", reference_to(*field.table)), table,
          field);
    case Shape::elsewhere:
      if (field.table == nullptr) return with_description(value_schema(field), table, field);
      return with_description(R"({"$ref": "#/$defs/defaults"})", table, field);
    case Shape::later: break;
  }
  return "{}";
}

// The map form of a table; fields that are not available are not in it.
std::string object_schema(const Table& table, bool in_defaults) {
  std::string properties;
  for (const Field& field : table.fields) {
    if (field.shape == Shape::later || (in_defaults && !field.options.in_defaults)) continue;
    properties += fmt::format("{}\n        {}: {}", properties.empty() ? "" : ",", json_text(field.name),
                              field_schema(table, field));
  }
  return fmt::format(
      "{{\n      \"type\": [\"object\", \"null\"], \"additionalProperties\": false,\n      \"properties\": "
      "{{{}\n      }}\n    }}",
      properties);
}

std::string table_schema(const Table& table) {
  std::string forms = object_schema(table, false);
  std::string others;
  if (!table.short_field.empty())
    others += ", " + value_schema(table.fields[find_field(table, table.short_field)]);
  if (table.turn_off != nullptr) others += R"(, {"enum": ["off", false]})";
  return others.empty() ? forms : fmt::format(R"({{"anyOf": [{}{}]}})", forms, others);
}

}  // namespace

std::string json_schema() {
  std::string definitions;
  const auto define = [&](std::string_view name, const std::string& schema) {
    definitions += fmt::format("{}\n    {}: {}", definitions.empty() ? "" : ",", json_text(name), schema);
  };
  for (const Table* table : all_tables()) {
    if (!table->name.empty()) define(definition_name(table->name), table_schema(*table));
  }
  define("defaults", object_schema(service_table(), true));
  define("algorithm", std::string(kAlgorithm));
  define("conditions", std::string(kConditions));
  define("condition_set", std::string(kConditionSet));
  define("test", std::string(kTest));
  define("single_test", std::string(kSingleTest));
  std::string top = object_schema(top_table(), false);
  return fmt::format(
      "{{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n  \"title\": \"Gatehouse "
      "configuration\",\n  \"type\": \"object\",\n  "
      "\"$defs\": {{{}\n  }},\n  \"allOf\": [{}]\n}}\n",
      definitions, top);
}

}  // namespace gatehouse::config
