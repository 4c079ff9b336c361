#include "filters/auth/key_schedule.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/hash.h"
#include "net/join.h"

namespace gatehouse::filters {
namespace {

constexpr Duration kFirstRetry = 5s;  // after a failed round; doubles up to kLastRetry
constexpr Duration kLastRetry = 60s;
constexpr Duration kRest = 1s;           // after a failed round nobody is served for so long at least
constexpr Duration kBetween = 250ms;     // from the end of a round to the next of the schedule
constexpr Duration kLookAtClock = 1min;  // the wall clock may be set
constexpr Duration kSaveEvery = 10min;   // where nothing but the age changes

net::Task<bool> next(net::Signal& signal) {
  co_await signal.wait();
  co_return true;
}

std::string list(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 10;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i)
    text += fmt::format("{}{}", i ? ", " : "", names[i]);
  if (names.size() > kShown) text += fmt::format(" and {} more", names.size() - kShown);
  return text;
}

std::string in_words(Duration age) {
  if (age < 2min) return fmt::format("{} s", age / 1s);
  if (age < 2h) return fmt::format("{} minutes", age / 1min);
  return fmt::format("{} hours", age / 1h);
}

}  // namespace

std::string key_file_name(std::string_view issuer) {
  std::string safe;
  bool same = true;
  for (char c : issuer.substr(0, 64)) {
    bool good =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    safe += good ? c : '_';
    same = same && good;
  }
  if (!same || issuer.size() > 64) safe += fmt::format("-{:016x}", hash64(issuer));
  return fmt::format("keys-{}.json", safe);
}

KeySchedule::KeySchedule(const gateway::BackgroundContext& context, upstream::UrlClient& urls,
                         std::shared_ptr<const KeySource> source, KeyBook kept)
    : context_(context),
      source_(std::move(source)),
      book_(std::move(kept)),
      file_(context.loop, context.keep),
      provider_(urls, context.loop),
      wake_(context.loop),
      changed_(context.loop) {}

KeySchedule::~KeySchedule() { end(); }

void KeySchedule::end() {
  if (!letting_go_) return;
  source_->ring->on_demand({});
  fetching_.cancel();
  letting_go_.cancel();
}

void KeySchedule::inherit(const KeyBook& before) { book_.add_revocations(before.revocations()); }

void KeySchedule::log(Severity level, std::string_view what) const {
  context_.log(level, fmt::format("keys of issuer {}: {}", source_->name, what));
}

void KeySchedule::begin() {
  book_.set_terms(source_->secret ? Duration::zero() : source_->keep_removed, source_->revoked);
  (void)book_.expire(context_.loop.wall());
  if (source_->fetched()) {
    if (!book_.held().empty())
      log(Severity::info,
          fmt::format("{} that were kept are in force until they are fetched", book_.in_force().size()));
    if (publish()) source_->ring->wake_all();
  } else {
    take_given();
  }
  // They may have been another source's.
  if (!book_.revocations().empty()) save();
  listen();
  letting_go_ = let_go();
  if (source_->fetched()) fetching_ = keep_fresh();
}

void KeySchedule::listen() {
  source_->ring->on_demand([self = weak_from_this(), &loop = context_.loop] {
    loop.post([self] {
      if (auto s = self.lock()) s->demanded();
    });
  });
}

void KeySchedule::update(std::shared_ptr<const KeySource> source) {
  const bool other_ring = source->ring != source_->ring;
  if (other_ring) source_->ring->on_demand({});
  source_ = std::move(source);
  if (other_ring) listen();
  book_.set_terms(source_->secret ? Duration::zero() : source_->keep_removed, source_->revoked);
  const KeyChanges gone = book_.expire(context_.loop.wall());
  note(gone, false);
  if (!source_->fetched()) take_given();
  if (publish()) source_->ring->wake_all();
  if (!gone.empty()) save();
  changed_.notify();
}

// Of a file or a secret.
void KeySchedule::take_given() {
  const bool first = book_.held().empty();
  auto changes = book_.take(source_->given, context_.loop.wall());
  if (!changes)
    return log(Severity::warning, fmt::format("{} is not used: {}", source_->shown, changes.error()));
  note(*changes, first);
  if (publish()) source_->ring->wake_all();
  if (!changes->empty()) save();
}

// ---- rounds ----------------------------------------------------------------------------------------------

void KeySchedule::demanded() {
  if (source_->fetched()) {
    demand_ = true;
    wake_.notify();
    return;
  }
  // All is known that can be: whoever waits is told at once.
  SharedKeyRing& ring = *source_->ring;
  ring.take_demand();
  ring.round_started();
  ring.round_ended(true, {});
}

Time KeySchedule::next_start() const noexcept {
  return demand_ ? std::min(next_regular_, next_demanded_) : next_regular_;
}

net::Task<void> KeySchedule::keep_fresh() {
  for (;;) {
    const Time now = context_.loop.now();
    if (next_start() > now) {
      (void)co_await net::with_deadline(context_.loop, next_start(), next(wake_));
      continue;
    }
    co_await round(next_regular_ > now);
  }
}

net::Task<void> KeySchedule::round(bool demanded) {
  net::Loop& loop = context_.loop;
  const Time started = loop.now();
  ++counts_.rounds;
  if (demanded) {
    ++counts_.demanded;
    next_demanded_ = after(started, kDemandEvery);
  }
  // In this order: who asks once this round has started is told of the next one.
  demand_ = false;
  source_->ring->take_demand();
  source_->ring->round_started();
  bool good = false;
  for (unsigned i = 0; i <= kRepeats && !good; ++i) {
    if (i > 0) co_await net::sleep_for(loop, kRepeatAfter);
    auto fetched = co_await provider_.fetch(source_);
    good = fetched.has_value();
    if (good) {
      take(std::move(*fetched), started);
    } else {
      ++counts_.failed;
      last_ = LastFetch{false, loop.wall(), std::move(fetched.error())};
    }
  }
  plan_next(started, good);
  if (!good) note_failure();
  source_->ring->round_ended(good, next_demanded_ < next_regular_ ? next_demanded_ : next_regular_);
}

