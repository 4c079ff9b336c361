// The answer's way out over HTTP/1: framing, interim heads, and whether the connection survives it.
#pragma once

#include "gateway/exchange.h"
#include "gateway/h1_interim.h"
#include "http/h1_reader.h"
#include "http/h1_writer.h"
#include "net/stream.h"
#include "upstream/h1_body.h"
#include "upstream/h1_send.h"
#include "upstream/tunnel.h"

namespace gatehouse::gateway {

// A client's request body. The first pull that finds nothing there sends `100 Continue` where it was asked
// for.
class H1RequestBody final : public upstream::BodySource {
 public:
  H1RequestBody(net::Stream& stream, Slice& input, const http::Framing& framing, Arena& arena,
                const upstream::H1BodyPolicy& policy, H1Interims& interims, bool expects_continue)
      : stream_(stream),
        inner_(stream, input, framing, arena, policy),
        interims_(interims),
        expects_continue_(expects_continue) {}

  bool try_pull(Result<upstream::Piece>& out) override { return inner_.try_pull(out); }
  net::Task<Result<upstream::Piece>> pull_later() override;
  std::optional<std::uint64_t> length() const noexcept override { return inner_.length(); }

  // Whether the rest can be read and thrown away, so that the connection may carry another request.
  bool drainable() const noexcept;
  // Does it; false if there was too much of it, or it did not come.
  net::Task<bool> drain();
  bool finished() const noexcept { return inner_.finished(); }
  std::uint64_t received() const noexcept { return inner_.received(); }

 private:
  net::Stream& stream_;
  upstream::H1Body inner_;
  H1Interims& interims_;
  bool expects_continue_;
};

class H1Responder final : public Responder {
 public:
  H1Responder(net::Stream& stream, const config::ListenerSpec& listener,
              const http::H1RequestReader& reader) noexcept
      : stream_(stream), listener_(listener), reader_(reader), interims_(stream) {}
  H1Responder(const H1Responder&) = delete;
  // Without a length or chunks only a reset tells the client that the end is not the end.
  ~H1Responder() {
    if (ends_with_connection_ && progress_.began && !progress_.complete) stream_.reset_on_close();
  }

  H1Interims& interims() noexcept { return interims_; }
  // Both before the first send.
  void attach(Exchange& x) noexcept { exchange_ = &x; }
  void attach(H1RequestBody& body) noexcept { body_ = &body; }
  void close_after() noexcept { close_ = true; }  // any time before the head leaves

  net::Task<Result<void>> send(Reply& reply) override;
  net::Task<Result<void>> interim(const http::ResponseHead& head) override;
  bool began() const noexcept override { return progress_.began; }

  std::uint64_t body_bytes() const noexcept { return progress_.body_bytes; }
  bool answered() const noexcept { return progress_.complete; }  // the answer has left to its last byte
  // After send: the answer is complete and the client was told that the connection goes on.
  bool keeps_connection() const noexcept { return keep_ && progress_.complete; }
  // After send: the answer was a 101, and this is what the client's bytes belong to from now on. Else null.
  std::unique_ptr<upstream::Tunnel> take_tunnel() noexcept { return std::move(tunnel_); }

 private:
  http::H1Out frame(const Reply& reply) noexcept;
  Result<std::size_t> append_ready(upstream::BodySource& body, std::uint64_t length, char* out);
  bool may_keep(const http::Framing& framing) const noexcept;

  net::Stream& stream_;
  const config::ListenerSpec& listener_;
  const http::H1RequestReader& reader_;
  H1Interims interims_;
  Exchange* exchange_ = nullptr;
  H1RequestBody* body_ = nullptr;
  upstream::SendProgress progress_;
  std::unique_ptr<upstream::Tunnel> tunnel_;
  bool close_ = false;
  bool keep_ = false;
  bool ends_with_connection_ = false;
};

}  // namespace gatehouse::gateway
