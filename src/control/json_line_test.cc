#include "control/json_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <chrono>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace gatehouse::control {
namespace {

using gateway::RequestRecord;
using testing::ElementsAre;

WallTime wall(std::int64_t ns) { return WallTime(std::chrono::nanoseconds(ns)); }

RequestRecord ordinary() {
  RequestRecord r;
  r.time = wall(1'777'638'896'000'123'456);
  r.method = "GET";
  r.host = "shop.example.com";
  r.path = "/orders/17";
  r.query = "?a=1";
  r.route = "/orders/* to orders";
  r.service = "orders";
  r.service_version = "v2";
  r.endpoint = "10.0.0.7:8080";
  r.status = 200;
  r.total = 1'234'567ns;
  r.own = 23'999ns;
  r.first_byte = 1'200'000ns;
  r.upstream = 3'000'001'000ns;
  r.bytes_in = 0;
  r.bytes_out = 12'345;
  r.tries = 1;
  r.request_id = "0123456789abcdef0123456789abcdef";
  r.trace_id = "fedcba9876543210fedcba9876543210";
  r.client = IpAddress::v4(0xcb007109);
  return r;
}

struct Tls final : net::TlsInfo {
  std::string_view server_name() const noexcept override { return name; }
  std::string_view version() const noexcept override { return "TLSv1.3"; }
  std::string_view cipher() const noexcept override { return "TLS_AES_128_GCM_SHA256"; }
  std::string_view protocol() const noexcept override { return {}; }
  bool resumed() const noexcept override { return true; }
  const net::TlsPeer* certificate() const noexcept override { return peer ? &*peer : nullptr; }
  bool speaks_for(std::string_view) const noexcept override { return true; }
  std::string name = "shop.example.com";
  std::optional<net::TlsPeer> peer{};
};

// Exactly as large as the bound says: a byte too many is found by ASan.
std::string line_of(const RequestRecord& r, const LineLayout& layout = {}) {
  SecondText second;
  const std::size_t most = line_bound(r);
  auto memory = std::make_unique<char[]>(most);
  char* end = write_line(r, layout, second, memory.get());
  EXPECT_LE(static_cast<std::size_t>(end - memory.get()), most);
  return {memory.get(), end};
}

class Parsed {
 public:
  explicit Parsed(const std::string& line) {
    EXPECT_TRUE(line.ends_with("}\n"));
    EXPECT_EQ(line.find('\n'), line.size() - 1) << "one record, one line";
    EXPECT_EQ(parser_.parse(line).get(element_), simdjson::SUCCESS) << line;
  }
  std::string text(std::string_view key) {
    std::string_view value;
    EXPECT_EQ(element_[key].get(value), simdjson::SUCCESS) << key;
    return std::string(value);
  }
  double number(std::string_view key) {
    double value = -1;
    EXPECT_EQ(element_[key].get(value), simdjson::SUCCESS) << key;
    return value;
  }
  std::vector<std::string> keys() {
    std::vector<std::string> all;
    for (auto field : simdjson::dom::object(element_)) all.emplace_back(field.key);
    return all;
  }

