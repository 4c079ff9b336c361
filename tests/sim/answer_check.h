// Is this the answer to that request? Checked while it is read.
#pragma once

#include <string>

#include "sim/ledger.h"
#include "sim/wire.h"

namespace gatehouse::sim {

class AnswerCheck {
 public:
  AnswerCheck(Ledger& ledger, const RequestPlan& request) : ledger_(ledger), request_(request) {}

  // A head; true: an interim one, others follow.
  bool head(const WireHead& head);
  int status() const noexcept { return status_; }
  bool last() const noexcept { return last_; }  // the connection ends after it
  WireBody framing() const noexcept { return framing_; }
  // The body, or what came of it.
  void body(const std::string& bytes, const WireHead& trailers, bool whole, WireEnd end);

 private:
  void interim();
  void final(const WireHead& head);
  void tunnel(const WireHead& head);
  void generation(const WireHead& head);
  void edits(const WireHead& head);
  void of_service(const std::string& bytes, const WireHead& trailers, bool whole);
  void of_gateway(const std::string& bytes, bool whole);
  template <class... T>
  void wrong(fmt::format_string<T...> format, T&&... args) {
    ledger_.violate(fmt::format("r{}: {}", request_.id, fmt::format(format, std::forward<T>(args)...)));
  }

  Ledger& ledger_;
  const RequestPlan& request_;
  int status_ = 0;
  bool last_ = false;
  WireBody framing_;
  WireHead head_;
};

// What may come of a request whose connection nobody breaks; called when everything is over.
void judge(Ledger& ledger, std::uint64_t id, const Entry& entry);

}  // namespace gatehouse::sim
