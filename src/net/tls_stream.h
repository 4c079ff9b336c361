// TLS on a stream, as a stream: what stands above does not notice.
//
// OpenSSL works on memory alone: what it reads was received before, what it writes is sent afterwards, and
// its callbacks only record. An idle connection holds no block and nothing of what sending takes, and
// OpenSSL's own buffers are given back.
#pragma once

#include <memory>

#include "net/frame_pool.h"
#include "net/stream.h"
#include "net/task.h"
#include "net/tls_context.h"
#include "net/tls_info.h"
#include "net/turn_queue.h"

struct bio_st;
struct bio_method_st;
struct ssl_session_st;

namespace gatehouse::net {

struct TlsSessionDeleter {
  void operator()(ssl_session_st* session) const noexcept;
};
using TlsSessionPtr = std::unique_ptr<ssl_session_st, TlsSessionDeleter>;

// The last session with one endpoint, to go on with. Thread: one loop.
struct TlsSessionSlot {
  TlsSessionPtr session;
};

// Whom a client wants to speak to.
struct TlsServerName {
  std::string host;  // the certificate has to cover it: a DNS name (sent as SNI), or an address
  std::shared_ptr<TlsSessionSlot> sessions;
};

class TlsStream final : public Stream, public TlsInfo {
 public:
  // `first`: what was received already.
  TlsStream(StreamPtr inner, std::shared_ptr<const TlsServerContext> context, Slice first = {});
  TlsStream(StreamPtr inner, std::shared_ptr<const TlsClientContext> context, const TlsServerName& to);
  ~TlsStream() override;

  // Once, before anything else. io_timeout at `deadline`; io_reset, io_closed; tls_not_tls if the peer does
  // not speak TLS (a server's `first_bytes` tell what it speaks); tls_certificate if the peer's was not
  // accepted, with the reason; tls_failed for all else.
  // With `turns`, each step that computes waits for its turn.
  [[nodiscard]] Task<Result<void>> handshake(Time deadline, TurnQueue* turns = nullptr);
  // Speaks with the peer in clear text, after tls_not_tls.
  Stream& inner() noexcept { return *inner_; }

  bool stale() const noexcept override;
  bool peer_closed() const noexcept override { return inner_->peer_closed(); }
  bool peer_gone() const noexcept override { return inner_->peer_gone(); }
  void shutdown_send() noexcept override;
  void abort() noexcept override;
  bool probe_stale() noexcept override;
  void reset_on_close() noexcept override;
  const TlsInfo* tls() const noexcept override { return this; }

  bool start_recv(RecvOp& op) noexcept override;
  void cancel_recv() noexcept override;
  bool start_send(SendOp& op) noexcept override;
  void cancel_send() noexcept override;
  void watch_close(CloseOp& op) noexcept override { inner_->watch_close(op); }
  void unwatch_close() noexcept override { inner_->unwatch_close(); }

  std::string_view server_name() const noexcept override;
  std::string_view version() const noexcept override;
  std::string_view cipher() const noexcept override;
  std::string_view protocol() const noexcept override;
  bool resumed() const noexcept override;
  const TlsPeer* certificate() const noexcept override { return certificate_.get(); }
  bool speaks_for(std::string_view host) const noexcept override;

  // For the callbacks of contexts.
  static TlsStream& of(const ssl_st* ssl) noexcept;
  void use(const TlsServerContext::Bundle& bundle) noexcept { bundle_ = &bundle; }
  TlsTicketKeys& ticket_keys() noexcept;
  void keep_session(ssl_session_st* session) noexcept;  // takes the reference
  void log_key(std::string_view line) const;
  const SocketAddress& peer() const noexcept override { return inner_->peer(); }

 private:
  struct SslDeleter {
    void operator()(ssl_st* ssl) const noexcept;
  };
  // OpenSSL's view of the inner stream.
  static const bio_method_st* method();
  static int bio_read(bio_st* bio, char* out, int size);
  static int bio_write(bio_st* bio, const char* data, int size);
  static long bio_control(bio_st* bio, int command, long number, void* pointer);

  void attach(ssl_ctx_st* context);
  std::string_view refusal_of_peer() const noexcept;
  Error handshake_error() noexcept;
  void finish_handshake();

  bool advance_recv() noexcept;
  bool nothing_to_read() const noexcept;
  bool pull(std::size_t hint) noexcept;
  void take_pulled() noexcept;
  static void pulled(void* self) noexcept;

  // Bytes that are encrypted and not yet sent.
  struct Sending {
    static void* operator new(std::size_t size) { return allocate_frame(size); }
    static void operator delete(void* p, std::size_t size) noexcept { free_frame(p, size); }
    bool empty() const noexcept { return output.empty() && filled_to == filled_from; }
    void make_room(BlockPool& blocks, std::size_t size) noexcept;
    void finish_slice() noexcept;
    SliceList take() noexcept;
    // Finished slices, then the part of a block that is being filled.
    SliceList output;
    BlockRef filling;
    std::uint32_t filled_from = 0;
    std::uint32_t filled_to = 0;
    SendOp flush;
    bool under_way = false;  // the inner stream has `flush`
  };
  Sending& sending() noexcept;
  bool flushing() const noexcept { return sending_ && sending_->under_way; }

  bool advance_send() noexcept;
  void encrypt_some() noexcept;
  std::size_t record_size() noexcept;
  bool flush() noexcept;
  void take_flushed() noexcept;
  static void flushed(void* self) noexcept;

  StreamPtr inner_;
  std::shared_ptr<const TlsServerContext> server_;
  std::shared_ptr<const TlsClientContext> client_;
  std::shared_ptr<TlsSessionSlot> sessions_;
  std::unique_ptr<ssl_st, SslDeleter> ssl_;
  const TlsServerContext::Bundle* bundle_ = nullptr;
  std::unique_ptr<TlsPeer> certificate_;

  Slice input_;  // received and not yet decrypted
  RecvOp pull_;
  RecvOp* reader_ = nullptr;

  std::unique_ptr<Sending> sending_;  // null: there is nothing
  SendOp* writer_ = nullptr;

  std::uint32_t without_data_ = 0;  // received since the last byte of data
  std::uint32_t small_until_ = 0;   // bytes still to go in small records
  Time last_sent_{};
  bool heard_ = false;  // a byte of data
  bool established_ = false;
  bool pulling_ = false;
  bool input_ended_ = false;  // input_error_ says how
  bool failed_ = false;       // nothing can be sent any more
  bool close_sent_ = false;   // our close_notify
  bool fin_after_flush_ = false;
  Error input_error_{Errc::io_closed};  // io_closed: in order
};

}  // namespace gatehouse::net
