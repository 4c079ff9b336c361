// JSON written from top to bottom, for the answers of the admin API and `--json`. Not for the hot path.
#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <vector>

namespace gatehouse {

class JsonText {
 public:
  JsonText& begin_object() { return open('{'); }
  JsonText& end_object() { return close('}'); }
  JsonText& begin_array() { return open('['); }
  JsonText& end_array() { return close(']'); }
  JsonText& key(std::string_view name);
  JsonText& value(std::string_view text);
  JsonText& value(const char* text) { return value(std::string_view(text)); }
  JsonText& value(bool b) { return raw(b ? "true" : "false"); }
  JsonText& value(std::integral auto n) { return raw(std::to_string(n)); }
  JsonText& value(double n);
  JsonText& null() { return raw("null"); }
  template <class T>
  JsonText& field(std::string_view name, const T& v) {
    return key(name).value(v);
  }
  JsonText& strings(std::string_view name, const std::vector<std::string>& list);

  // With a newline at the end.
  std::string take();

 private:
  JsonText& raw(std::string_view text);
  JsonText& open(char bracket);
  JsonText& close(char bracket);
  void before_value();
  void quote(std::string_view text);

  std::string out_;
  bool first_ = true;  // in the innermost object or array
  bool after_key_ = false;
};

}  // namespace gatehouse
