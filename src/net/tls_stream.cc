#include "net/tls_stream.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "net/join.h"
#include "net/tls_certificate.h"

namespace gatehouse::net {
namespace {

constexpr std::size_t kRecordOverhead = 64;  // more than any suite of ours adds
// Four records with their overhead fill a large block.
constexpr std::size_t kBulkRecord = 16 * 1024 - 64;
constexpr std::size_t kRecordsAtOnce = 4;
// At the start of an answer a record is one packet, so that its first byte can be read when that has come;
// then they grow (as Grigorik's "Optimizing TLS Record Size" proposes).
constexpr std::size_t kSmallRecord = 1369;
constexpr std::uint32_t kSmallBytes = 16 * 1024;
constexpr Duration kSmallAfter = 1s;   // of silence
constexpr std::size_t kGather = 4096;  // pieces up to this size are sent in one record

// Of TLS without a byte of data: tickets, key updates. More is an attack on our time (a key update costs its
// sender 27 bytes and us a derivation of keys).
constexpr std::size_t kMostWithoutData = 64 * 1024;

constexpr std::string_view kUntrusted = "the service's certificate could not be verified";

bool looks_like_tls(const Slice& first) noexcept { return first.data()[0] == 0x16; }  // a handshake record

std::string_view verify_reason(long result) noexcept {
  if (result == X509_V_OK) return kUntrusted;
  return X509_verify_cert_error_string(result);  // static text
}

}  // namespace

void TlsSessionDeleter::operator()(ssl_session_st* session) const noexcept { SSL_SESSION_free(session); }

void TlsStream::SslDeleter::operator()(ssl_st* ssl) const noexcept {
  // Else OpenSSL takes the session for one that must not be resumed.
  SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  SSL_free(ssl);
}

TlsStream::TlsStream(StreamPtr inner, std::shared_ptr<const TlsServerContext> context, Slice first)
    : Stream(inner->loop()), inner_(std::move(inner)), server_(std::move(context)), input_(std::move(first)) {
  bundle_ = &server_->choose({});
  attach(bundle_->context.get());
  SSL_set_accept_state(ssl_.get());
}

TlsStream::TlsStream(StreamPtr inner, std::shared_ptr<const TlsClientContext> context,
                     const TlsServerName& to)
    : Stream(inner->loop()), inner_(std::move(inner)), client_(std::move(context)), sessions_(to.sessions) {
  attach(client_->context());
  SSL* ssl = ssl_.get();
  X509_VERIFY_PARAM* rules = SSL_get0_param(ssl);
  if (X509_VERIFY_PARAM_set1_ip_asc(rules, to.host.c_str()) != 1) {  // not an address
    failed_ = SSL_set_tlsext_host_name(ssl, to.host.c_str()) != 1 || SSL_set1_host(ssl, to.host.c_str()) != 1;
    X509_VERIFY_PARAM_set_hostflags(
        rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  }
  ERR_clear_error();
  if (sessions_ && sessions_->session) SSL_set_session(ssl, sessions_->session.get());
  SSL_set_connect_state(ssl);
}

void TlsStream::attach(ssl_ctx_st* context) {
  ssl_.reset(SSL_new(context));
  if (!ssl_) std::abort();  // out of memory ends the process
  BIO* bio = BIO_new(method());
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  pull_.waiter = {&pulled, this};
}

TlsStream::~TlsStream() {
  if (established_ && !close_sent_ && !failed_ && !flushing()) {
    SSL_shutdown(ssl_.get());  // close_notify, as far as it goes without waiting
    ERR_clear_error();
    flush();
  }
  if (pulling_) inner_->cancel_recv();
  if (flushing()) inner_->cancel_send();
}

// By its transport: OpenSSL allocates a table for what is attached to a connection otherwise.
TlsStream& TlsStream::of(const ssl_st* ssl) noexcept {
  return *static_cast<TlsStream*>(BIO_get_data(SSL_get_rbio(ssl)));
}

TlsTicketKeys& TlsStream::ticket_keys() noexcept { return server_->ticket_keys(); }

void TlsStream::keep_session(ssl_session_st* session) noexcept {
  TlsSessionPtr kept(session);
  if (sessions_) sessions_->session = std::move(kept);
}

void TlsStream::log_key(std::string_view line) const {
  const TlsKeyLog& log = server_ ? server_->key_log() : client_->key_log();
  if (log) log(line);
}

// ---- memory as OpenSSL's transport

const bio_method_st* TlsStream::method() {
  static const bio_method_st* const made = [] {
    BIO_METHOD* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "gatehouse stream");
    BIO_meth_set_read(m, &bio_read);
    BIO_meth_set_write(m, &bio_write);
    BIO_meth_set_ctrl(m, &bio_control);
    return m;
  }();
  return made;
}

int TlsStream::bio_read(bio_st* bio, char* out, int size) {
  auto* self = static_cast<TlsStream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (self->input_.empty()) {
    if (self->input_ended_) return 0;
    BIO_set_retry_read(bio);
    return -1;
  }
  std::size_t n = std::min(static_cast<std::size_t>(size), self->input_.size());
  std::memcpy(out, self->input_.data(), n);
  self->input_.remove_prefix(n);
  if (self->input_.empty()) self->input_ = Slice{};
  return static_cast<int>(n);
}

int TlsStream::bio_write(bio_st* bio, const char* data, int size) {
  auto* self = static_cast<TlsStream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  Sending& out = self->sending();
  std::string_view rest(data, static_cast<std::size_t>(size));
  while (!rest.empty()) {
    if (!out.filling || out.filled_to == out.filling->capacity()) {
      if (out.output.count() + 1 >= SliceList::kMax) return -1;  // a peer that asks and never reads
      out.make_room(self->loop().blocks(), rest.size());
    }
    std::size_t n = std::min(rest.size(), out.filling->capacity() - out.filled_to);
    std::memcpy(out.filling->data() + out.filled_to, rest.data(), n);
    out.filled_to += static_cast<std::uint32_t>(n);
    rest.remove_prefix(n);
  }
  return size;
}

long TlsStream::bio_control(bio_st* /*bio*/, int command, long /*number*/, void* /*pointer*/) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

TlsStream::Sending& TlsStream::sending() noexcept {
  if (!sending_) {
    sending_ = std::make_unique_for_overwrite<Sending>();
    sending_->flush.waiter = {&flushed, this};
  }
  return *sending_;
}

// A block with room for `size` bytes of output, where the one at hand has less.
void TlsStream::Sending::make_room(BlockPool& blocks, std::size_t size) noexcept {
  if (filling && filling->capacity() - filled_to >= size) return;
  finish_slice();
  filling = blocks.get(std::min(size, BlockPool::kLarge));
  filled_from = filled_to = 0;
}

void TlsStream::Sending::finish_slice() noexcept {
  if (filled_to > filled_from)
    output.add(Slice(filling, filling->data() + filled_from, filled_to - filled_from));
}

SliceList TlsStream::Sending::take() noexcept {
  finish_slice();
  filling = BlockRef();
  filled_from = filled_to = 0;
  return std::move(output);
}

// ---- the handshake

Task<Result<void>> TlsStream::handshake(Time deadline, TurnQueue* turns) {
  if (failed_) co_return fail(Errc::tls_failed, "the service's name cannot be checked");
  bool first = server_ != nullptr;
  for (;;) {
    std::optional<Error> error;
    if (first && !input_.empty()) {
      first = false;
      if (!looks_like_tls(input_))
        error = Error{Errc::tls_not_tls, Origin::gateway, Retry::safe, "the peer does not speak TLS"};
    }
    if (turns && !error && !input_.empty()) {
      co_await turns->next();
      if (loop().now() >= deadline) error = Error{Errc::io_timeout};
    }
    int state = SSL_ERROR_SSL;
    if (!error) {
      ERR_clear_error();
      int done = SSL_do_handshake(ssl_.get());
      state = done == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl_.get(), done);
      if (state != SSL_ERROR_NONE && state != SSL_ERROR_WANT_READ) error = handshake_error();
    }
    if (sending_) {  // an alert, too
      SliceList out = sending_->take();
      sending_.reset();
      if (loop().now() >= deadline) co_return fail(Errc::io_timeout);
      auto sent = co_await inner_->send(std::move(out), deadline - loop().now());
      if (!sent && !error) error = sent.error();
    }
    if (!error && state == SSL_ERROR_NONE) break;
    if (!error) {
      auto bytes = co_await inner_->recv(BlockPool::kSmall, deadline);
      if (!bytes) {
        error = bytes.error();
      } else if (bytes->empty()) {
        error = Error{Errc::io_closed, Origin::gateway, Retry::safe};
      } else {
        input_ = std::move(*bytes);
      }
    }
    if (error) {
      failed_ = true;
      co_return std::unexpected(*error);
    }
  }
  finish_handshake();
  co_return {};
}

