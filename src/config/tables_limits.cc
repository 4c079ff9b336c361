// The table of `limits`.
#include "config/finish.h"
#include "config/kinds.h"
#include "config/tables.h"

namespace gatehouse::config {

namespace {

using L = LimitSpec;
constinit const Field kLimitFields[] = {
    value_of_all<L>("rate", kLimitRate,
                    "how many are let through, how many at once (`burst`; as many as the rate's number), and "
                    "what they are counted by; without `per` all together",
                    {.default_text = "required"}),
    value<&L::when>("when", kWhen, "which requests it is for", {.default_text = "all"}),
    value<&L::cost>("cost", kLimitCost,
                    "of a request. A header's number counts up to `max`; one that is missing or no number "
                    "counts 1. For a header of the response, `max` is held until it is known"),
    value<&L::dry_run>("dry_run", kSwitch, "whether it only counts and logs what it would refuse"),
    value<&L::headers>("headers", kLimitHeaders,
                       "which headers tell clients about it: `RateLimit` and `RateLimit-Policy`, "
                       "`X-RateLimit-*`, both, or none"),
    optional<&L::reply>("reply", kReplyTable, "the answer to what it refuses",
                        {.default_text = "429 with a problem document"}),
    later("exact"),
    later("shared"),
    later("redis_down"),
};

}  // namespace

constinit const Table kLimitTable = [] {
  Table table = table_of<L>(
      "limits.<name>",
      "Limits that match a request are tested together and charged together. `default` yields to a matching "
      "limit that has both `when` and `per`. Who has no identity, or lacks the claim or header that a limit "
      "counts by, is counted by address (IPv6 by /64). A limit may be its rate alone.",
      kLimitFields);
  table.short_field = "rate";
  table.finish = finish_limit;
  return table;
}();

const Table& limit_table() { return kLimitTable; }

}  // namespace gatehouse::config
