#include "base/printable.h"

#include <gtest/gtest.h>

namespace gatehouse {
namespace {

TEST(WithoutControls, Table) {
  EXPECT_EQ(without_controls("plain text"), "plain text");
  EXPECT_EQ(without_controls("a\x1b]0;title\x07z"), "a?]0;title?z");
  EXPECT_EQ(without_controls("a\nb\x7f"), "a?b?");
  EXPECT_EQ(without_controls("\xc2\x9b"
                             "31m"),
            "?31m")
      << "C1, as UTF-8";
  EXPECT_EQ(without_controls("\xc3\xbc\xc2\xa7"), "\xc3\xbc\xc2\xa7") << "letters stay";
  EXPECT_EQ(without_controls("\xc2"), "\xc2") << "half of one";
}

}  // namespace
}  // namespace gatehouse
