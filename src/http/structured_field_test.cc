#include "http/structured_field.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <string>

#include "base/vectors_testing.h"
#include "http/json_vectors.h"

namespace gatehouse::http {
namespace {

using vectors::Json;
using vectors::JsonReader;

// Whether the vector holds only what is written here: strings and integers, with integers as parameters.
bool is_bare(const Json& item) {
  return item.type == Json::Type::string ||
         (item.type == Json::Type::number && std::trunc(item.number) == item.number);
}
bool is_in_use(const Json& member) {
  if (member.type != Json::Type::array || member.array.size() != 2 || !is_bare(member.array[0])) return false;
  for (const Json& parameter : member.array[1].array)
    if (parameter.array[1].type != Json::Type::number ||
        std::trunc(parameter.array[1].number) != parameter.array[1].number)
      return false;
  return true;
}
void write(const Json& member, StructuredList& list) {
  const Json& value = member.array[0];
  if (value.type == Json::Type::string) {
    list.string(value.string);
  } else {
    list.integer(static_cast<std::int64_t>(value.number));
  }
  for (const Json& parameter : member.array[1].array)
    list.parameter(parameter.array[0].string, static_cast<std::int64_t>(parameter.array[1].number));
}

struct Played {
  std::size_t written = 0;
  std::size_t refused = 0;
};

// The reader of these files makes '?' of \u escapes: what they stand for is told by the name of the test.
bool has_escape(const Json& test) {
  return test["name"].string.starts_with("0x") ||
         test["name"].string.find("non-ascii") != std::string::npos ||
         test["name"].string.find("unicode") != std::string::npos;
}
std::string expected_text(const Json& test) {
  const Json& canonical = test["canonical"].type == Json::Type::array ? test["canonical"] : test["raw"];
  std::string text;
  for (const Json& line : canonical.array) text += (text.empty() ? "" : ", ") + line.string;
  return text;
}

void play(const Json& test, Played& played) {
  const Json& expected = test["expected"];
  if (expected.type != Json::Type::array || has_escape(test)) return;
  // JSON does not tell 1.0 from 1.
  if (test["name"].string.find("fraction") != std::string::npos ||
      test["name"].string.find("decimal") != std::string::npos)
    return;
  const bool is_list = test["header_type"].string == "list";
  if (!is_list && test["header_type"].string != "item") return;
  if (is_list) {
    for (const Json& member : expected.array)
      if (!is_in_use(member)) return;
    if (expected.array.empty()) return;
  } else if (!is_in_use(expected)) {
    return;
  }
  SCOPED_TRACE(test["name"].string);
  std::array<char, 8192> memory;
  StructuredList list(memory);
  if (is_list) {
    for (const Json& member : expected.array) write(member, list);
  } else {
    write(expected, list);
  }
  if (test["must_fail"].boolean) {
    EXPECT_FALSE(list.valid());
    ++played.refused;
    return;
  }
  EXPECT_TRUE(list.valid());
  EXPECT_EQ(list.text(), expected_text(test));
  ++played.written;
}

TEST(StructuredList, VectorsOfTheWorkingGroup) {
  Played played;
  for (const char* file :
       {"item", "list", "param-list", "number", "string", "examples", "string-generated", "number-generated",
        "key-generated", "large-generated", "serialisation-tests/number"}) {
    const std::string text = testing::read_vectors(std::string("structured-fields/") + file + ".json");
    if (text.empty()) GTEST_SKIP() << "no ../shared/vectors/structured-fields";
    SCOPED_TRACE(file);
    for (const Json& test : JsonReader(text).value().array) play(test, played);
  }
  EXPECT_GE(played.written, 75U);
  EXPECT_GE(played.refused, 2U);
}

TEST(StructuredList, WhatHasNoSpelling) {
  std::array<char, 64> memory;
  auto valid = [&](auto write) {
    StructuredList list(memory);
    write(list);
    return list.valid();
  };
  for (int c = 0; c < 256; ++c) {
    const char text = static_cast<char>(c);
    EXPECT_EQ(valid([&](StructuredList& l) { l.string(std::string_view(&text, 1)); }), c >= 0x20 && c <= 0x7e)
        << c;
    const bool in_key = (c >= 'a' && c <= 'z') || c == '*';
    EXPECT_EQ(valid([&](StructuredList& l) { l.integer(1).parameter(std::string_view(&text, 1), 1); }),
              in_key)
        << c;
    const std::array<char, 2> key = {'a', text};
    EXPECT_EQ(valid([&](StructuredList& l) { l.integer(1).parameter({key.data(), 2}, 1); }),
              in_key || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.')
        << c;
  }
  EXPECT_FALSE(valid([](StructuredList& l) { l.integer(1).parameter("", 1); }));
  EXPECT_TRUE(valid([](StructuredList& l) { l.integer(-999'999'999'999'999); }));
  EXPECT_FALSE(valid([](StructuredList& l) { l.integer(-1'000'000'000'000'000); }));
  EXPECT_FALSE(valid([](StructuredList& l) { l.integer(INT64_MIN); }));
}

TEST(StructuredList, NeverWritesBehindItsMemory) {
  const std::string whole = R"("a\"b";q=100;w=60, 7)";
  for (std::size_t room = 0; room <= whole.size(); ++room) {
    std::string memory(room + 4, '#');
    StructuredList list({memory.data(), room});
    list.string("a\"b").parameter("q", 100).parameter("w", 60).integer(7);
    EXPECT_EQ(list.valid(), room == whole.size()) << room;
    EXPECT_EQ(memory.substr(room), "####") << room;
  }
}

}  // namespace
}  // namespace gatehouse::http
