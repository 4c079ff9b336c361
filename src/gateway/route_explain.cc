#include "gateway/route_explain.h"

#include <algorithm>
#include <unordered_map>

#include "gateway/router_match.h"
#include "gateway/router_tables.h"

namespace gatehouse::gateway {
namespace {

constexpr std::uint32_t kNoEntry = UINT32_MAX;

// Notes what the walk saw of each entry.
struct ExplainTrace {
  enum class Seen : std::uint8_t { not_reached, regex_failed, wrong_method, failed, unknown, holds };
  static constexpr bool kWholeWalk = true;

  explicit ExplainTrace(const RouterTables& tables)
      : entries(tables.entries.size()),
        hosts(tables.host_routes.size()),
        terminals(tables.terminals.size()) {}

  void host(std::uint32_t h) { hosts[h] = true; }
  void terminal(std::uint32_t t) { terminals[t] = true; }
  void wrong_method(std::uint32_t e) { entries[e] = Seen::wrong_method; }
  void regex_failed(std::uint32_t e) { entries[e] = Seen::regex_failed; }
  void conditions(std::uint32_t e, Truth truth) {
    entries[e] = truth == Truth::yes ? Seen::holds : truth == Truth::no ? Seen::failed : Seen::unknown;
  }
  void not_dispatched(std::uint32_t e, std::uint32_t /*dispatch*/) {
    if (entries[e] == Seen::not_reached) entries[e] = Seen::failed;
  }
  void decided(std::uint32_t e) { chosen = e; }

  std::vector<Seen> entries;
  std::vector<bool> hosts;
  std::vector<bool> terminals;
  std::uint32_t chosen = kNoEntry;
};

class Explainer {
 public:
  Explainer(const RouterTables& tables, const config::Spec& spec, const RouteQuery& query,
            MatchScratch& scratch)
      : t_(tables), spec_(spec), q_(query), s_(scratch), trace_(tables) {}

  Explanation run() {
    Explanation result;
    result.choice = RouterMatch<ExplainTrace>(t_, q_, s_, trace_).run();
    for (std::uint32_t i = 1; i < t_.terminals.size(); ++i) {
      if (!trace_.hosts[t_.terminal_hosts[i]]) continue;
      const Terminal& terminal = t_.terminals[i];
      for (std::uint32_t r = terminal.first; r != terminal.first + terminal.count; ++r)
        for (std::uint32_t e = t_.runs[r].first; e != t_.runs[r].first + t_.runs[r].count; ++e)
          terminal_of_[e] = i;
    }
    for (auto [entry, terminal] : terminal_of_) note(entry, terminal);
    for (auto& [route, verdict] : verdicts_) result.routes.push_back(std::move(verdict));
    std::ranges::sort(result.routes, {}, [](const RouteVerdict& v) { return std::pair(v.kind, v.route); });
    result.why = why(result.choice);
    return result;
  }

 private:
  using Seen = ExplainTrace::Seen;
  using Kind = RouteVerdict::Kind;

  void note(std::uint32_t entry, std::uint32_t terminal) {
    RouteVerdict verdict = judge(entry, terminal);
    auto [it, fresh] = verdicts_.try_emplace(verdict.route, verdict);
    if (!fresh && verdict.kind < it->second.kind) it->second = std::move(verdict);
  }

  RouteVerdict judge(std::uint32_t index, std::uint32_t terminal) const {
    const RouteEntry& entry = t_.entries[index];
    RouteVerdict v;
    v.route = entry.route;
    v.name = spec_.routes[entry.route].name;
    v.at = spec_.routes[entry.route].at;
    Seen seen = trace_.terminals[terminal] ? trace_.entries[index] : Seen::not_reached;
    switch (seen) {
      case Seen::not_reached:
      case Seen::regex_failed: v.text = "the path is not `" + path_text(entry) + "`"; break;
      case Seen::wrong_method:
        v.kind = Kind::wrong_method;
        v.text = "the method is not one of " + methods_text(entry.methods);
        break;
      case Seen::failed: explain_failure(entry, v); break;
      case Seen::unknown:
        v.kind = index == trace_.chosen ? Kind::needs_identity : Kind::outranked;
        v.text = index == trace_.chosen ? "decided once the identity is known" : below_text(entry, terminal);
        break;
      case Seen::holds:
        v.kind = index == trace_.chosen ? Kind::chosen : Kind::outranked;
        v.text = index == trace_.chosen ? rank_text(entry, terminal) : below_text(entry, terminal);
        break;
    }
    return v;
  }

