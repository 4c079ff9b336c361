#include "config/links.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "config/path_pattern.h"
#include "config/suggest.h"
#include "config/tables.h"

namespace gatehouse::config {

namespace {

constexpr std::size_t kLongestName = 200;

using Services = std::unordered_map<std::string_view, const ServiceSpec*>;

Services services_of(const Spec& spec) {
  Services out;
  for (const ServiceSpec& service : spec.services) out.emplace(service.name, &service);
  return out;
}

std::string or_known(std::string hint, const std::vector<std::string_view>& names) {
  if (!hint.empty() || names.empty()) return hint;
  constexpr std::size_t kShown = 8;
  const std::vector<std::string_view> some(
      names.begin(), names.begin() + static_cast<std::ptrdiff_t>(std::min(names.size(), kShown)));
  return fmt::format("Known are `{}`{}", fmt::join(some, "`, `"), names.size() > kShown ? ", ..." : "");
}

void unknown_service(Reader& reader, const Reference& reference, const Spec& spec) {
  std::vector<std::string_view> names;
  for (const ServiceSpec& service : spec.services) names.push_back(service.name);
  std::string hint = or_known(did_you_mean(reference.name, names), names);
  if (hint.empty()) hint = fmt::format("Define it: `services: {{{}: http://HOST:PORT}}`", reference.name);
  reader.error(reference.at, fmt::format("there is no service `{}`", reference.name), std::move(hint));
}

void unknown_version(Reader& reader, const Reference& reference, const ServiceSpec& service) {
  std::vector<std::string_view> names;
  for (const VersionSpec& version : service.versions) names.push_back(version.name);
  if (names.size() == 1 && names.front().empty()) {
    reader.error(reference.at, fmt::format("service `{}` has no versions", service.name),
                 fmt::format("Write `to: {0}`, or give `{0}` its `versions`", service.name));
    return;
  }
  reader.error(reference.at, fmt::format("service `{}` has no version `{}`", service.name, reference.version),
               or_known(did_you_mean(reference.version, names), names));
}

// The text of a reference came from a substitution: it may be no more than called wrong.
bool is_hidden(Reader& reader, const Reference& reference, std::string_view what) {
  const std::string text =
      reference.version.empty() ? reference.name : reference.name + "." + reference.version;
  if (reference.shown == text) return false;
  reader.error(reference.at, fmt::format("what `{}` stands for is no {}", reference.shown, what));
  return true;
}

void check_listener(Reader& reader, const Reference& reference, const Spec& spec) {
  std::vector<std::string_view> names;
  for (const ListenerSpec& listener : spec.listeners) names.push_back(listener.name);
  if (std::ranges::find(names, reference.name) != names.end()) return;
  if (is_hidden(reader, reference, "listener")) return;
  reader.error(reference.at, fmt::format("there is no listener `{}`", reference.name),
               or_known(did_you_mean(reference.name, names), names));
}

bool binds_overlap(const std::string& a, const std::string& b) {
  const auto all = [](const std::string& bind) { return bind == "0.0.0.0" || bind == "::"; };
  return a == b || all(a) || all(b);
}

std::string place(const Location& at) {
  return at.line == 0 ? std::string("by default") : fmt::format("at {}:{}", at.file, at.line);
}

std::string target_name(const RouteSpec& route) {
  if (route.redirect) return "redirect";
  if (route.reply) return fmt::format("reply {}", route.reply->status);
  if (const auto* entry = route.written.find(find_field(route_table(), "to"));
      entry != nullptr && !entry->source.empty()) {
    return "to " + entry->source;
  }
  std::string out;
  for (const Target& target : route.to) {
    out += (out.empty() ? "to " : " and ") + target.service +
           (target.version.empty() ? "" : "." + target.version);
  }
  return out;
}

bool hides(const RouteSpec& route, std::string_view field) {
  const auto* entry = route.written.find(find_field(route_table(), field));
  return entry != nullptr && !entry->source.empty();
}

std::string with_more(std::string first, std::size_t count) {
  return count > 1 ? fmt::format("{} and {} more", first, count - 1) : std::move(first);
}

// `POST api.example.com/payments/* to payments.v2`. Holds nothing that came from a substitution.
std::string made_name(const RouteSpec& route) {
  std::string out;
  if (!route.methods.empty() && !hides(route, "method"))
    out += fmt::format("{} ", fmt::join(route.methods, ","));
  if (!route.hosts.empty() && !hides(route, "host")) {
    out +=
        with_more((route.hosts.front().wildcard ? "*" : "") + route.hosts.front().text, route.hosts.size());
  }
  out += route.paths.empty() ? "/*" : with_more(route.paths.front().text, route.paths.size());
  return out + " " + target_name(route);
}

// At most kLongestName bytes, cut between characters.
std::string shortened(std::string name) {
  if (name.size() <= kLongestName) return name;
  std::size_t end = kLongestName;
  while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xc0) == 0x80) --end;
  return name.substr(0, end);
}

std::string conditions_of(const RouteSpec& route) {
  std::string out;
  for (const ConditionSet& set : route.when) {
    if (!out.empty()) out += " or ";
    for (const Condition& condition : set) out += (&condition == &set.front() ? "" : ", ") + condition.text;
  }
  return out;
}

bool leads_to_whole(const RouteSpec& route, const std::string& service) {
  return std::ranges::any_of(
      route.to, [&](const Target& target) { return target.version.empty() && target.service == service; });
}

}  // namespace

