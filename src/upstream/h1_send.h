// Sends a head and the body that follows it, framed for HTTP/1: small bodies leave with the head in one
// write, large ones are passed on as they come.
#pragma once

#include "http/framing.h"
#include "net/stream.h"
#include "upstream/body.h"

namespace gatehouse::upstream {

struct SendProgress {
  std::uint64_t body_bytes = 0;
  std::uint32_t sends = 0;  // writes begun; the count says whether the first was also the last
  bool began = false;       // something was handed to the kernel
  bool complete = false;    // all of it was
};

// How long a peer may take to receive.
struct SendPatience {
  Duration idle{30s};          // nothing moved for this long
  std::uint64_t min_rate = 0;  // bytes per second while the peer is waited for (net/min_rate.h); 0 = off
};

// `framing`: length or chunked, or until_close (bytes as they are). An error of the body comes out as it is;
// one of the stream has an io_* code. References must outlive the task.
net::Task<Result<void>> send_with_body(net::Stream& stream, Slice head, BodySource& body,
                                       http::Framing framing, SendPatience patience, SendProgress& progress);

}  // namespace gatehouse::upstream
