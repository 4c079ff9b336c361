#include "filters/auth/auth_policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include "config/auth_rules.h"
#include "filters/auth/inspection.h"
#include "jose/key_set.h"

namespace gatehouse::filters {
namespace {

using gateway::LocalPlace;
using gateway::StateRegistry;

void add_error(config::Diagnostics& diagnostics, const config::Location& at, std::string message,
               std::string instead) {
  diagnostics.push_back({config::Diagnostic::Level::error, at, std::move(message), std::move(instead)});
}

// Texts one behind the other so that no two lists give the same.
class Description {
 public:
  Description& add(std::string_view text) {
    text_ += fmt::format("{}:{};", text.size(), text);
    return *this;
  }
  Description& add(const std::vector<std::string>& list) {
    add(std::to_string(list.size()));
    for (const std::string& item : list) add(item);
    return *this;
  }
  const std::string& text() const noexcept { return text_; }

 private:
  std::string text_;
};

std::shared_ptr<const Numbered> number_of(const Description& description, StateRegistry& registry) {
  return registry.get<Numbered>("auth/number/" + description.text(),
                                [&] { return std::make_shared<Numbered>(registry.next_index()); });
}

std::shared_ptr<const LocalPlace> place_of(const std::string& key, StateRegistry& registry) {
  return registry.get<LocalPlace>(key, [&] { return std::make_shared<LocalPlace>(registry.next_index()); });
}

jose::AlgorithmSet algorithms_of(const std::vector<std::string>& names) {
  jose::AlgorithmSet set;
  for (const std::string& name : names)
    if (const auto algorithm = jose::algorithm_named(name)) set.insert(*algorithm);
  return set;
}

std::uint64_t seed_of(const std::array<std::uint8_t, 32>& secret, std::size_t at) noexcept {
  std::uint64_t seed;
  std::memcpy(&seed, secret.data() + at, sizeof seed);
  return seed;
}

// One for all issuers: what the system trusts.
std::shared_ptr<const net::TlsClientContext> tls_context(const gateway::SnapshotContext& snapshot,
                                                         StateRegistry& registry,
                                                         const config::IssuerSpec& issuer,
                                                         config::Diagnostics& diagnostics) {
  struct Kept {
    std::shared_ptr<const net::TlsClientContext> context;
  };
  const net::TlsClientContext::Settings settings{.system = snapshot.system_ca};
  auto made = net::TlsClientContext::make(settings);
  if (!made) {
    add_error(diagnostics, issuer.at,
              fmt::format("TLS cannot be set up for the keys of issuer `{}`", issuer.name), {});
    return nullptr;
  }
  auto kept = registry.get<Kept>("tls/auth/" + net::TlsClientContext::fingerprint(settings),
                                 [&] { return std::make_shared<Kept>(*made); });
  return {kept, kept->context.get()};  // holds the registry's entry as long as it is used
}

// Keeps API keys out of logged queries. The policy, which has the keys, is of the same snapshot.
class KeyMask final : public gateway::QueryMask {
 public:
  explicit KeyMask(const ApiKeys& keys) : keys_(keys) {}
  std::string_view shown(std::string_view query, Arena& arena) const override {
    return keys_.shown_query(query, arena);
  }

 private:
  const ApiKeys& keys_;
};

class PolicyCompiler {
 public:
  PolicyCompiler(const config::Spec& spec, StateRegistry& registry, gateway::FilterStore& filters,
                 gateway::SnapshotContext& snapshot, config::Diagnostics& diagnostics)
      : spec_(spec),
        auth_(*spec.auth),
        registry_(registry),
        filters_(filters),
        sources_(*filters.shared<KeySources>([] { return std::make_shared<KeySources>(); })),
        snapshot_(snapshot),
        diagnostics_(diagnostics),
        policy_(std::make_shared<AuthPolicy>()) {}

  std::shared_ptr<AuthPolicy> run() {
    AuthPolicy& p = *policy_;
    const gateway::ProcessFacts& process = registry_.process();
    const std::size_t workers = std::max(1U, process.workers);
    p.secret = process.secret;
    p.cache_bytes = static_cast<std::size_t>(auth_.cache_memory) / workers;
    p.place = place_of(fmt::format("auth/worker/{}", p.cache_bytes), registry_);
    p.counts = registry_.get<SharedAuthCounts>("auth/counts",
                                               [&] { return std::make_shared<SharedAuthCounts>(workers); });
    const config::Rate& rate = auth_.bad_signatures;
    p.bad = registry_.get<SharedBadTokens>(
        fmt::format("auth/bad/{}/{}/{}", rate.count, rate.per.count(), rate.burst),
        [&] { return std::make_shared<SharedBadTokens>(rate, seed_of(p.secret, 8)); });
    p.send = IdentityHeaders(auth_.send);
    const bool named = config::users_have_issuer(auth_);
    if (auth_.api_keys) p.api_keys = std::make_unique<const ApiKeys>(*auth_.api_keys, named);
    if (p.api_keys && p.api_keys->in_query())
      filters_.shared<gateway::QueryMask>([&] { return std::make_shared<KeyMask>(*p.api_keys); });
    add_issuers(named);
    add_public_paths();
    filters_.shared<gateway::CredentialInspector>([&] { return credential_inspector(p, sources_); });
    return policy_;
  }