// `started`: when the round did that has ended now.
void KeySchedule::plan_next(Time started, bool good) {
  net::Loop& loop = context_.loop;
  const Time now = loop.now();
  const auto ahead = ahead_.interval(now);
  failures_ = good ? 0 : failures_ + 1;
  if (good) {
    auto share = [&](double from, double to) { return from + (to - from) * loop.random().unit(); };
    auto part = [](Duration d, double of) {
      return std::chrono::duration_cast<Duration>(std::chrono::duration<double, std::nano>(d) * of);
    };
    Duration wait = part(ttl_, share(0.75, 0.9));
    if (ahead) wait = std::min(wait, part(*ahead, share(0.9, 1.0)));
    next_regular_ = std::max(after(started, wait), after(now, kBetween));
    return;
  }
  Duration wait = ahead ? std::min(*ahead, kFirstRetry) : kFirstRetry;
  for (unsigned i = 1; i < failures_ && wait < kLastRetry; ++i) wait *= 2;
  next_regular_ = after(now, std::min(wait, kLastRetry));
  next_demanded_ = std::max(next_demanded_, after(now, kRest));
}

void KeySchedule::take(FetchedKeys fetched, Time started) {
  const bool first = book_.held().empty();
  const WallTime now = context_.loop.wall();
  ++counts_.fetched;
  ttl_ = fetched.ttl;
  auto changes = book_.take(std::move(fetched.keys), now);
  if (!changes) return;  // a fetch without keys has failed before
  last_ = LastFetch{true, now, {}};
  if (!said_.empty()) log(Severity::info, "they are fetched again");
  said_.clear();
  note_skipped(fetched.skipped);
  note(*changes, first);
  if (!first && (!changes->added.empty() || !changes->removed.empty())) ahead_.changed(started);
  publish();  // who waits is woken at the end of the round
  if (!changes->empty() || !saved_ || now - *saved_ >= kSaveEvery || now < *saved_) save();
  changed_.notify();
}

// A round has failed. Once for each kind of failure, until one is good.
void KeySchedule::note_failure() {
  ++counts_.failed_rounds;
  if (!said_.insert(last_->failure.kind).second) return;
  const auto old = age();
  log(Severity::warning,
      fmt::format("they could not be fetched: {}; {}", last_->failure.text,
                  book_.in_force().empty() ? std::string("there are none")
                  : old ? fmt::format("the last good ones, {} old, stay in use", in_words(*old))
                        : std::string("those that were kept stay in use")));
}

// ---- what is in force ------------------------------------------------------------------------------------

// Removed keys go when their time is over.
net::Task<void> KeySchedule::let_go() {
  net::Loop& loop = context_.loop;
  for (;;) {
    const auto change = book_.next_change();
    const Time due =
        change ? after(loop.now(), std::clamp<Duration>(*change - loop.wall(), 1ms, kLookAtClock)) : kNever;
    (void)co_await net::with_deadline(loop, due, next(changed_));
    const KeyChanges gone = book_.expire(loop.wall());
    if (gone.empty()) continue;
    note(gone, false);
    if (publish()) source_->ring->wake_all();
    save();
  }
}

// Whether what is in force has changed.
bool KeySchedule::publish() {
  auto keys = book_.in_force();
  const auto before = source_->ring->keys();
  const bool same =
      before->keys.size() == keys.size() && std::ranges::all_of(keys, [&](const jose::Key& k) {
        return std::ranges::any_of(before->keys, [&](const jose::Key& b) { return same_key(k, b); });
      });
  auto revoked = book_.revoked_kids();
  if (same && revoked == before->revoked && before->generation > 0) return false;
  source_->ring->publish(std::move(keys), std::move(revoked));
  return true;
}

void KeySchedule::save() {
  // A secret has nothing that may be written.
  if (source_->secret) return;
  saved_ = context_.loop.wall();
  file_.write(key_file_name(source_->issuer), book_.to_text(source_->identity()));
}

void KeySchedule::note(const KeyChanges& changes, bool first) {
  if (changes.empty()) return;
  if (source_->secret)
    return log(Severity::info, first ? "a secret is in force" : "the secret is another one");
  std::string text;
  auto put = [&](std::string_view what, const std::vector<std::string>& names) {
    if (!names.empty()) text += fmt::format("{}{} {}", text.empty() ? "" : "; ", what, list(names));
  };
  put(first ? "in force are" : "added", changes.added);
  put("no longer in the set:", changes.removed);
  put("no longer in use:", changes.gone);
  log(Severity::info, text);
}

void KeySchedule::note_skipped(const std::vector<jose::SkippedKey>& skipped) {
  std::string text;
  for (std::size_t i = 0; i < std::min<std::size_t>(skipped.size(), 5); ++i)
    text += fmt::format(
        "{}{} ({})", i ? ", " : "",
        skipped[i].kid.empty() ? fmt::format("number {}", skipped[i].index + 1) : printable(skipped[i].kid),
        skipped[i].why);
  if (text == skipped_said_) return;
  skipped_said_ = std::move(text);
  if (!skipped_said_.empty()) log(Severity::info, fmt::format("left out of the set: {}", skipped_said_));
}

}  // namespace gatehouse::filters
