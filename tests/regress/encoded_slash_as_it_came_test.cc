// `%2f` was forwarded as `%2F`: an encoded slash is opaque and goes on as it came, for a service may take the
// two for different names.
#include <gtest/gtest.h>

#include "http/path.h"

namespace gatehouse::http {
namespace {

TEST(EncodedSlash, KeepsItsCase) {
  BlockPool pool;
  Arena arena(pool);
  for (std::string_view raw : {"/p/@scope%2fname", "/p/@scope%2Fname", "/p/a%2fb%2Fc"}) {
    auto path = normalise_path(raw, {}, arena);
    ASSERT_TRUE(path);
    EXPECT_EQ(path->path, raw);
    EXPECT_TRUE(path->encoded_slash);
  }
  EXPECT_EQ(normalise_path("/%7euser/a%2fb%c3%a9", {}, arena)->path, "/~user/a%2fb%C3%A9") << "others do not";
}

}  // namespace
}  // namespace gatehouse::http
