#include "net/tls_certificate.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>

#include "net/tls_context.h"

namespace gatehouse::net {
namespace {

using BioPtr = std::unique_ptr<BIO, FreeWith<&BIO_free_all>>;

BioPtr memory(std::string_view text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

WallTime to_wall(const ASN1_TIME* t) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(t, &parts) != 1) return WallTime{};
  // The year 9999, which stands for no end (RFC 5280 section 4.1.2.5), is more than nanoseconds count.
  constexpr auto kMost = std::chrono::floor<std::chrono::seconds>(WallTime::max().time_since_epoch());
  return WallTime(std::clamp(std::chrono::seconds(::timegm(&parts)), -kMost, kMost));
}

std::string text_of(const ASN1_STRING* s) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(s)),
          static_cast<std::size_t>(ASN1_STRING_length(s))};
}

std::string address_text(const ASN1_OCTET_STRING* s) {
  char text[INET6_ADDRSTRLEN] = {};
  int size = ASN1_STRING_length(s);
  if (size != 4 && size != 16) return {};
  ::inet_ntop(size == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(s), text, sizeof text);
  return text;
}

std::string written(BIO* bio) {
  char* data = nullptr;
  long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

}  // namespace

int no_pass_phrase(char*, int, int, void*) noexcept { return -1; }

std::vector<X509Ptr> read_certificates(std::string_view pem) {
  BioPtr bio = memory(pem);
  std::vector<X509Ptr> all;
  ERR_clear_error();
  while (X509* one = PEM_read_bio_X509(bio.get(), nullptr, &no_pass_phrase, nullptr)) all.emplace_back(one);
  bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (!at_end) all.clear();
  return all;
}

KeyPtr read_key(std::string_view pem) {
  BioPtr bio = memory(pem);
  KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, &no_pass_phrase, nullptr));
  ERR_clear_error();
  return key;
}

std::vector<std::string> names_of(const X509& certificate) {
  std::vector<std::string> names;
  auto* all =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(all); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(all, i);
    std::string text;
    if (name->type == GEN_DNS) {
      text = text_of(name->d.dNSName);
      for (char& c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
    } else if (name->type == GEN_URI) {
      text = text_of(name->d.uniformResourceIdentifier);
    } else if (name->type == GEN_IPADD) {
      text = address_text(name->d.iPAddress);
    }
    if (!text.empty() && text.find('\0') == std::string::npos) names.push_back(std::move(text));
  }
  GENERAL_NAMES_free(all);
  return names;
}

WallTime valid_from(const X509& certificate) { return to_wall(X509_get0_notBefore(&certificate)); }
WallTime valid_until(const X509& certificate) { return to_wall(X509_get0_notAfter(&certificate)); }

TlsPeer describe(const X509& certificate) {
  TlsPeer peer;
  BioPtr bio(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), X509_get_subject_name(&certificate), 0, XN_FLAG_RFC2253);
  peer.subject = written(bio.get());
  peer.names = names_of(certificate);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  X509_digest(&certificate, EVP_sha256(), digest.data(), &size);
  constexpr char kHex[] = "0123456789abcdef";
  for (unsigned i = 0; i < size; ++i) {
    peer.sha256 += kHex[digest[i] >> 4];
    peer.sha256 += kHex[digest[i] & 15];
  }
  return peer;
}

TlsIdentity make_development_identity(const std::vector<std::string>& names, int days) {
  KeyPtr key(EVP_EC_gen("P-256"));
  X509Ptr certificate(X509_new());
  X509* x = certificate.get();
  X509_set_version(x, X509_VERSION_3);
  std::array<unsigned char, 16> serial;
  RAND_bytes(serial.data(), serial.size());
  serial[0] &= 0x7f;
  std::unique_ptr<BIGNUM, FreeWith<&BN_free>> number(BN_bin2bn(serial.data(), serial.size(), nullptr));
  BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(x));
  X509_gmtime_adj(X509_getm_notBefore(x), -300);  // clocks differ
  X509_gmtime_adj(X509_getm_notAfter(x), 86400L * days);
  X509_set_pubkey(x, key.get());
  X509_NAME* subject = X509_get_subject_name(x);
  const std::string common = "Gatehouse development";
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(common.c_str()), -1, -1, 0);
  X509_set_issuer_name(x, subject);
  std::string alternatives;
  for (const auto& name : names) {
    std::array<unsigned char, 16> ignored;
    bool address = ::inet_pton(AF_INET, name.c_str(), ignored.data()) == 1 ||
                   ::inet_pton(AF_INET6, name.c_str(), ignored.data()) == 1;
    alternatives += (alternatives.empty() ? "" : ",") + std::string(address ? "IP:" : "DNS:") + name;
  }
  for (const auto& [kind, value] : {std::pair<int, std::string>{NID_subject_alt_name, alternatives},
                                    {NID_basic_constraints, "critical,CA:FALSE"},
                                    {NID_key_usage, "critical,digitalSignature"},
                                    {NID_ext_key_usage, "serverAuth"}}) {
    std::unique_ptr<X509_EXTENSION, FreeWith<&X509_EXTENSION_free>> extension(
        X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str()));
    X509_add_ext(x, extension.get(), -1);
  }
  X509_sign(x, key.get(), EVP_sha256());
  BioPtr chain(BIO_new(BIO_s_mem()));
  BioPtr secret(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(chain.get(), x);
  PEM_write_bio_PKCS8PrivateKey(secret.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  return {written(chain.get()), written(secret.get())};
}

}  // namespace gatehouse::net
