#include "filters/auth/credential_cut.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace gatehouse::filters {
namespace {

struct Cut {
  std::string_view given;
  std::string_view kept;
};

TEST(CredentialCut, Query) {
  BlockPool pool;
  Arena arena(pool);
  const std::vector<Cut> cases = {
      {"", ""},
      {"?", "?"},
      {"?key=s", ""},
      {"?key", ""},
      {"?key=", ""},
      {"?key=s&key=t", ""},
      {"?a=1&key=s", "?a=1"},
      {"?key=s&a=1", "?a=1"},
      {"?a=1&key=s&b=2", "?a=1&b=2"},
      {"?a&key=s=t&b=%20+&&c", "?a&b=%20+&&c"},
      {"?keys=1&akey=2&Key=3", "?keys=1&akey=2&Key=3"},
      {"?%6bey=s&a", "?a"},
      {"?k%65%79=s", ""},
      {"?k%6=s&key%=1", "?k%6=s&key%=1"},
      {"?a=key=s", "?a=key=s"},
      {"?a;key=s", "?a;key=s"},
  };
  for (const Cut& c : cases) EXPECT_EQ(cut_parameter(c.given, "key", arena), c.kept) << c.given;
}

TEST(CredentialCut, Referer) {
  BlockPool pool;
  Arena arena(pool);
  const std::vector<Cut> cases = {
      {"https://a.example/p?key=s&b=1#f", "https://a.example/p?b=1#f"},
      {"https://a.example/p?key=s", "https://a.example/p"},
      {"https://a.example/p?key=s#key=s", "https://a.example/p#key=s"},
      {"https://a.example/p#?key=s", "https://a.example/p#?key=s"},
      {"https://a.example/key=s", "https://a.example/key=s"},
      {"", ""},
  };
  for (const Cut& c : cases) EXPECT_EQ(cut_parameter_of_url(c.given, "key", arena), c.kept) << c.given;
}

TEST(CredentialCut, Cookie) {
  BlockPool pool;
  Arena arena(pool);
  const std::vector<Cut> cases = {
      {"key=s", ""},
      {"a=1; key=s", "a=1"},
      {"key=s; a=1", "a=1"},
      {"a=1; key=s; b=2", "a=1; b=2"},
      {"a=1;key=s;b=2", "a=1;b=2"},
      {"a=1; key = s; b=2", "a=1; b=2"},
      {"a=1; key", "a=1"},
      {"a=key; keys=1", "a=key; keys=1"},
      {" a=1 ", " a=1 "},
  };
  for (const Cut& c : cases) EXPECT_EQ(cut_cookie(c.given, "key", arena), c.kept) << c.given;
}

TEST(CredentialCut, Escapes) {
  BlockPool pool;
  Arena arena(pool);
  EXPECT_EQ(decode_escapes("abc+", arena), "abc+");
  EXPECT_EQ(decode_escapes("a%2Fb%3d%", arena), "a/b=%");
  EXPECT_EQ(decode_escapes("%zz%4", arena), "%zz%4");
}

}  // namespace
}  // namespace gatehouse::filters
