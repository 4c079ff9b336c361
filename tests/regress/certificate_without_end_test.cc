// A certificate until the year 9999, which stands for no end, overflowed the clock's nanoseconds: it was
// warned of as expired, and sessions that stood on it never resumed.
#include <gtest/gtest.h>

#include "net/tls_certificate.h"

namespace gatehouse::net {
namespace {

TEST(CertificateWithoutEnd, HasNotExpired) {
  X509Ptr x(X509_new());
  ASSERT_EQ(ASN1_TIME_set_string(X509_getm_notAfter(x.get()), "99991231235959Z"), 1);
  EXPECT_GT(valid_until(*x), WallTime(Duration(9'000'000'000'000'000'000)));
}

}  // namespace
}  // namespace gatehouse::net
