#include "control/configuration.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "config/tables.h"

namespace gatehouse::control {
namespace {

using Outcome = ChangeResult::Outcome;

constexpr std::string_view kFileHasChanged = "the file on disk has changed since it was read";

std::string_view what(Change::Kind kind) {
  switch (kind) {
    case Change::Kind::disk: return "disk";
    case Change::Kind::text: return "PUT";
    case Change::Kind::rollback: return "rollback";
  }
  return "";
}

std::size_t count_errors(const config::Diagnostics& list) {
  return static_cast<std::size_t>(
      std::ranges::count(list, config::Diagnostic::Level::error, &config::Diagnostic::level));
}

// An update of the system is nobody's edit: it must not undo a rollback or a PUT.
bool same_but_for_authorities(const Source& a, const Source& b) {
  if (!a.spec || !b.spec) return false;
  auto without = [](const Source& s) {
    auto bytes = s.bytes;
    bytes.erase(s.spec->system_ca.shown);
    return bytes;
  };
  return without(a) == without(b);
}

template <class List>
void name_changes(std::string& out, std::string_view kind, const List& before, const List& now) {
  auto names = [](const List& list) {
    std::set<std::string> set;
    for (const auto& item : list) set.insert(item.name);
    return set;
  };
  auto old = names(before);
  auto fresh = names(now);
  auto put = [&](char sign, const std::set<std::string>& mine, const std::set<std::string>& other) {
    constexpr std::size_t kShown = 10;
    std::size_t shown = 0;
    std::size_t more = 0;
    for (const auto& name : mine) {
      if (other.contains(name)) continue;
      if (++shown > kShown) {
        ++more;
        continue;
      }
      out += fmt::format("{}{} {} {}", out.empty() ? "" : ", ", sign, kind, name);
    }
    if (more) out += fmt::format(", {} {} more of {}", sign, more, kind);
  };
  put('+', fresh, old);
  put('-', old, fresh);
}

config::Location place_of(const config::Spec& spec, std::string_view field) {
  const auto* entry = spec.written.find(config::find_field(config::top_table(), field));
  if (!entry || entry->file >= spec.files.size()) return {spec.files.empty() ? "" : spec.files.front(), 0, 0};
  return {spec.files[entry->file], entry->line, 1};
}

}  // namespace

std::string difference(const config::Spec& before, const config::Spec& now) {
  std::string out;
  name_changes(out, "listener", before.listeners, now.listeners);
  name_changes(out, "service", before.services, now.services);
  name_changes(out, "route", before.routes, now.routes);
  return out.empty() ? "the same listeners, services and routes by name" : out;
}

config::Diagnostics needs_restart(const config::Spec& before, const config::Spec& now) {
  config::Diagnostics list;
  auto warn = [&](std::string_view field) {
    list.push_back({config::Diagnostic::Level::warning, place_of(now, field),
                    fmt::format("a change of `{}` takes effect at the next start", field),
                    "Restart the gateway"});
  };
  if (before.workers != now.workers) warn("workers");
  if (before.state != now.state) warn("state");
  if (before.admin.bind != now.admin.bind || before.admin.port != now.admin.port ||
      before.admin.enabled != now.admin.enabled)
    warn("admin");
  return list;
}

Configuration::Configuration(Parts parts, Source first)
    : parts_(std::move(parts)), disk_(std::move(first)), paths_(disk_.paths()), queued_(parts_.loop) {
  disk_refused_ = disk_.kept;
}

net::Task<std::expected<void, config::Diagnostics>> Configuration::prepare_first() {
  auto prepared = co_await parts_.publisher.prepare(disk_.spec);
  if (!prepared) co_return std::unexpected(std::move(prepared.error()));
  if (auto more = last_word(*disk_.spec); !more.empty()) co_return std::unexpected(std::move(more));
  for (const auto& d : prepared->snapshot->remarks())
    if (d.level == config::Diagnostic::Level::warning) parts_.notice(Severity::warning, d.text());
  first_ = std::move(*prepared);
  co_return std::expected<void, config::Diagnostics>{};
}

net::Task<void> Configuration::commit_first() {
  started_ = disk_.spec;
  running_ = {disk_.spec,         first_->snapshot->version(),  "start", disk_.kept ? "last good" : "disk",
              parts_.loop.wall(), disk_.kept ? 0 : disk_number_};
  co_await parts_.publisher.commit(std::move(*first_));
  first_.reset();
  ++counts_.published;
  if (on_published) on_published();
  work_ = work();
}

std::shared_ptr<Configuration::Pending> Configuration::enqueue(Change c) {
  // Events during a load are merged into one more: whoever asks for the disk gets the answer of a load that
  // begins after he asked.
  if (c.kind == Change::Kind::disk && !queue_.empty() && queue_.back()->change.kind == Change::Kind::disk) {
    Change& waiting = queue_.back()->change;
    waiting.force = waiting.force || c.force;
    if (waiting.who != c.who) waiting.who += ", " + c.who;
    return queue_.back();
  }
  queue_.push_back(std::make_shared<Pending>(parts_.loop, std::move(c)));
  queued_.notify();
  return queue_.back();
}

void Configuration::request(Change c) { enqueue(std::move(c)); }

net::Task<ChangeResult> Configuration::change(Change c) {
  auto pending = enqueue(std::move(c));
  while (!pending->finished) co_await pending->done.wait();
  co_return pending->result;
}

net::Task<void> Configuration::work() {
  for (;;) {
    while (queue_.empty()) co_await queued_.wait();
    auto pending = std::move(queue_.front());
    queue_.pop_front();
    busy_ = true;
    announced_ = false;
    if (pending->change.who != Change::kFileChange) announce();
    pending->result = co_await apply(pending->change);
    busy_ = false;
    note(pending->change, pending->result);
    if (announced_ && on_change_ended) on_change_ended();
    pending->finished = true;
    pending->done.notify();
  }
}

void Configuration::announce() {
  if (!std::exchange(announced_, true) && on_change_begun) on_change_begun();
}

net::Task<ChangeResult> Configuration::apply(const Change& c) {
  switch (c.kind) {
    case Change::Kind::disk: co_return co_await load_disk(c);
    case Change::Kind::text: co_return co_await load_given(c);
    case Change::Kind::rollback: co_return co_await roll_back(c);
  }
  co_return ChangeResult{};
}

ChangeResult Configuration::refused(config::Diagnostics diagnostics, std::string message) const {
  return {Outcome::refused, running_.version, std::move(message), std::move(diagnostics)};
}

net::Task<ChangeResult> Configuration::load_disk(const Change& c) {
  Source read = co_await offload(parts_.offload, parts_.loop, [path = parts_.path, e = parts_.environment] {
    return read_source(path, e);
  });
  bool same = read.bytes == disk_.bytes;
  // What was refused is tried again by whoever asks for it: something else may have stood in its way.
  bool again = disk_refused_ && c.who != Change::kFileChange;
  if (same && !c.force && !again) {
    co_return ChangeResult{
        Outcome::unchanged,
        running_.version,
        differs_from_disk()
            ? "the files have not changed since they were last read; what runs came from elsewhere"
            : "the files have not changed since they were last read",
        {}};
  }
  if (!same && c.who == Change::kFileChange && differs_from_disk() && same_but_for_authorities(disk_, read)) {
    disk_ = std::move(read);
    co_return ChangeResult{
        Outcome::unchanged,
        running_.version,
        "the system's authorities have changed; what runs came from elsewhere and keeps those that it has",
        {}};
  }
  announce();
  if (!same) ++disk_number_;
  disk_ = std::move(read);
  disk_refused_ = true;
  if (on_disk_read) on_disk_read();
  if (!disk_.spec) co_return refused(disk_.diagnostics, "the configuration has errors");
  paths_ = disk_.paths();
  Running next{disk_.spec, 0, c.who, "disk", parts_.loop.wall(), disk_number_};
  auto result = co_await publish(std::move(next), disk_.diagnostics);
  disk_refused_ = result.outcome != Outcome::published;
  co_return result;
}

net::Task<ChangeResult> Configuration::load_given(const Change& c) {
  struct Read {
    Source given;
    std::optional<std::string> main;  // what the main file holds now
  };
  // A disk with an error may not have come as far as its files: a PUT can repair it all the same.
  std::vector<std::string> files = disk_.paths();
  files.insert(files.end(), paths_.begin(), paths_.end());
  Read read = co_await offload(
      parts_.offload, parts_.loop, [text = c.text, path = parts_.path, e = parts_.environment, files] {
        return Read{read_source_text(text, path, e, files), e.read_file ? e.read_file(path) : std::nullopt};
      });
  if (!read.given.spec) co_return refused(read.given.diagnostics, "the configuration has errors");
  if (c.save && (disk_.includes || read.given.includes)) {
    co_return ChangeResult{Outcome::conflict,
                           running_.version,
                           "`save` is not possible with `include`: change the files and reload",
                           {}};
  }
  auto known = disk_.bytes.find(parts_.path);
  if (c.save && (known == disk_.bytes.end() || read.main != known->second)) {
    co_return ChangeResult{
        Outcome::conflict, running_.version, fmt::format("{}: reload it first", kFileHasChanged), {}};
  }
  Running next{read.given.spec, 0, c.who, "PUT", parts_.loop.wall(), 0};
  auto result = co_await publish(std::move(next), read.given.diagnostics);
  if (result.outcome != Outcome::published) co_return result;
  disk_refused_ = false;  // the source last changed wins: not the bytes that were refused before
  if (!c.save) co_return result;
  Saved saved = co_await save(c.text);
  if (!saved.trouble.empty()) {
    if (saved.overtaken) result.outcome = Outcome::overtaken;
    result.message += fmt::format("; not saved: {}", saved.trouble);
    co_return result;
  }
  disk_ = std::move(read.given);
  disk_.bytes[parts_.path] = c.text;
  paths_ = disk_.paths();
  running_.disk = ++disk_number_;
  result.message += "; saved";
  co_return result;
}

// Looks at the file once more right before it is replaced: to put the text in force took its time.
net::Task<Configuration::Saved> Configuration::save(const std::string& text) {
  return offload(parts_.offload, parts_.loop,
                 [text, path = parts_.path, e = parts_.environment, known = disk_.bytes[parts_.path]] {
                   Saved saved;
                   saved.trouble = replace_file(path, text, [&] {
                     saved.overtaken = e.read_file(path) != known;
                     return std::string(saved.overtaken ? kFileHasChanged : "");
                   });
                   return saved;
                 });
}

net::Task<ChangeResult> Configuration::roll_back(const Change& c) {
  if (!previous_.spec) {
    co_return ChangeResult{
        Outcome::conflict, running_.version, "there is no configuration before this one", {}};
  }
  Running next{previous_.spec, 0, c.who, "rollback", parts_.loop.wall(), previous_.disk};
  auto result = co_await publish(std::move(next), {});
  if (result.outcome == Outcome::published) disk_refused_ = false;
  co_return result;
}

config::Diagnostics Configuration::last_word(const config::Spec& spec) const {
  return parts_.before_commit ? parts_.before_commit(spec) : config::Diagnostics{};
}

net::Task<ChangeResult> Configuration::publish(Running next, config::Diagnostics diagnostics) {
  auto prepared = co_await parts_.publisher.prepare(next.spec);
  if (!prepared) {
    for (auto& d : prepared.error()) diagnostics.push_back(std::move(d));
    co_return refused(std::move(diagnostics), "the configuration cannot be put in force");
  }
  if (auto more = last_word(*next.spec); !more.empty()) {
    for (auto& d : more) diagnostics.push_back(std::move(d));
    co_return refused(std::move(diagnostics), "the configuration cannot be put in force");
  }
  for (auto& d : needs_restart(*started_, *next.spec)) diagnostics.push_back(std::move(d));
  for (const auto& d : prepared->snapshot->remarks()) diagnostics.push_back(d);
  next.version = prepared->snapshot->version();
  co_await parts_.publisher.commit(std::move(*prepared));
  previous_ = std::exchange(running_, std::move(next));
  if (on_published) on_published();
  co_return ChangeResult{Outcome::published, running_.version,
                         fmt::format("configuration {} is in force: {}", running_.version,
                                     difference(*previous_.spec, *running_.spec)),
                         std::move(diagnostics)};
}

void Configuration::note(const Change& c, const ChangeResult& r) {
  bool bad = r.outcome == Outcome::refused || r.outcome == Outcome::conflict;
  bool in_force = r.outcome == Outcome::published || r.outcome == Outcome::overtaken;
  if (in_force) ++counts_.published;
  if (r.outcome == Outcome::unchanged) ++counts_.unchanged;
  if (bad) ++counts_.refused;
  if (!parts_.notice) return;
  for (const auto& d : r.diagnostics)
    if (d.level != config::Diagnostic::Level::hint)
      parts_.notice(d.level == config::Diagnostic::Level::error ? Severity::error : Severity::warning,
                    d.text());
  std::string line = fmt::format("{} by {}: {}", what(c.kind), c.who, r.message);
  if (bad)
    line +=
        fmt::format("; configuration {} stays in force ({} wrong)", r.version, count_errors(r.diagnostics));
  // Files are looked at oftener than they change.
  bool nothing = r.outcome == Outcome::unchanged && c.who == Change::kFileChange;
  bool good = !bad && r.outcome != Outcome::overtaken;
  parts_.notice(nothing ? Severity::debug : good ? Severity::info : Severity::error, line);
}

}  // namespace gatehouse::control