// With TLS 1.3 a service says only after the handshake that it does not like our certificate.
std::string_view TlsStream::refusal_of_peer() const noexcept {
  unsigned long e = ERR_peek_error();
  bool alert = ERR_GET_LIB(e) == ERR_LIB_SSL && ERR_GET_REASON(e) >= SSL_AD_REASON_OFFSET;
  const char* text = alert && client_ && !heard_ ? ERR_reason_error_string(e) : nullptr;  // static
  return text ? std::string_view(text) : std::string_view();
}

Error TlsStream::handshake_error() noexcept {
  unsigned long e = ERR_peek_error();
  int reason = ERR_GET_REASON(e);
  ERR_clear_error();
  if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED || reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE)
    return {Errc::tls_certificate, Origin::gateway, Retry::safe,
            reason == SSL_R_CERTIFICATE_VERIFY_FAILED ? verify_reason(SSL_get_verify_result(ssl_.get()))
                                                      : std::string_view("the peer showed no certificate")};
  if (reason == SSL_R_WRONG_VERSION_NUMBER && client_)
    return {Errc::tls_not_tls, Origin::gateway, Retry::safe, "the peer does not speak TLS"};
  const char* text = ERR_reason_error_string(e);  // static
  return {Errc::tls_failed, Origin::gateway, Retry::safe,
          text ? std::string_view(text) : "the TLS handshake failed"};
}

