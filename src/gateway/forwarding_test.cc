#include "gateway/forwarding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace gatehouse::gateway {
namespace {

using http::HeaderId;
using testing::ElementsAre;
using testing::IsEmpty;
using Fields = std::vector<std::pair<std::string, std::string>>;

config::Cidr cidr(std::string_view ip, unsigned bits) {
  IpAddress a = *parse_ip(ip);
  return {a.bytes, static_cast<std::uint8_t>(a.is_v4() ? bits + 96 : bits)};
}

// 10.0.0.0/8 and 2001:db8:aaaa::/48 are trusted.
const std::vector<config::Cidr>& proxies() {
  static const std::vector<config::Cidr> list = {cidr("10.0.0.0", 8), cidr("2001:db8:aaaa::", 48)};
  return list;
}
constexpr std::string_view kStranger = "203.0.113.9";
constexpr std::string_view kProxy = "10.0.0.1";

class Request {
 public:
  explicit Request(const Fields& fields) : arena_(pool_), head_(arena_) {
    for (const auto& [name, value] : fields) head_.headers.add(arena_.copy(name), arena_.copy(value));
  }
  Result<ClientAddress> admit(std::string_view peer, ReservedNames reserved = {}) {
    return admit_headers(head_, proxies(), *parse_ip(peer), arena_, reserved);
  }
  Fields fields() const {
    Fields all;
    for (const http::Header& h : head_.headers) all.emplace_back(h.name, h.value);
    return all;
  }
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const http::Header& h : head_.headers) all.emplace_back(h.name);
    return all;
  }
  std::vector<std::string> values(HeaderId id) const {
    std::vector<std::string> all;
    for (const http::Header& h : head_.headers)
      if (h.id == id) all.emplace_back(h.value);
    return all;
  }
  http::RequestHead& head() { return head_; }
  Arena& arena() { return arena_; }

 private:
  BlockPool pool_;
  Arena arena_;
  http::RequestHead head_;
};

// ---- what a client may not bring along -------------------------------------------------------------------

struct NameCase {
  std::string name;
  bool stranger_keeps;
  bool proxy_keeps;
};

const std::vector<NameCase> kNames = {
    // plain headers pass
    {"Accept", true, true},
    {"Authorization", true, true},
    {"Cookie", true, true},
    {"X-Custom", true, true},
    {"X_Custom", true, true},
    {"X-Forward", true, true},
    {"Forwarded-By", true, true},
    {"Proxy-Status", true, true},
    {"X-Real-IP-2", true, true},
    {"Via", true, true},
    {"tracestate", true, true},
    {"X!Custom", true, true},
    // what is believed from trusted proxies only
    {"Forwarded", false, true},
    {"X-Forwarded-For", false, true},
    {"x-forwarded-for", false, true},
    {"X-FORWARDED-PROTO", false, true},
    {"X-Forwarded-Host", false, true},
    {"X-Forwarded-Port", false, true},
    {"X-Forwarded-Prefix", false, true},
    {"X-Forwarded-Client-Cert", false, true},
    {"X-Real-IP", false, true},
    {"X-Original-URL", false, true},
    {"X-Rewrite-URL", false, true},
    {"X-Request-Id", false, true},
    // what a service might fold to one of those, from whomever
    {"X_Forwarded_For", false, false},
    {"X_Forwarded-For", false, false},
    {"x.forwarded.for", false, false},
    {"X-Forwarded_Proto", false, false},
    {"X_Forwarded_Anything", false, false},
    {"X_Real_IP", false, false},
    {"X~Real~IP", false, false},
    {"X_Original_URL", false, false},
    {"X-Rewrite_URL", false, false},
    {"X_Request_Id", false, false},
    {"Content_Length", false, false},
    {"Transfer_Encoding", false, false},
    {"transfer.encoding", false, false},
    {"Proxy_Connection", false, false},
    {"Keep_Alive", false, false},
    // framing, the connection, and what the gateway answers itself
    {"Host", false, false},
    {"Content-Length", false, false},
    {"Transfer-Encoding", false, false},
    {"TE", false, false},
    {"Trailer", false, false},
    {"Upgrade", false, false},
    {"Keep-Alive", false, false},
    {"Proxy-Connection", false, false},
    {"Proxy-Authorization", false, false},
    {"Proxy", false, false},
    {"PROXY", false, false},
    {"Expect", false, false},
};

