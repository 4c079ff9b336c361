// What keys owe, as it is kept over a restart: with the secret of their hashes, or nobody would find them
// again.
//
// A file of its own form, because there may be a million keys: a line that names it, then numbers as they lie
// in memory (little-endian), and a checksum of everything at the end. What is not whole, or not ours, when it
// is looked at is ignored as a whole; it is replaced, never written to, so that it stays as it was then.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/siphash.h"
#include "base/time.h"
#include "filters/limits/gcra.h"
#include "gateway/state_file.h"

namespace gatehouse::filters {

struct KeptKey {
  Hash128 key;
  std::uint32_t limit = 0;  // how many limits come before it
  std::int64_t debt = 0;
};

// Debts are as of one moment; what has come back since is taken off by who reads.
class KeptLimitsWriter {
 public:
  KeptLimitsWriter(const SipKey& secret, WallTime at);
  // A limit; its number here is how many there were before. All of them come before the first key.
  void add_limit(std::string_view identity, const Portion& portion, std::int64_t debt);
  void add_key(const KeptKey& key);
  // What has come together since the last time: the next part of the file.
  std::size_t size() const noexcept { return text_.size(); }
  std::string take();
  std::string finish();  // the last part; once

 private:
  template <class T>
  void put(const T& value);
  std::string text_;
  Hash64 sum_;  // of what was taken
  std::size_t count_at_;
  std::uint32_t limits_ = 0;
};

// All of a file but its keys, of which there may be a million: those are read from it a few thousand at a
// time (KeptKeys).
class KeptLimits {
 public:
  static constexpr std::size_t kMostLimits = 100'000;
  static constexpr std::size_t kLongestIdentity = 4096;
  static constexpr std::size_t kKeyBytes = 28;

  struct Limit {
    std::string identity;
    Portion portion;
    std::int64_t debt = 0;  // of a limit that counts everything together
  };

  // Looks at the whole of it, for its sum; `file` outlives what it returns. Else why not, in a few words for
  // the log.
  static std::expected<KeptLimits, std::string> read(const gateway::StateFile& file);

  const SipKey& secret() const noexcept { return secret_; }
  WallTime at() const noexcept { return at_; }
  const std::vector<Limit>& limits() const noexcept { return limits_; }
  std::size_t keys() const noexcept { return keys_; }

 private:
  friend class KeptKeys;
  explicit KeptLimits(const gateway::StateFile& file) : file_(&file) {}

  const gateway::StateFile* file_;
  SipKey secret_{};
  WallTime at_{};
  std::vector<Limit> limits_;
  std::size_t first_key_ = 0;  // where it begins in the file
  std::size_t keys_ = 0;
};

// The keys of a file, in its order.
class KeptKeys {
 public:
  explicit KeptKeys(const KeptLimits& kept);  // whose file outlives it
  // The next few. Empty: that was all, or the file has become shorter since.
  std::span<const KeptKey> next();

 private:
  const gateway::StateFile& file_;
  std::size_t at_;
  std::size_t left_;
  std::vector<char> bytes_;
  std::vector<KeptKey> keys_;
};

}  // namespace gatehouse::filters