void TlsStream::finish_handshake() {
  established_ = true;
  small_until_ = kSmallBytes;
  last_sent_ = loop().now();
  if (!server_) return;
  if (X509* shown = SSL_get0_peer_certificate(ssl_.get());
      shown && SSL_get_verify_result(ssl_.get()) == X509_V_OK)
    certificate_ = std::make_unique<TlsPeer>(describe(*shown));
}

// ---- receiving

bool TlsStream::start_recv(RecvOp& op) noexcept {
  assert(!reader_);
  reader_ = &op;
  if (!advance_recv()) return false;
  reader_ = nullptr;
  return true;
}

void TlsStream::cancel_recv() noexcept {
  reader_ = nullptr;
  if (std::exchange(pulling_, false)) inner_->cancel_recv();
}

// True: the operation has its result.
bool TlsStream::advance_recv() noexcept {
  for (;;) {
    if (nothing_to_read()) {
      if (!pull(reader_->size_hint)) return false;
      continue;
    }
    BlockRef block = loop().blocks().get(reader_->size_hint);
    ERR_clear_error();
    int n = SSL_read(ssl_.get(), block->data(), static_cast<int>(block->capacity()));
    int state = n > 0 ? SSL_ERROR_NONE : SSL_get_error(ssl_.get(), n);
    if (!failed_) flush();  // an answer to the peer's TLS: a key update, an alert
    if (n > 0) {
      without_data_ = 0;
      heard_ = true;
      const char* data = block->data();
      reader_->result = Slice(std::move(block), data, static_cast<std::size_t>(n));
      return true;
    }
    if (state == SSL_ERROR_WANT_READ && without_data_ <= kMostWithoutData) {
      if (!pull(reader_->size_hint)) return false;
      continue;
    }
    std::string_view refusal = refusal_of_peer();
    ERR_clear_error();
    if (state == SSL_ERROR_ZERO_RETURN) {
      reader_->result = Slice{};
    } else if (input_error_.code != Errc::io_closed) {
      reader_->result = std::unexpected(input_error_);
    } else if (!refusal.empty()) {
      failed_ = true;
      reader_->result = fail(Errc::tls_failed, refusal);
    } else {  // bytes that are no TLS, an alert, or the end of the connection without close_notify: an attack
              // by truncation looks like this (RFC 8446 section 6.1)
      failed_ = true;
      reader_->result = fail(Errc::io_reset,
                             input_ended_ ? "the peer ended TLS without close_notify" : "the peer broke TLS");
    }
    return true;
  }
}