  void explain_failure(const RouteEntry& entry, RouteVerdict& v) const {
    v.kind = Kind::condition_failed;
    for (std::uint32_t i = entry.conditions.first; i != entry.conditions.first + entry.conditions.count;
         ++i) {
      if (t_.conditions.holds(i, q_, s_.conditions) != Truth::no) continue;
      v.failed_at = t_.conditions.at(i);
      v.text = "`" + t_.conditions.text(i) + "` does not hold";
      if (t_.conditions.by_text(i) && !t_.conditions.any_value(i, q_, [](std::string_view) { return true; }))
        v.text += ": the request has none";
      return;
    }
  }

  std::string path_text(const RouteEntry& entry) const {
    const auto& paths = spec_.routes[entry.route].paths;
    return paths.empty() ? "/*" : paths[t_.patterns[entry.pattern].index].text;
  }

  std::string methods_text(std::uint64_t methods) const {
    std::string text;
    for (std::size_t i = 1; i < t_.methods.names().size(); ++i)
      if ((methods >> i & 1U) != 0) text += (text.empty() ? "" : ", ") + t_.methods.names()[i];
    return text;
  }

  std::string rank_text(const RouteEntry& entry, std::uint32_t terminal) const {
    std::string text =
        "host `" + t_.host_routes[t_.terminal_hosts[terminal]].text + "`, path `" + path_text(entry) + "`";
    if (std::uint32_t keys = t_.maps[entry.map].keys; keys > 0)
      text += ", " + std::to_string(keys) + (keys == 1 ? " key" : " keys") + " of `when` and `method`";
    if (std::int64_t p = spec_.routes[entry.route].priority; p != 0)
      text += ", priority " + std::to_string(p);
    return text;
  }

  // What put the entry behind the chosen one.
  std::string below_text(const RouteEntry& entry, std::uint32_t terminal) const {
    std::string text = "would match, but ranks lower by ";
    const RouteEntry& chosen = t_.entries[trace_.chosen];
    std::uint32_t winner = terminal_of_.at(trace_.chosen);
    if (spec_.routes[entry.route].priority != spec_.routes[chosen.route].priority) return text + "`priority`";
    if (t_.terminal_hosts[terminal] != t_.terminal_hosts[winner]) return text + "its host";
    if (terminal != winner) return text + "its path";
    if (t_.maps[entry.map].keys != t_.maps[chosen.map].keys) return text + "its number of keys";
    return text + "the order of the file";  // sort_by_rank says when
  }

  std::string why(const RouteChoice& choice) const {
    switch (choice.kind) {
      case RouteChoice::Kind::no_route: return "no route matches";
      case RouteChoice::Kind::wrong_method:
        return "routes match, but for other methods: " + methods_text(choice.allowed);
      default: break;
    }
    const RouteEntry& entry = t_.entries[trace_.chosen];
    std::string text = "the best of those that match: " + rank_text(entry, terminal_of_.at(trace_.chosen));
    if (choice.kind == RouteChoice::Kind::needs_attributes)
      text += "; identity is established before it is known";
    return text;
  }

  const RouterTables& t_;
  const config::Spec& spec_;
  const RouteQuery& q_;
  MatchScratch& s_;
  ExplainTrace trace_;
  std::unordered_map<std::uint32_t, std::uint32_t> terminal_of_;  // of entries under the hosts of the request
  std::unordered_map<std::uint32_t, RouteVerdict> verdicts_;
};

}  // namespace

Explanation explain(const Router& router, const config::Spec& spec, const RouteQuery& query,
                    RouterScratch& scratch) {
  return Explainer(router.tables(), spec, query, scratch.state()).run();
}

}  // namespace gatehouse::gateway
