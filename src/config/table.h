// A table says all about one struct of the configuration: name, type, default, range, help and availability
// of each field. Loading, errors, `print`, the JSON Schema and the reference are all driven by the same
// tables, so a field is one line in tables.cc (and, for a new type of value, one ValueKind in kinds.cc).
//
// Defaults are not written down here: they are the member initialisers of the struct, shown by the field's
// kind.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "config/reader.h"

namespace gatehouse::config {

struct Field;
struct Table;

// What a type of value is called, expects and looks like in a JSON Schema.
struct Kind {
  std::string_view name;     // "duration"; a heading of the reference
  std::string_view expects;  // "a duration such as `10s`"
  std::string_view schema;   // a JSON Schema, `$...` not considered
  // Whether the value itself knows the source of what came from a substitution, and `show` shows that. Of
  // others the source is kept in Written.
  bool keeps_source = false;
};

// How to read and show a `T`. `read` reports what is wrong itself and returns false then.
template <class T>
struct ValueKind : Kind {
  bool (*read)(Reader&, const Node&, const Field&, T&);
  std::optional<std::string> (*show)(const Field&,
                                     const T&);  // as YAML on one line; nothing if it has no spelling
};

struct Options {
  std::int64_t min = std::numeric_limits<std::int64_t>::min();  // in the unit of the kind (ns, bytes, 1)
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
  std::string_view zero{};          // the word for 0 or nothing: `none`, `off`, `auto`
  std::string_view default_text{};  // shown where the default has no spelling: "the client's"
  std::string_view short_name{};    // of a map from names: a single value stands for one of this name
  bool filled = false;              // an empty list is an error: it would read as none, but mean any
  bool in_defaults = true;          // may stand in `defaults`
  bool in_include = false;          // of the whole: may stand in an included file
  bool on = true;                   // of a group that may be off: `on` is one with all its defaults
};

enum class Shape : std::uint8_t {
  value,      // one value, read and shown by a kind
  group,      // a struct with a table of its own
  optional,   // a group that may be off
  named,      // a map from names to groups
  list,       // a list of groups
  elsewhere,  // known and described, but read by the loader itself (`include`, `defaults`)
  later,      // of the language, but not available in this version
};

// A field that is no single value, as a sequence of groups.
struct Groups {
  std::size_t (*size)(const void* member);
  const void* (*at)(const void* member, std::size_t index);
  void* (*add)(Reader& reader, void* member);
  void (*clear)(void* member);
};

struct Field {
  std::string_view name;
  Shape shape = Shape::value;
  std::string_view help;
  Options options;
  const Kind* kind = nullptr;    // of a value
  const Table* table = nullptr;  // of all that holds groups
  void* (*member)(void* object) = nullptr;
  bool (*read)(Reader&, const Node&, const Field&, void* member) = nullptr;
  std::optional<std::string> (*show)(const Field&, const void* member) = nullptr;
  Groups groups{};
};

struct Table {
  std::string_view name;  // "listen.<name>"
  std::string_view help;
  std::span<const Field> fields;
  // The short form: anything but a map is the value of this field. Empty if there is none.
  std::string_view short_field{};
  std::string_view sample{};                     // how one of a list is written
  void (*turn_off)(void* object) = nullptr;      // what the word `off` does, if it may stand for the whole
  bool (*is_off)(const void* object) = nullptr;  // if `off` then says it all
  void (*finish)(Reader&, const Node&, void* object) = nullptr;  // checks of more than one field
  Written& (*written)(void* object) = nullptr;
  Location* (*at)(void* object) = nullptr;                     // where it begins, if the struct keeps that
  std::string* (*key)(void* object) = nullptr;                 // its name, if it is one of a map
  std::unique_ptr<void, void (*)(void*)> (*make)() = nullptr;  // one with all its defaults
};

// Reads `node` by `table` into `object`, reporting all that is wrong. `key`: what the node stands under.
enum class Part : std::uint8_t { whole, include, defaults };  // which fields may stand here
void read_table(Reader& reader, const Node& node, std::string_view key, const Table& table, void* object,
                Part part = Part::whole);

// Reads what stands under one field of `object`. `key`: the field's whole name, for errors.
void read_field(Reader& reader, const Node& node, const std::string& key, const Field& field, void* object);

// The position of `name` in the table, or the number of fields.
std::size_t find_field(const Table& table, std::string_view name) noexcept;
bool is_written(const Table& table, const Written& written, std::string_view name) noexcept;

// The default as it is shown; nothing if the field has none.
std::optional<std::string> default_of(const Table& table, const Field& field);

// ---- building tables
// ------------------------------------------------------------------------------------------

template <class M>
struct MemberOf;
template <class S, class T>
struct MemberOf<T S::*> {
  using Struct = S;
  using Type = T;
};

template <auto M>
void* member_of(void* object) {
  return &(static_cast<typename MemberOf<decltype(M)>::Struct*>(object)->*M);
}

template <class T>
constexpr Field value_at(void* (*member)(void*), std::string_view name, const ValueKind<T>& kind,
                         std::string_view help, Options options) {
  Field field{.name = name, .help = help, .options = options, .kind = &kind, .member = member};
  field.read = [](Reader& reader, const Node& node, const Field& f, void* member) {
    return static_cast<const ValueKind<T>*>(f.kind)->read(reader, node, f, *static_cast<T*>(member));
  };
  field.show = [](const Field& f, const void* member) {
    return static_cast<const ValueKind<T>*>(f.kind)->show(f, *static_cast<const T*>(member));
  };
  return field;
}

template <auto M, class T = typename MemberOf<decltype(M)>::Type>
constexpr Field value(std::string_view name, const ValueKind<T>& kind, std::string_view help,
                      Options options = {}) {
  return value_at<T>(member_of<M>, name, kind, help, options);
}

// A value of a struct within the struct, beside whose own fields it is written.
template <auto Outer, auto Inner, class T = typename MemberOf<decltype(Inner)>::Type>
constexpr Field value_within(std::string_view name, const ValueKind<T>& kind, std::string_view help,
                             Options options = {}) {
  return value_at<T>([](void* object) { return member_of<Inner>(member_of<Outer>(object)); }, name, kind,
                     help, options);
}

// A value that fills more than one member of the struct.
template <class T>
constexpr Field value_of_all(std::string_view name, const ValueKind<T>& kind, std::string_view help,
                             Options options = {}) {
  return value_at<T>([](void* object) { return object; }, name, kind, help, options);
}

template <auto M>
constexpr Field group(std::string_view name, const Table& table, std::string_view help,
                      Options options = {}) {
  return {.name = name,
          .shape = Shape::group,
          .help = help,
          .options = options,
          .table = &table,
          .member = member_of<M>};
}

template <auto M, class T = typename MemberOf<decltype(M)>::Type>
constexpr Field optional(std::string_view name, const Table& table, std::string_view help,
                         Options options = {}) {
  Field field{.name = name,
              .shape = Shape::optional,
              .help = help,
              .options = options,
              .table = &table,
              .member = member_of<M>};
  field.groups.size = [](const void* m) -> std::size_t {
    return static_cast<const T*>(m)->has_value() ? 1 : 0;
  };
  field.groups.at = [](const void* m, std::size_t) -> const void* { return &**static_cast<const T*>(m); };
  field.groups.add = [](Reader&, void* m) -> void* {
    T& member = *static_cast<T*>(m);
    return member ? &*member : &member.emplace();
  };
  field.groups.clear = [](void* m) { static_cast<T*>(m)->reset(); };
  return field;
}

// What a new element of a list or map begins with; services begin with `defaults`.
template <class E>
E fresh(const Reader&) {
  return E{};
}
template <>
inline ServiceSpec fresh<ServiceSpec>(const Reader& reader) {
  return reader.defaults;
}

template <auto M, class T = typename MemberOf<decltype(M)>::Type>
constexpr Field groups(std::string_view name, Shape shape, const Table& table, std::string_view help,
                       Options options = {}) {
  Field field{.name = name,
              .shape = shape,
              .help = help,
              .options = options,
              .table = &table,
              .member = member_of<M>};
  field.groups.size = [](const void* m) { return static_cast<const T*>(m)->size(); };
  field.groups.at = [](const void* m, std::size_t i) -> const void* {
    return &(*static_cast<const T*>(m))[i];
  };
  field.groups.add = [](Reader& reader, void* m) -> void* {
    return &static_cast<T*>(m)->emplace_back(fresh<typename T::value_type>(reader));
  };
  field.groups.clear = [](void* m) { static_cast<T*>(m)->clear(); };
  return field;
}

constexpr Field elsewhere(std::string_view name, const Kind* kind, const Table* table,
                          std::string_view help) {
  Field field;
  field.name = name;
  field.shape = Shape::elsewhere;
  field.help = help;
  field.kind = kind;
  field.table = table;
  return field;
}

constexpr Field later(std::string_view name) {
  Field field;
  field.name = name;
  field.shape = Shape::later;
  return field;
}

// A table of `S` with what can be read off the struct itself filled in.
template <class S>
constexpr Table table_of(std::string_view name, std::string_view help, std::span<const Field> fields) {
  Table table{.name = name, .help = help, .fields = fields};
  table.written = [](void* object) -> Written& { return static_cast<S*>(object)->written; };
  table.make = [] {
    return std::unique_ptr<void, void (*)(void*)>(new S{},
                                                  [](void* object) { delete static_cast<S*>(object); });
  };
  if constexpr (requires(S s) { s.at; }) {
    table.at = [](void* object) { return &static_cast<S*>(object)->at; };
  }
  if constexpr (requires(S s) { s.name; }) {
    table.key = [](void* object) { return &static_cast<S*>(object)->name; };
  }
  return table;
}

}  // namespace gatehouse::config
