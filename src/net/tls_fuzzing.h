// For fuzz targets of TLS: our side speaks with a peer whose bytes are the input, over a stream in memory,
// with an OpenSSL that draws the same random numbers in every run. So a whole handshake can be recorded, and
// an input that crashed crashes again. (The numbers are drawn in an order that another version of OpenSSL may
// change: what was recorded then ends in an alert, and says less.)
#pragma once

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>

#include "net/memory_network.h"
#include "net/tls_stream.h"
#include "net/tls_testing.h"

namespace gatehouse::net::fuzzing {

// ---- numbers

inline std::uint64_t dice = 0;  // of the process: the method of OpenSSL has no argument

inline int draw(unsigned char* out, int size) {
  for (int i = 0; i < size; ++i) {  // splitmix64
    std::uint64_t z = (dice += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    out[i] = static_cast<unsigned char>(z ^ (z >> 31));
  }
  return 1;
}

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wdeprecated-declarations"
inline void make_deterministic() {
  static RAND_METHOD method{
      .seed = nullptr, .bytes = &draw, .cleanup = nullptr, .add = nullptr, .pseudorand = &draw, .status = [] {
        return 1;
      }};
  RAND_set_rand_method(&method);
}
#pragma clang diagnostic pop

// ---- streams

// What the peer says comes in pieces; then it ends. It takes whatever is sent.
class ScriptedStream final : public Stream {
 public:
  ScriptedStream(Loop& loop, std::string_view script, std::size_t piece, std::string& said)
      : Stream(loop), script_(script), piece_(piece), said_(said) {}
  bool start_recv(RecvOp& op) noexcept override {
    std::size_t size = std::min({piece_, op.size_hint, script_.size()});
    if (size == 0) {
      op.result = Slice{};
      return true;
    }
    BlockRef block = loop().blocks().get(size);
    char* data = block->data();
    std::memcpy(data, script_.data(), size);
    script_.remove_prefix(size);
    op.result = Slice(std::move(block), data, size);
    return true;
  }
  bool start_send(SendOp& op) noexcept override {
    for (std::size_t i = 0; i < op.data.count(); ++i) said_ += op.data[i].view();
    op.data.clear();
    op.moved = true;
    return true;
  }
  bool stale() const noexcept override { return false; }
  bool peer_closed() const noexcept override { return script_.empty(); }
  void shutdown_send() noexcept override {}
  void reset_on_close() noexcept override {}
  void cancel_recv() noexcept override {}
  void cancel_send() noexcept override {}
  void watch_close(CloseOp&) noexcept override {}
  void unwatch_close() noexcept override {}
  const SocketAddress& peer() const noexcept override { return peer_; }

 private:
  std::string_view script_;
  std::size_t piece_;
  std::string& said_;
  SocketAddress peer_ = SocketAddress::of(IpAddress::v4(0x0a000002), 1);
};

class NoEvents final : public Poller {
 public:
  void poll(Time, Loop& loop) override { loop.woken(); }
  void wake() noexcept override {}
};

// Shakes hands, sends back what comes, and ends. Each step completes at once.
inline Task<> echo(TlsStream& stream) {
  if (!co_await stream.handshake(kNever)) co_return;
  for (;;) {
    auto piece = co_await stream.recv(BlockPool::kSmall, kNever);
    if (!piece || piece->empty()) break;
    if (!co_await stream.send(std::move(*piece), 1s)) co_return;
  }
  stream.shutdown_send();
}

// Our side as `make(inner)` has it, against `script`. What it said; no block and no error of OpenSSL may be
// left.
std::string talk(std::string_view script, std::size_t piece, auto make) {
  SimClock clock;
  NoEvents poller;
  Loop loop(clock, poller, 1);
  std::string said;
  {
    std::unique_ptr<TlsStream> stream = make(std::make_unique<ScriptedStream>(loop, script, piece, said));
    dice = 1;  // now: the first run has made certificates and contexts
    Task<> echoing = echo(*stream);
    if (!echoing.done()) std::abort();
  }
  if (loop.blocks().in_use() != 0 || ERR_peek_error() != 0) std::abort();
  return said;
}

// The first byte says how much comes at a time.
int run(const std::uint8_t* data, std::size_t size, auto make) {
  if (size == 0) return 0;
  std::string_view script(reinterpret_cast<const char*>(data) + 1, size - 1);
  (void)talk(script, 1 + std::size_t{data[0]} * 16, make);
  return 0;
}

// ---- certificates

// The same in every run: `server.test`, signed by itself.
inline const TlsIdentity& identity() {
  static const TlsIdentity made = [] {
    dice = 0;
    KeyPtr key(EVP_EC_gen("P-256"));
    X509Ptr x(X509_new());
    X509_set_version(x.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x.get()), 1);
    ASN1_TIME_set_string(X509_getm_notBefore(x.get()), "20200101000000Z");
    ASN1_TIME_set_string(X509_getm_notAfter(x.get()), "20991231235959Z");
    X509_set_pubkey(x.get(), key.get());
    const auto* name = reinterpret_cast<const unsigned char*>("server.test");
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x.get()), "CN", MBSTRING_UTF8, name, -1, -1, 0);
    X509_set_issuer_name(x.get(), X509_get_subject_name(x.get()));
    std::unique_ptr<X509_EXTENSION, FreeWith<&X509_EXTENSION_free>> names(
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:server.test"));
    X509_add_ext(x.get(), names.get(), -1);
    X509_sign(x.get(), key.get(), EVP_sha256());
    return TlsIdentity{pem_of([&](BIO* b) { PEM_write_bio_X509(b, x.get()); }), pem_of([&](BIO* b) {
                         PEM_write_bio_PKCS8PrivateKey(b, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
                       })};
  }();
  return made;
}

// ---- recording: GATEHOUSE_RECORD=FILE writes a whole conversation as an input, instead of fuzzing

// An OpenSSL of the peer's own.
class Peer {
 public:
  Peer(const SSL_METHOD* method, bool is_server) : context_(SSL_CTX_new(method)), ssl_(nullptr) {
    if (is_server) {
      auto chain = read_certificates(identity().chain);
      auto key = read_key(identity().key);
      SSL_CTX_use_certificate(context_.get(), chain.front().get());
      SSL_CTX_use_PrivateKey(context_.get(), key.get());
    }
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_bio(ssl_.get(), in_, out_);
    if (is_server)
      SSL_set_accept_state(ssl_.get());
    else
      SSL_set_connect_state(ssl_.get());
    SSL_set_tlsext_host_name(ssl_.get(), "server.test");
  }
  // Hears `bytes`, and what it says to them. Once its hands are shaken it has a word of its own, and ends.
  std::string answer(std::string_view bytes) {
    if (!bytes.empty()) BIO_write(in_, bytes.data(), static_cast<int>(bytes.size()));
    if (SSL_do_handshake(ssl_.get()) == 1 && !std::exchange(spoken_, true)) {
      SSL_write(ssl_.get(), "GET / HTTP/1.1\r\nHost: server.test\r\n\r\n", 38);
      SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_REQUESTED);
      SSL_write(ssl_.get(), "more", 4);
      SSL_shutdown(ssl_.get());
    }
    ERR_clear_error();
    std::string out(BIO_ctrl_pending(out_), '\0');
    if (!out.empty()) BIO_read(out_, out.data(), static_cast<int>(out.size()));
    return out;
  }
  bool spoken() const noexcept { return spoken_; }

 private:
  std::unique_ptr<SSL_CTX, FreeWith<&SSL_CTX_free>> context_;
  std::unique_ptr<SSL, FreeWith<&SSL_free>> ssl_;
  BIO* in_ = BIO_new(BIO_s_mem());
  BIO* out_ = BIO_new(BIO_s_mem());
  bool spoken_ = false;
};

// Our side is the same in every run: it is run again from the start for each thing that the peer has to say.
void record_if_asked(Peer peer, auto make) {
  const char* file = std::getenv("GATEHOUSE_RECORD");
  if (!file) return;
  constexpr std::size_t kWhole = 1 << 16;
  std::string script;
  std::string heard;
  for (int flight = 0; flight < 4 && !peer.spoken(); ++flight) {
    std::string said = talk(script, kWhole, make);
    script += peer.answer(std::string_view(said).substr(std::min(heard.size(), said.size())));
    heard = std::move(said);
  }
  std::ofstream(file) << '\xff' << script;
  const bool echoed = talk(script, kWhole, make).size() > heard.size() + 40;
  std::exit(peer.spoken() && echoed ? 0 : 1);
}

}  // namespace gatehouse::net::fuzzing
