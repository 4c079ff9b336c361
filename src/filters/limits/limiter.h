// Tests all limits of a request together and charges them together.
//
// First all are read; if one would refuse, none is charged. Then each is charged by compare-and-swap; if one
// refuses now, because another worker came between, what was charged before it is taken back. So no limit
// ever lets through more than it may; a race may refuse what there was room for, which is counted.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "filters/limits/shared_limit.h"
#include "filters/limits/shared_limit_table.h"

namespace gatehouse::filters {

// One limit as one request meets it.
struct Charge {
  SharedLimit* limit = nullptr;
  LimitKey key{};  // of what it counts by; unused where the limit counts everything together
  std::uint64_t units = 1;
  bool dry_run = false;

  // What became of it.
  bool charged = false;
  bool refused = false;      // by this one; in a dry run only noted
  bool in_overflow = false;  // its key had no place of its own
  std::uint64_t word = 0;    // that it left; if it was charged
  std::int64_t debt = 0;     // of the key: afterwards if it was charged, else as it was found
  std::int64_t wait = 0;     // if refused: until it would be let through
};

// The charge that refuses the request, or null: it goes on. Of several the one that asks for the longest
// wait. `now`: nanoseconds of the monotonic clock; `worker`: whose counts. Does not allocate.
Charge* test_and_charge(SharedLimitTable& table, std::span<Charge> charges, std::int64_t now,
                        std::size_t worker) noexcept;

// Takes back `units` of a charge that was made, as far as they are still owed: what time has given back
// already is not given twice. Returns how much it was, as time.
std::int64_t take_back(SharedLimitTable& table, const Charge& charge, std::uint64_t units,
                       std::int64_t now) noexcept;

// After the terms of these limits have changed: converts what nobody has met since, so that no word is older
// than the terms before. Looks at the whole of the table that is in use, some 15 ms for 64 MB.
void convert_all(SharedLimitTable& table, std::span<SharedLimit* const> changed, std::int64_t now);

// What a key owes, without charging anything; for people.
std::int64_t debt_of(SharedLimitTable& table, SharedLimit& limit, const LimitKey& key,
                     std::int64_t now) noexcept;
// From now on it owes nothing. A key without a place of its own takes those along that share one with it.
void forget(SharedLimitTable& table, SharedLimit& limit, const LimitKey& key) noexcept;

}  // namespace gatehouse::filters
