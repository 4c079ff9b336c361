// The Spec as YAML, driven by the tables.
#include <fmt/format.h>

#include <cstddef>
#include <string>

#include "config/loader.h"
#include "config/node.h"
#include "config/tables.h"

namespace gatehouse::config {

namespace {

constexpr std::size_t kCommentColumn = 56;

class Printer {
 public:
  explicit Printer(const Spec& spec) : spec_(spec) {}

  // Every field of one struct. `dash`: the first line begins an item of a list.
  void table(const Table& table, const void* object, std::size_t indent, bool dash) {
    for (std::size_t i = 0; i < table.fields.size(); ++i) {
      const Field& field = table.fields[i];
      if (field.shape == Shape::later || field.shape == Shape::elsewhere) continue;
      lead_ = std::string(indent, ' ');
      if (dash) lead_.replace(indent - 2, 2, "- ");
      dash = !this->field(table, i, object, indent) && dash;
    }
  }

  std::string take() { return std::move(out_); }

 private:
  // False if only a comment was written, which begins no item of a list.
  bool field(const Table& table, std::size_t index, const void* object, std::size_t indent) {
    const Field& field = table.fields[index];
    const void* member = field.member(const_cast<void*>(object));  // the accessors of a table serve both
    const Written::Entry* entry = table.written(const_cast<void*>(object)).find(index);
    switch (field.shape) {
      case Shape::value: return value(field, member, entry, indent);
      case Shape::group:
        if (field.table->is_off != nullptr && field.table->is_off(member)) {
          line(fmt::format("{}: off", field.name), origin(entry));
        } else if (is_silent(*field.table, member)) {
          return absent(field, indent);
        } else {
          line(fmt::format("{}:", field.name), origin(entry));
          this->table(*field.table, member, indent + 2, false);
        }
        return true;
      case Shape::optional:
        if (field.groups.size(member) == 0) {
          if (field.options.default_text != "off" && entry == nullptr) return absent(field, indent);
          line(fmt::format("{}: off", field.name), origin(entry));
          return true;
        }
        line(fmt::format("{}:", field.name), origin(entry));
        this->table(*field.table, field.groups.at(member, 0), indent + 2, false);
        return true;
      case Shape::named:
      case Shape::list: return groups(field, member, entry, indent);
      case Shape::elsewhere:
      case Shape::later: break;
    }
    return false;
  }

  bool value(const Field& field, const void* member, const Written::Entry* entry, std::size_t indent) {
    // What came from a substitution is shown as it was written, never by its value.
    const bool from_source = entry != nullptr && !entry->source.empty();
    const auto shown = from_source ? std::optional(entry->source) : field.show(field, member);
    if (!shown) return absent(field, indent);
    line(fmt::format("{}: {}", field.name, *shown), origin(entry));
    return true;
  }

  // A group of which nothing has a spelling, because nothing is set: `headers`.
  static bool is_silent(const Table& table, const void* object) {
    for (std::size_t i = 0; i < table.fields.size(); ++i) {
      const Field& field = table.fields[i];
      if (field.shape == Shape::later) continue;
      if (table.written(const_cast<void*>(object)).find(i) != nullptr) return false;
      const void* member = field.member(const_cast<void*>(object));
      if (field.shape == Shape::group ? !is_silent(*field.table, member)
                                      : field.show == nullptr || field.show(field, member)) {
        return false;
      }
    }
    return true;
  }

  // A default without a spelling is a comment, so that it is seen and the output can be loaded.
  bool absent(const Field& field, std::size_t indent) {
    const std::string_view text = field.options.default_text;
    lead_ = std::string(indent, ' ') + "# ";
    line(fmt::format("{}: {}", field.name, text.empty() ? "none" : text), "default");
    return false;
  }

  bool groups(const Field& field, const void* member, const Written::Entry* entry, std::size_t indent) {
    const std::size_t count = field.groups.size(member);
    line(fmt::format("{}:", field.name), origin(entry));
    for (std::size_t i = 0; i < count; ++i) {
      const void* element = field.groups.at(member, i);
      if (field.shape == Shape::named) {
        lead_ = std::string(indent + 2, ' ');
        line(*field.table->key(const_cast<void*>(element)) + ":",
             origin(*field.table->at(const_cast<void*>(element))));
        table(*field.table, element, indent + 4, false);
      } else if (const auto* route = static_cast<const RouteSpec*>(element);
                 field.table == &route_table() && route->base) {
        base_route(*route, indent + 2);
      } else {
        table(*field.table, element, indent + 4, true);
      }
    }
    return true;
  }

  // A service's own route is not written again, or it would no longer be one.
  void base_route(const RouteSpec& route, std::size_t indent) {
    lead_ = std::string(indent, ' ') + "# ";
    const std::string path = route.paths.empty() ? "/*" : route.paths.front().text;
    const std::string to = route.to.empty() ? "" : route.to.front().service;
    line(fmt::format("- {{path: {}, to: {}}}", scalar_text(path), to),
         fmt::format("base route of `{}`, {}", to, origin(route.at)));
  }

  std::string origin(const Written::Entry* entry) const {
    if (entry == nullptr || entry->file >= spec_.files.size()) return "default";
    return fmt::format("{}:{}", spec_.files[entry->file], entry->line);
  }
  static std::string origin(const Location& at) {
    return at.line == 0 ? std::string("default") : fmt::format("{}:{}", at.file, at.line);
  }

  void line(const std::string& text, const std::string& origin) {
    const std::string whole = lead_ + text;
    out_ += fmt::format("{:<{}} # {}\n", whole, kCommentColumn, origin);
  }

  const Spec& spec_;
  std::string lead_;  // of the next line: indentation, and the dash of a list's item
  std::string out_;
};

}  // namespace

std::string print(const Spec& spec) {
  Printer printer(spec);
  printer.table(top_table(), &spec, 0, false);
  return printer.take();
}

}  // namespace gatehouse::config