// Whether OpenSSL could only say that it wants more: it takes its time, and a buffer, to find that out.
bool TlsStream::nothing_to_read() const noexcept {
  return input_.empty() && !input_ended_ && !failed_ && without_data_ <= kMostWithoutData &&
         SSL_has_pending(ssl_.get()) == 0 && (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) == 0;
}

// Asks the inner stream for more. True if it has come, or ended.
bool TlsStream::pull(std::size_t hint) noexcept {
  if (pulling_) return false;
  pull_.size_hint = hint > BlockPool::kSmall ? BlockPool::kLarge : BlockPool::kMedium;
  if (!inner_->start_recv(pull_)) {
    pulling_ = true;
    return false;
  }
  take_pulled();
  return true;
}

void TlsStream::take_pulled() noexcept {
  pulling_ = false;
  if (!pull_.result) {
    input_ended_ = true;
    input_error_ = pull_.result.error();
  } else if (pull_.result->empty()) {
    input_ended_ = true;
  } else {
    input_ = std::move(*pull_.result);
    without_data_ += static_cast<std::uint32_t>(input_.size());
  }
  pull_.result = Slice{};
}

void TlsStream::pulled(void* raw) noexcept {
  auto* self = static_cast<TlsStream*>(raw);
  self->take_pulled();
  if (!self->reader_ || !self->advance_recv()) return;
  std::exchange(self->reader_, nullptr)->waiter.wake();  // may destroy this
}

// ---- sending

bool TlsStream::start_send(SendOp& op) noexcept {
  assert(!writer_);
  writer_ = &op;
  if (flushing() && !failed_) sending_->flush.carried = &op;
  if (!advance_send()) return false;
  writer_ = nullptr;
  return true;
}

void TlsStream::cancel_send() noexcept {
  writer_ = nullptr;
  failed_ = true;  // half a record may be on its way
  if (flushing()) inner_->cancel_send();
  sending_.reset();
}

// True: the operation has its result.
bool TlsStream::advance_send() noexcept {
  for (;;) {
    if (failed_) {
      if (writer_->result)
        writer_->result =
            fail(Errc::io_reset, {}, Origin::gateway, writer_->moved ? Retry::never : Retry::safe);
      writer_->data.clear();
      writer_->uncounted = 0;
      return true;
    }
    if (!flush()) return false;
    if (failed_) continue;
    if (writer_->data.empty()) {
      writer_->result = {};
      return true;
    }
    encrypt_some();
  }
}

std::size_t TlsStream::record_size() noexcept {
  Time now = loop().now();
  if (now - last_sent_ >= kSmallAfter) small_until_ = kSmallBytes;
  last_sent_ = now;
  return small_until_ > 0 ? kSmallRecord : kBulkRecord;
}

// A few records of what the writer gave: bounded, so that what waits encrypted is.
void TlsStream::encrypt_some() noexcept {
  SliceList& data = writer_->data;
  std::size_t size = std::min(data.bytes(), kRecordsAtOnce * kBulkRecord);
  sending().make_room(loop().blocks(),
                      std::min(size + (size / kSmallRecord + 1) * kRecordOverhead, BlockPool::kLarge));
  for (std::size_t room = size; room > 0 && !data.empty();) {
    std::size_t record = std::min(record_size(), room);
    std::string_view plain = data[0].view().substr(0, record);
    std::array<char, kGather> together;
    if (plain.size() < record && plain.size() < kGather && data.count() > 1) {  // head and body in one record
      std::size_t n = 0;
      for (std::size_t i = 0; i < data.count() && n < std::min(record, kGather); ++i) {
        std::string_view piece = data[i].view().substr(0, std::min(record, kGather) - n);
        std::memcpy(together.data() + n, piece.data(), piece.size());
        n += piece.size();
      }
      plain = {together.data(), n};
    }
    ERR_clear_error();
    int n = SSL_write(ssl_.get(), plain.data(), static_cast<int>(plain.size()));
    if (n <= 0) {
      ERR_clear_error();
      failed_ = true;
      return;
    }
    auto taken = static_cast<std::size_t>(n);
    data.consume(taken);
    writer_->uncounted = data.bytes();  // what the peer took is counted below
    small_until_ -= std::min(small_until_, static_cast<std::uint32_t>(taken));
    room -= taken;
  }
}

