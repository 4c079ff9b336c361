#include "config/finish.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "config/path_pattern.h"
#include "config/suggest.h"
#include "config/tables.h"

namespace gatehouse::config {

namespace {

bool is_everyone(const Cidr& cidr) {
  return cidr.bits == 0 || (cidr.bits == 96 && show_cidr(cidr) == "0.0.0.0/0");
}

// The node of a field, or that of the whole where the field is its short form.
const Node& node_of(const Node& node, std::string_view field) {
  const Node* found = node.find(field);
  return found != nullptr ? *found : node;
}

// The parts of a redirect's target that `:id` and `*` may stand in: the path, without scheme, authority and
// query.
std::string_view path_of(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme != std::string_view::npos) {
    const std::size_t slash = url.find('/', scheme + 3);
    url = slash == std::string_view::npos ? std::string_view{} : url.substr(slash);
  }
  return url.substr(0, url.find_first_of("?#"));
}

void check_redirect(Reader& reader, const Node& node, const RouteSpec& route) {
  const Node* redirect = node.find("redirect");
  if (redirect == nullptr || route.redirect->to.empty()) return;
  const Node& to = node_of(*redirect, "to");
  const std::string_view path = path_of(route.redirect->to.reveal());
  if (path.empty()) return;
  const auto parts = parse_rewrite(path);
  if (!parts) return reader.refuse(to, "redirect", "a URL or a path", parts.error());
  const auto good = check_use(parts->segments, parts->below, route.paths);
  if (!good) reader.refuse(to, "redirect", "a target that the route's path can fill", good.error());
}

void check_rewrite(Reader& reader, const Node& node, const RouteSpec& route) {
  if (!route.rewrite || route.rewrite->text.empty()) return;
  const Node& rewrite = node_of(node, "rewrite");
  const auto good = check_use(route.rewrite->segments, route.rewrite->below, route.paths);
  if (!good) reader.refuse(rewrite, "rewrite", "a path that the route's path can fill", good.error());
  if (route.to.empty()) reader.error(rewrite, "`rewrite` is for routes to a service", "Remove it");
}

// `to`, `redirect` or `reply`: one of them. `written` counts those that were, even if their value was
// refused.
void check_outcome(Reader& reader, const Node& node) {
  constexpr std::string_view kOutcomes[] = {"to", "redirect", "reply"};
  const NodeMember* first = nullptr;
  for (const NodeMember& member : node.members) {
    if (std::ranges::find(kOutcomes, std::string_view(member.key.value)) == std::end(kOutcomes)) continue;
    if (first != nullptr) {
      reader.error(member.key,
                   fmt::format("a route has either `{}` or `{}`", first->key.value, member.key.value),
                   "Keep one of them");
      return;
    }
    first = &member;
  }
  if (first != nullptr) return;
  for (const NodeMember& member : node.members) {
    // A key that was refused already may well have been the one.
    if (find_field(route_table(), member.key.value) == route_table().fields.size()) return;
  }
  reader.error(node, "the route leads nowhere", "Write `to: SERVICE`, `redirect: URL` or `reply: STATUS`");
}

void same_path_twice(Reader& reader, const Node& node, const RouteSpec& route) {
  std::unordered_set<std::string_view> seen;
  for (const PathPattern& path : route.paths) {
    if (seen.insert(path.text).second) continue;
    reader.error(node_of(node, "path"), fmt::format("the path `{}` is there twice", path.text),
                 "Keep one of them");
    return;
  }
}

}  // namespace

void finish_listener(Reader& reader, const Node& node, void* object) {
  const auto& listener = *static_cast<const ListenerSpec*>(object);
  if (std::ranges::any_of(listener.trusted_proxies, is_everyone)) {
    reader.warning(
        reader.at(node_of(node, "trusted_proxies")),
        fmt::format("listener `{}` trusts everyone, so any client chooses its own address", listener.name),
        "Name the addresses of your proxies");
  }
  if (listener.tls && listener.redirect != 0) {
    reader.error(node_of(node, "redirect"), "`redirect` is for listeners in clear text",
                 "Remove it here, and write it at the listener that has no `tls`");
  }
  if (!listener.tls && !listener.hsts.empty()) {
    reader.error(node_of(node, "hsts"),
                 "`hsts` is for listeners with `tls`; browsers ignore it in clear text",
                 "Write it at the listener that has `tls`");
  }
}

