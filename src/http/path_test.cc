#include "http/path.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace gatehouse::http {
namespace {

class Path : public ::testing::Test {
 protected:
  std::string normal(std::string_view raw, bool merge = true) {
    const auto r = normalise_path(raw, {merge}, arena);
    return r ? std::string(r->path) : "error: " + std::string(r.error().detail);
  }
  bool refused(std::string_view raw) {
    const auto r = normalise_path(raw, {}, arena);
    return !r && r.error().code == Errc::bad_path && r.error().origin == Origin::client &&
           !r.error().detail.empty();
  }
  BlockPool pool;
  Arena arena{pool};
};

TEST_F(Path, NormalOnesAreNotCopied) {
  for (std::string_view raw :
       {"/", "/a", "/a/b/", "/a;x=1/b", "/a.b/c..d", "/~u/!$&'()*+,;=:@", "/a|b\"{}^`<>[]"}) {
    const auto r = normalise_path(raw, {}, arena);
    ASSERT_TRUE(r) << raw;
    EXPECT_EQ(r->path.data(), raw.data());
    EXPECT_EQ(r->path, raw);
    EXPECT_FALSE(r->encoded_slash);
  }
  EXPECT_EQ(arena.used(), 0U);
}

TEST_F(Path, DotSegments) {
  EXPECT_EQ(normal("/a/./b"), "/a/b");
  EXPECT_EQ(normal("/a/../b"), "/b");
  EXPECT_EQ(normal("/a/b/.."), "/a/");
  EXPECT_EQ(normal("/a/b/."), "/a/b/");
  EXPECT_EQ(normal("/."), "/");
  EXPECT_EQ(normal("/a/.."), "/");
  EXPECT_EQ(normal("/a/b/c/../../d"), "/a/d");
  EXPECT_EQ(normal("/a/%2e%2E/b"), "/b");
  EXPECT_EQ(normal("/a/.%2e/b"), "/b");
  EXPECT_EQ(normal("/.well-known/x"), "/.well-known/x");
  EXPECT_EQ(normal("/..."), "/...");
  EXPECT_EQ(normal("/..a/b"), "/..a/b");
  for (std::string_view raw : {"/..", "/../a", "/a/../..", "/%2e%2e/a", "/./..", "//.."})
    EXPECT_TRUE(refused(raw)) << raw;
}

TEST_F(Path, Slashes) {
  EXPECT_EQ(normal("//a///b//"), "/a/b/");
  EXPECT_EQ(normal("/a//../b"), "/b");
  EXPECT_EQ(normal("//a///b//", false), "//a///b//");
  EXPECT_EQ(normal("/a//../b", false), "/a/b");
  EXPECT_EQ(normal("/a/.//b", false), "/a//b");
}

TEST_F(Path, Escapes) {
  EXPECT_EQ(normal("/%61%7e%2D%5f"), "/a~-_");
  EXPECT_EQ(normal("/a%3ab%c3%a9"), "/a%3Ab%C3%A9");
  EXPECT_EQ(normal("/caf\xc3\xa9"), "/caf%C3%A9");
  EXPECT_EQ(normal("/%2561"), "/%2561");
  EXPECT_EQ(normal("/a%20b"), "/a%20b");
  for (std::string_view raw : {"/%", "/%4", "/%zz", "/%4g", "/a%00b", "/a%0d%0ab", "/%7f", "/%5c", "/%5C.."})
    EXPECT_TRUE(refused(raw)) << raw;
}

TEST_F(Path, EncodedSlashIsOpaque) {
  const auto r = normalise_path("/a%2fb", {}, arena);
  ASSERT_TRUE(r);
  EXPECT_EQ(r->path, "/a%2fb");
  EXPECT_TRUE(r->encoded_slash);
  for (std::string_view raw : {"/a%2f../b", "/a%2F..%2fb", "/%2e%2e%2fb", "/a%2Fb/../c", "/a/../b%2fc",
                               "/a/./b%2F", "/a%2f.", "/a%2f..;x", "/x/..%2f"})
    EXPECT_TRUE(refused(raw)) << raw;
  EXPECT_EQ(normal("/a%2F...%2f..b"), "/a%2F...%2f..b");
}

TEST_F(Path, WhatServicesDisagreeAbout) {
  for (std::string_view raw : {"/a/..;x/b", "/a/.;x", "/..;/", "/a/%2e%2e;x", "/a/..%3bx", "/a\\b",
                               "/a/..\\b", "/a b", "/a\tb", "/a\x7f", "", "a", "*", "/a?b", "/a#b"})
    EXPECT_TRUE(refused(raw)) << raw;
  EXPECT_TRUE(refused(std::string_view("/a\0b", 4)));
  EXPECT_EQ(normal("/orders/admin;x"), "/orders/admin;x");
  EXPECT_EQ(without_parameters("admin;x"), "admin");
}

// `/orders/;x/admin` is `/orders/admin` to a service that takes the parameters away and merges slashes, but
// would be below `/orders/*` here.
TEST_F(Path, ASegmentOfParametersAloneIsRefused) {
  for (std::string_view raw : {"/orders/;x/admin", "/;/orders", "/;x/", "/orders/;/", "/orders/;x/../admin",
                               "/orders/%3bx/admin", "/orders//;x/admin", "/orders/;x%2f/admin"}) {
    EXPECT_TRUE(refused(raw)) << raw;
    EXPECT_EQ(normal(raw, false).substr(0, 6), "error:") << raw;
  }
  EXPECT_EQ(normal("/orders/;x"), "/orders/;x") << "the trailing '/', as Java's session ids make it";
  EXPECT_EQ(normal("/;x"), "/;x");
  EXPECT_EQ(normal("/a;/;x=1;y"), "/a;/;x=1;y");
}

// What leaves is its own normal form, and holds nothing that a service could still resolve.
TEST_F(Path, NormalisingTwiceChangesNothing) {
  std::mt19937 random(3);
  const std::vector<std::string> parts = {"/", "//",  ".",   "..", "a",   "%2e", "%2E%2e", "%2f",
                                          ";", "%41", "%c3", "é",  "%3B", "b/",  "/./"};
  int good = 0;
  for (int round = 0; round < 30000; ++round) {
    std::string raw = "/";
    for (unsigned n = random() % 8; n > 0; --n) raw += parts[random() % parts.size()];
    for (bool merge : {true, false}) {
      const auto once = normalise_path(raw, {merge}, arena);
      if (!once) continue;
      ++good;
      const auto twice = normalise_path(once->path, {merge}, arena);
      ASSERT_TRUE(twice) << raw;
      EXPECT_EQ(twice->path, once->path) << raw;
      EXPECT_EQ(("/" + std::string(once->path) + "/").find("/../"), std::string::npos) << raw;
      if (merge) EXPECT_EQ(once->path.find("//"), std::string_view::npos) << raw;
    }
    arena.reset();
  }
  EXPECT_GT(good, 1000);
}

TEST(Target, Split) {
  EXPECT_EQ(split_target("/a?b?c")->path, "/a");
  EXPECT_EQ(split_target("/a?b?c")->query, "?b?c");
  EXPECT_EQ(split_target("/a")->query, "");
  EXPECT_EQ(split_target("?")->query, "?");
  EXPECT_FALSE(split_target("/a#b"));
  EXPECT_FALSE(split_target("/a?b#c"));
}

TEST(Host, Valid) {
  for (std::string_view host :
       {"a", "example.com", "example.com:80", "example.com:", "127.0.0.1:8080", "[::1]", "[::1]:443",
        "[2001:db8::1:2]", "[::ffff:1.2.3.4]", "[1:2:3:4:5:6:7:8]", "[1::]", "[::]", "[1:2:3:4:5:6:1.2.3.4]",
        "a_b.c", "0.0.0.0=5000", "%41b", "xn--bcher-kva.example"})
    EXPECT_TRUE(valid_host(host)) << host;
  for (std::string_view host : {"",
                                ":80",
                                "a:b",
                                "a:80:80",
                                "a:65536",
                                "a:123456",
                                "a b",
                                "a/b",
                                "user@a",
                                "a?b",
                                "a#b",
                                "a\\b",
                                "[",
                                "[]",
                                "[:]",
                                "[::1",
                                "[::1]x",
                                "[::1]:x",
                                "[1:2:3:4:5:6:7]",
                                "[1:2:3:4:5:6:7:8:9]",
                                "[1::2::3]",
                                "[:::]",
                                "[12345::]",
                                "[g::]",
                                "[::1.2.3]",
                                "[::1.2.3.400]",
                                "[fe80::1%25eth0]",
                                "[1:]",
                                "[1:2:3:4:5:6:7:1.2.3.4]",
                                "::1",
                                "a%4",
                                "a%zz",
                                "a\x80",
                                "a,b c",
                                "a\tb",
                                "[1:2:3:4:5:6:7::8]"})
    EXPECT_FALSE(valid_host(host)) << host;
  EXPECT_FALSE(valid_host(std::string_view("a\0b", 3)));
}

TEST(Host, WithoutPort) {
  EXPECT_EQ(host_without_port("example.com:80"), "example.com");
  EXPECT_EQ(host_without_port("example.com"), "example.com");
  EXPECT_EQ(host_without_port("[::1]:80"), "[::1]");
  EXPECT_EQ(host_without_port("[::1]"), "[::1]");
  EXPECT_EQ(host_without_port("["), "[");
  EXPECT_EQ(host_without_port(""), "");
}

TEST(Lists, QueryAndCookie) {
  std::vector<std::string> got;
  auto keep = [&](std::string_view v) { got.emplace_back(v); };
  for_each_query("?a=1&b&a&c=a=2&a=3=4&&a=", "a", keep);
  EXPECT_EQ(got, (std::vector<std::string>{"1", "", "3=4", ""}));
  got.clear();
  for_each_cookie("a=1; b=2;a=x=y ;\ta=", "a", keep);
  EXPECT_EQ(got, (std::vector<std::string>{"1", "x=y", ""}));
}

}  // namespace
}  // namespace gatehouse::http