void check_references(Reader& reader, const Spec& spec) {
  const Services services = services_of(spec);
  for (const Reference& reference : reader.references()) {
    if (reader.diagnostics().size() > Reader::kMaxDiagnostics) return;
    if (reference.to == Reference::To::listener) {
      check_listener(reader, reference, spec);
      continue;
    }
    if (reference.to == Reference::To::issuer) {
      check_issuer(reader, reference, spec);
      continue;
    }
    const auto service = services.find(reference.name);
    const bool known = service != services.end();
    const bool good = known && (reference.version.empty() ||
                                std::ranges::find(service->second->versions, reference.version,
                                                  &VersionSpec::name) != service->second->versions.end());
    if (good || is_hidden(reader, reference, "service")) continue;
    if (known) {
      unknown_version(reader, reference, *service->second);
    } else {
      unknown_service(reader, reference, spec);
    }
  }
}

void check_ports(Reader& reader, const Spec& spec) {
  for (std::size_t i = 0; i < spec.listeners.size(); ++i) {
    const ListenerSpec& one = spec.listeners[i];
    if (one.port == 0) continue;
    for (std::size_t j = 0; j < i; ++j) {
      const ListenerSpec& other = spec.listeners[j];
      if (one.port != other.port || !binds_overlap(one.bind, other.bind)) continue;
      reader.error(one.at,
                   fmt::format("listeners `{}` and `{}` have the same port, the other {}", one.name,
                               other.name, place(other.at)),
                   "Give one of them another `port`");
    }
    if (spec.admin.enabled && spec.admin.port == one.port && binds_overlap(one.bind, spec.admin.bind)) {
      const Location& at = spec.admin.at.line == 0 || one.at.line != 0 ? one.at : spec.admin.at;
      reader.error(
          at,
          fmt::format("listener `{}` has the port of the admin API, set {}", one.name, place(spec.admin.at)),
          "Give one of them another `port`");
    }
  }
}

void check_rewrites(Reader& reader, const Spec& spec) {
  const Services services = services_of(spec);
  for (const RouteSpec& route : spec.routes) {
    if (route.rewrite) continue;
    for (const Target& target : route.to) {
      const auto service = services.find(target.service);
      if (service == services.end() || service->second->rewrite.text.empty()) continue;
      const Rewrite& rewrite = service->second->rewrite;
      const auto good = check_use(rewrite.segments, rewrite.below, route.paths);
      if (good) continue;
      const auto* entry = service->second->written.find(find_field(service_table(), "rewrite"));
      const bool hidden = entry != nullptr && !entry->source.empty();
      reader.error(route.at,
                   fmt::format("the `rewrite` of service `{}` does not fit this route{}", target.service,
                               hidden ? "" : ": " + good.error().message),
                   "Give the route its own `rewrite`, or `rewrite: none`");
    }
  }
}

void add_base_routes(Reader& reader, Spec& spec) {
  std::unordered_map<std::string_view, const RouteSpec*> whole;
  std::vector<RouteSpec> base;
  for (const RouteSpec& route : spec.routes) {
    for (const Target& target : route.to) {
      if (target.version.empty()) whole.emplace(target.service, &route);
    }
  }
  for (ServiceSpec& service : spec.services) {
    if (!service.path) continue;
    if (const auto route = whole.find(service.name);
        route != whole.end() && leads_to_whole(*route->second, service.name)) {
      if (!service.path_given) {
        service.path.reset();  // it has none, and `print` says so
        continue;
      }
      reader.warning(
          service.at,
          fmt::format(
              "`path` of service `{}` has no effect, because the route {} leads to the service as a whole",
              service.name, place(route->second->at)),
          fmt::format("Remove it, or write a route for `{}`", service.path->text));
      continue;
    }
    RouteSpec route;
    route.at = service.at;
    route.paths.push_back(*service.path);
    Target target;
    target.service = service.name;
    target.at = service.at;
    route.to.push_back(std::move(target));
    route.base = true;
    base.push_back(std::move(route));
  }
  std::ranges::move(base, std::back_inserter(spec.routes));
}

void name_routes(Reader& reader, Spec& spec) {
  std::unordered_map<std::string, const RouteSpec*> given;
  for (const RouteSpec& route : spec.routes) {
    if (route.name.empty()) continue;
    auto [known, fresh] = given.try_emplace(route.name, &route);
    if (fresh) continue;
    reader.error(
        route.at,
        fmt::format("two routes have the name `{}`, the other {}", route.name, place(known->second->at)),
        "Give one of them another name");
  }
  std::unordered_set<std::string> taken;
  for (const auto& [name, route] : given) taken.insert(name);
  std::unordered_map<std::string, int> numbers;
  for (RouteSpec& route : spec.routes) {
    if (!route.name.empty()) continue;
    std::string name = shortened(made_name(route));
    if (taken.contains(name) && !route.when.empty())
      name = shortened(fmt::format("{} when {}", name, conditions_of(route)));
    if (int& number = numbers[name]; taken.contains(name)) {
      number = std::max(number, 1);
      while (taken.contains(fmt::format("{} ({})", name, ++number))) {
      }
      name = fmt::format("{} ({})", name, number);
    }
    taken.insert(name);
    route.name = std::move(name);
  }
}

}  // namespace gatehouse::config
