// How long the certificates of listeners are still good: for the metric, and a warning in time.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "control/diagnostic_log.h"
#include "gateway/snapshot.h"

namespace gatehouse::control {

struct CertificateLeft {
  std::string_view listener;  // views into the snapshot
  std::string_view name;      // the first that it speaks for
  Duration left{};            // until it expires; negative once it has
};
std::vector<CertificateLeft> certificates_left(const gateway::Snapshot& snapshot, WallTime now);

// Warns of each certificate from 14 days before its end on, once a day. Thread: control.
class ExpiryWarnings {
 public:
  static constexpr Duration kAhead = 14 * 24h;
  explicit ExpiryWarnings(DiagnosticLog& log) noexcept : log_(log) {}
  void look(const gateway::Snapshot& snapshot, WallTime now);

 private:
  DiagnosticLog& log_;
  std::map<std::string, WallTime> said_;  // by listener and name; bounded by the certificates there are
};

}  // namespace gatehouse::control
