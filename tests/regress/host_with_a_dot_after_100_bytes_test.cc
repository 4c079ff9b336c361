// A host whose 100th or 101st byte is a dot was refused as no host name: it was looked at in pieces of 100
// bytes, and each piece as if it were a whole host (fuzz target filters_cors_fuzz).
#include <gtest/gtest.h>

#include <string>

#include "config/values.h"

namespace gatehouse::config {
namespace {

TEST(HostName, MayHaveADotAnywhere) {
  for (std::size_t before = 95; before < 105; ++before) {
    const std::string host = std::string(before, 'a') + ".example.com";
    EXPECT_TRUE(is_host(host)) << before;
    EXPECT_TRUE(parse_origin_pattern("https://" + host)) << before;
  }
  EXPECT_FALSE(is_host(std::string(99, 'a') + "..example.com"));
  EXPECT_FALSE(is_host(std::string(100, 'a') + "/.example.com"));
  EXPECT_FALSE(is_host(std::string(254, 'a')));
}

}  // namespace
}  // namespace gatehouse::config