 private:
  void add_issuers(bool named) {
    IssuerSet& set = policy_->issuers;
    set.asked = AskedClaims::of(spec_);
    Description all;
    set.all.reserve(auth_.issuers.size());
    for (const config::IssuerSpec& spec : auth_.issuers) {
      KeySource source = source_of(spec);
      Issuer issuer;
      issuer.name = spec.name;
      issuer.expected = {.issuer = spec.issuer,
                         .audiences = spec.audience,
                         .algorithms = algorithms_of(spec.algs),
                         .type = spec.typ,
                         .leeway_s = std::chrono::ceil<std::chrono::seconds>(spec.leeway).count()};
      issuer.user_claim = spec.user;
      if (named) issuer.user_prefix = spec.name + ":";
      issuer.fetched = source.fetched();
      issuer.ring = source.ring;
      issuer.place = place_of("auth/keys/" + source.identity(), registry_);
      Description judged;
      judged.add(source.identity())
          .add(spec.issuer)
          .add(spec.audience)
          .add(spec.algs)
          .add(spec.typ)
          .add(std::to_string(issuer.expected.leeway_s));
      issuer.number = number_of(judged, registry_);
      Description read;
      read.add("shape").add(issuer.user_claim).add(issuer.user_prefix).add(set.asked.names);
      issuer.shape = number_of(read, registry_);
      all.add(judged.text()).add(issuer.user_claim);
      set.all.push_back(std::move(issuer));
      sources_.all.push_back(std::move(source));
    }
    set.number = number_of(all, registry_);
  }

  KeySource source_of(const config::IssuerSpec& spec) {
    KeySource source;
    source.name = spec.name;
    source.issuer = spec.issuer;
    source.shown = spec.shown;
    source.keep_removed = spec.keep_removed_keys;
    source.revoked = spec.revoked;
    if (!spec.secret.empty()) {
      source.secret = true;
      auto key = jose::Key::from_secret(spec.secret.reveal());
      if (key) {
        source.given.push_back(std::move(*key));
      } else {
        add_error(diagnostics_, spec.at,
                  fmt::format("the secret of issuer `{}` is of no use: {}", spec.name, key.error()), {});
      }
    } else if (spec.jwks && spec.jwks->url) {
      source.jwks = spec.jwks->url;
    } else if (spec.jwks) {
      source.given = keys_of_file(spec);
    } else {
      source.discovery = spec.discovery;
    }
    if ((source.jwks && source.jwks->tls) || (source.discovery && source.discovery->tls))
      source.tls = tls_context(snapshot_, registry_, spec, diagnostics_);
    source.ring = registry_.get<SharedKeyRing>("auth/ring/" + source.identity());
    return source;
  }

  std::vector<jose::Key> keys_of_file(const config::IssuerSpec& spec) {
    const config::JwksSource& jwks = *spec.jwks;
    auto set = jose::KeySet::parse(jwks.text);
    if (!set) {
      add_error(diagnostics_, jwks.at, fmt::format("`{}` is no key set: {}", jwks.shown, set.error()),
                "Give a JWK set, as an issuer publishes it: `{\"keys\": [...]}`");
      return {};
    }
    for (const jose::SkippedKey& skipped : set->skipped)
      diagnostics_.push_back(
          {config::Diagnostic::Level::warning,
           jwks.at,
           fmt::format("key {} of `{}` is not used: {}", skipped.index + 1, jwks.shown, skipped.why),
           {}});
    if (set->keys.empty())
      add_error(diagnostics_, jwks.at, fmt::format("`{}` has no key that can verify a token", jwks.shown),
                "Give public keys for signatures: RSA, EC or Ed25519");
    return std::move(set->keys);
  }

  void add_public_paths() {
    if (auth_.public_paths.empty()) return;
    const config::Condition condition = public_condition(auth_);
    const config::Condition* only = &condition;
    policy_->public_paths = snapshot_.conditions.add({&only, 1}, diagnostics_);
  }

  const config::Spec& spec_;
  const config::AuthSpec& auth_;
  StateRegistry& registry_;
  gateway::FilterStore& filters_;
  KeySources& sources_;
  gateway::SnapshotContext& snapshot_;
  config::Diagnostics& diagnostics_;
  std::shared_ptr<AuthPolicy> policy_;
};

}  // namespace

config::Condition public_condition(const config::AuthSpec& auth) {
  return {.key = {.kind = config::ConditionKey::Kind::path, .name = {}},
          .any_of = {},
          .hosts = {},
          .paths = auth.public_paths,
          .at = auth.at,
          .text = "public"};
}

const AuthRule* AuthPolicy::rule(const config::AuthRule& from, gateway::ConditionTable& conditions,
                                 config::Diagnostics& diagnostics) {
  const AuthRule*& made = compiled_[&from];
  if (made == nullptr) made = &rules.emplace_back(compile_rule(from, conditions, diagnostics));
  return made;
}

std::shared_ptr<AuthPolicy> compile_policy(const config::Spec& spec, StateRegistry& registry,
                                           gateway::FilterStore& filters, gateway::SnapshotContext& snapshot,
                                           config::Diagnostics& diagnostics) {
  return PolicyCompiler(spec, registry, filters, snapshot, diagnostics).run();
}

}  // namespace gatehouse::filters
