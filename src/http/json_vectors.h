// Test data that others wrote, in JSON, read by a reader just large enough for it.
#pragma once

#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace gatehouse::http::vectors {

struct Json {
  enum class Type { null, boolean, number, string, array, object } type = Type::null;
  bool boolean = false;
  double number = 0;
  std::string string;
  std::vector<Json> array;
  std::map<std::string, Json, std::less<>> object;

  const Json& operator[](std::string_view key) const {
    static const Json none;
    const auto it = object.find(key);
    return it == object.end() ? none : it->second;
  }
};

// Trusts its input. Text outside ASCII may come as \u escapes: they are not needed here and become '?'.
class JsonReader {
 public:
  explicit JsonReader(std::string_view text) : p_(text.data()), end_(p_ + text.size()) {}

  Json value() {
    Json out;
    switch (next()) {
      case '{':
        out.type = Json::Type::object;
        ++p_;
        while (next() != '}') {
          std::string key = string();
          expect(':');
          out.object.emplace(std::move(key), value());
          if (next() == ',') ++p_;
        }
        ++p_;
        break;
      case '[':
        out.type = Json::Type::array;
        ++p_;
        while (next() != ']') {
          out.array.push_back(value());
          if (next() == ',') ++p_;
        }
        ++p_;
        break;
      case '"':
        out.type = Json::Type::string;
        out.string = string();
        break;
      default: word(out);
    }
    return out;
  }

 private:
  char next() {
    while (p_ != end_ && (*p_ == ' ' || *p_ == '\n' || *p_ == '\r' || *p_ == '\t')) ++p_;
    if (p_ == end_) std::abort();
    return *p_;
  }
  void expect(char c) {
    if (next() != c) std::abort();
    ++p_;
  }
  std::string string() {
    std::string out;
    expect('"');
    while (*p_ != '"') {
      if (*p_ != '\\') {
        out += *p_++;
        continue;
      }
      const char c = p_[1];
      p_ += 2;
      if (c == 'u') p_ += 4;
      out += c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c == 'u' ? '?' : c;
    }
    ++p_;
    return out;
  }
  void word(Json& out) {
    std::string text;
    while (p_ != end_ && std::string_view(",]} \n\r\t").find(*p_) == std::string_view::npos) text += *p_++;
    if (text == "true" || text == "false") {
      out.type = Json::Type::boolean;
      out.boolean = text == "true";
    } else if (text != "null") {
      out.type = Json::Type::number;
      out.number = std::strtod(text.c_str(), nullptr);
    }
  }
  const char* p_;
  const char* end_;
};

inline std::string from_base64(std::string_view text) {
  std::string out;
  unsigned bits = 0;
  int have = 0;
  for (char c : text) {
    constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const std::size_t v = kAlphabet.find(c);
    if (v == kAlphabet.npos) break;
    bits = bits << 6 | static_cast<unsigned>(v);
    have += 6;
    if (have >= 8) {
      have -= 8;
      out += static_cast<char>(bits >> have & 0xff);
    }
  }
  return out;
}

}  // namespace gatehouse::http::vectors
