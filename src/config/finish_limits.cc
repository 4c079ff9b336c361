// Checks of one limit.
#include <fmt/format.h>

#include "config/finish.h"
#include "config/tables.h"

namespace gatehouse::config {

void finish_limit(Reader& reader, const Node& node, void* object) {
  auto& limit = *static_cast<LimitSpec*>(object);
  if (limit.rate.count == 0) {
    if (!is_written(limit_table(), limit.written, "rate"))
      reader.error(node, "a limit needs a `rate`", "Write for example `rate: 100/s per user`");
    return;
  }
  if (limit.name == kDefaultLimit && limit.by.kind == LimitBy::Kind::all) limit.by.kind = LimitBy::Kind::user;
  if (limit.cost.units > limit.rate.burst) {
    const Node* cost = node.find("cost");
    reader.error(
        cost != nullptr ? *cost : node,
        fmt::format("a cost of {} is more than the burst of {}: such a request would never be let through",
                    limit.cost.units, limit.rate.burst),
        fmt::format("Write a smaller cost, or `burst {}`", limit.cost.units));
  }
  if (limit.reply && limit.reply->status < 400) {
    const Node* reply = node.find("reply");
    reader.error(reply != nullptr ? *reply : node,
                 fmt::format("`{}` does not tell a client that it was refused", limit.reply->status),
                 "Write a status of 400 or more; 429 is the usual one");
  }
}

}  // namespace gatehouse::config
