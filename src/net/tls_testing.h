// Certificates for tests: authorities and what they sign.
#pragma once

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <array>
#include <string>

#include "net/tls_certificate.h"
#include "net/tls_context.h"

namespace gatehouse::net {

inline std::string pem_of(auto write) {
  std::unique_ptr<BIO, FreeWith<&BIO_free_all>> bio(BIO_new(BIO_s_mem()));
  write(bio.get());
  char* data = nullptr;
  long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

struct CertificateWish {
  std::string name{};  // "DNS:a.example.com,URI:spiffe://mesh/a"; empty = none
  std::string common = "test";
  bool rsa = false;
  long from = -3600;  // seconds from now
  long until = 86400;
};

class TestAuthority {
 public:
  explicit TestAuthority(const std::string& name = "test authority")
      : key_(EVP_EC_gen("P-256")), certificate_(fill({"", name, false, -7200, 864000}, key_.get(), true)) {
    X509_set_issuer_name(certificate_.get(), X509_get_subject_name(certificate_.get()));
    X509_sign(certificate_.get(), key_.get(), EVP_sha256());
  }
  // An intermediate.
  TestAuthority(const std::string& name, const TestAuthority& above)
      : key_(EVP_EC_gen("P-256")), certificate_(fill({"", name, false, -7200, 864000}, key_.get(), true)) {
    X509_set_issuer_name(certificate_.get(), X509_get_subject_name(above.certificate_.get()));
    X509_sign(certificate_.get(), above.key_.get(), EVP_sha256());
  }
  std::string pem() const {
    return pem_of([&](BIO* b) { PEM_write_bio_X509(b, certificate_.get()); });
  }

  TlsIdentity issue(const CertificateWish& wish) const {
    KeyPtr key(wish.rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256"));
    X509Ptr x = fill(wish, key.get(), false);
    X509_set_issuer_name(x.get(), X509_get_subject_name(certificate_.get()));
    X509_sign(x.get(), key_.get(), EVP_sha256());
    return {pem_of([&](BIO* b) { PEM_write_bio_X509(b, x.get()); }), pem_of([&](BIO* b) {
              PEM_write_bio_PKCS8PrivateKey(b, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
            })};
  }

 private:
  static X509Ptr fill(const CertificateWish& wish, EVP_PKEY* key, bool authority) {
    static long serial = 1;
    X509Ptr x(X509_new());
    X509_set_version(x.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x.get()), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(x.get()), wish.from);
    X509_gmtime_adj(X509_getm_notAfter(x.get()), wish.until);
    X509_set_pubkey(x.get(), key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x.get()), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(wish.common.c_str()), -1, -1, 0);
    auto extend = [&](int kind, const std::string& value) {
      std::unique_ptr<X509_EXTENSION, FreeWith<&X509_EXTENSION_free>> e(
          X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str()));
      X509_add_ext(x.get(), e.get(), -1);
    };
    extend(NID_basic_constraints, authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (!wish.name.empty()) extend(NID_subject_alt_name, wish.name);
    return x;
  }

  KeyPtr key_;
  X509Ptr certificate_;
};

}  // namespace gatehouse::net