void finish_listener_tls(Reader& reader, const Node& node, void* object) {
  auto& tls = *static_cast<ListenerTlsSpec*>(object);
  tls.development = tls.certificates.size() == 1 && tls.certificates.front().cert.shown == "dev" &&
                    tls.certificates.front().cert.text.empty();
  if (tls.development) {
    reader.warning(tls.certificates.front().cert.at, "`tls: dev` is a self-signed certificate, made at start",
                   "For others than yourself write `tls: {cert: FILE, key: FILE}`");
  }
  const bool asks = is_written(listener_tls_table(), tls.written, "client");
  if (is_written(listener_tls_table(), tls.written, "client_ca") && !asks)
    tls.client = ListenerTlsSpec::Client::required;
  if (tls.client != ListenerTlsSpec::Client::none && node.is_map() && node.find("client_ca") == nullptr) {
    reader.error(node_of(node, "client"), "`client` without `client_ca`",
                 "Name the authorities: `client_ca: FILE`");
  }
  const bool one_known =
      node.is_map() && std::ranges::all_of(node.members, [](const NodeMember& m) {
        return find_field(listener_tls_table(), m.key.value) < listener_tls_table().fields.size();
      });
  if (tls.certificates.empty() && one_known && node.find("cert") == nullptr &&
      node.find("certificates") == nullptr) {
    reader.error(node, "`tls` has no certificate", "Write `tls: {cert: FILE, key: FILE}`, or `tls: dev`");
  }
  for (CertificateSpec& c : tls.certificates) {
    if (node.is_map() && c.cert.shown.empty() && node.find("cert") == nullptr &&
        node.find("certificates") == nullptr)
      reader.error(node_of(node, "key"), "`key` without `cert`", "Write `tls: {cert: FILE, key: FILE}`");
    if (c.key.shown.empty()) c.key.text = c.cert.text;  // in one file, as others have it
    if (c.key.shown.empty()) c.key.at = c.cert.at;
  }
}

void finish_service_tls(Reader& reader, const Node& node, void* object) {
  auto& tls = *static_cast<ServiceTlsSpec*>(object);
  CertificateSpec& own = tls.identity;
  if (!own.key.empty() && own.cert.empty() && node.find("cert") == nullptr)
    reader.error(node_of(node, "key"), "`key` without `cert`", "Write `tls: {cert: FILE, key: FILE}`");
  if (own.key.shown.empty()) {
    own.key.text = own.cert.text;
    own.key.at = own.cert.at;
  }
  if (!tls.verify) {
    reader.warning(reader.at(node_of(node, "verify")),
                   "the service's certificate is not checked: whoever sits between reads and writes along",
                   "Name the authority that signed it: `tls: {ca: FILE}`");
  }
}

void finish_service(Reader& reader, const Node& node, void* object) {
  auto& service = *static_cast<ServiceSpec*>(object);
  const bool tried = is_written(service_table(), service.written, "url") ||
                     is_written(service_table(), service.written, "versions");
  if (service.versions.empty() && !tried) {
    reader.error(service.at, fmt::format("service `{}` has no `url`", service.name),
                 fmt::format("Write `{}: http://HOST:PORT`", service.name));
  }
  service.path_given = is_written(service_table(), service.written, "path");
  if (!service.path_given) {
    service.path = parse_path_pattern("/" + service.name + "/*").value_or(PathPattern{});
  }
  if (!service.canary) return;
  std::vector<std::string_view> names;
  names.reserve(service.versions.size());
  for (const VersionSpec& version : service.versions) names.push_back(version.name);
  const Node& canary = node_of(node, "canary");
  if (names.size() < 2) {
    reader.error(
        canary,
        fmt::format("`canary` needs `versions`, and service `{}` has none to choose from", service.name),
        "Write `versions: {v1: http://..., v2: http://...}`");
  } else if (std::ranges::find(names, service.canary->to) == names.end()) {
    std::string hint = did_you_mean(service.canary->to, names);
    if (hint.empty()) hint = fmt::format("Known are `{}`", fmt::join(names, "`, `"));
    reader.refuse(
        canary, "canary", "one of the versions",
        {fmt::format("service `{}` has no version `{}`", service.name, service.canary->to), std::move(hint)});
  } else if (names.front() == service.canary->to) {
    reader.refuse(canary, "canary", "a version besides the first",
                  {fmt::format("`{}` is the first version, which gets the rest already", service.canary->to),
                   fmt::format("Write another version, such as `{} 5%`", names[1])});
  }
}

