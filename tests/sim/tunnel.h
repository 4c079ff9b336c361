// One end of a WebSocket tunnel through the gateway: what goes over it is no WebSocket, only bytes.
#pragma once

#include <string>

#include "net/task.h"
#include "sim/ledger.h"
#include "sim/wire.h"

namespace gatehouse::sim {

inline constexpr std::string_view kWebSocketKey = "dGhlIHNhbXBsZSBub25jZQ==";  // RFC 6455 section 1.3
inline constexpr std::string_view kWebSocketAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

enum class Side : std::uint8_t { client, service };

// What one side says in the tunnel of a request.
std::string_view words_of(const RequestPlan& r, Side side) noexcept;
// What of that leaves with the head.
std::string_view first_words_of(const RequestPlan& r, Side side) noexcept;

// Says its part, hears the other's, and ends as planned. The first words have left. What became of it stands
// in the ledger.
class TunnelEnd {
 public:
  TunnelEnd(net::Stream& stream, WireReader& in, Ledger& ledger, const RequestPlan& request, Side side);
  TunnelEnd(const TunnelEnd&) = delete;
  net::Task<void> run();

 private:
  net::Task<bool> say();
  net::Task<bool> hear();
  net::Task<void> finish();
  const TalkPlan& plan() const noexcept;

  net::Stream& stream_;
  WireReader& in_;
  Ledger& ledger_;
  const RequestPlan& request_;
  Side side_;
};

// What was heard is what was said; who ends in order is heard whole. Called when everything is over.
void check_tunnel(Ledger& ledger, std::uint64_t id, const Entry& entry);

}  // namespace gatehouse::sim
