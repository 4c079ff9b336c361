// One exchange on an HTTP/1 connection to a service: the request goes out, the head of the answer comes in,
// and what remains is the body of that answer.
#pragma once

#include <optional>

#include "http/h1_reader.h"
#include "upstream/call.h"
#include "upstream/h1_body.h"
#include "upstream/h1_send.h"

namespace gatehouse::upstream {

// Lives in the arena of its exchange, as the body of the answer. Gives the connection back to its pool when
// both directions ended in order, and closes it otherwise.
class H1Exchange final : public BodySource {
 public:
  H1Exchange(Client& client, Lease lease, const Call& call);
  H1Exchange(const H1Exchange&) = delete;
  ~H1Exchange() override;

  // Sends the request and reads the final head. `deadline`: of all tries together. Once only.
  net::Task<Result<http::ResponseHead*>> run(Time deadline) {
    return call_.body ? run_with_body(deadline) : run_without_body(deadline);
  }

  bool sent_anything() const noexcept { return progress_.began; }
  // The request's body, if it was made for this call: it is still sent while an early answer is read.
  void keep_request_body(BodyPtr body) noexcept { request_body_ = std::move(body); }

  bool try_pull(Result<Piece>& out) override;
  net::Task<Result<Piece>> pull_later() override;
  std::optional<std::uint64_t> length() const noexcept override { return body_->length(); }
  std::unique_ptr<Tunnel> take_tunnel() override;

 private:
  using Head = Result<http::ResponseHead*>;
  Slice write_head(http::Framing& framing) const;
  net::Task<void> pump(Slice head, http::Framing framing);
  net::Task<Head> run_without_body(Time deadline);
  net::Task<Head> run_with_body(Time deadline);
  enum class Heard : std::uint8_t { more, interim, final_head };
  net::Task<Head> read_head(Heard heard);
  Result<Heard> hear();
  Result<void> take(Result<Slice> bytes);
  void forget_interim() noexcept;
  void begin_head() noexcept;
  Error head_error(const Error& e) const noexcept;
  Error send_error(const Error& e) const noexcept;
  Head finish_head();
  void count(const Result<Piece>& piece) noexcept;
  bool cut_by_us(const Result<Piece>& piece) const noexcept;

  Client& client_;
  Lease lease_;
  const Call call_;
  net::Stream& stream_;
  Slice input_;          // received and not yet read
  BlockRef head_block_;  // what the head's views point into
  http::H1ResponseReader reader_;
  http::ResponseHead* head_ = nullptr;
  std::optional<H1Body> body_;
  SendProgress progress_;
  Time head_deadline_ = kNever;
  int interims_ = 0;
  bool deadline_is_of_call_ = false;
  std::optional<Error> pump_error_;
  bool aborted_ = false;  // by us, because the request's body broke off
  bool response_reusable_ = false;
  BodyPtr request_body_;
  net::Task<void> pump_;  // sends the request's body; the last member, since it uses the others
};

}  // namespace gatehouse::upstream
