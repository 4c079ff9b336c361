#include "config/values.h"

#include <fmt/format.h>
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

TEST(Values, RatesAreReadAndShown) {
  EXPECT_EQ(parse_rate("50/s"), (Rate{50, 1s, 50}));
  EXPECT_EQ(parse_rate("1/d"), (Rate{1, 24h, 1}));
  EXPECT_EQ(parse_rate("1000000/s"), (Rate{1'000'000, 1s, 1'000'000}));
  EXPECT_EQ(parse_rate("1000000000/h"), (Rate{1'000'000'000, 1h, 1'000'000'000}));
  EXPECT_EQ(parse_rate("1000/min burst 50"), (Rate{1000, 1min, 50}));
  EXPECT_EQ(parse_rate("10/h  burst   200 "), (Rate{10, 1h, 200}));
  for (std::string_view text : {"1/d", "50/s", "1000/min burst 50", "10/h burst 200", "1000000/s"}) {
    const auto rate = parse_rate(text);
    ASSERT_TRUE(rate.has_value()) << text;
    EXPECT_EQ(show_rate(*rate), text);
  }
}

TEST(Values, WhatIsNoRateIsExplained) {
  for (std::string_view text : {"",
                                "/",
                                "/s",
                                "50",
                                "50/",
                                "50/ s",
                                "50 /s",
                                "0/s",
                                "-1/s",
                                "+1/s",
                                "1.5/s",
                                "50/5s",
                                "50/S",
                                "50/s burst",
                                "50/s burst ",
                                "50/s burst 0",
                                "50/s burst x",
                                "50/s bursts 5",
                                "50/s burst 5 6",
                                "50/s 100",
                                "50/sburst 5",
                                "1000000001/s",
                                "99999999999999999999/s",
                                "50/s burst 99999999999999999999",
                                "50/s per ip",
                                "50/s burst 5 per user"}) {
    EXPECT_FALSE(parse_rate(text).has_value()) << text;
  }
  EXPECT_EQ(parse_rate("50").error().instead, "Write `50/s`");
  EXPECT_EQ(parse_rate("50/sec").error().instead, "Write `50/s`");
  EXPECT_EQ(parse_rate("50/minute burst 5").error().instead, "Write `50/min`");
  EXPECT_EQ(parse_rate("50/s per user").error().instead, "Write `50/s`");
  EXPECT_EQ(parse_rate("50/s burst 100 per ip").error().instead, "Write `50/s burst 100`");
}

TEST(Values, PointsInTime) {
  using std::chrono::sys_days;
  using std::chrono::year;
  const WallTime day = sys_days(year(2026) / 12 / 31);
  EXPECT_EQ(parse_wall_time("2026-12-31"), day);
  EXPECT_EQ(parse_wall_time("2026-12-31T00:00:00Z"), day);
  EXPECT_EQ(parse_wall_time("2026-12-31T02:30+02:00"), day + 30min);
  EXPECT_EQ(parse_wall_time("2026-12-31T02:30:05-01:30"), day + 4h + 5s);
  EXPECT_EQ(parse_wall_time("1970-01-01"), WallTime{});
  EXPECT_EQ(show_wall_time(day + 23h + 59min + 58s), "2026-12-31T23:59:58Z");
  EXPECT_EQ(parse_wall_time(show_wall_time(day + 12h)), day + 12h);
  EXPECT_EQ(show_wall_time(WallTime{} - 1s), "1969-12-31T23:59:59Z");
  EXPECT_TRUE(parse_wall_time("2024-02-29").has_value());
  EXPECT_TRUE(parse_wall_time("2200-12-31T23:59:59-23:59").has_value());
  for (std::string_view text : {"",
                                "2026",
                                "2026-12",
                                "2026-13-01",
                                "2026-00-01",
                                "2026-02-29",
                                "2026-12-32",
                                "26-12-31",
                                "2026-12-31T",
                                "2026-12-31T24:00Z",
                                "2026-12-31T10:60Z",
                                "2026-12-31T10:00:60Z",
                                "2026-12-31T10:00",
                                "2026-12-31 10:00Z",
                                "2026-12-31T10:00Zx",
                                "2026-12-31T10:00+2",
                                "2026-12-31T10:00:00.5Z",
                                "2026-12-31x",
                                "1969-12-31",
                                "9999-12-31",
                                "2026/12/31"}) {
    EXPECT_FALSE(parse_wall_time(text).has_value()) << text;
  }
}

