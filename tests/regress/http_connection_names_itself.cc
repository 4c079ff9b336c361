// A `Connection: connection, ...` took the message's other Connection fields out of the table before their
// names were read: what they named was forwarded. Found by http_header_fuzz.
#include <gtest/gtest.h>

#include "http/header.h"

namespace gatehouse::http {
namespace {

TEST(Regress, ConnectionThatNamesItselfHidesNoOther) {
  BlockPool pool;
  Arena arena(pool);
  HeaderTable headers(arena);
  headers.add("Connection", "Connection");
  headers.add("connection", "x-secret");
  headers.add("X-Secret", "1");
  headers.add("Accept", "*/*");
  remove_hop_by_hop(headers);
  ASSERT_EQ(headers.size(), 1U);
  EXPECT_EQ(headers.begin()->name, "Accept");
}

}  // namespace
}  // namespace gatehouse::http
