// API keys: who presents one is whom the configuration says. What is kept of a key is its SHA-256.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "config/spec.h"
#include "filters/auth/digest.h"
#include "gateway/identity.h"
#include "http/message.h"

namespace gatehouse::filters {

// Immutable; in the snapshot. Identities are views of it.
class ApiKeys {
 public:
  // `named`: users are called `api_keys:NAME`.
  ApiKeys(const config::ApiKeysSpec& spec, bool named);
  ApiKeys(const ApiKeys&) = delete;

  // The key of a request. nullopt: there is none. Two are an error, for nothing says which one is meant.
  Result<std::optional<std::string_view>> presented(const http::RequestHead& request, Arena& arena) const;
  // Whose it is.
  Result<const gateway::Identity*> judge(std::string_view key, Sha256& sha256, WallTime now) const noexcept;

  // Takes the key, wherever it may be one, out of what goes to the service. `always`: also where the
  // configuration passes it on.
  void cut(http::RequestHead& request, bool always, Arena& arena) const;
  // The query as it may be written down.
  std::string_view shown_query(std::string_view query, Arena& arena) const;
  bool in_query() const noexcept { return in_ == config::ApiKeysSpec::In::query; }

 private:
  struct Holder {
    Digest digest;
    std::optional<WallTime> expires;
    bool disabled;
    std::string user;
    std::vector<std::string> texts;  // keys and values of the attributes, one behind the other
    std::vector<gateway::Attribute> attributes;
    gateway::Identity identity;
  };
  static void fill(Holder& holder, const config::ApiKeySpec& spec);
  const Holder* find(const Digest& digest) const noexcept;

  config::ApiKeysSpec::In in_;
  std::string name_;
  bool send_;
  std::vector<Holder> holders_;
  std::vector<std::uint32_t> index_;  // position + 1; 0 = empty. A power of two, by the digest's first bytes
};

}  // namespace gatehouse::filters
