#include "filters/auth/attributes.h"

#include <algorithm>
#include <cstring>

namespace gatehouse::filters {
namespace {

using config::ConditionKey;

void gather(const config::When& when, std::vector<std::string>& names) {
  for (const config::ConditionSet& set : when)
    for (const config::Condition& c : set)
      if (c.key.kind == ConditionKey::Kind::claim) names.push_back(c.key.name);
}

void gather(const config::LimitSpec& limit, std::vector<std::string>& names) {
  gather(limit.when, names);
  if (limit.by.kind == config::LimitBy::Kind::claim) names.push_back(limit.by.name);
}

void gather(const std::optional<config::LimitSpec>& limit, std::vector<std::string>& names) {
  if (limit) gather(*limit, names);
}

void gather(const std::optional<config::AuthRule>& rule, std::vector<std::string>& names) {
  if (rule) gather(rule->require, names);
}

std::uint32_t number_at(const char* p) noexcept {
  std::uint32_t n;
  std::memcpy(&n, p, sizeof n);
  return n;
}

constexpr std::size_t kNumber = sizeof(std::uint32_t);

}  // namespace

AskedClaims AskedClaims::of(const config::Spec& spec) {
  AskedClaims asked;
  for (const config::RouteSpec& r : spec.routes) {
    gather(r.when, asked.names);
    gather(r.auth, asked.names);
    gather(r.limit, asked.names);
  }
  for (const config::ServiceSpec& s : spec.services) {
    gather(s.auth, asked.names);
    gather(s.limit, asked.names);
  }
  for (const config::LimitSpec& l : spec.limits) gather(l, asked.names);
  for (const config::ListenerSpec& l : spec.listeners) gather(l.auth, asked.names);
  if (spec.auth) {
    gather(spec.auth->rule.require, asked.names);
    for (const config::SendItem& item : spec.auth->send)
      if (item.from == config::SendItem::From::claim) asked.names.push_back(item.claim);
  }
  std::ranges::sort(asked.names);
  const auto same = std::ranges::unique(asked.names);
  asked.names.erase(same.begin(), same.end());
  asked.keys.reserve(asked.names.size() + 1);
  asked.keys.push_back(gateway::key_text({.kind = ConditionKey::Kind::user, .name = {}}));
  for (const std::string& name : asked.names)
    asked.keys.push_back(gateway::key_text({.kind = ConditionKey::Kind::claim, .name = name}));
  return asked;
}

void AttributeWriter::add(std::size_t key, std::string_view prefix, std::string_view value) {
  heads_.push_back(static_cast<std::uint32_t>(key));
  heads_.push_back(static_cast<std::uint32_t>(prefix.size() + value.size()));
  values_.append(prefix).append(value);
}

std::string_view AttributeWriter::finish() {
  const auto count = static_cast<std::uint32_t>(heads_.size() / 2);
  whole_.resize(kNumber + heads_.size() * kNumber + values_.size());
  char* out = whole_.data();
  std::memcpy(out, &count, kNumber);
  out += kNumber;
  if (!heads_.empty()) std::memcpy(out, heads_.data(), heads_.size() * kNumber);
  std::ranges::copy(values_, out + heads_.size() * kNumber);
  return whole_;
}

bool write_attributes(const jose::Claims& claims, std::string_view user_claim, std::string_view prefix,
                      const AskedClaims& asked, AttributeWriter& writer) {
  writer.begin();
  std::size_t users = 0;
  bool named = false;
  claims.each(user_claim, [&](std::string_view value) {
    named = !value.empty();
    if (users++ == 0) writer.add(0, prefix, value);
  });
  if (users != 1 || !named) return false;
  for (std::size_t i = 0; i < asked.names.size(); ++i)
    claims.each(asked.names[i], [&](std::string_view value) { writer.add(i + 1, value); });
  return true;
}

std::span<const gateway::Attribute> read_attributes(std::string_view text, const AskedClaims& asked,
                                                    Arena& arena) {
  const std::uint32_t count = number_at(text.data());
  const char* head = text.data() + kNumber;
  std::string_view values = arena.copy(text.substr(kNumber + std::size_t{2} * count * kNumber));
  auto* items = static_cast<gateway::Attribute*>(arena.allocate(
      sizeof(gateway::Attribute) * std::max<std::size_t>(1, count), alignof(gateway::Attribute)));
  for (std::uint32_t i = 0; i < count; ++i, head += 2 * kNumber) {
    const std::uint32_t size = number_at(head + kNumber);
    new (items + i) gateway::Attribute{asked.keys[number_at(head)], values.substr(0, size)};
    values.remove_prefix(size);
  }
  return {items, count};
}

}  // namespace gatehouse::filters
