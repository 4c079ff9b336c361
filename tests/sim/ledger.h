// What happened to every request, as its client, the services and the gateway's log saw it; and what was
// wrong.
#pragma once

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sim/plan.h"

namespace gatehouse::sim {

// A request at a service. Made when its head has arrived whole.
struct Delivery {
  std::string service;
  std::size_t endpoint = SIZE_MAX;  // of kAlpha
  Time head_at{};
  Time read_at = kNever;       // all of it was there
  Time answering_at = kNever;  // the head of the answer set out
};

// A tunnel, as one side saw it.
struct TunnelEntry {
  bool opened = false;
  std::size_t said = 0;
  std::size_t heard = 0;
  bool heard_end = false;  // in order
  Time moved_at{};         // a byte last came or went
  Time finished_at = kNever;
  Time ended_at{};  // it heard the end
  bool was_reset = false;
};

struct Entry {
  const RequestPlan* plan = nullptr;
  std::size_t connection = 0;  // in Ledger::connections
  IpAddress from{};
  std::vector<Delivery> deliveries;

  enum class Answer : std::uint8_t { none, partial, whole };
  Answer answer = Answer::none;
  int status = 0;
  bool by_service = false;  // it says from whom it comes
  bool excused = false;     // nothing may be asked of the gateway: see Ledger::excuse
  bool flooded = false;     // more is pipelined behind it than a gateway reads that is about to close
  bool held = false;        // its client did not read for a while
  bool attempted = false;   // a byte was sent
  bool sent = false;        // all of it was
  Time began_at{};          // a byte was sent, or about to be
  Time turn_at{};           // everything before it on its connection was answered
  Time sent_at{};
  Time answered_at{};            // its head
  Time ended_at{};               // the last byte, or the end of the connection
  std::uint64_t generation = 0;  // acknowledged by all workers when its first byte was sent
  unsigned records = 0;          // in the log
  int recorded_status = 0;
  Time recorded_at = kNever;
  bool saturated = false;             // says the log
  std::array<TunnelEntry, 2> tunnel;  // by Side
};

// A connection of a client to the gateway.
struct ConnectionEntry {
  const ConnectionPlan* plan = nullptr;
  Time began = kNever;
  Time ended = kNever;
  std::size_t received = 0;
  std::uint64_t generation = 0;  // acknowledged by all workers when it set out
  bool secure = false;           // its handshake is done
  bool turned_away = false;      // its handshake failed, without a reason that is known
};

// A time in which an endpoint of `alpha` was out, by its checks.
struct Outage {
  Time from{};
  Time to = kNever;
};

class Ledger {
 public:
  Ledger(const Clock& clock, const Plan& plan, bool verbose);

  // Null: nobody sent such a request.
  Entry* find(std::uint64_t id) noexcept;
  Entry& of(std::uint64_t id) noexcept { return entries_.at(id); }
  const Entry& of(std::uint64_t id) const noexcept { return entries_.at(id); }
  std::map<std::uint64_t, Entry>& entries() noexcept { return entries_; }
  const std::map<std::uint64_t, Entry>& entries() const noexcept { return entries_; }
  // Its connection may end without an answer, for a reason that is not the gateway's fault.
  void excuse(std::uint64_t id, std::string_view why);

  void violate(std::string text);
  const std::vector<std::string>& violations() const noexcept { return violations_; }

  template <class... T>
  void trace(fmt::format_string<T...> format, T&&... args) {
    if (verbose_) print(fmt::format(format, std::forward<T>(args)...));
  }
  bool verbose() const noexcept { return verbose_; }
  Time now() const noexcept { return clock_.now(); }
  Time start() const noexcept { return start_; }
  const Plan& plan() const noexcept { return plan_; }

  std::vector<ConnectionEntry> connections;    // as planned, and in that order
  std::array<std::vector<Outage>, 3> outages;  // by endpoint of kAlpha, in order
  std::uint64_t generation = 0;                // acknowledged by all workers
  std::uint64_t newest = 0;                    // published
  bool draining = false;

 private:
  void print(const std::string& line) const;
  const Clock& clock_;
  const Plan& plan_;
  Time start_;
  bool verbose_;
  std::map<std::uint64_t, Entry> entries_;
  std::vector<std::string> violations_;
};

}  // namespace gatehouse::sim
