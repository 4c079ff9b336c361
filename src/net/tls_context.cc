#include "net/tls_context.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>
#include <map>
#include <unordered_map>

#include "net/tls_certificate.h"
#include "net/tls_stream.h"

namespace gatehouse::net {
namespace {

constexpr const char* kCiphers12 =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr const char* kGroups = "X25519:P-256:P-384";
constexpr long kTicketLife = 16 * 3600;  // seconds; within what RotatingTicketKeys accepts

using Part = TlsTrouble::Part;

std::unexpected<TlsTrouble> trouble(Part part, std::size_t identity, std::string what) {
  ERR_clear_error();
  return std::unexpected(TlsTrouble{part, identity, std::move(what)});
}

// What both sides forbid and allow.
TlsContextPtr new_context(const SSL_METHOD* method, bool only_1_3) {
  TlsContextPtr context(SSL_CTX_new(method));
  SSL_CTX* c = context.get();
  SSL_CTX_set_min_proto_version(c, only_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(c, kCiphers12);
  SSL_CTX_set1_groups_list(c, kGroups);
  SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(
      c, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(c, 1);  // the bytes are in memory: header and record in one copy
  SSL_CTX_set_max_early_data(c, 0);
  return context;
}

std::string wire_protocols(const std::vector<std::string>& protocols) {
  std::string wire;
  for (const auto& p : protocols) wire += static_cast<char>(p.size()) + p;
  return wire;
}

// ---- parts that OpenSSL calls. They record and answer; nothing is resumed or destroyed in them.

int choose_certificate(SSL* ssl, int* /*alert*/, void* self) {
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  const auto& server = *static_cast<const TlsServerContext*>(self);
  const auto& bundle = server.choose(name ? name : std::string_view());
  TlsStream::of(ssl).use(bundle);
  SSL_set_SSL_CTX(ssl, bundle.context.get());
  return SSL_TLSEXT_ERR_OK;
}

// Our order decides. A client that offers only what we do not speak is refused, so that nobody can carry a
// connection meant for another protocol to us (RFC 7301 section 3.2; the ALPACA attack).
int choose_protocol(SSL* /*ssl*/, const unsigned char** out, unsigned char* out_size,
                    const unsigned char* offered, unsigned offered_size, void* self) {
  const auto& ours = *static_cast<const std::vector<std::string>*>(self);
  for (const auto& p : ours) {
    for (unsigned i = 0; i < offered_size; i += 1U + offered[i]) {
      std::string_view theirs(reinterpret_cast<const char*>(offered + i + 1), offered[i]);
      if (theirs != p) continue;
      *out = offered + i + 1;
      *out_size = offered[i];
      return SSL_TLSEXT_ERR_OK;
    }
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

int protect_ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
                   int encrypt) {
  TlsStream& stream = TlsStream::of(ssl);
  Time now = stream.loop().now();
  TlsTicketKeys& keys = stream.ticket_keys();
  TlsTicketKeys::Found found{{}, true};
  if (encrypt) {
    found.key = keys.current(now);
    std::memcpy(name, found.key.name.data(), found.key.name.size());
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return -1;
  } else {
    auto known = keys.find(std::span<const unsigned char, 16>(name, 16), now);
    if (!known) return 0;
    found = *known;
  }
  char digest[] = "SHA256";
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, found.key.mac.data(), found.key.mac.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
  bool good =
      EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), nullptr, found.key.cipher.data(), iv, encrypt) == 1 &&
      EVP_MAC_CTX_set_params(mac, parameters) == 1;
  if (!good) return -1;
  // 2 renews: a client of TLS 1.3 uses a ticket once (RFC 8446 appendix C.4).
  bool renew = !encrypt && (!found.current || SSL_version(ssl) == TLS1_3_VERSION);
  return renew ? 2 : 1;
}

// A session that stands on a client's certificate ends with it.
SSL_TICKET_RETURN accept_ticket(SSL* ssl, SSL_SESSION* session, const unsigned char* /*name*/,
                                std::size_t /*size*/, SSL_TICKET_STATUS status, void* /*self*/) {
  bool renew = status == SSL_TICKET_SUCCESS_RENEW;
  if (status != SSL_TICKET_SUCCESS && !renew) return SSL_TICKET_RETURN_IGNORE_RENEW;
  X509* peer = SSL_SESSION_get0_peer(session);
  if (peer && valid_until(*peer) <= TlsStream::of(ssl).loop().wall()) return SSL_TICKET_RETURN_IGNORE_RENEW;
  return renew ? SSL_TICKET_RETURN_USE_RENEW : SSL_TICKET_RETURN_USE;
}

int keep_session(SSL* ssl, SSL_SESSION* session) {
  TlsStream::of(ssl).keep_session(session);
  return 1;  // the reference is ours now
}

void log_key(const SSL* ssl, const char* line) { TlsStream::of(ssl).log_key(line); }

// ---- certificates

struct Loaded {
  std::vector<X509Ptr> chain;  // the server's own first
  KeyPtr key;
  std::vector<std::string> names;
  int kind = 0;  // of the key
};

std::expected<Loaded, TlsTrouble> load(const TlsIdentity& identity, std::size_t index) {
  Loaded l;
  l.chain = read_certificates(identity.chain);
  if (l.chain.empty()) return trouble(Part::chain, index, "holds no PEM certificate");
  l.key = read_key(identity.key);
  if (!l.key)
    return trouble(Part::key, index, "holds no PEM private key that can be read without a pass phrase");
  if (X509_check_private_key(l.chain.front().get(), l.key.get()) != 1)
    return trouble(Part::key, index, "does not belong to the certificate");
  l.names = names_of(*l.chain.front());
  l.kind = EVP_PKEY_get_base_id(l.key.get());
  return l;
}

// Why OpenSSL would not use it: too short a key, an old digest, ...
std::expected<void, TlsTrouble> use(SSL_CTX* context, const Loaded& l, std::size_t index) {
  ERR_clear_error();
  if (SSL_CTX_use_certificate(context, l.chain.front().get()) != 1) {
    const char* reason = ERR_reason_error_string(ERR_peek_last_error());
    return trouble(Part::chain, index, "cannot be used: " + std::string(reason ? reason : "refused"));
  }
  if (SSL_CTX_use_PrivateKey(context, l.key.get()) != 1) return trouble(Part::key, index, "cannot be used");
  for (std::size_t i = 1; i < l.chain.size(); ++i) SSL_CTX_add1_chain_cert(context, l.chain[i].get());
  return {};
}

// In lower case, in memory of its own; empty if it is longer than a name can be.
class LowerCase {
 public:
  explicit LowerCase(std::string_view text) noexcept {
    if (text.size() > text_.size()) return;
    std::ranges::transform(text, text_.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    });
    size_ = text.size();
  }
  std::string_view view() const noexcept { return {text_.data(), size_}; }

 private:
  std::array<char, 255> text_;
  std::size_t size_ = 0;
};

// What a wildcard for it ends in: ".example.com" for "a.example.com". Empty if there is no label to replace.
std::string_view suffix_of(std::string_view host) noexcept {
  std::size_t dot = host.find('.');
  return dot == std::string_view::npos || dot == 0 ? std::string_view() : host.substr(dot);
}

}  // namespace

void TlsContextDeleter::operator()(ssl_ctx_st* context) const noexcept { SSL_CTX_free(context); }

bool TlsServerContext::Bundle::covers(std::string_view host) const noexcept {
  std::string_view suffix = suffix_of(host);
  return std::ranges::any_of(names, [&](std::string_view name) {
    return name == host || (name.starts_with('*') && !suffix.empty() && name.substr(1) == suffix);
  });
}

class TlsServerContextMaker {
 public:
  explicit TlsServerContextMaker(TlsServerContext::Settings settings) : made_(new TlsServerContext) {
    made_->settings_ = std::move(settings);
  }