TEST(AdmitHeaders, StrangersAndProxiesMayBringDifferentNames) {
  for (const NameCase& c : kNames) {
    for (bool proxy : {false, true}) {
      // X-Forwarded-For and Forwarded agree, so that a trusted one keeps them.
      const bool forwarded = http::iequals(c.name, "forwarded");
      const bool list = http::iequals(c.name, "x-forwarded-for");
      Fields fields = {{"Accept-Language", "de"}, {c.name, forwarded ? "for=192.0.2.1" : "192.0.2.1"}};
      if (forwarded) fields.emplace_back("X-Forwarded-For", "192.0.2.1");
      Request r(fields);
      ASSERT_TRUE(r.admit(proxy ? kProxy : kStranger)) << c.name;
      const auto names = r.names();
      EXPECT_EQ(std::ranges::count(names, c.name) == 1, proxy ? c.proxy_keeps : c.stranger_keeps)
          << c.name << (proxy ? " from a proxy" : " from a stranger") << list;
      EXPECT_EQ(std::ranges::count(names, "Accept-Language"), 1) << c.name;
    }
  }
}

// Whatever the table says of a name holds for every spelling of it.
TEST(AdmitHeaders, EveryNameOfTheTableGoesInOtherSpellings) {
  constexpr unsigned ours = http::kHopByHop | http::kFraming | http::kSetByGateway | http::kForwarding;
  for (unsigned i = 1; i < static_cast<unsigned>(HeaderId::last_); ++i) {
    const http::HeaderInfo& info = http::header_info(static_cast<HeaderId>(i));
    if (!(info.policy & ours) || info.name.find('-') == info.name.npos) continue;
    for (char odd : {'_', '.', '!', '~', '*', '|'}) {
      for (bool upper : {false, true}) {
        std::string name(info.name);
        if (info.id == HeaderId::x_forwarded_other) name += "any";
        std::ranges::replace(name, '-', odd);
        if (upper)
          for (char& c : name)
            if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
        Request r({{name, "1"}, {"Accept", "2"}});
        ASSERT_TRUE(r.admit(kProxy));
        EXPECT_THAT(r.names(), ElementsAre("Accept")) << name;
      }
    }
  }
}

TEST(AdmitHeaders, RemovesAllOfAName) {
  Request r({{"X-Forwarded-For", "192.0.2.1"},
             {"Accept", "a"},
             {"X-Forwarded-For", "192.0.2.2"},
             {"x-forwarded-FOR", "192.0.2.3"},
             {"Accept", "b"}});
  ASSERT_TRUE(r.admit(kStranger));
  EXPECT_THAT(r.fields(), ElementsAre(std::pair("Accept", "a"), std::pair("Accept", "b")));
}

TEST(AdmitHeaders, RemovesWhatConnectionNames) {
  Request r({{"X-One", "1"},
             {"Connection", "close, x-one"},
             {"X-Two", "2"},
             {"CONNECTION", " X-Two ,keep-alive"},
             {"X-Three", "3"}});
  ASSERT_TRUE(r.admit(kStranger));
  EXPECT_THAT(r.names(), ElementsAre("X-Three"));
}

TEST(AdmitHeaders, AnOrdinaryConnectionRemovesItselfOnly) {
  for (const char* value :
       {"keep-alive", "close", "Keep-Alive, Close", "TE, close", ", ,", "KEEP-ALIVE", "keep-alivE"}) {
    Request r({{"Connection", value}, {"X-One", "1"}, {"Close", "kept"}});
    ASSERT_TRUE(r.admit(kStranger));
    EXPECT_THAT(r.names(), ElementsAre("X-One", "Close")) << value;
  }
}

TEST(AdmitHeaders, ConnectionCannotTakeAwayWhatTheGatewaySays) {
  Request r({{"Connection", "x-forwarded-for, via"}, {"X-Forwarded-For", "192.0.2.1"}});
  ASSERT_TRUE(r.admit(kProxy));
  add_forwarding(r.head(),
                 {.peer = kProxy, .scheme = "http", .host = "h", .request_id = "i", .traceparent = "t"},
                 r.arena());
  EXPECT_THAT(r.values(HeaderId::x_forwarded_for), ElementsAre(kProxy));
  EXPECT_THAT(r.values(HeaderId::via), ElementsAre("1.1 gatehouse"));
}

TEST(AdmitHeaders, ReservedNamesGoInEverySpelling) {
  const std::vector<std::string_view> reserved = {"x-user", "x-user-scope"};
  Request r({{"X-User", "1"}, {"x_user", "2"}, {"X.User.Scope", "3"}, {"X-Users", "4"}, {"XUser", "5"}});
  ASSERT_TRUE(r.admit(kProxy, reserved));
  EXPECT_THAT(r.names(), ElementsAre("X-Users", "XUser"));
}