void finish_cors(Reader& reader, const Node& node, void* object) {
  const auto& cors = *static_cast<const CorsSpec*>(object);
  const bool all_known = std::ranges::all_of(node.members, [](const NodeMember& m) {
    return find_field(cors_table(), m.key.value) < cors_table().fields.size();
  });
  if (!is_written(cors_table(), cors.written, "origins") && all_known) {
    reader.error(node, "`cors` has no `origins`",
                 "Write for example `cors: https://shop.example.com`, or `*` for all");
  }
  const bool every = std::ranges::any_of(
      cors.origins, [](const OriginPattern& o) { return o.kind == OriginPattern::Kind::every; });
  if (every && cors.credentials) {
    reader.error(node_of(node, "credentials"),
                 "`credentials` for every origin would let any page act as your users; browsers refuse it",
                 "Name the origins: `origins: [https://shop.example.com, https://*.example.com]`");
  }
  if (cors.credentials && std::ranges::find(cors.expose, "*") != cors.expose.end()) {
    reader.error(node_of(node, "expose"), "with `credentials`, `*` in `expose` is a header of that name",
                 "Name the headers");
  }
  if (every && cors.private_network) {
    reader.warning(reader.at(node_of(node, "private_network")),
                   "every page of the internet may ask for what is in the private network",
                   "Name the origins");
  }
}

void finish_redirect(Reader& reader, const Node& node, void* object) {
  const auto& redirect = *static_cast<const RedirectSpec*>(object);
  if (node.is_map() && node.find("to") == nullptr)
    reader.error(node, "`redirect` has no `to`", "Write `redirect: {to: https://www.example.com/*}`");
  constexpr std::uint16_t kRedirects[] = {301, 302, 303, 307, 308};
  if (std::ranges::find(kRedirects, redirect.status) == std::end(kRedirects)) {
    reader.refuse(node_of(node, "status"), "status", "a redirect",
                  {fmt::format("{} is no redirect", redirect.status), "Write 301, 302, 303, 307 or 308"});
  }
}

void finish_reply(Reader& reader, const Node& node, void* object) {
  const auto& reply = *static_cast<const ReplySpec*>(object);
  const bool bodiless = reply.status == 204 || reply.status == 205 || reply.status == 304;
  if (bodiless && !reply.body.empty()) {
    reader.refuse(node_of(node, "body"), "body", "a body that fits the status",
                  {fmt::format("an answer with status {} has no body", reply.status),
                   "Remove it, or write `status: 200`"});
  }
}

void finish_route(Reader& reader, const Node& node, void* object) {
  auto& route = *static_cast<RouteSpec*>(object);
  if (!node.is_map()) {
    return reader.error(node, "the route is empty",
                        "Write `- {path: /users/*, to: users}`, or remove the dash");
  }
  route.cors_given = is_written(route_table(), route.written, "cors");
  check_outcome(reader, node);
  check_rewrite(reader, node, route);
  same_path_twice(reader, node, route);
  if (route.redirect) check_redirect(reader, node, route);
  if (route.timeout && route.to.empty() && node.find("to") == nullptr) {
    reader.error(node_of(node, "timeout"), "`timeout` is for routes to a service", "Remove it");
  }
}

void finish_admin(Reader& reader, const Node& node, void* object) {
  const auto& admin = *static_cast<const AdminSpec*>(object);
  if (const Node* token = node.find("token");
      token != nullptr && token->is_scalar() && !token->failed && admin.token.empty()) {
    reader.error(*token, "`token` is empty", "Give it a value, or remove the line for a random one");
  }
  if (admin.enabled && !admin.bind.starts_with("127.") && admin.bind != "::1") {
    reader.warning(reader.at(node_of(node, "bind")),
                   "the admin API can be reached from other machines, in clear text",
                   "Bind it to 127.0.0.1, or keep the port to a network you trust");
  }
}

}  // namespace gatehouse::config
