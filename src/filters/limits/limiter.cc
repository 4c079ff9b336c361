#include "filters/limits/limiter.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <vector>

namespace gatehouse::filters {
namespace {

using Word = std::atomic<std::uint64_t>;
using Place = std::optional<SharedLimitTable::Place>;

// Beyond so many changes of one key between a look and a swap the request is refused: it may not be kept busy
// without end.
constexpr unsigned kTries = 100;
// How far the clock of another worker's turn may lie before ours, when a charge is taken back.
constexpr std::int64_t kAhead = 50'000'000;

// Terms are always loaded behind the word (acquire): then none of its generations is unknown to them.
std::uint64_t load(const Word& word) noexcept { return word.load(std::memory_order_acquire); }

// What a look at a key has found, and the word that a charge would leave.
struct Look {
  Place place;  // none: the key has no place yet
  std::uint64_t before;
  std::uint64_t after;  // if it is admitted
};

// A key without a place may have been counted among those that share one.
Look look(SharedLimitTable& table, SharedLimit& limit, const LimitKey& key) noexcept {
  if (limit.is_whole()) {
    const std::uint64_t word = load(limit.whole());
    return {SharedLimitTable::Place(limit.whole(), word), word, 0};
  }
  if (const Place place = table.find(key)) return {place, place->word(), 0};
  return {std::nullopt, load(limit.overflow(key)), 0};
}

// Decides about a charge that was not refused yet, by what was found. False: it is refused.
bool judge(Charge& c, Look& found, std::int64_t now) noexcept {
  const LimitTerms& terms = c.limit->terms();
  c.debt = terms.debt(found.before, now);
  const Decision d = decide(terms.portion, c.debt, now, c.units);
  if (d.admitted) [[likely]] {
    found.after = terms.word(d.paid);
    return true;
  }
  c.refused = true;
  c.wait = d.wait;
  return false;
}

void note_charged(Charge& c, std::uint64_t word, std::int64_t now) noexcept {
  c.charged = true;
  c.word = word;
  c.debt = LimitWord::paid(word) - now;
}

// Others were counted in the shared word while this key got a place of its own: it takes over what they owe.
void follow_overflow(SharedLimitTable& table, const Charge& c, std::uint64_t before) noexcept {
  const std::int64_t more = LimitWord::paid(load(c.limit->overflow(c.key))) - LimitWord::paid(before);
  if (more <= 0) return;
  for (Place place = table.find(c.key); place; place = table.find(c.key)) {
    const std::uint64_t word = place->word();
    if (place->change(LimitWord::make(LimitWord::paid(word) + more, LimitWord::generation(word)))) return;
  }
}

// In the word that keys share for which the table has no room.
void charge_overflow(Charge& c, std::int64_t now) noexcept {
  std::atomic<std::uint64_t>& word = c.limit->overflow(c.key);
  c.in_overflow = true;
  for (;;) {
    const std::uint64_t before = load(word);
    Look found{SharedLimitTable::Place(word, before), before, 0};
    if (!judge(c, found, now)) return;
    if (found.place->change(found.after)) return note_charged(c, found.after, now);
  }
}

// One attempt to put into force what was judged. False: the word has changed, or the key has got a place.
bool try_charge(SharedLimitTable& table, Charge& c, Look& found, std::int64_t now,
                std::size_t worker) noexcept {
  using Added = SharedLimitTable::Added;
  if (found.place) {
    if (!found.place->change(found.after)) return false;
    note_charged(c, found.after, now);
    return true;
  }
  switch (table.add(c.key, c.limit->number(), found.after, now)) {
    case Added::added:
      note_charged(c, found.after, now);
      follow_overflow(table, c, found.before);
      return true;
    case Added::full:
      c.limit->counts(worker).overflowed.add();
      charge_overflow(c, now);
      return true;
    case Added::there: return false;
    case Added::busy: break;
  }
  c.refused = true;
  c.wait = c.limit->terms().portion.interval;
  return true;
}

// Until it is charged or refused; `found` has been judged.
[[gnu::noinline]] void charge(SharedLimitTable& table, Charge& c, Look& found, std::int64_t now,
                              std::size_t worker) noexcept {
  for (unsigned tries = 0; tries < kTries; ++tries) {
    if (try_charge(table, c, found, now, worker)) return;
    found = look(table, *c.limit, c.key);
    if (!judge(c, found, now)) return;
  }
  c.refused = true;
  c.wait = c.limit->terms().portion.interval;
}

void count_admitted(std::span<Charge> charges, std::size_t worker) noexcept {
  for (Charge& c : charges) c.limit->counts(worker).admitted.add();
}

// Counts the outcome where one refused, or would have, and says which.
Charge* close(std::span<Charge> charges, std::size_t worker) noexcept {
  Charge* worst = nullptr;
  for (Charge& c : charges) {
    if (!c.refused) continue;
    if (c.dry_run) c.limit->counts(worker).dry_run.add();
    if (!c.dry_run && (worst == nullptr || c.wait > worst->wait)) worst = &c;
  }
  if (worst != nullptr) {
    worst->limit->counts(worker).refused.add();
    return worst;
  }
  for (Charge& c : charges)
    if (!c.refused) c.limit->counts(worker).admitted.add();
  return nullptr;
}

// All that were charged before one refused in the race.
void roll_back(SharedLimitTable& table, std::span<Charge> charges, std::int64_t now) noexcept {
  for (Charge& c : charges) {
    if (!c.charged) continue;
    take_back(table, c, c.units, now);
    c.charged = false;
  }
}

// What is remembered of the first so many looks at a request's keys; a request seldom meets more.
constexpr std::size_t kRemembered = 8;

}  // namespace

Charge* test_and_charge(SharedLimitTable& table, std::span<Charge> charges, std::int64_t now,
                        std::size_t worker) noexcept {
  std::array<Look, kRemembered + 1> looks;  // the last is of all beyond
  Look* const beyond = &looks[kRemembered];
  bool refused = false;
  bool noted = false;  // one refuses, if only in a dry run
  Look* found = looks.data();
  for (Charge& c : charges) {
    std::construct_at(found, look(table, *c.limit, c.key));
    if (!judge(c, *found, now)) [[unlikely]] {
      noted = true;
      refused = refused || !c.dry_run;
    }
    if (found != beyond) ++found;
  }
  if (refused) return close(charges, worker);
  found = looks.data();
  for (Charge& c : charges) {
    Look& seen = *found;
    if (found != beyond) {
      ++found;
    } else if (!c.refused) {
      seen = look(table, *c.limit, c.key);
      judge(c, seen, now);
    }
    if (!c.refused && seen.place && seen.place->change(seen.after)) [[likely]] {
      note_charged(c, seen.after, now);
      continue;
    }
    if (!c.refused) charge(table, c, seen, now, worker);
    noted = noted || c.refused;
    if (!c.refused || c.dry_run) continue;
    c.limit->counts(worker).raced.add();
    roll_back(table, charges.first(static_cast<std::size_t>(&c - charges.data())), now);
    break;
  }
  if (noted) [[unlikely]]
    return close(charges, worker);
  count_admitted(charges, worker);
  return nullptr;
}

std::int64_t take_back(SharedLimitTable& table, const Charge& c, std::uint64_t units,
                       std::int64_t now) noexcept {
  std::int64_t back = 0;
  // The word without these units. If others were charged since, time that had passed between may lie within
  // it, by a clock that is ahead of ours: then only what is owed beyond that is certain to be ours. Under
  // other terms it was converted, and stays.
  auto less = [&](std::uint64_t word) {
    const unsigned then = LimitWord::generation(c.word);
    const std::int64_t cost = static_cast<std::int64_t>(units) * c.limit->terms().before[then].interval;
    const std::int64_t ours = debt_of(LimitWord::paid(c.word), word == c.word ? now : now + kAhead);
    back =
        then == LimitWord::generation(word) ? std::min({cost, ours, debt_of(LimitWord::paid(word), now)}) : 0;
    return LimitWord::make(LimitWord::paid(word) - back, LimitWord::generation(word));
  };
  if (c.limit->is_whole() || c.in_overflow) {
    Word* word = c.in_overflow ? &c.limit->overflow(c.key) : &c.limit->whole();
    std::uint64_t old = load(*word);
    while (
        !word->compare_exchange_weak(old, less(old), std::memory_order_acq_rel, std::memory_order_acquire)) {
    }
    return back;
  }
  for (unsigned tries = 0; tries < kTries; ++tries) {
    auto place = table.find(c.key);
    if (!place) return 0;  // one that is gone owes nothing
    if (place->change(less(place->word()))) return back;
  }
  return 0;
}

void convert_all(SharedLimitTable& table, std::span<SharedLimit* const> changed, std::int64_t now) {
  // The word under the terms in force, or as it is.
  auto converted = [now](SharedLimit& limit, std::uint64_t word) {
    const LimitTerms& terms = limit.terms();
    const bool old = word != 0 && LimitWord::generation(word) != terms.generation;
    return old ? terms.word(now + terms.debt(word, now)) : word;
  };
  std::vector<SharedLimit*> by_number;
  for (SharedLimit* limit : changed) {
    if (by_number.size() <= limit->number()) by_number.resize(limit->number() + 1);
    by_number[limit->number()] = limit;
    limit->each_own([&](Word& word) {
      for (std::uint64_t old = load(word);;) {
        const std::uint64_t next = converted(*limit, old);
        if (next == old ||
            word.compare_exchange_weak(old, next, std::memory_order_acq_rel, std::memory_order_acquire))
          return;
      }
    });
  }
  table.each(0, SIZE_MAX, [&](const SharedLimitTable::Entry& entry) {
    SharedLimit* limit = entry.limit < by_number.size() ? by_number[entry.limit] : nullptr;
    if (limit == nullptr || LimitWord::paid(entry.place.word()) <= now) return;
    const std::uint64_t next = converted(*limit, entry.place.word());
    // Whoever changed it in between may have had the terms before; the next who meets it converts it.
    if (next != entry.place.word()) (void)entry.place.change(next);
  });
}

std::int64_t debt_of(SharedLimitTable& table, SharedLimit& limit, const LimitKey& key,
                     std::int64_t now) noexcept {
  const std::uint64_t word = look(table, limit, key).before;
  return limit.terms().debt(word, now);  // loaded behind the word
}

void forget(SharedLimitTable& table, SharedLimit& limit, const LimitKey& key) noexcept {
  if (limit.is_whole()) return limit.whole().store(0, std::memory_order_relaxed);
  // Twice in a file that was written while it moved, a key has two places.
  bool found = false;
  auto place = table.find(key);
  for (unsigned tries = 0; place && tries < kTries; ++tries, place = table.find(key))
    found = place->change(0) || found;
  if (!found) limit.overflow(key).store(0, std::memory_order_relaxed);
}

}  // namespace gatehouse::filters
