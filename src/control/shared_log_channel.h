// The way of one worker's log lines to the thread that writes them: a pair of buffers, one producer, one
// consumer.
//
// The worker formats its line where it will be read from, and publishes it with one store. It never waits:
// without room the line is lost and counted. Lines lie in chunks, numbered from 0; chunk k lives in half k
// % 2. The worker goes to chunk k + 1 once the writer has come to chunk k, which means that it is through
// with k - 1, whose half becomes free. It does so with the first line after each visit of the writer, so only
// as much of the pair is touched as is logged between two visits.
//
// Memory order: `head_` (chunk and bytes filled) is stored with release by the worker after the bytes of the
// line, and after `end_` of the chunk that it left; the writer loads it with acquire before it reads either.
// `tail_` (chunk and bytes taken) is stored with release by the writer after its reads; the worker loads it
// with acquire before it writes into a half again, or into its `end_`. Nothing else is shared but two counts
// that guard nothing.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace gatehouse::control {

class LogChannel {
 public:
  explicit LogChannel(std::size_t half_bytes)
      : half_(half_bytes), memory_(std::make_unique_for_overwrite<char[]>(2 * half_bytes)) {}
  LogChannel(const LogChannel&) = delete;

  // ---- the worker
  // ------------------------------------------------------------------------------------------

  // Room for a line of at most `most` bytes; nullptr: there is none, the line is counted as lost.
  char* begin(std::size_t most) noexcept {
    const std::uint64_t tail = tail_.load(std::memory_order_acquire);
    const bool other_is_free = chunk_of(tail) == chunk_;
    if (other_is_free && (bytes_of(tail) != 0 || half_ - filled_ < most)) {
      end_[chunk_ & 1] = filled_;
      ++chunk_;
      filled_ = 0;
    }
    if (half_ - filled_ < most) [[unlikely]] {
      lost_.store(lost_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      return nullptr;
    }
    return half(chunk_) + filled_;
  }
  // The line that begin() gave room for ends at `end`, with its newline.
  void commit(const char* end) noexcept {
    filled_ = static_cast<std::uint32_t>(end - half(chunk_));
    lines_.store(lines_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    head_.store(pack(chunk_, filled_), std::memory_order_release);
  }

  // ---- the writer
  // ------------------------------------------------------------------------------------------

  // The next whole lines; empty if there are none. Valid until `take`.
  std::string_view pending() noexcept {
    const std::uint64_t head = head_.load(std::memory_order_acquire);
    if (chunk_of(head) != writing_) {
      if (taken_ != end_[writing_ & 1]) return lines_to(end_[writing_ & 1]);
      ++writing_;
      taken_ = 0;
      tail_.store(pack(writing_, 0), std::memory_order_release);
    }
    return lines_to(bytes_of(head));
  }
  // `bytes` of what pending() said are done with.
  void take(std::size_t bytes) noexcept {
    taken_ += static_cast<std::uint32_t>(bytes);
    tail_.store(pack(writing_, taken_), std::memory_order_release);
  }

  // ---- anyone
  // ----------------------------------------------------------------------------------------------
  std::uint64_t lines() const noexcept { return lines_.load(std::memory_order_relaxed); }  // committed
  std::uint64_t lost() const noexcept { return lost_.load(std::memory_order_relaxed); }    // for want of room

 private:
  static constexpr std::uint64_t pack(std::uint32_t chunk, std::uint32_t bytes) noexcept {
    return std::uint64_t{chunk} << 32 | bytes;
  }
  static constexpr std::uint32_t chunk_of(std::uint64_t word) noexcept {
    return static_cast<std::uint32_t>(word >> 32);
  }
  static constexpr std::uint32_t bytes_of(std::uint64_t word) noexcept {
    return static_cast<std::uint32_t>(word);
  }
  char* half(std::uint32_t chunk) const noexcept { return memory_.get() + (chunk & 1) * half_; }
  std::string_view lines_to(std::uint32_t end) const noexcept {
    return {half(writing_) + taken_, end - taken_};
  }

  const std::size_t half_;
  const std::unique_ptr<char[]> memory_;

  alignas(64) std::atomic<std::uint64_t> head_{0};  // written by the worker
  std::atomic<std::uint64_t> lines_{0};
  std::atomic<std::uint64_t> lost_{0};
  std::uint32_t chunk_ = 0;  // the worker's own
  std::uint32_t filled_ = 0;
  std::array<std::uint32_t, 2> end_{};  // bytes of a chunk that the worker has left

  alignas(64) std::atomic<std::uint64_t> tail_{0};  // written by the writer
  std::uint32_t writing_ = 0;                       // the writer's own
  std::uint32_t taken_ = 0;
};

}  // namespace gatehouse::control