  std::expected<std::shared_ptr<const TlsServerContext>, TlsTrouble> run() {
    TlsServerContext::Settings& settings = made_->settings_;
    for (std::size_t i = 0; i < settings.identities.size(); ++i) {
      auto one = load(settings.identities[i], i);
      if (!one) return std::unexpected(std::move(one.error()));
      made_->certificates_.push_back(
          {one->names, valid_from(*one->chain.front()), valid_until(*one->chain.front())});
      for (const auto& name : one->names) with_name_[name].push_back(i);
      loaded_.push_back(std::move(*one));
    }
    settings.identities.clear();  // keys live in OpenSSL's memory alone
    if (settings.client != TlsServerContext::ClientCertificate::none) {
      trusted_ = read_certificates(settings.client_ca);
      if (trusted_.empty()) return trouble(Part::ca, 0, "holds no PEM certificate");
    }
    make_scope();
    if (auto ok = make_bundle(group({loaded_.front().names.begin(), loaded_.front().names.end()}, 0)); !ok)
      return std::unexpected(std::move(ok.error()));
    for (std::size_t i = 0; i < loaded_.size(); ++i) {
      for (const auto& name : loaded_[i].names) {
        auto bundle = make_bundle(group({name}, i));
        if (!bundle) return std::unexpected(std::move(bundle.error()));
        bool wildcard = name.starts_with("*.");
        (wildcard ? made_->by_suffix_ : made_->by_name_)
            .try_emplace(wildcard ? name.substr(1) : name, *bundle);
      }
    }
    return std::shared_ptr<const TlsServerContext>(std::move(made_));
  }

