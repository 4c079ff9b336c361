#include "http/header.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace gatehouse::http {
namespace {

std::string upper(std::string_view s) {
  std::string out(s);
  for (char& c : out)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
  return out;
}

constexpr auto kIds = static_cast<int>(HeaderId::last_);

TEST(HeaderId, FindsEveryNameInEveryCase) {
  for (int i = 1; i < kIds; ++i) {
    const auto id = static_cast<HeaderId>(i);
    if (id == HeaderId::x_forwarded_other) continue;
    const std::string_view name = header_info(id).name;
    EXPECT_EQ(header_id(name), id) << name;
    EXPECT_EQ(header_id(upper(name)), id) << name;
    std::string mixed(name);
    mixed[0] = upper(name)[0];
    EXPECT_EQ(header_id(mixed), id) << name;
  }
}

// The comparison works on words with the case bit masked out: no byte but the other case of a letter may slip
// through.
TEST(HeaderId, NoOtherByteMatches) {
  for (int i = 1; i < kIds; ++i) {
    const auto id = static_cast<HeaderId>(i);
    const std::string name(header_info(id).name);
    for (std::size_t at = 0; at < name.size(); ++at) {
      for (int c = 0; c < 256; ++c) {
        std::string changed = name;
        changed[at] = static_cast<char>(c);
        if (iequals(changed, name)) continue;
        EXPECT_NE(header_id(changed), id) << name << " at " << at << " byte " << c;
      }
    }
    if (id == HeaderId::x_forwarded_other) continue;
    EXPECT_NE(header_id(name + "x"), id);
    EXPECT_NE(header_id(name.substr(1)), id);
  }
}

TEST(HeaderId, ForwardedFamily) {
  EXPECT_EQ(header_id("X-Forwarded-Ssl"), HeaderId::x_forwarded_other);
  EXPECT_EQ(header_id("X-Forwarded-Something-Much-Longer-Than-Any-Name"), HeaderId::x_forwarded_other);
  EXPECT_EQ(header_id("X-Forwarded-"), HeaderId::other);
  EXPECT_EQ(header_id("X-ForwardedFor"), HeaderId::other);
  EXPECT_EQ(header_id("x_forwarded-abc"), HeaderId::other);
}

TEST(HeaderId, OddLengths) {
  EXPECT_EQ(header_id(""), HeaderId::other);
  EXPECT_EQ(header_id("a"), HeaderId::other);
  EXPECT_EQ(header_id("TE"), HeaderId::te);
  EXPECT_EQ(header_id(std::string(100, 'a')), HeaderId::other);
  EXPECT_EQ(header_id(std::string(24, '\0')), HeaderId::other);
}

TEST(HeaderPolicy, WhatTheRequestPathReliesOn) {
  auto has = [](std::string_view name, unsigned policy) {
    return (header_info(header_id(name)).policy & policy) == policy;
  };
  for (std::string_view name : {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "te",
                                "trailer", "upgrade", "proxy-authenticate", "proxy-authorization"})
    EXPECT_TRUE(has(name, kHopByHop)) << name;
  for (std::string_view name : {"content-length", "transfer-encoding"})
    EXPECT_TRUE(has(name, kFraming)) << name;
  for (std::string_view name : {"host", "content-length", "transfer-encoding", "authorization", "cookie"})
    EXPECT_TRUE(has(name, kNotInConnection)) << name;
  for (std::string_view name : {"forwarded", "x-forwarded-for", "x-forwarded-anything", "x-real-ip",
                                "x-original-url", "x-rewrite-url", "proxy", "x-request-id"})
    EXPECT_TRUE(has(name, kSetByGateway | kForwarding | kNotInTrailers)) << name;
  for (std::string_view name : {"content-length", "transfer-encoding", "host", "connection"})
    EXPECT_TRUE(has(name, kSetByGateway)) << name;
  EXPECT_EQ(header_info(HeaderId::other).policy, 0);
}

TEST(Folding, EachNonAlphanumericAlike) {
  EXPECT_TRUE(folds_to("X_Forwarded.For", "x-forwarded-for"));
  EXPECT_TRUE(folds_to("x~forwarded!FOR", "X-Forwarded-For"));
  EXPECT_TRUE(folds_to("Content_Length", "content-length"));
  EXPECT_FALSE(folds_to("XForwardedFor", "x-forwarded-for"));
  EXPECT_FALSE(folds_to("x-forwarded-fo", "x-forwarded-for"));
  EXPECT_FALSE(folds_to("xxforwarded-for", "x-forwarded-for"));
  EXPECT_FALSE(folds_to("x-forwarded--or", "x-forwarded-for"));
}

TEST(Folding, IdOfWhatAServiceMaySee) {
  EXPECT_EQ(folded_id("X_Forwarded.For"), HeaderId::x_forwarded_for);
  EXPECT_EQ(folded_id("X_FORWARDED_ANYTHING_THAT_IS_LONGER_THAN_THE_TABLE"), HeaderId::x_forwarded_other);
  EXPECT_EQ(folded_id("content.length"), HeaderId::content_length);
  EXPECT_EQ(folded_id("content-length"), HeaderId::content_length);
  EXPECT_EQ(folded_id("transfer_encoding_"), HeaderId::other);
  EXPECT_EQ(folded_id(""), HeaderId::other);
  for (int i = 1; i < kIds; ++i) {
    std::string name(header_info(static_cast<HeaderId>(i)).name);
    if (static_cast<HeaderId>(i) == HeaderId::x_forwarded_other) name += "foo";
    std::ranges::replace(name, '-', '_');
    EXPECT_EQ(folded_id(name), static_cast<HeaderId>(i)) << name;
  }
}

TEST(List, ItemsWithoutWhitespaceAndEmptyOnes) {
  std::vector<std::string> items;
  for_each_list_item(" a, ,\tb c\t,,d", [&](std::string_view item) { items.emplace_back(item); });
  EXPECT_EQ(items, (std::vector<std::string>{"a", "b c", "d"}));
}

class Table : public ::testing::Test {
 protected:
  std::string names() const {
    std::string out;
    for (const Header& h : table) out += std::string(h.name) + "=" + std::string(h.value) + ";";
    return out;
  }
  BlockPool pool;
  Arena arena{pool};
  HeaderTable table{arena};
};

TEST_F(Table, AddFindRemoveKeepsOrder) {
  table.add("Accept", "a");
  table.add("X-One", "1");
  table.add(HeaderId::cookie, "c1");
  table.add("COOKIE", "c2");
  table.add("x-one", "2");
  EXPECT_EQ(table.find(HeaderId::cookie)->value, "c1");
  EXPECT_EQ(table.find("X-ONE")->value, "1");
  EXPECT_EQ(table.value(HeaderId::accept), "a");
  EXPECT_TRUE(table.has(HeaderId::cookie));
  EXPECT_EQ(table.remove(HeaderId::cookie), 2U);
  EXPECT_FALSE(table.has(HeaderId::cookie));
  EXPECT_EQ(table.remove("X-One"), 2U);
  EXPECT_EQ(table.remove("X-One"), 0U);
  EXPECT_EQ(table.find("x-one"), nullptr);
  table.set("X-Two", "1");
  table.set("x-two", "2");
  table.set(HeaderId::accept, "b");
  EXPECT_EQ(names(), "x-two=2;accept=b;");
  EXPECT_EQ(table.value(HeaderId::age), "");
}

TEST_F(Table, GrowsUpToItsBound) {
  std::vector<std::string> values;
  for (std::size_t i = 0; i < 300; ++i) values.push_back(std::to_string(i));
  for (const std::string& v : values) table.add("x-n", v);
  EXPECT_EQ(table.size(), HeaderTable::kMaxFields);
  for (std::size_t i = 0; i < table.size(); ++i) EXPECT_EQ(table.begin()[i].value, values[i]);
}

TEST_F(Table, HopByHopFieldsGoWithWhatConnectionNames) {
  table.add("Connection", "keep-alive, X-Private, Connection");
  table.add("Accept", "a");
  table.add("x-private", "1");
  table.add("TE", "trailers");
  table.add("X-Other", "2");
  table.add("connection", "connection, x-other, upgrade");
  table.add("connection", "x-last");
  table.add("x-last", "3");
  table.add("Upgrade", "h2c");
  table.add("Keep-Alive", "timeout=5");
  table.add("Proxy-Authorization", "secret");
  remove_hop_by_hop(table);
  EXPECT_EQ(names(), "Accept=a;");
}

}  // namespace
}  // namespace gatehouse::http