 private:
  simdjson::dom::parser parser_;
  simdjson::dom::element element_;
};

TEST(JsonLine, AWholeRecord) {
  EXPECT_EQ(
      line_of(ordinary()),
      R"({"time":"2026-05-01T12:34:56.000123Z","method":"GET","host":"shop.example.com","path":"/orders/17",)"
      R"("protocol":"HTTP/1.1","route":"/orders/* to orders","service":"orders","endpoint":"10.0.0.7:8080",)"
      R"("version":"v2","status":200,"reason":"","total":0.001234,"own":0.000023,"first_byte":0.001200,)"
      R"("upstream":3.000001,"bytes_in":0,"bytes_out":12345,"tries":1,)"
      R"("request_id":"0123456789abcdef0123456789abcdef","trace_id":"fedcba9876543210fedcba9876543210",)"
      R"("client":"203.0.113.9","user":""})"
      "\n");
}

TEST(JsonLine, TheUser) {
  RequestRecord r = ordinary();
  r.user = "main:Zo\u00eb \"x\"";
  EXPECT_EQ(Parsed(line_of(r)).text("user"), r.user);
  EXPECT_EQ(Parsed(line_of(RequestRecord{})).text("user"), "");
}

TEST(JsonLine, AnEmptyRecordIsALineToo) {
  Parsed p(line_of(RequestRecord{}));
  EXPECT_EQ(p.number("status"), 0);
  EXPECT_EQ(p.text("client"), "::");
  EXPECT_EQ(p.text("route"), "");
}

TEST(JsonLine, FieldsInTheOrderThatIsAskedFor) {
  const std::vector<std::string> names = {"status", "query", "path", "time"};
  Parsed p(line_of(ordinary(), LineLayout(names)));
  EXPECT_THAT(p.keys(), ElementsAre("status", "query", "path", "time"));
  EXPECT_EQ(p.text("query"), "?a=1");
  const std::vector<std::string> one = {"tries"};
  EXPECT_EQ(line_of(ordinary(), LineLayout(one)), "{\"tries\":1}\n");
}

TEST(JsonLine, TheTableOfFields) {
  std::vector<std::string> all;
  for (const LogFieldInfo& f : log_fields()) all.emplace_back(f.name);
  EXPECT_THAT(
      all, ElementsAre("time", "method", "host", "path", "query", "protocol", "route", "service", "endpoint",
                       "version", "status", "reason", "total", "own", "first_byte", "upstream", "bytes_in",
                       "bytes_out", "tries", "request_id", "trace_id", "client", "user", "limit", "limit_key",
                       "tls", "tls_cipher", "tls_sni", "tls_resumed", "tls_client"));
  Parsed every(line_of(ordinary(), LineLayout(all)));
  EXPECT_EQ(every.keys(), all);
  std::erase_if(all, [](const std::string& name) {
    return name == "query" || name.starts_with("tls") || name.starts_with("limit");
  });
  EXPECT_EQ(Parsed(line_of(ordinary())).keys(), all);
  EXPECT_EQ(Parsed(line_of(ordinary(), LineLayout(std::vector<std::string>{}))).keys(), all);
}

TEST(JsonLine, WhichLimitRefused) {
  RequestRecord r = ordinary();
  r.limit = "default";
  r.limit_key = "al\"ice";
  Parsed p(line_of(r));
  EXPECT_EQ(p.text("limit"), "default");
  EXPECT_EQ(p.text("limit_key"), "al\"ice");
  EXPECT_EQ(p.keys().back(), "limit_key");
  r.limit = std::string_view();
  EXPECT_EQ(Parsed(line_of(r)).keys().back(), "user");
}

TEST(JsonLine, WhatIsKnownOfTls) {
  Tls tls;
  RequestRecord r = ordinary();
  r.tls = &tls;
  EXPECT_THAT(line_of(r), testing::EndsWith(R"("client":"203.0.113.9","user":"","tls":"TLSv1.3"})"
                                            "\n"));
  const std::vector<std::string> names = {"tls", "tls_cipher", "tls_sni", "tls_resumed", "tls_client"};
  EXPECT_EQ(line_of(r, LineLayout(names)),
            R"({"tls":"TLSv1.3","tls_cipher":"TLS_AES_128_GCM_SHA256","tls_sni":"shop.example.com",)"
            R"("tls_resumed":true,"tls_client":""})"
            "\n");
  tls.peer = net::TlsPeer{"CN=\"a\"", {}, {}};
  EXPECT_EQ(Parsed(line_of(r, LineLayout(names))).text("tls_client"), "CN=\"a\"");
  r.tls = nullptr;
  EXPECT_EQ(line_of(r, LineLayout(names)),
            R"({"tls":"","tls_cipher":"","tls_sni":"","tls_resumed":false,"tls_client":""})"
            "\n");
}

// What json_escape makes of ASCII is what comes back; other bytes come back as U+FFFD unless they are UTF-8.
TEST(JsonLine, EveryByteInEveryTextAtEveryPlace) {
  for (unsigned byte = 0; byte < 256; ++byte) {
    for (std::size_t before : {0u, 1u, 3u, 6u, 7u, 8u, 15u, 16u, 31u}) {
      for (std::size_t after : {0u, 1u, 7u, 8u}) {
        const std::string value =
            std::string(before, 'x') + static_cast<char>(byte) + std::string(after, 'y');
        const std::string expected =
            byte < 0x80 ? value : std::string(before, 'x') + "\xef\xbf\xbd" + std::string(after, 'y');
        RequestRecord r = ordinary();
        r.method = r.host = r.path = r.query = r.route = r.service = r.endpoint = r.service_version =
            r.request_id = r.trace_id = value;
        const std::vector<std::string> texts = {"method",  "host",     "path",    "query",      "route",
                                                "service", "endpoint", "version", "request_id", "trace_id"};
        Parsed p(line_of(r, LineLayout(texts)));
        for (const std::string& field : texts)
          ASSERT_EQ(p.text(field), expected) << field << " byte " << byte;
      }
    }
  }
}

TEST(JsonLine, RandomBytes) {
  std::mt19937 random(1);
  for (int i = 0; i < 20'000; ++i) {
    std::string value(random() % 40, '\0');
    for (char& c : value) c = static_cast<char>(random());
    RequestRecord r = ordinary();
    r.path = value;
    Parsed p(line_of(r));
    EXPECT_EQ(p.text("request_id"), r.request_id);
  }
}

TEST(JsonLine, Utf8StaysAsItIs) {
  RequestRecord r = ordinary();
  r.route = "Überraschung für 日本";
  EXPECT_EQ(Parsed(line_of(r)).text("route"), r.route);
}

TEST(JsonLine, TheWorstTextsFitTheBound) {
  const std::string nasty(100'000, '\x01');
  RequestRecord r = ordinary();
  r.method = r.host = r.path = r.query = r.route = r.service = r.endpoint = r.service_version = r.request_id =
      r.trace_id = r.user = nasty;
  EXPECT_LE(line_bound(r), kLongestLine);
  Parsed p(line_of(r));
  EXPECT_EQ(p.text("path"), std::string(kLongestLogValue, '\x01'));
  Tls tls;
  tls.name = nasty;
  tls.peer = net::TlsPeer{nasty, {}, {}};
  r.tls = &tls;
  EXPECT_LE(line_bound(r), kLongestLine);
  std::vector<std::string> all;
  for (const LogFieldInfo& f : log_fields()) all.emplace_back(f.name);
  EXPECT_EQ(Parsed(line_of(r, LineLayout(all))).text("tls_client"), std::string(kLongestLogValue, '\x01'));
  RequestRecord little;  // all of it in one text
  little.path = std::string_view(nasty).substr(0, kLongestLogValue + 1);
  Parsed(line_of(little, LineLayout(all)));
}

TEST(JsonLine, Numbers) {
  RequestRecord r = ordinary();
  r.bytes_in = UINT64_MAX;
  r.bytes_out = 10;
  r.tries = UINT32_MAX;
  r.status = 65535;
  r.total = Duration::max();
  r.own = -5ms;
  r.first_byte = 999'999'999ns;
  r.upstream = 1s;
  const std::string line = line_of(r);
  EXPECT_THAT(line,
              testing::HasSubstr(R"("bytes_in":18446744073709551615,"bytes_out":10,"tries":4294967295,)"));
  EXPECT_THAT(line, testing::HasSubstr(R"("status":65535,)"));
  EXPECT_THAT(line, testing::HasSubstr(R"("total":9223372036.854775,"own":0.000000,)"));
  EXPECT_THAT(line, testing::HasSubstr(R"("first_byte":0.999999,"upstream":1.000000,)"));
}

TEST(JsonLine, TimesAcrossSecondsYearsAndTheEpoch) {
  SecondText second;
  const std::vector<std::string> only = {"time"};
  const LineLayout layout(only);
  auto text = [&](std::int64_t ns) {
    RequestRecord r;
    r.time = wall(ns);
    std::array<char, 2048> out;
    return std::string(out.data(), write_line(r, layout, second, out.data()));
  };
  EXPECT_EQ(text(0), "{\"time\":\"1970-01-01T00:00:00.000000Z\"}\n");
  EXPECT_EQ(text(1), "{\"time\":\"1970-01-01T00:00:00.000000Z\"}\n");
  EXPECT_EQ(text(-1), "{\"time\":\"1969-12-31T23:59:59.999999Z\"}\n");
  EXPECT_EQ(text(951'827'696'789'012'999), "{\"time\":\"2000-02-29T12:34:56.789012Z\"}\n");
  EXPECT_EQ(text(951'827'697'000'000'000), "{\"time\":\"2000-02-29T12:34:57.000000Z\"}\n");
  EXPECT_EQ(text(4'102'444'799'999'999'999), "{\"time\":\"2099-12-31T23:59:59.999999Z\"}\n");
  std::array<char, kTimeText> out;
  EXPECT_EQ(write_time(wall(951'827'696'789'012'999), out), "2000-02-29T12:34:56.789012Z");
}

TEST(JsonLine, Addresses) {
  for (std::string_view ip :
       {"0.0.0.0", "1.22.133.255", "255.255.255.255", "10.0.0.1", "2001:db8::1", "::1"}) {
    RequestRecord r = ordinary();
    r.client = *parse_ip(ip);
    EXPECT_EQ(Parsed(line_of(r)).text("client"), ip);
  }
}

TEST(JsonLine, Reasons) {
  for (const ErrcInfo& e : errc_table()) {
    RequestRecord r = ordinary();
    r.failed = true;
    r.reason = e.code;
    EXPECT_EQ(Parsed(line_of(r)).text("reason"), e.reason);
  }
}

}  // namespace
}  // namespace gatehouse::control
