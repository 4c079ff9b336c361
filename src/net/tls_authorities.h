// Authorities to trust: parsed once, shared by the contexts of many services. The system's are a hundred and
// more.
#pragma once

#include <memory>
#include <string>
#include <string_view>

struct x509_store_st;

namespace gatehouse::net {

// Immutable. Any thread.
class TlsAuthorities {
 public:
  // Those of a PEM text, without what cannot be read of it; null if nothing can.
  static std::shared_ptr<TlsAuthorities> read(std::string_view pem);
  // OpenSSL's own folder: a file of it is read when a certificate asks for it, and kept for ever.
  static const TlsAuthorities& built_in();

  x509_store_st* store() const noexcept { return store_.get(); }
  const std::string& fingerprint() const noexcept { return fingerprint_; }  // equal for equal texts
  static std::string fingerprint_of(std::string_view pem);

 private:
  TlsAuthorities();
  struct StoreDeleter {
    void operator()(x509_store_st* store) const noexcept;
  };
  std::unique_ptr<x509_store_st, StoreDeleter> store_;
  std::string fingerprint_;
};

}  // namespace gatehouse::net
