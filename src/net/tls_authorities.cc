#include "net/tls_authorities.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509_vfy.h>

#include "net/tls_certificate.h"

namespace gatehouse::net {

void TlsAuthorities::StoreDeleter::operator()(x509_store_st* store) const noexcept { X509_STORE_free(store); }

TlsAuthorities::TlsAuthorities() : store_(X509_STORE_new()) {}

std::shared_ptr<TlsAuthorities> TlsAuthorities::read(std::string_view pem) {
  std::shared_ptr<TlsAuthorities> made(new TlsAuthorities);
  std::unique_ptr<BIO, FreeWith<&BIO_free_all>> bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  bool any = false;
  for (;;) {
    ERR_clear_error();
    X509Ptr one(PEM_read_bio_X509_AUX(bio.get(), nullptr, &no_pass_phrase, nullptr));
    if (one) any = X509_STORE_add_cert(made->store(), one.get()) == 1 || any;
    if (!one && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE) break;
    if (BIO_eof(bio.get())) break;
  }
  ERR_clear_error();
  made->fingerprint_ = fingerprint_of(pem);
  return any ? made : nullptr;
}

const TlsAuthorities& TlsAuthorities::built_in() {
  static const TlsAuthorities* const made = [] {
    auto* all = new TlsAuthorities;
    X509_STORE_set_default_paths(all->store());
    ERR_clear_error();
    return all;
  }();
  return *made;
}

std::string TlsAuthorities::fingerprint_of(std::string_view pem) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  EVP_Digest(pem.data(), pem.size(), reinterpret_cast<unsigned char*>(digest.data()), nullptr, EVP_sha256(),
             nullptr);
  return digest;
}

}  // namespace gatehouse::net
