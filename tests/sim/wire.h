// HTTP/1 as the simulation's clients and services speak it: a small reader of their own, so that no fault of
// the gateway's codec is mirrored in what checks it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/stream.h"
#include "net/task.h"
#include "sim/plan.h"

namespace gatehouse::sim {

struct WireHead {
  std::string line;  // the first one
  std::vector<std::pair<std::string, std::string>> fields;
  std::string value(std::string_view name) const;  // empty if absent; of the first
  std::size_t count(std::string_view name) const;
  bool has(std::string_view name) const { return count(name) > 0; }
};

struct WireBody {
  BodyKind kind = BodyKind::none;
  std::size_t length = 0;
};

// How the body behind `head` ends. Nullopt: contradictory. `until_close`: what no framing means.
std::optional<WireBody> framing_of(const WireHead& head, BodyKind no_framing);

enum class WireEnd : std::uint8_t { none, fin, reset, timeout, malformed };

class WireReader {
 public:
  explicit WireReader(net::Stream& stream) noexcept : stream_(stream) {}
  void set_pace(std::size_t size, Duration delay) noexcept {
    size_ = size;
    delay_ = delay;
  }

  // False: the connection ended before the head did, or nothing came for `patience`; see `end`.
  net::Task<bool> head(WireHead& out, Duration patience);
  // Appends to `out`, also what there was of a body that did not come whole.
  net::Task<bool> body(WireBody framing, std::string& out, WireHead& trailers, Duration patience);
  // Appends what is there, or comes next.
  net::Task<bool> some(std::string& out, Duration patience);
  // Waits for the end of the connection; false: bytes, or nothing in time.
  net::Task<bool> ended(Duration patience);

  WireEnd end() const noexcept { return end_; }
  bool empty() const noexcept { return buffer_.empty(); }
  std::size_t received() const noexcept { return received_; }
  // From so many bytes on `end` says `timeout`: the reader gives up.
  void stop_after(std::size_t bytes) noexcept { stop_after_ = bytes; }
  bool stopped() const noexcept { return received_ >= stop_after_; }

 private:
  net::Task<bool> more(Duration patience);
  net::Task<bool> line(std::string& out, Duration patience);
  net::Task<bool> fields(WireHead& out, Duration patience);
  net::Task<bool> take(std::size_t n, std::string& out, Duration patience);
  net::Task<bool> chunks(std::string& out, WireHead& trailers, Duration patience);
  bool fail() noexcept {
    end_ = WireEnd::malformed;
    return false;
  }

  net::Stream& stream_;
  std::string buffer_;
  std::size_t size_ = 16384;
  Duration delay_{};
  std::size_t received_ = 0;
  std::size_t stop_after_ = SIZE_MAX;
  WireEnd end_ = WireEnd::none;
};

// False: the connection is gone, or did not take it for `patience`.
net::Task<bool> send_text(net::Stream& stream, std::string text, Duration patience);

// The body of `id` as `plan` frames it; `broken` puts a chunk into its middle that is none.
std::string wire_body(std::uint64_t id, const BodyPlan& plan, bool broken = false);
// `/role/r17/x` -> 17; 0 if it is no such path.
std::uint64_t request_id_in(std::string_view path) noexcept;
inline constexpr std::string_view kTrailer = "x-sim-trailer";

}  // namespace gatehouse::sim
