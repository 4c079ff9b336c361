// The types of values that fields may have. See ValueKind in table.h.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/spec.h"
#include "config/table.h"

namespace gatehouse::config {

// small values: kinds.cc
extern const ValueKind<std::uint16_t> kPort;
extern const ValueKind<std::uint16_t> kStatus;
extern const ValueKind<std::int64_t> kInteger;
extern const ValueKind<unsigned> kNumber;
extern const ValueKind<std::uint64_t> kCount;
extern const ValueKind<std::uint64_t> kSize;
extern const ValueKind<Duration> kDuration;
extern const ValueKind<std::optional<Duration>> kOptionalDuration;
extern const ValueKind<double> kFraction;
extern const ValueKind<bool> kSwitch;
extern const ValueKind<std::string> kText;
extern const ValueKind<Secret> kFilePath;
extern const ValueKind<std::string> kBind;
extern const ValueKind<Secret> kSecret;
extern const ValueKind<std::vector<Cidr>> kCidrs;
extern const ValueKind<std::vector<std::string>> kHostNames;
extern const ValueKind<std::vector<AdminSpec::Named>> kTokens;

// words of a fixed list: kinds_words.cc
extern const ValueKind<Secret> kLogTarget;
extern const ValueKind<std::string> kLogFormat;
extern const ValueKind<std::vector<std::string>> kLogFields;
extern const ValueKind<std::vector<std::string>> kLogKeep;
extern const ValueKind<std::uint8_t> kRetryOn;
extern const ValueKind<Balance> kBalance;
extern const ValueKind<bool> kEncodedSlash;
extern const ValueKind<std::vector<std::string>> kMethods;

// services: kinds_service.cc
extern const ValueKind<std::vector<VersionSpec>> kUrls;
extern const ValueKind<std::vector<VersionSpec>> kVersions;
extern const ValueKind<std::optional<CanarySpec>> kCanary;
extern const ValueKind<std::optional<PathPattern>> kServicePath;
extern const ValueKind<std::string> kServiceHost;
extern const ValueKind<std::string> kHealthPath;
extern const ValueKind<std::vector<std::string>> kListeners;
extern const ValueKind<std::vector<HeaderOps::Item>> kHeaderItems;
extern const ValueKind<std::vector<std::string>> kHeaderNames;

// CORS: kinds_cors.cc
extern const ValueKind<std::vector<OriginPattern>> kOrigins;
extern const ValueKind<std::vector<std::string>> kCorsMethods;
extern const ValueKind<std::vector<std::string>> kCorsHeaders;

// TLS: kinds_tls.cc
extern const ValueKind<std::vector<CertificateSpec>> kCertificates;
extern const ValueKind<std::vector<CertificateSpec>> kCertificateFile;
extern const ValueKind<std::vector<CertificateSpec>> kKeyFile;
extern const ValueKind<CertificateSpec> kOwnCertificate;
extern const ValueKind<CertificateSpec> kOwnKey;
extern const ValueKind<PemText> kPemFile;
extern const ValueKind<ListenerTlsSpec::Client> kClientCertificate;
extern const ValueKind<bool> kTlsVersion;
extern const ValueKind<std::string> kServerName;
extern const ValueKind<std::uint16_t> kHttpsRedirect;
extern const ValueKind<std::string> kHsts;

// routes: kinds_route.cc
extern const ValueKind<std::vector<PathPattern>> kPaths;
extern const ValueKind<std::vector<HostPattern>> kHosts;
extern const ValueKind<When> kWhen;
extern const ValueKind<std::vector<Target>> kTargets;
extern const ValueKind<Rewrite> kRewrite;
extern const ValueKind<std::optional<Rewrite>> kRouteRewrite;
extern const ValueKind<Secret> kRedirectTo;
extern const ValueKind<std::string> kRouteName;

// identity: kinds_auth.cc, kinds_api_keys.cc
extern const ValueKind<IssuerSpec> kIssuer;
extern const ValueKind<std::optional<JwksSource>> kJwks;
extern const ValueKind<std::vector<std::string>> kAudience;
extern const ValueKind<std::vector<std::string>> kAlgorithms;
extern const ValueKind<std::string> kTokenType;
extern const ValueKind<std::string> kUserClaim;
extern const ValueKind<std::vector<std::string>> kThumbprints;
extern const ValueKind<Rate> kRate;
extern const ValueKind<std::vector<SendItem>> kSend;
extern const ValueKind<std::optional<AuthRule>> kAuthRule;
extern const ValueKind<std::string> kApiKeyFile;
extern const ValueKind<std::array<std::uint8_t, 32>> kSha256;
extern const ValueKind<std::vector<std::pair<std::string, std::string>>> kClaims;
extern const ValueKind<std::optional<WallTime>> kPointInTime;
extern const ValueKind<ApiKeysSpec> kApiKeyPlace;  // `in` and `name`

// limits: kinds_limits.cc
extern const ValueKind<LimitSpec> kLimitRate;  // `rate` and `by`
extern const ValueKind<LimitCost> kLimitCost;
extern const ValueKind<LimitHeaders> kLimitHeaders;

// What `auth` may be besides names of issuers.
std::span<const std::string_view> mode_words();

// ---- for the kinds themselves
// ---------------------------------------------------------------------------------

// False, and reported, if a method came from a substitution: `Allow` tells it to everybody.
bool method_is_written_out(Reader& reader, const Node& node);
std::optional<std::string> show_secret(const Field&, const Secret& value);

// One value, or a list of them, none of them a list or a map. False, and reported, if it is something else.
bool each_item(Reader& reader, const Node& node, const Field& field, auto&& use) {
  if (node.is_scalar()) return use(node);
  if (!node.is_list()) {
    reader.error(
        node, "`" + std::string(field.name) + "` takes " + std::string(field.kind->expects) + ", not a map");
    return false;
  }
  if (node.items.empty() && field.options.filled) {
    reader.error(node, "`" + std::string(field.name) + "` is an empty list",
                 "Remove it for: " + std::string(field.options.default_text));
    return false;
  }
  bool good = true;
  for (const Node& item : node.items) {
    if (item.is_scalar()) {
      good = use(item) && good;
    } else {
      reader.error(item, "`" + std::string(field.name) + "` takes " + std::string(field.kind->expects), {});
      good = false;
    }
  }
  return good;
}

// True for a scalar; anything else is reported.
bool is_one_value(Reader& reader, const Node& node, const Field& field);

// `[a, b]`, or `a` alone; nothing for none.
std::optional<std::string> show_list(const std::vector<std::string>& items);

}  // namespace gatehouse::config
