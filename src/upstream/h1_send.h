// Sends a head and the body that follows it, framed for HTTP/1: small bodies leave with the head in one write, large
// ones are passed on as they come.
#pragma once

#include "http/framing.h"
#include "net/stream.h"
#include "upstream/body.h"

namespace gatehouse::upstream {

struct SendProgress {
  std::uint64_t body_bytes = 0;
  bool began = false;     // something was handed to the kernel
  bool complete = false;  // all of it was
};

// `framing`: length or chunked, or until_close (bytes as they are). An error of the body comes out as it is; one of
// the stream has an io_* code. References must outlive the task.
net::Task<Result<void>> send_with_body(net::Stream& stream, Slice head, BodySource& body, http::Framing framing,
                                       Duration write_idle, SendProgress& progress);

}  // namespace gatehouse::upstream
