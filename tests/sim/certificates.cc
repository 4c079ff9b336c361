#define OPENSSL_SUPPRESS_DEPRECATED  // another source of randomness for all of OpenSSL: nothing else gives
                                     // that
#include "sim/certificates.h"

#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <cstdlib>
#include <map>
#include <utility>

#include "base/random.h"
#include "net/tls_certificate.h"
#include "net/tls_testing.h"

namespace gatehouse::sim {
namespace {

std::optional<Random> randomness;
const RAND_METHOD* systems = nullptr;

int fill(unsigned char* out, int n) {
  for (int i = 0; i < n; ++i) out[i] = static_cast<unsigned char>(randomness->next() >> 56);
  return 1;
}
int take_seed(const void*, int) { return 1; }
int take_more(const void*, int, double) { return 1; }
void cleanup() {}
int status() { return 1; }
const RAND_METHOD kSeeded{take_seed, fill, cleanup, take_more, fill, status};

std::size_t living = 0;

void made(void*, void*, CRYPTO_EX_DATA*, int, long, void*) { ++living; }
void freed(void*, void*, CRYPTO_EX_DATA*, int, long, void*) { --living; }

// An Ed25519 key and what it signs. Good for a century, of this process's clock: OpenSSL asks no other.
class Authority {
 public:
  explicit Authority(const std::string& name) : key_(new_key()) {
    certificate_ = fill(name, 1, key_.get());
    extend(NID_basic_constraints, "critical,CA:TRUE");
    sign(*certificate_, *certificate_);
  }

  std::string pem() const { return text_of(*certificate_); }
  // The certificate and its key.
  std::pair<std::string, std::string> issue(const std::string& name, const std::string& alternatives,
                                            long serial) const {
    net::KeyPtr key = new_key();
    net::X509Ptr x = fill(name, serial, key.get());
    extend(*x, NID_basic_constraints, "critical,CA:FALSE");
    extend(*x, NID_subject_alt_name, alternatives);
    sign(*x, *certificate_);
    return {text_of(*x), net::pem_of([&](BIO* b) {
              PEM_write_bio_PKCS8PrivateKey(b, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
            })};
  }

 private:
  static net::KeyPtr new_key() { return net::KeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")); }
  static std::string text_of(X509& x) {
    return net::pem_of([&](BIO* b) { PEM_write_bio_X509(b, &x); });
  }
  static net::X509Ptr fill(const std::string& name, long serial, EVP_PKEY* key) {
    net::X509Ptr x(X509_new());
    X509_set_version(x.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x.get()), serial);
    ASN1_TIME_set_string(X509_getm_notBefore(x.get()), "20000101000000Z");
    ASN1_TIME_set_string(X509_getm_notAfter(x.get()), "21000101000000Z");
    X509_set_pubkey(x.get(), key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x.get()), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    return x;
  }
  static void extend(X509& x, int kind, const std::string& value) {
    std::unique_ptr<X509_EXTENSION, net::FreeWith<&X509_EXTENSION_free>> e(
        X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str()));
    X509_add_ext(&x, e.get(), -1);
  }
  void extend(int kind, const std::string& value) { extend(*certificate_, kind, value); }
  void sign(X509& x, X509& issuer) const {
    X509_set_issuer_name(&x, X509_get_subject_name(&issuer));
    X509_sign(&x, key_.get(), nullptr);
  }

  net::KeyPtr key_;
  net::X509Ptr certificate_;
};

void begin_seeded(std::uint64_t seed) {
  if (randomness) std::abort();  // whose seed would it be?
  systems = RAND_get_rand_method();
  randomness.emplace(seed);
  RAND_set_rand_method(&kSeeded);
}

void end_seeded() {
  RAND_set_rand_method(systems);
  randomness.reset();
}

std::map<std::string, std::string> make_files() {
  begin_seeded(1);
  std::map<std::string, std::string> files;
  auto keep = [&files](const std::string& name, const std::pair<std::string, std::string>& identity) {
    files[name + ".pem"] = identity.first;
    files[name + "-key.pem"] = identity.second;
  };
  Authority good("good");
  Authority stranger("stranger");
  files["ca.pem"] = good.pem();
  for (long i = 0; i < kGatewayCertificates; ++i)
    keep("gateway-" + std::to_string(i), good.issue("gateway", "DNS:sim.example,IP:10.0.0.1", i + 1));
  const std::string services = "DNS:alpha,IP:10.0.1.9,IP:10.0.3.1,IP:10.0.5.1,IP:10.0.7.1";
  keep("service", good.issue("service", services, 100));
  keep("impostor", stranger.issue("service", services, 100));
  end_seeded();
  return files;
}

const std::map<std::string, std::string>& files() {
  static const auto made = make_files();
  return made;
}

}  // namespace

SeededOpenssl::SeededOpenssl(std::uint64_t seed) {
  static const int counted = SSL_get_ex_new_index(0, nullptr, &made, nullptr, &freed);
  (void)counted;
  (void)files();  // of no run's randomness
  begin_seeded(seed);
}

SeededOpenssl::~SeededOpenssl() { end_seeded(); }

std::size_t tls_objects() noexcept { return living; }

std::optional<std::string> pem_file(const std::string& name) {
  auto file = files().find(name);
  return file == files().end() ? std::nullopt : std::optional(file->second);
}

std::string pem(const std::string& name) { return files().at(name); }

}  // namespace gatehouse::sim