TEST(AdmitHeaders, NothingToDoChangesNothing) {
  const Fields fields = {
      {"User-Agent", "curl"}, {"Accept", "*/*"}, {"Accept", "text/html"}, {"Cookie", "a=b"}};
  Request r(fields);
  auto from = r.admit(kStranger);
  ASSERT_TRUE(from);
  EXPECT_EQ(r.fields(), fields);
  EXPECT_EQ(from->address, *parse_ip(kStranger));
  EXPECT_FALSE(from->from_trusted);
}

// ---- hops ------------------------------------------------------------------------------------------------

TEST(AdmitHeaders, TooManyHops) {
  auto with = [](unsigned n, std::string_view entry) {
    Fields fields;
    for (unsigned i = 0; i < n; ++i) fields.emplace_back("Via", entry);
    return Request(fields).admit(kStranger);
  };
  EXPECT_TRUE(with(8, "1.1 gatehouse"));
  for (const char* entry :
       {"1.1 gatehouse", "HTTP/1.1 gatehouse", "1.1\tgatehouse (comment)", "2.0  gatehouse"}) {
    auto refused = with(9, entry);
    ASSERT_FALSE(refused) << entry;
    EXPECT_EQ(refused.error().code, Errc::too_many_hops);
  }
  for (const char* entry :
       {"1.1 gatehouse2", "1.1 agatehouse", "gatehouse", "1.1 other (gatehouse)", "1.1 Gatehouse.x"})
    EXPECT_TRUE(with(20, entry)) << entry;
  Request one_list(
      {{"Via", "1.1 gatehouse, 1.1 gatehouse,1.1 gatehouse, 1.1 gatehouse, 1.1 a, 1.1 gatehouse"},
       {"via", "1.1 gatehouse, 1.1 gatehouse, 1.1 gatehouse, 1.1 gatehouse"}});
  EXPECT_FALSE(one_list.admit(kStranger));
}

// ---- who asks --------------------------------------------------------------------------------------------

struct ChainCase {
  std::string_view peer;
  std::vector<std::string> forwarded_for;
  std::string_view client;
  bool trusted = true;
};

const std::vector<ChainCase> kChains = {
    {kStranger, {}, kStranger, false},
    {kStranger, {"192.0.2.1"}, kStranger, false},        // spoofed
    {kStranger, {"10.0.0.1"}, kStranger, false},         // spoofed as a proxy
    {kProxy, {}, kProxy},                                // the proxy itself asks
    {kProxy, {"192.0.2.1"}, "192.0.2.1"},                // one hop
    {kProxy, {"198.51.100.7, 192.0.2.1"}, "192.0.2.1"},  // the left one is the client's invention
    {kProxy, {"192.0.2.1, 10.9.9.9"}, "192.0.2.1"},      // two proxies
    {kProxy, {"198.51.100.7, 192.0.2.1, 10.1.1.1,10.2.2.2"}, "192.0.2.1"},
    {kProxy, {"10.1.1.1, 10.2.2.2"}, "10.1.1.1"},      // all trusted: the first
    {kProxy, {"192.0.2.1", "10.2.2.2"}, "192.0.2.1"},  // two fields are one list
    {kProxy, {"192.0.2.1", ""}, "192.0.2.1"},
    {kProxy, {" 192.0.2.1 ,, "}, "192.0.2.1"},
    {kProxy, {"192.0.2.1:4711"}, "192.0.2.1"},
    {kProxy, {"2001:db8::5"}, "2001:db8::5"},
    {kProxy, {"[2001:db8::5]"}, "2001:db8::5"},
    {kProxy, {"[2001:db8::5]:443"}, "2001:db8::5"},
    {kProxy, {"2001:DB8:0:0::5, 2001:db8:aaaa::1"}, "2001:db8::5"},
    {"2001:db8:aaaa::9", {"192.0.2.1"}, "192.0.2.1"},
    {"2001:db8:aaab::9", {"192.0.2.1"}, "2001:db8:aaab::9", false},
    {kProxy, {"::ffff:192.0.2.1"}, "192.0.2.1"},  // a v4 address is one however it is written
    {kProxy, {"192.0.2.1, unknown"}, kProxy},     // the walk ends at what is no address
    {kProxy, {"unknown, 192.0.2.1"}, "192.0.2.1"},
    {kProxy, {"192.0.2.1, unknown, 10.3.3.3"}, "10.3.3.3"},
    {kProxy, {"192.0.2.256"}, kProxy},
    {kProxy, {"0192.0.2.1"}, kProxy},
    {kProxy, {"[2001:db8::5"}, kProxy},
    {kProxy, {"[2001:db8::5]443"}, kProxy},
    {kProxy, {"<script>"}, kProxy},
};

