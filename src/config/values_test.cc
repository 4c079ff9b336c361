#include "config/values.h"

#include <gtest/gtest.h>

#include <string>

#include "config/node.h"
#include "config/path_pattern.h"
#include "config/suggest.h"
#include "config/yaml.h"

namespace gatehouse::config {
namespace {

TEST(Values, DurationsAreReadAndShown) {
  EXPECT_EQ(parse_duration("300ms"), Duration(300ms));
  EXPECT_EQ(parse_duration("2s"), Duration(2s));
  EXPECT_EQ(parse_duration("5m"), Duration(5min));
  EXPECT_EQ(parse_duration("1h"), Duration(1h));
  EXPECT_EQ(parse_duration("0s"), Duration(0));
  EXPECT_EQ(show_duration(90s), "90s");
  EXPECT_EQ(show_duration(2h), "2h");
  EXPECT_EQ(show_duration(1500ms), "1500ms");
  for (std::string_view text :
       {"", "s", "-1s", "+1s", "1", "1 s", "1.5s", "1S", "1sec", "9223372037s9", "0x1s"}) {
    EXPECT_FALSE(parse_duration(text).has_value()) << text;
  }
  EXPECT_FALSE(parse_duration("9999999999999h").has_value());
}

TEST(Values, SizesAreInUnitsOf1024) {
  EXPECT_EQ(parse_size("200B"), 200U);
  EXPECT_EQ(parse_size("64KB"), 65536U);
  EXPECT_EQ(parse_size("2MB"), 2U << 20);
  EXPECT_EQ(parse_size("1GB"), 1U << 30);
  EXPECT_EQ(show_size(65536), "64KB");
  EXPECT_EQ(show_size(65537), "65537B");
  EXPECT_FALSE(parse_size("64kb").has_value());
  EXPECT_FALSE(parse_size("99999999999999GB").has_value());
}

TEST(Values, PercentagesNeedTheirSign) {
  EXPECT_DOUBLE_EQ(parse_percent("5%").value_or(-1), 5);
  EXPECT_DOUBLE_EQ(parse_percent("0.5%").value_or(-1), 0.5);
  EXPECT_EQ(show_percent(0.5), "0.5%");
  EXPECT_EQ(show_percent(0.1 + 0.2), "0.3%");
  for (std::string_view text : {"5", "%", "101%", "-1%", "nan%", "inf%", "5%%", "1e1%"}) {
    EXPECT_FALSE(parse_percent(text).has_value()) << text;
  }
}

TEST(Values, AddressBlocksAreOneForm) {
  const auto v4 = parse_cidr("10.0.0.0/8");
  ASSERT_TRUE(v4.has_value());
  EXPECT_EQ(v4->bits, 104);
  EXPECT_EQ(v4->address[10], 0xff);
  EXPECT_EQ(v4->address[12], 10);
  EXPECT_EQ(parse_cidr("192.0.2.7")->bits, 128);
  EXPECT_EQ(parse_cidr("::ffff:10.0.0.0/104").value_or(Cidr{}), *v4);
  for (std::string_view text : {"10.0.0.0/8", "0.0.0.0/0", "192.0.2.7", "fd00::/8", "::/0", "::1"}) {
    ASSERT_TRUE(parse_cidr(text).has_value()) << text;
    EXPECT_EQ(show_cidr(*parse_cidr(text)), text);
  }
  for (std::string_view text : {"", "10.0.0", "10.0.0.0/33", "10.0.0.1/8", "10.0.0.0/", "10.0.0.0/+8",
                                "::/129", "010.0.0.1", "[::1]"}) {
    EXPECT_FALSE(parse_cidr(text).has_value()) << text;
  }
  EXPECT_TRUE(overlap(*parse_cidr("10.0.0.0/8"), *parse_cidr("10.1.0.0/16")));
  EXPECT_FALSE(overlap(*parse_cidr("10.0.0.0/8"), *parse_cidr("11.0.0.0/8")));
}

TEST(Values, UrlsOfServices) {
  const auto url = parse_service_url("http://Users:8080/");
  ASSERT_TRUE(url.has_value());
  EXPECT_EQ(url->host, "users");
  EXPECT_EQ(url->port, 8080);
  EXPECT_EQ(parse_service_url("http://[fd00::1]")->host, "fd00::1");
  EXPECT_EQ(parse_service_url("http://[fd00::1]")->port, 80);
  EXPECT_FALSE(url->tls);
  EXPECT_TRUE(parse_service_url("https://a")->tls);
  EXPECT_EQ(parse_service_url("https://a")->port, 443);
  EXPECT_EQ(parse_service_url("HTTPS://a:8443")->port, 8443);
  EXPECT_EQ(parse_service_url("unix:/run/a.sock")->unix_path, "/run/a.sock");
  for (std::string_view text : {"", "http://", "http://a b", "http://a/b", "http://a?x", "http://a:0",
                                "http://a:", "https://", "https://a/b", "h2c://a", "grpc://a", "unix:a",
                                "http://..", "http://a:80:80", "//a", "http://u:p@a"}) {
    EXPECT_FALSE(parse_service_url(text).has_value()) << text;
  }
}

TEST(Values, Hosts) {
  EXPECT_EQ(parse_host_pattern("API.example.com")->text, "api.example.com");
  EXPECT_EQ(parse_host_pattern("*.example.com"), (HostPattern{".example.com", true}));
  EXPECT_EQ(parse_host_pattern("*"), HostPattern{});
  EXPECT_EQ(parse_host_pattern("[::1]")->text, "[::1]");
  for (std::string_view text : {"", "a:80", "a..b", ".a", "a.", "*.*", "*", "x.*.y", "*a.b"}) {
    if (text != "*") EXPECT_FALSE(parse_host_pattern(text).has_value()) << text;
  }
}

TEST(Paths, PatternsAreTakenApart) {
  const auto path = parse_path_pattern("/a/:id/*");
  ASSERT_TRUE(path.has_value());
  EXPECT_TRUE(path->below);
  ASSERT_EQ(path->segments.size(), 2U);
  EXPECT_EQ(path->segments[1].kind, PathSegment::Kind::parameter);
  EXPECT_EQ(path->segments[1].text, "id");
  EXPECT_TRUE(parse_path_pattern("/a/")->trailing_slash);
  EXPECT_FALSE(parse_path_pattern("/")->trailing_slash);
  EXPECT_TRUE(parse_path_pattern("/*")->segments.empty());
  EXPECT_EQ(parse_path_pattern("~/v[0-9]+")->regex, "/v[0-9]+");
  EXPECT_EQ(parse_path_pattern("/caf\xc3\xa9")->segments[0].text, "caf%C3%A9");
  EXPECT_EQ(parse_path_pattern("/a%2Fb")->segments[0].text, "a%2Fb");
}

TEST(Paths, WhatCouldNeverMatchIsRefused) {
  for (std::string_view text :
       {"",    "a",    "//",     "/a//b",  "/.",   "/a/..", "/a;b",  "/a?b", "/a#b",   "/%",
        "/%2", "/%zz", "/%61",   "/%2f",   "/%00", "/%5C",  "/a\\b", "/a b", "/a/*/b", "/*a",
        "/**", "/:",   "/:a-b!", "/:a/:a", "/{a}", "~",     "~(",    "/\x01"}) {
    EXPECT_FALSE(parse_path_pattern(text).has_value()) << text;
  }
}

TEST(Suggestions, NearNamesAreFound) {
  constexpr std::string_view kNames[] = {"timeout", "connect_timeout", "deadline"};
  EXPECT_EQ(nearest("timout", kNames), "timeout");
  EXPECT_EQ(nearest("tiemout", kNames), "timeout");
  EXPECT_EQ(nearest("connect-timeout", kNames), "connect_timeout");
  EXPECT_EQ(nearest("colour", kNames), "");
  EXPECT_EQ(edit_distance("ab", "ba"), 1U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
}

// What is quoted reads as the same text, in a block and inside braces and brackets.
void reads_the_same(const std::string& text) {
  for (const std::string& written : {scalar_text(text), quoted_text(text)}) {
    Diagnostics diagnostics;
    const auto block = read_yaml("a: " + written + "\n", 0, "f", diagnostics);
    const auto flow = read_yaml("{a: [" + written + ", " + written + "]}\n", 0, "f", diagnostics);
    ASSERT_TRUE(block && flow) << written;
    EXPECT_EQ(block->members.at(0).value.value, text) << written;
    EXPECT_EQ(flow->members.at(0).value.items.at(0).value, text) << written;
    EXPECT_TRUE(block->members.at(0).value.is_scalar()) << written;
  }
}

TEST(Quoting, EveryTextReadsAsItself) {
  for (int first = 1; first < 256; ++first) {
    if (first >= 0x80) continue;  // a lone byte of a character is no text
    const std::string c(1, static_cast<char>(first));
    for (const std::string& text :
         {c, c + "a", "a" + c, "a" + c + "b", "a " + c, c + " a", "a" + c + " b", c + c, "a " + c + " b"})
      reads_the_same(text);
  }
  for (const char* text : {"", "null", "~", "true", "1.5", "- a", "a: b", "a #b", "---", "...", "caf\xc3\xa9",
                           "{a}", "[a]", "%a", "<<", "=", "0x1f"}) {
    reads_the_same(text);
  }
}

}  // namespace
}  // namespace gatehouse::config
