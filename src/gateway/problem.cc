#include "gateway/problem.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/json_escape.h"
#include "gateway/exchange.h"
#include "gateway/worker.h"

namespace gatehouse::gateway {
namespace {

constexpr std::array<std::string_view, 3> kRetryAfterSeconds = {"1", "2", "3"};

// What is wrong with a service's certificate is for its operators, not for clients.
bool tells_detail(Errc code) noexcept {
  return code != Errc::upstream_certificate && code != Errc::upstream_tls;
}

// Appends to memory that is known to be large enough.
class DocumentWriter {
 public:
  explicit DocumentWriter(char* out) noexcept : begin_(out), at_(out) {}
  void put(std::string_view text) noexcept { at_ = std::ranges::copy(text, at_).out; }
  void put_member(std::string_view key, std::string_view value) noexcept {
    put(key);
    at_ = json_escape(value, at_);
    put("\"");
  }
  void put_number(unsigned n) noexcept { at_ = std::to_chars(at_, at_ + 10, n).ptr; }
  std::string_view text() const noexcept { return {begin_, at_}; }

 private:
  char* begin_;
  char* at_;
};

}  // namespace

std::uint16_t problem_status(Errc code) noexcept {
  std::uint16_t status = errc_info(code).status;
  return status ? status : 500;
}

std::string_view problem_document(const Error& error, std::string_view request_id, Arena& arena) {
  constexpr std::size_t kFixed = 160;  // keys, punctuation and the status
  const ErrcInfo& info = errc_info(error.code);
  const std::size_t texts = info.title.size() + error.detail.size() + info.reason.size() + request_id.size();
  DocumentWriter w(static_cast<char*>(arena.allocate(kFixed + kJsonEscapeGrowth * texts, 1)));
  w.put_member(R"({"type":"about:blank","title":")", info.title);
  w.put(R"(,"status":)");
  w.put_number(problem_status(error.code));
  if (!error.detail.empty() && tells_detail(error.code)) w.put_member(R"(,"detail":")", error.detail);
  w.put_member(R"(,"reason":")", info.reason);
  w.put_member(R"(,"request_id":")", request_id);
  w.put("}\n");
  return w.text();
}

Reply problem_reply(Exchange& x, const Error& error, std::string_view allow) {
  const std::uint16_t status = problem_status(error.code);
  Reply reply{.head = x.new_response(status), .body = nullptr};
  http::HeaderTable& headers = reply.head->headers;
  headers.add(http::HeaderId::content_type, "application/problem+json");
  headers.add(http::HeaderId::cache_control,
              "no-store");  // a 404 or 405 may otherwise be kept by its receiver
  if (!allow.empty()) headers.add(http::HeaderId::allow, allow);
  if (status == 503)
    headers.add(http::HeaderId::retry_after, kRetryAfterSeconds[x.worker().loop().random().below(3)]);
  if (x.request().method != http::Method::head)
    reply.body =
        upstream::make_in<upstream::TextBody>(x.arena(), problem_document(error, x.request_id(), x.arena()));
  return reply;
}

}  // namespace gatehouse::gateway
