#include "filters/limits/limiter.h"

#include <optional>

namespace gatehouse::filters {
namespace {

// Beyond so many changes of one key between a look and a swap the request is refused: it may not be kept busy
// without end.
constexpr unsigned kTries = 100;

using Word = std::atomic<std::uint64_t>;

// The word that a limit keeps itself, if the charge goes there.
Word* own_word(const Charge& c) noexcept {
  if (c.limit->is_whole()) return &c.limit->whole();
  return c.in_overflow ? &c.limit->overflow(c.key) : nullptr;
}

std::int64_t read_debt(SharedLimitTable& table, SharedLimit& limit, const LimitKey& key,
                       std::int64_t now) noexcept {
  const LimitTerms& terms = limit.terms();
  if (limit.is_whole()) return terms.debt(limit.whole().load(std::memory_order_relaxed), now);
  if (auto place = table.find(key)) return terms.debt(place->word(), now);
  // A key without a place may have been counted among those that share one.
  return terms.debt(limit.overflow(key).load(std::memory_order_relaxed), now);
}

// Decides about the charge with what was found; true if it is refused.
bool refuses(Charge& c, const Decision& d, std::int64_t debt) noexcept {
  c.refused = !d.admitted;
  c.wait = d.wait;
  c.debt = debt;
  return c.refused;
}

void charge_word(Charge& c, Word& word, std::int64_t now) noexcept {
  std::uint64_t old = word.load(std::memory_order_relaxed);
  for (;;) {
    const LimitTerms& terms = c.limit->terms();
    const std::int64_t debt = terms.debt(old, now);
    const Decision d = decide(terms.portion, debt, now, c.units);
    if (refuses(c, d, debt)) return;
    if (word.compare_exchange_weak(old, terms.word(d.paid), std::memory_order_relaxed)) {
      c.charged = true;
      c.debt = d.paid - now;
      return;
    }
  }
}

void refuse_raced(Charge& c, std::size_t worker) noexcept {
  c.refused = true;
  c.wait = c.limit->terms().portion.interval;
  c.limit->counts(worker).raced.add();
}

void charge_key(SharedLimitTable& table, Charge& c, std::int64_t now, std::size_t worker) noexcept {
  using Added = SharedLimitTable::Added;
  for (unsigned tries = 0; tries < kTries; ++tries) {
    const LimitTerms& terms = c.limit->terms();
    auto place = table.find(c.key);
    const std::uint64_t old =
        place ? place->word() : c.limit->overflow(c.key).load(std::memory_order_relaxed);
    const std::int64_t debt = terms.debt(old, now);
    const Decision d = decide(terms.portion, debt, now, c.units);
    if (refuses(c, d, debt)) return;
    if (place) {
      c.charged = place->change(terms.word(d.paid));
    } else {
      const Added added = table.add(c.key, c.limit->number(), terms.word(d.paid), now);
      c.charged = added == Added::added;
      if (added == Added::busy) break;
      if (added == Added::full) {
        c.in_overflow = true;
        c.limit->counts(worker).overflowed.add();
        return charge_word(c, c.limit->overflow(c.key), now);
      }
    }
    if (c.charged) {
      c.debt = d.paid - now;
      return;
    }
  }
  refuse_raced(c, worker);
}

void charge(SharedLimitTable& table, Charge& c, std::int64_t now, std::size_t worker) noexcept {
  if (c.limit->is_whole()) return charge_word(c, c.limit->whole(), now);
  charge_key(table, c, now, worker);
}

bool test(SharedLimitTable& table, Charge& c, std::int64_t now) noexcept {
  const std::int64_t debt = read_debt(table, *c.limit, c.key, now);
  return refuses(c, decide(c.limit->terms().portion, debt, now, c.units), debt);
}

// Counts the outcome, and says which one refused.
Charge* close(std::span<Charge> charges, std::size_t worker) noexcept {
  Charge* worst = nullptr;
  for (Charge& c : charges) {
    LimitCounts& counts = c.limit->counts(worker);
    if (c.refused && c.dry_run) counts.dry_run.add();
    if (c.refused && !c.dry_run && (worst == nullptr || c.wait > worst->wait)) worst = &c;
  }
  if (worst != nullptr) {
    worst->limit->counts(worker).refused.add();
    return worst;
  }
  for (Charge& c : charges)
    if (!c.refused) c.limit->counts(worker).admitted.add();
  return nullptr;
}

}  // namespace

Charge* test_and_charge(SharedLimitTable& table, std::span<Charge> charges, std::int64_t now,
                        std::size_t worker) noexcept {
  if (charges.size() > 1) {  // one alone is tested as it is charged
    bool refused = false;
    for (Charge& c : charges) refused = (test(table, c, now) && !c.dry_run) || refused;
    if (refused) return close(charges, worker);
  }
  for (std::size_t i = 0; i < charges.size(); ++i) {
    Charge& c = charges[i];
    if (c.refused) continue;  // a dry run
    charge(table, c, now, worker);
    if (!c.refused || c.dry_run) continue;
    if (charges.size() > 1) c.limit->counts(worker).raced.add();
    for (Charge& before : charges.first(i)) {
      if (!before.charged) continue;
      take_back(table, before, before.units);
      before.charged = false;
    }
    break;
  }
  return close(charges, worker);
}

void take_back(SharedLimitTable& table, const Charge& c, std::uint64_t units) noexcept {
  auto less = [&](std::uint64_t word) {
    const LimitTerms& terms = c.limit->terms();
    const unsigned then = LimitWord::generation(word);
    const std::int64_t cost = static_cast<std::int64_t>(units) * terms.before[then].interval;
    return LimitWord::make(std::max<std::int64_t>(0, LimitWord::paid(word) - cost), then);
  };
  if (Word* word = own_word(c)) {
    std::uint64_t old = word->load(std::memory_order_relaxed);
    while (!word->compare_exchange_weak(old, less(old), std::memory_order_relaxed)) {
    }
    return;
  }
  for (unsigned tries = 0; tries < kTries; ++tries) {
    auto place = table.find(c.key);
    if (!place || place->change(less(place->word()))) return;  // a key that is gone owes nothing
  }
}

std::int64_t debt_of(SharedLimitTable& table, SharedLimit& limit, const LimitKey& key,
                     std::int64_t now) noexcept {
  return read_debt(table, limit, key, now);
}

void forget(SharedLimitTable& table, SharedLimit& limit, const LimitKey& key) noexcept {
  if (limit.is_whole()) return limit.whole().store(0, std::memory_order_relaxed);
  for (auto place = table.find(key); place; place = table.find(key))
    if (place->change(0)) return;
  limit.overflow(key).store(0, std::memory_order_relaxed);
}

}  // namespace gatehouse::filters