 private:
  using Group = std::vector<std::size_t>;  // positions of certificates, one a kind of key

  // The certificates that speak for all of `names`: the first of each kind of key, `first` among them unless
  // an earlier one takes its place.
  Group group(const std::vector<std::string>& names, std::size_t first) const {
    Group candidates = names.empty() ? Group{first} : with_name_.at(names.front());  // `first` among them
    std::map<int, std::size_t> by_kind;
    for (std::size_t i : candidates) {
      bool all = i == first || std::ranges::all_of(names.begin() + 1, names.end(), [&](const std::string& n) {
                   return std::ranges::find(loaded_[i].names, n) != loaded_[i].names.end();
                 });
      if (all) by_kind.try_emplace(loaded_[i].kind, i);
    }
    Group group;
    for (auto [kind, i] : by_kind) group.push_back(i);
    std::ranges::sort(group);
    return group;
  }

  std::expected<const TlsServerContext::Bundle*, TlsTrouble> make_bundle(const Group& group) {
    auto& known = bundles_[group];
    if (known) return known;
    auto bundle = std::make_unique<TlsServerContext::Bundle>();
    const auto& settings = made_->settings_;
    bundle->context = new_context(TLS_server_method(), settings.only_1_3);
    SSL_CTX* c = bundle->context.get();
    for (std::size_t i : group) {
      if (auto ok = use(c, loaded_[i], i); !ok) return std::unexpected(std::move(ok.error()));
      if (i == group.front()) {
        bundle->names = loaded_[i].names;
      } else {  // which of them is shown is the client's choice: what all of them cover
        std::erase_if(bundle->names, [&](const std::string& n) {
          return std::ranges::find(loaded_[i].names, n) == loaded_[i].names.end();
        });
      }
    }
    configure(c);
    known = bundle.get();
    made_->bundles_.push_back(std::move(bundle));
    return known;
  }

