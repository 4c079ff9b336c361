#include "net/tls_authorities.h"

#include <gtest/gtest.h>
#include <openssl/x509_vfy.h>

#include "net/tls_testing.h"

namespace gatehouse::net {
namespace {

int count(const TlsAuthorities& all) { return sk_X509_OBJECT_num(X509_STORE_get0_objects(all.store())); }

TEST(TlsAuthorities, AreReadWithoutWhatCannotBe) {
  const std::string one = TestAuthority("one").pem();
  const std::string two = TestAuthority("two").pem();
  const std::string broken = "-----BEGIN CERTIFICATE-----\nbm8gY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n";
  auto all = TlsAuthorities::read("# of the system\n\n" + one + broken + "between\n" + two + "\n# end");
  ASSERT_TRUE(all);
  EXPECT_EQ(count(*all), 2);
  auto cut = TlsAuthorities::read(one + two.substr(0, two.size() / 2));
  ASSERT_TRUE(cut);
  EXPECT_EQ(count(*cut), 1);
  EXPECT_FALSE(TlsAuthorities::read(broken));
  EXPECT_FALSE(TlsAuthorities::read(""));
  EXPECT_NE(all->fingerprint(), cut->fingerprint());
  EXPECT_EQ(TlsAuthorities::read(one)->fingerprint(), TlsAuthorities::fingerprint_of(one));
}

}  // namespace
}  // namespace gatehouse::net