TEST(AdmitHeaders, TheClientIsTheRightmostThatIsNotTrusted) {
  for (const ChainCase& c : kChains) {
    Fields fields;
    for (const auto& value : c.forwarded_for) fields.emplace_back("X-Forwarded-For", value);
    Request r(fields);
    auto from = r.admit(c.peer);
    const std::string what = c.forwarded_for.empty() ? "" : c.forwarded_for.front();
    ASSERT_TRUE(from) << what;
    EXPECT_EQ(to_string(from->address), to_string(*parse_ip(c.client))) << c.peer << " " << what;
    EXPECT_EQ(from->from_trusted, c.trusted) << what;
  }
}

struct AgreementCase {
  std::string forwarded_for;
  std::string forwarded;
  bool kept;
};

const std::vector<AgreementCase> kAgreements = {
    {"192.0.2.1", "for=192.0.2.1", true},
    {"192.0.2.1", "For=\"192.0.2.1\";proto=https;by=10.0.0.1", true},
    {"192.0.2.1", "proto=https; for=192.0.2.1:80", true},
    {"192.0.2.1, 10.1.1.1", "for=192.0.2.1, for=10.1.1.1", true},
    {"2001:db8::5", "for=\"[2001:db8::5]:4711\"", true},
    {"192.0.2.1", "for=192.0.2.1;host=\"a,b;for=9.9.9.9\"", true},
    {"192.0.2.1", "for=192.0.2.2", false},
    {"192.0.2.1", "for=192.0.2.1, for=10.1.1.1", false},
    {"192.0.2.1, 10.1.1.1", "for=192.0.2.1", false},
    {"192.0.2.1, 10.1.1.1", "for=10.1.1.1, for=192.0.2.1", false},
    {"192.0.2.1", "proto=https", false},
    {"192.0.2.1", "for=unknown", false},
    {"192.0.2.1", "for=_hidden", false},
    {"192.0.2.1", "for=192.0.2.1;for=192.0.2.1", false},
    {"192.0.2.1", "for=\"192.0.2.1", false},
    {"192.0.2.1", "host=\"\\\";for=192.0.2.1", false},
    {"192.0.2.1", "for", false},
    {"", "for=192.0.2.1", false},
};

TEST(AdmitHeaders, AForwardedThatDisagreesIsDropped) {
  for (const AgreementCase& c : kAgreements) {
    Fields fields = {{"Forwarded", c.forwarded}};
    if (!c.forwarded_for.empty()) fields.emplace_back("X-Forwarded-For", c.forwarded_for);
    Request r(fields);
    ASSERT_TRUE(r.admit(kProxy));
    EXPECT_EQ(!r.values(HeaderId::forwarded).empty(), c.kept) << c.forwarded_for << " | " << c.forwarded;
  }
}

// ---- what the gateway says -------------------------------------------------------------------------------

ForwardingInfo info(std::string_view peer, bool trusted, std::string_view host = "example.com:8080") {
  return {.peer = peer,
          .scheme = "http",
          .host = host,
          .request_id = "id-1",
          .traceparent = "00-a-b-01",
          .from_trusted = trusted};
}

TEST(AddForwarding, ForAStranger) {
  Request r({{"X-Forwarded-For", "1.2.3.4"}, {"traceparent", "theirs"}, {"Via", "1.0 fred"}});
  ASSERT_TRUE(r.admit(kStranger));
  add_forwarding(r.head(), info(kStranger, false), r.arena());
  EXPECT_THAT(r.values(HeaderId::x_forwarded_for), ElementsAre("203.0.113.9"));
  EXPECT_THAT(r.values(HeaderId::x_forwarded_proto), ElementsAre("http"));
  EXPECT_THAT(r.values(HeaderId::x_forwarded_host), ElementsAre("example.com:8080"));
  EXPECT_THAT(r.values(HeaderId::forwarded),
              ElementsAre("for=203.0.113.9;host=\"example.com:8080\";proto=http"));
  EXPECT_THAT(r.values(HeaderId::x_request_id), ElementsAre("id-1"));
  EXPECT_THAT(r.values(HeaderId::traceparent), ElementsAre("00-a-b-01"));
  EXPECT_THAT(r.values(HeaderId::via), ElementsAre("1.0 fred", "1.1 gatehouse"));
}