  void configure(SSL_CTX* c) {
    TlsServerContext& self = *made_;
    SSL_CTX_set_options(c, SSL_OP_PRIORITIZE_CHACHA | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_session_cache_mode(c,
                                   SSL_SESS_CACHE_OFF);  // tickets alone: nothing to share, nothing to fill
    SSL_CTX_set_timeout(c, kTicketLife);
    if (self.settings_.tickets) {
      SSL_CTX_set_tlsext_ticket_key_evp_cb(c, &protect_ticket);
      SSL_CTX_set_session_ticket_cb(c, nullptr, &accept_ticket, nullptr);
    } else {
      SSL_CTX_set_options(c, SSL_OP_NO_TICKET);
      SSL_CTX_set_num_tickets(c, 0);
    }
    SSL_CTX_set_session_id_context(c, scope_.data(), static_cast<unsigned>(scope_.size()));
    SSL_CTX_set_tlsext_servername_callback(c, &choose_certificate);
    SSL_CTX_set_tlsext_servername_arg(c, &self);
    SSL_CTX_set_alpn_select_cb(c, &choose_protocol, &self.settings_.protocols);
    if (self.settings_.key_log) SSL_CTX_set_keylog_callback(c, &log_key);
    if (trusted_.empty()) return;
    X509_STORE* store = SSL_CTX_get_cert_store(c);
    for (const auto& ca : trusted_) {
      X509_STORE_add_cert(store, ca.get());
      SSL_CTX_add_client_CA(c, ca.get());
    }
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(c), X509_V_FLAG_PARTIAL_CHAIN);  // see TlsClientContext
    bool required = self.settings_.client == TlsServerContext::ClientCertificate::required;
    SSL_CTX_set_verify(c, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
    X509_VERIFY_PARAM_set_purpose(SSL_CTX_get0_param(c), X509_PURPOSE_SSL_CLIENT);
  }

  // Sessions resume where all that they stand on is the same: listener, CAs, and whether a certificate is
  // asked for.
  void make_scope() {
    const auto& s = made_->settings_;
    std::string text = s.scope + '\0' + std::to_string(static_cast<int>(s.client)) + '\0' + s.client_ca;
    scope_.resize(SHA256_DIGEST_LENGTH);
    EVP_Digest(text.data(), text.size(), scope_.data(), nullptr, EVP_sha256(), nullptr);
  }

  std::unique_ptr<TlsServerContext> made_;
  std::vector<Loaded> loaded_;
  std::unordered_map<std::string, Group> with_name_;  // the certificates of each, in order
  std::vector<X509Ptr> trusted_;
  std::map<Group, const TlsServerContext::Bundle*> bundles_;
  std::vector<unsigned char> scope_;
};

std::expected<std::shared_ptr<const TlsServerContext>, TlsTrouble> TlsServerContext::make(Settings settings) {
  return TlsServerContextMaker(std::move(settings)).run();
}

TlsServerContext::~TlsServerContext() = default;

const TlsServerContext::Bundle* TlsServerContext::find(std::string_view host) const noexcept {
  if (auto exact = by_name_.find(host); exact != by_name_.end()) return exact->second;
  auto wild = by_suffix_.find(suffix_of(host));
  return wild != by_suffix_.end() ? wild->second : nullptr;
}

const TlsServerContext::Bundle& TlsServerContext::choose(std::string_view server_name) const noexcept {
  const Bundle* found = find(LowerCase(server_name).view());
  return found ? *found : *bundles_.front();
}

bool TlsServerContext::speaks_for(const Bundle& in_use, std::string_view host) const noexcept {
  LowerCase name(host);
  const Bundle* fitting = find(name.view());
  return !fitting || fitting == &in_use || in_use.covers(name.view());
}

std::string TlsClientContext::fingerprint(const Settings& settings) {
  std::string text;
  for (const std::string& part : {settings.ca, settings.identity.chain, settings.identity.key})
    text += std::to_string(part.size()) + ":" + part;
  text += settings.verify ? '1' : '0';
  if (settings.verify && settings.ca.empty() && settings.system) text += settings.system->fingerprint();
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(digest.data()), nullptr, EVP_sha256(),
             nullptr);
  OPENSSL_cleanse(text.data(), text.size());
  return digest;
}

std::expected<std::shared_ptr<const TlsClientContext>, TlsTrouble> TlsClientContext::make(
    const Settings& settings) {
  std::shared_ptr<TlsClientContext> made(new TlsClientContext);
  made->context_ = new_context(TLS_client_method(), false);
  made->key_log_ = settings.key_log;
  SSL_CTX* c = made->context_.get();
  if (!settings.identity.chain.empty()) {
    auto own = load(settings.identity, 0);
    if (!own) return std::unexpected(std::move(own.error()));
    if (auto ok = use(c, *own, 0); !ok) return std::unexpected(std::move(ok.error()));
  }
  if (settings.ca.empty()) {
    made->system_ = settings.system;
    const TlsAuthorities& system = made->system_ ? *made->system_ : TlsAuthorities::built_in();
    if (settings.verify) SSL_CTX_set1_cert_store(c, system.store());
  } else {
    auto trusted = read_certificates(settings.ca);
    if (trusted.empty()) return trouble(Part::ca, 0, "holds no PEM certificate");
    for (const auto& ca : trusted) X509_STORE_add_cert(SSL_CTX_get_cert_store(c), ca.get());
    // A root or an intermediate, whichever was named: what the user trusts is an anchor.
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(c), X509_V_FLAG_PARTIAL_CHAIN);
  }
  SSL_CTX_set_verify(c, settings.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(c, &keep_session);
  std::string protocols = wire_protocols(settings.protocols);
  SSL_CTX_set_alpn_protos(c, reinterpret_cast<const unsigned char*>(protocols.data()),
                          static_cast<unsigned>(protocols.size()));
  if (settings.key_log) SSL_CTX_set_keylog_callback(c, &log_key);
  return std::shared_ptr<const TlsClientContext>(std::move(made));
}

}  // namespace gatehouse::net
