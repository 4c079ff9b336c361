#include "sim/answer_check.h"

#include <algorithm>
#include <charconv>

#include "sim/payload.h"
#include "sim/service.h"
#include "sim/setting.h"
#include "sim/tunnel.h"

namespace gatehouse::sim {
namespace {

std::uint64_t number(std::string_view text) {
  std::uint64_t n = 0;
  std::from_chars(text.data(), text.data() + text.size(), n);
  return n;
}

bool has_no_body(const RequestPlan& r, int status) {
  return r.method == "HEAD" || status == 204 || status == 304;
}

}  // namespace

bool AnswerCheck::head(const WireHead& head) {
  if (!head.line.starts_with("HTTP/1.1 ") || head.line.size() < 13) {
    wrong("the answer begins with `{}`", head.line.substr(0, 40));
    return false;
  }
  status_ = static_cast<int>(number(std::string_view(head.line).substr(9, 3)));
  if (status_ < 200 && !(status_ == 101 && request_.tunnel)) {
    interim();
    return true;
  }
  final(head);
  return false;
}

void AnswerCheck::interim() {
  ledger_.trace("r{}: interim {}", request_.id, status_);
  bool expected = status_ == 100 ? request_.expect_continue
                  : status_ == 103
                      ? std::ranges::any_of(request_.acts, [](const auto& a) { return a.interim > 0; })
                      : false;
  if (!expected || request_.http10) wrong("an interim {} that nobody asked for", status_);
}

void AnswerCheck::final(const WireHead& head) {
  head_ = head;
  Entry& e = ledger_.of(request_.id);
  e.status = status_;
  e.answer = Entry::Answer::partial;
  e.by_service = head.has("x-sim-id");
  ledger_.trace("r{}: answer {}{}", request_.id, status_, e.by_service ? " of the service" : "");
  if (e.by_service && number(head.value("x-sim-id")) != request_.id)
    wrong("got the answer of r{}", head.value("x-sim-id"));
  if (head.count("server") + head.count("via") > 0) wrong("the answer says what runs behind the gateway");
  if (head.count("date") != 1) wrong("{} Date fields", head.count("date"));
  framing_ = {BodyKind::none, 0};
  if (auto framing = framing_of(head, BodyKind::until_close); !framing) {
    wrong("contradictory framing");
  } else if (!has_no_body(request_, status_)) {
    framing_ = *framing;
  }
  bool close = head.value("connection") == "close";
  bool keep = head.value("connection") == "keep-alive";
  if (status_ == 101) tunnel(head);
  last_ = close || status_ == 101 || (request_.http10 && !keep) || framing_.kind == BodyKind::until_close;
  if (framing_.kind == BodyKind::chunked && request_.http10) wrong("chunks for an HTTP/1.0 client");
  if ((request_.close || (request_.http10 && !request_.keep_alive10)) && !last_)
    wrong("the connection goes on, though it was to be closed");
  generation(head);
  if (e.by_service) edits(head);
}

void AnswerCheck::tunnel(const WireHead& head) {
  Entry& e = ledger_.of(request_.id);
  e.answer = Entry::Answer::whole;
  framing_ = {BodyKind::none, 0};
  if (head.value("connection") != "Upgrade" || head.value("upgrade") != "websocket" ||
      head.value("sec-websocket-accept") != kWebSocketAccept)
    wrong("a 101 that confirms nothing");
  if (e.deliveries.empty() || request_.act(e.deliveries.size() - 1).status != 101)
    wrong("a 101 that its service did not give");
}

// A request that began after a reload was acknowledged is served by it.
void AnswerCheck::generation(const WireHead& head) {
  if (!head.has("x-sim-generation")) return;
  std::uint64_t seen = number(head.value("x-sim-generation"));
  if (seen < ledger_.of(request_.id).generation || seen > ledger_.newest)
    wrong("served by generation {}, but {} was acknowledged before it began", seen,
          ledger_.of(request_.id).generation);
}

// `headers` of the service, on the answer; all of them are of the generation that served it.
void AnswerCheck::edits(const WireHead& head) {
  bool good = true;
  if (edited(request_)) {
    std::string now = "generation-" + head.value("x-sim-generation");
    good = head.count("x-sim-policy") == 1 && head.value("x-sim-policy") == now &&
           head.value("x-sim-got") == now && head.count("x-sim-extra") == 2 && !head.has("x-sim-internal");
  } else {
    good = head.count("x-sim-policy") == 1 && head.value("x-sim-policy") == "own" &&
           head.count("x-sim-extra") == 1 && head.count("x-sim-internal") == 1;
  }
  if (!good) wrong("the headers of its answer were not edited as configured");
}

void AnswerCheck::body(const std::string& bytes, const WireHead& trailers, bool whole, WireEnd end) {
  Entry& e = ledger_.of(request_.id);
  ledger_.trace("r{}: {} bytes, {}", request_.id, bytes.size(), whole ? "whole" : "broken off");
  if (whole) e.answer = Entry::Answer::whole;
  if (end == WireEnd::timeout) wrong("the answer neither ends nor breaks off");
  if (end == WireEnd::malformed) wrong("the chunks of the answer are broken");
  if (e.by_service) {
    of_service(bytes, trailers, whole);
  } else {
    of_gateway(bytes, whole);
  }
}

void AnswerCheck::of_service(const std::string& bytes, const WireHead& trailers, bool whole) {
  Entry& e = ledger_.of(request_.id);
  std::size_t attempt = number(head_.value("x-sim-attempt"));
  if (attempt >= e.deliveries.size()) return wrong("an answer to an attempt that was never made");
  const ServicePlan& plan = request_.act(attempt);
  const std::string& service = e.deliveries[attempt].service;
  if (head_.value("x-sim-service") != service) wrong("the answer is not of {}", service);
  if (plan.status != status_) wrong("got {} where the service said {}", status_, plan.status);
  if (plan.act != Act::early) {
    std::size_t sent = request_.body.kind == BodyKind::none ? 0 : request_.body.size;
    if (number(head_.value("x-sim-digest")) != digest(payload(request_.id, sent)))
      wrong("the service saw another body than was sent");
  }
  std::size_t size = has_no_body(request_, status_) || plan.body.kind == BodyKind::none ? 0 : plan.body.size;
  std::string_view right = payload(answer_id(request_.id, attempt), size);
  if (!right.starts_with(bytes)) return wrong("{} bytes of its answer arrived changed", bytes.size());
  bool broken = plan.act == Act::cut_body || plan.act == Act::stall_body || plan.act == Act::reset_after_head;
  // Where the end of the connection is the end of the body, nobody can tell that it came too early.
  bool open_ended = plan.body.kind == BodyKind::until_close || framing_.kind == BodyKind::until_close;
  bool excused = open_ended && ledger_.plan().breaks();
  if (whole && bytes != right && !excused)
    wrong("{} bytes arrived of {}, as if they were all", bytes.size(), size);
  if (whole && broken && size > 0 && !excused) wrong("an answer that broke off arrived as if it were whole");
  bool trailer = whole && plan.body.trailers && size > 0 && framing_.kind == BodyKind::chunked;
  if (trailer && number(trailers.value(kTrailer)) != answer_id(request_.id, attempt))
    wrong("the trailers of the answer are missing");
}

void AnswerCheck::of_gateway(const std::string& bytes, bool whole) {
  if (!whole) return;
  bool refused = status_ == 404 || status_ == 405 || status_ == 403;
  if (refused && head_.has("x-sim-refusal") != ledger_.plan().filters.refusal)
    wrong("the refusal step {}", ledger_.plan().filters.refusal ? "was passed by" : "ran, but there is none");
  if (status_ == 405 && head_.value("allow").empty()) wrong("405 without Allow");
  if (status_ >= 400) {
    if (head_.value("content-type") != "application/problem+json")
      wrong("{} without a problem document", status_);
    if (request_.method != "HEAD" && bytes.find(fmt::format("\"status\":{},", status_)) == std::string::npos)
      wrong("a problem document that does not say {}", status_);
    return;
  }
  if (request_.route == Route::generation && request_.method != "HEAD" &&
      bytes != fmt::format("generation {}", head_.value("x-sim-generation")))
    wrong("got `{}` of generation {}", bytes.substr(0, 40), head_.value("x-sim-generation"));
}

}  // namespace gatehouse::sim