TEST(AddForwarding, ForATrustedProxyIsAppended) {
  Request r({{"X-Forwarded-For", "192.0.2.1"},
             {"X-Forwarded-For", "10.9.9.9"},
             {"Forwarded", "for=192.0.2.1;proto=https, for=10.9.9.9"},
             {"X-Forwarded-Proto", "https"},
             {"X-Forwarded-Host", "shop.example"},
             {"X-Request-Id", "id-1"}});
  ASSERT_TRUE(r.admit(kProxy));
  add_forwarding(r.head(), info(kProxy, true), r.arena());
  EXPECT_THAT(r.values(HeaderId::x_forwarded_for), ElementsAre("192.0.2.1, 10.9.9.9, 10.0.0.1"));
  EXPECT_THAT(
      r.values(HeaderId::forwarded),
      ElementsAre(
          "for=192.0.2.1;proto=https, for=10.9.9.9, for=10.0.0.1;host=\"example.com:8080\";proto=http"));
  EXPECT_THAT(r.values(HeaderId::x_forwarded_proto), ElementsAre("https"));
  EXPECT_THAT(r.values(HeaderId::x_forwarded_host), ElementsAre("shop.example"));
  EXPECT_THAT(r.values(HeaderId::x_request_id), ElementsAre("id-1"));
}

TEST(AddForwarding, ForATrustedProxyThatSaysNothing) {
  Request r({});
  ASSERT_TRUE(r.admit(kProxy));
  add_forwarding(r.head(), info(kProxy, true, "plain"), r.arena());
  EXPECT_THAT(r.values(HeaderId::x_forwarded_for), ElementsAre("10.0.0.1"));
  EXPECT_THAT(r.values(HeaderId::forwarded), ElementsAre("for=10.0.0.1;host=plain;proto=http"));
  EXPECT_THAT(r.values(HeaderId::x_forwarded_proto), ElementsAre("http"));
}

TEST(AddForwarding, QuotesWhatIsNoToken) {
  Request six({});
  add_forwarding(six.head(), info("2001:db8::5", false, "[2001:db8::1]:80"), six.arena());
  EXPECT_THAT(six.values(HeaderId::forwarded),
              ElementsAre("for=\"[2001:db8::5]\";host=\"[2001:db8::1]:80\";proto=http"));
  EXPECT_THAT(six.values(HeaderId::x_forwarded_for), ElementsAre("2001:db8::5"));
  Request none({});
  add_forwarding(none.head(), info("192.0.2.1", false, ""), none.arena());
  EXPECT_THAT(none.values(HeaderId::forwarded), ElementsAre("for=192.0.2.1;proto=http"));
  EXPECT_THAT(none.values(HeaderId::x_forwarded_host), IsEmpty());
}

TEST(AddForwarding, ViaSaysTheVersionThatWasReceived) {
  Request r({});
  r.head().version = http::Version::http10;
  add_forwarding(r.head(), info("192.0.2.1", false), r.arena());
  EXPECT_THAT(r.values(HeaderId::via), ElementsAre("1.0 gatehouse"));
}

TEST(AdmitResponseHeaders, RemovesWhatIsNotTheClients) {
  BlockPool pool;
  Arena arena(pool);
  http::ResponseHead head(arena);
  for (auto [name, value] :
       std::initializer_list<std::pair<const char*, const char*>>{{"Server", "nginx/1.2.3"},
                                                                  {"Via", "1.1 varnish (Varnish/6.0)"},
                                                                  {"Connection", "keep-alive, x-hop"},
                                                                  {"Keep-Alive", "timeout=5"},
                                                                  {"X-Hop", "1"},
                                                                  {"Transfer-Encoding", "chunked"},
                                                                  {"Content-Type", "a/b"},
                                                                  {"Content-Length", "5"},
                                                                  {"Set-Cookie", "a"},
                                                                  {"Set-Cookie", "b"},
                                                                  {"Proxy-Authenticate", "x"},
                                                                  {"Date", "d"}})
    head.headers.add(std::string_view(name), std::string_view(value));
  admit_response_headers(head);
  std::vector<std::string> names;
  for (const http::Header& h : head.headers) names.emplace_back(h.name);
  EXPECT_THAT(names, ElementsAre("Content-Type", "Content-Length", "Set-Cookie", "Set-Cookie", "Date"));
}

}  // namespace
}  // namespace gatehouse::gateway
