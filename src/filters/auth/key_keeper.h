// The background task `keys`: the keys of all issuers, fetched, kept and revoked.
#pragma once

#include <array>
#include <memory>

#include "gateway/background.h"

namespace gatehouse::filters {

std::unique_ptr<gateway::BackgroundTask> key_keeper(gateway::BackgroundContext context);

// What its measurements are of, by index; for FilterKind::metrics.
inline constexpr std::array<gateway::MetricFamily, 4> kKeyMetrics = {{
    {"gatehouse_issuer_keys", false, "issuer", "Keys of the issuer that are in force"},
    {"gatehouse_issuer_keys_age_seconds", false, "issuer",
     "Since the issuer's keys were last fetched; kept over a restart"},
    {"gatehouse_issuer_fetches", true, "issuer, result",
     "Fetches of the issuer's keys: ok, failed; a failed one is repeated up to three times"},
    {"gatehouse_issuer_keys_revoked", false, "issuer",
     "Keys of the issuer that are revoked, by command or configuration"},
}};

}  // namespace gatehouse::filters