TEST(Values, UrlsOfTheWeb) {
  const auto url = parse_web_url("HTTPS://ID.Example.com/realms/a?x=1");
  ASSERT_TRUE(url.has_value());
  EXPECT_EQ(url->host, "id.example.com");
  EXPECT_EQ(url->port, 443);
  EXPECT_TRUE(url->tls);
  EXPECT_EQ(url->target, "/realms/a?x=1");
  EXPECT_EQ(parse_web_url("https://a")->target, "/");
  EXPECT_EQ(parse_web_url("https://a?x")->target, "/?x");
  EXPECT_EQ(parse_web_url("http://[::1]:81/x")->host, "::1");
  EXPECT_EQ(parse_web_url("http://[::1]:81/x")->port, 81);
  EXPECT_EQ(parse_web_url("http://a")->port, 80);
  for (std::string_view text : {"",
                                "a",
                                "//a",
                                "ftp://a",
                                "https://",
                                "https:///x",
                                "https://a b",
                                "https://a/ b",
                                "https://u:p@a",
                                "https://u@a/x",
                                "https://a#f",
                                "https://a/x#f",
                                "https://a:0",
                                "https://a:65536",
                                "https://a:x",
                                "https://a/\\",
                                "https://a/\r\nx",
                                "https://\xc3\xa4/",
                                "https://a..b",
                                "https://[::1",
                                "https://a\\@b"}) {
    EXPECT_FALSE(parse_web_url(text).has_value()) << text;
  }
  EXPECT_TRUE(parse_web_url("https://a/u@b").has_value()) << "an @ in the path is no user";
  EXPECT_EQ(parse_web_url("https://me:hunter2@a").error().message.find("hunter2"), std::string::npos);
}

TEST(Values, LoopbackIsThisMachineAlone) {
  for (std::string_view host : {"localhost", "127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"})
    EXPECT_TRUE(is_loopback(host)) << host;
  for (std::string_view host :
       {"", "localhost.example.com", "127.0.0.1.example.com", "128.0.0.1", "::2", "0.0.0.0", "::"})
    EXPECT_FALSE(is_loopback(host)) << host;
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

TEST(Values, Origins) {
  const std::pair<std::string_view, std::string_view> good[] = {
      {"*", "*"},
      {"https://shop.example.com", "https://shop.example.com"},
      {"HTTPS://Shop.Example.COM:443", "https://shop.example.com"},
      {"http://localhost:80", "http://localhost"},
      {"http://localhost:443", "http://localhost:443"},
      {"wss://a:443", "wss://a"},
      {"http://127.0.0.1:3000", "http://127.0.0.1:3000"},
      {"http://[0:0:0::1]:8080", "http://[::1]:8080"},
      {"capacitor://localhost", "capacitor://localhost"},
      {"https://*.Example.com:8443", "https://*.example.com:8443"},
      {"http://*.localhost", "http://*.localhost"}};
  for (const auto& [text, means] : good) {
    const auto origin = parse_origin_pattern(text);
    ASSERT_TRUE(origin) << text;
    EXPECT_EQ(shown(*origin), means);
  }
  for (std::string_view text : {"",
                                "null",
                                "shop.example.com",
                                "https://",
                                "https://a/",
                                "https://a/b",
                                "https://a?b",
                                "https://a#b",
                                "https://me@a",
                                "https://a:0",
                                "https://a:65536",
                                "https://a:*",
                                "https://*",
                                "https://*.",
                                "https://*.*.a",
                                "https://a.*.b",
                                "https://*a.b",
                                "https://*.10.0.0.1",
                                "https://*.[::1]",
                                "https://::1",
                                "//a",
                                "1x://a",
                                "ht tp://a",
                                "https://a b",
                                "https://caf\xc3\xa9.example",
                                "https://a.",
                                "https://a..b"})
    EXPECT_FALSE(parse_origin_pattern(text)) << text;
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
    const auto flow = read_yaml(fmt::format("{{a: [{0}, {0}]}}\n", written), 0, "f", diagnostics);
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
