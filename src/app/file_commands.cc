#include "app/file_commands.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <cstdio>

#include "app/gateway_client.h"
#include "base/json_text.h"
#include "config/loader.h"
#include "control/explanation.h"
#include "control/metrics.h"

namespace gatehouse::app {
namespace {

void out(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }
void err(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stderr); }

void show(const config::Diagnostics& diagnostics) {
  for (const auto& d : diagnostics) err(d.text() + "\n");
}

struct Checked {
  std::shared_ptr<const config::Spec> spec;
  config::Diagnostics diagnostics;
  bool good = false;
};

// As `run` does it, up to the sockets.
Checked check_file(const std::string& file, gateway::Snapshot::FilterKinds filters) {
  Checked c;
  auto loaded = config::load_file(file, config::Environment::system());
  c.diagnostics = std::move(loaded.diagnostics);
  if (!loaded.spec) return c;
  c.spec = std::make_shared<const config::Spec>(std::move(*loaded.spec));
  gateway::StateRegistry registry;
  auto snapshot = gateway::Snapshot::compile(c.spec, registry, filters);
  c.good = snapshot.has_value();
  const config::Diagnostics& said = snapshot ? (*snapshot)->remarks() : snapshot.error();
  c.diagnostics.insert(c.diagnostics.end(), said.begin(), said.end());
  return c;
}

// The rows of one listener that need credentials, or that need none.
bool list_rows(const std::vector<gateway::OpenRoute>& rows, const std::string& listener, bool open) {
  bool any = false;
  for (const auto& r : rows) {
    if (r.listener != listener || r.open != open) continue;
    any = true;
    out(fmt::format("  {:<7} {}{} -> {}{}{}\n", r.methods == "*" ? "any" : r.methods,
                    r.host == "*" ? "" : r.host, r.path, r.target, r.when.empty() ? "" : "  when " + r.when,
                    r.auth.empty() || r.auth == "required" ? "" : "  auth " + r.auth));
  }
  return any;
}

// Rule 6: what each listener opens, and what of it needs no credentials.
void summary(const config::Spec& spec) {
  const auto rows = gateway::open_routes(spec);
  for (const auto& listener : spec.listeners) {
    if (listener.redirect != 0) {
      out(fmt::format("listener {} on {}:{} sends everything to https, port {}\n", listener.name,
                      listener.bind, listener.port, listener.redirect));
      continue;
    }
    out(fmt::format("listener {} on {}:{} opens, without credentials:\n", listener.name, listener.bind,
                    listener.port));
    if (!list_rows(rows, listener.name, true)) out("  nothing\n");
    if (std::ranges::none_of(rows, [&](const auto& r) { return r.listener == listener.name && !r.open; }))
      continue;
    out("and with credentials:\n");
    list_rows(rows, listener.name, false);
  }
}

// A gateway that runs may not run this file. Empty: it does, or there is none.
std::string differs(const std::string& file) {
  GatewayOptions options;
  options.config = file;
  auto answer = GatewayClient(options).probe("/readyz");
  if (!answer) return {};
  simdjson::dom::parser parser;
  bool differs = false;
  if (parser.parse(answer->body)["differs_from_disk"].get(differs) || !differs) return {};
  return "the running gateway's configuration came from elsewhere (PUT or rollback) or its files have "
         "errors: what runs "
         "differs from the disk";
}

void put_diagnostics(JsonText& json, const config::Diagnostics& diagnostics) {
  json.key("diagnostics").begin_array();
  for (const auto& d : diagnostics) json.value(d.text());
  json.end_array();
}

}  // namespace

int check(const std::string& file, bool as_json, gateway::Snapshot::FilterKinds filters) {
  Checked c = check_file(file, filters);
  std::string note = c.good ? differs(file) : std::string();
  if (!as_json) {
    show(c.diagnostics);
    if (!c.good) return 1;
    summary(*c.spec);
    if (!note.empty()) out(note + "\n");
    return 0;
  }
  JsonText json;
  json.begin_object().field("ok", c.good).field("differs_from_disk", !note.empty());
  put_diagnostics(json, c.diagnostics);
  if (c.good) {
    json.key("opens").begin_array();
    for (const auto& r : gateway::open_routes(*c.spec)) {
      json.begin_object().field("listener", r.listener).field("host", r.host).field("path", r.path);
      json.field("methods", r.methods).field("to", r.target).field("when", r.when);
      json.field("credentials", !r.open).field("auth", r.auth).end_object();
    }
    json.end_array();
  }
  out(json.end_object().take());
  return c.good ? 0 : 1;
}

int print(const std::string& file) {
  auto loaded = config::load_file(file, config::Environment::system());
  show(loaded.diagnostics);
  if (!loaded.spec) return 1;
  out(config::print(*loaded.spec));
  return 0;
}

int schema() {
  out(config::json_schema());
  return 0;
}

int reference(gateway::Snapshot::FilterKinds filters) {
  out(config::reference_markdown());
  out("\n" + control::log_reference_markdown());
  out("\n" + control::metrics_reference_markdown(filters));
  return 0;
}

int explain(const ExplainOptions& options, gateway::Snapshot::FilterKinds filters) {
  control::Question question;
  question.method = options.method;
  question.url = options.url;
  question.listener = options.listener;
  question.client = options.client;
  for (const auto& line : options.headers) {
    auto header = control::parse_header(line);
    if (!header) {
      err(header.error() + "\n");
      return 2;
    }
    question.headers.push_back(std::move(*header));
  }
  auto loaded = config::load_file(options.file, config::Environment::system());
  if (!loaded.spec) {
    show(loaded.diagnostics);
    return 1;
  }
  auto spec = std::make_shared<const config::Spec>(std::move(*loaded.spec));
  gateway::StateRegistry registry;
  auto snapshot = gateway::Snapshot::compile(spec, registry, filters);
  if (!snapshot) {
    show(snapshot.error());
    return 1;
  }
  auto answer = control::explain(**snapshot, question, std::chrono::system_clock::now());
  if (!answer) {
    err(answer.error() + "\n");
    return 1;
  }
  out(options.json ? control::explanation_json(*answer, *spec) : control::explanation_text(*answer, *spec));
  return answer->served() ? 0 : 1;
}

}  // namespace gatehouse::app
