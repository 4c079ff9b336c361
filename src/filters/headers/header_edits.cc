#include "filters/headers/header_edits.h"

#include <algorithm>

#include "http/characters.h"

namespace gatehouse::filters {
namespace {

using http::HeaderId;

// What gateway::add_forwarding writes, after all request steps.
bool set_by_forwarding(HeaderId id) noexcept {
  switch (id) {
    case HeaderId::x_forwarded_for:
    case HeaderId::x_forwarded_proto:
    case HeaderId::x_forwarded_host:
    case HeaderId::forwarded:
    case HeaderId::x_request_id:
    case HeaderId::traceparent:
    case HeaderId::via: return true;
    default: return false;
  }
}

bool consists_of(std::string_view text, http::CharacterClass which) noexcept {
  return std::ranges::all_of(text, [which](char c) { return http::is(c, which); });
}

}  // namespace

bool HeaderEdits::check_name(const std::string& name, const config::Location& at,
                             config::Diagnostics& diagnostics) const {
  auto refuse = [&](std::string message, std::string instead) {
    diagnostics.push_back({config::Diagnostic::Level::error, at, std::move(message), std::move(instead)});
    return false;
  };
  if (name.empty() || !consists_of(name, http::kToken))
    return refuse("`headers`: `" + name + "` is no name of a header", "Write letters, digits and `-`.");
  const HeaderId id = http::folded_id(name);
  const unsigned policy = http::header_info(id).policy;
  if (id == HeaderId::host && direction_ == Direction::request)
    return refuse("`headers`: `" + name + "` is not changed here", "Write `host: NAME` in the service.");
  if (policy & (http::kHopByHop | http::kFraming))
    return refuse("`headers`: `" + name + "` belongs to the connection, which the gateway looks after",
                  "Leave it out.");
  if (direction_ == Direction::request && set_by_forwarding(id))
    return refuse("`headers`: the gateway sets `" + name + "` itself",
                  "Leave it out; `trusted_proxies` of the listener says whose values are kept.");
  return true;
}

bool HeaderEdits::check(const config::HeaderOps::Item& item, const config::Location& at,
                        config::Diagnostics& diagnostics) const {
  bool good = check_name(item.name, at, diagnostics);
  if (!consists_of(item.value.reveal(), http::kValue)) {
    diagnostics.push_back(
        {config::Diagnostic::Level::error, at,
         "`headers`: the value of `" + item.name + "` holds a line break or a control character",
         "Write it in one line of text."});
    good = false;
  }
  return good;
}

void HeaderEdits::add(const config::HeaderOps& ops, const config::Location& at,
                      config::Diagnostics& diagnostics) {
  auto put = [&](bool remove, bool write, const std::string& name, const std::string& value) {
    edits_.push_back({remove, write, http::header_id(name), name, value});
  };
  for (const std::string& name : ops.remove)
    if (check_name(name, at, diagnostics)) put(true, false, name, "");
  for (const auto& item : ops.set)
    if (check(item, at, diagnostics)) put(true, true, item.name, item.value.reveal());
  for (const auto& item : ops.add)
    if (check(item, at, diagnostics)) put(false, true, item.name, item.value.reveal());
}

void HeaderEdits::apply(http::HeaderTable& headers) const {
  for (const Edit& e : edits_) {
    if (e.remove && direction_ == Direction::request)
      headers.remove_if([&](const http::Header& h) { return http::folds_to(h.name, e.name); });
    else if (e.remove)
      headers.remove(e.name);
    if (e.write) headers.add(http::Header{e.name, e.value, e.id});
  }
}

}  // namespace gatehouse::filters