// Hands on what is encrypted. False: it is still on its way.
bool TlsStream::flush() noexcept {
  if (!sending_) return true;
  if (sending_->under_way) return false;
  while (!failed_ && !sending_->empty()) {
    SendOp& op = sending_->flush;
    op.data = sending_->take();
    op.result = {};
    op.moved = false;
    op.uncounted = op.data.bytes();
    op.carried = writer_;
    op.rate = writer_ ? writer_->rate : nullptr;
    op.progress_limit = writer_ ? writer_->progress_limit : Duration{};
    if (!inner_->start_send(op)) {
      sending_->under_way = true;
      return false;
    }
    take_flushed();
  }
  sending_.reset();
  return true;
}

void TlsStream::take_flushed() noexcept {
  SendOp& op = sending_->flush;
  sending_->under_way = false;
  op.count();
  op.data.clear();
  if (writer_) writer_->moved = writer_->moved || op.moved;
  if (!op.result) {
    failed_ = true;
    if (writer_) {
      writer_->result = op.result;
      if (writer_->moved) writer_->result.error().retry = Retry::never;
    }
  }
}

void TlsStream::flushed(void* raw) noexcept {
  auto* self = static_cast<TlsStream*>(raw);
  self->take_flushed();
  if (!self->writer_) {
    if (self->failed_ || !self->flush()) return;  // what has come together meanwhile: our close_notify, too
    if (std::exchange(self->fin_after_flush_, false)) self->inner_->shutdown_send();
    return;
  }
  if (!self->failed_) self->writer_->rearm(self->loop());
  if (!self->advance_send()) return;
  std::exchange(self->writer_, nullptr)->waiter.wake();  // may destroy this
}

// ---- the end

void TlsStream::shutdown_send() noexcept {
  if (close_sent_) return;
  close_sent_ = true;
  if (established_ && !failed_) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
    if (!flush()) {
      fin_after_flush_ = true;
      return;
    }
  }
  inner_->shutdown_send();
}

void TlsStream::abort() noexcept {
  failed_ = true;
  inner_->abort();
}

void TlsStream::reset_on_close() noexcept {
  failed_ = true;  // no close_notify: the peer must not take it for an orderly end
  inner_->reset_on_close();
}

bool TlsStream::stale() const noexcept {
  return inner_->stale() || !input_.empty() || input_ended_ || failed_ || SSL_has_pending(ssl_.get()) == 1;
}

// A service that speaks TLS 1.3 sends tickets when it likes: they are taken, and make nothing stale.
bool TlsStream::probe_stale() noexcept {
  if (failed_ || input_ended_) return true;
  for (;;) {
    char byte = 0;
    ERR_clear_error();
    int n = SSL_peek(ssl_.get(), &byte, 1);
    int state = n > 0 ? SSL_ERROR_NONE : SSL_get_error(ssl_.get(), n);
    ERR_clear_error();
    flush();
    if (state != SSL_ERROR_WANT_READ) return true;  // bytes that nobody asked for, or the end
    if (without_data_ > kMostWithoutData) return true;
    if (!inner_->probe_stale()) return false;
    if (!pull(BlockPool::kSmall)) {
      cancel_recv();
      return true;  // something is there that could not be read at once
    }
    if (input_ended_) return true;
  }
}

// ---- what is known

std::string_view TlsStream::server_name() const noexcept {
  const char* name = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name);
  return name ? name : std::string_view();
}
std::string_view TlsStream::version() const noexcept { return SSL_get_version(ssl_.get()); }
std::string_view TlsStream::cipher() const noexcept {
  const char* name = SSL_get_cipher_name(ssl_.get());
  return name ? name : std::string_view();
}
std::string_view TlsStream::protocol() const noexcept {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}
bool TlsStream::resumed() const noexcept { return SSL_session_reused(ssl_.get()) == 1; }
bool TlsStream::speaks_for(std::string_view host) const noexcept {
  return !server_ || server_name().empty() || server_->speaks_for(*bundle_, host);
}

}  // namespace gatehouse::net
