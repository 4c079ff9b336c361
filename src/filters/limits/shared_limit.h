// One limit: its terms, and what is counted for it. Outlives the snapshots that name it.
//
// Owner: the registry, under the limit's name and what it counts by. Threads: workers test and charge,
// control changes the terms. Terms are immutable once they are in force and live as long as the limit, so
// that a worker may go on with those it has read; a word says by its generation which terms it was reckoned
// with and is converted by whoever meets it under newer ones. Control then converts what nobody has met
// (SharedLimitTable::each), so that sixteen generations are more than ever meet.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/counters.h"
#include "config/spec.h"
#include "filters/limits/gcra.h"
#include "filters/limits/shared_limit_table.h"

namespace gatehouse::filters {

struct LimitTerms {
  Portion portion;
  unsigned generation = 0;
  std::array<Portion, LimitWord::kGenerations> before{};  // by generation, this one's own among them

  // Never more than can be owed, whatever the word says: a clock that went back would cost an interval at
  // most.
  std::int64_t debt(std::uint64_t word, std::int64_t now) const noexcept {
    const unsigned then = LimitWord::generation(word);
    const std::int64_t owed = debt_of(LimitWord::paid(word), now);
    return then == generation ? std::min(owed, portion.level) : convert(owed, before[then], portion);
  }
  std::uint64_t word(std::int64_t paid) const noexcept { return LimitWord::make(paid, generation); }
};

// What one worker counts about one limit.
struct LimitCounts {
  Counter admitted;
  Counter refused;
  Counter dry_run;     // would have been refused
  Counter raced;       // refused although there had been room: another worker's charge came between
  Counter overflowed;  // keys for which the table had no room
  Counter returned;    // requests whose told cost was less than what was held
};

class SharedLimit {
 public:
  static constexpr std::size_t kOverflow = 1024;

  // `number`: never given twice. Its identity, mixed into its keys, stays the same over restarts.
  SharedLimit(std::uint32_t number, std::string name, config::LimitBy by, const Portion& portion,
              std::size_t workers);
  SharedLimit(const SharedLimit&) = delete;

  std::uint32_t number() const noexcept { return number_; }
  const std::string& name() const noexcept { return name_; }
  const config::LimitBy& by() const noexcept { return by_; }
  bool is_whole() const noexcept { return by_.kind == config::LimitBy::Kind::all; }
  std::string identity() const;  // `default per user`

  const LimitTerms& terms() const noexcept { return *terms_.load(std::memory_order_acquire); }
  // Control. False: they are the same already.
  bool set_terms(const Portion& portion);

  // The one word of a limit that counts everything together.
  std::atomic<std::uint64_t>& whole() noexcept { return whole_; }
  // The word that keys share for which the table has no room, each group at one key's rate.
  std::atomic<std::uint64_t>& overflow(const LimitKey& key) noexcept {
    return overflow_[key.high % kOverflow];
  }
  template <class Use>
  void each_own(Use use) noexcept {  // of those words
    use(whole_);
    if (overflow_)
      for (std::size_t i = 0; i < kOverflow; ++i) use(overflow_[i]);
  }

  LimitCounts& counts(std::size_t worker) noexcept {
    assert(worker < workers_);
    return cells_[worker].counts;
  }
  std::uint64_t sum(Counter LimitCounts::* counter) const noexcept;

 private:
  struct alignas(128) Cell {  // apart from its neighbour's lines, and the pair that is fetched together
    LimitCounts counts;
  };
  const std::uint32_t number_;
  const std::string name_;
  const config::LimitBy by_;
  const std::size_t workers_;
  std::vector<std::unique_ptr<const LimitTerms>> all_terms_;  // control's
  std::atomic<const LimitTerms*> terms_;
  alignas(64) std::atomic<std::uint64_t> whole_ = 0;
  alignas(64) std::unique_ptr<std::atomic<std::uint64_t>[]> overflow_;  // null where there are no keys
  std::unique_ptr<Cell[]> cells_;
};

}  // namespace gatehouse::filters
