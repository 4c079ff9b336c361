#include "app/commands.h"

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "app/certificate_command.h"
#include "app/demo.h"
#include "app/file_commands.h"
#include "app/gateway_commands.h"
#include "app/key_command.h"
#include "app/keys_command.h"
#include "app/limits_command.h"
#include "app/token_command.h"
#include "control/process.h"

namespace gatehouse::app {
namespace {

// Everything that options can set; the commands below say which of it they take.
struct Options {
  std::string file = "gatehouse.yaml";
  std::string tls_key_log;
  GatewayOptions gateway;
  ExplainOptions explain;
  CertOptions cert;
  KeyOptions key;
  std::string token;  // to be inspected
  std::string issuer;
  std::string kid;
  std::string limit_key;  // whose count
  std::string limit;
  bool json = false;
  bool force = false;
  bool strict = false;
};

class CommandLine {
 public:
  explicit CommandLine(gateway::Snapshot::FilterKinds filters) : filters_(filters) {
    app_.require_subcommand(1);
    app_.footer("Exit status: 0, 1 (it says no), 2 (usage).");
    add_running();
    add_files();
    add_gateway();
    add_keys();
    add_limits();
  }

  int run(int argc, char** argv) {
    try {
      app_.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
      return app_.exit(e) == 0 ? 0 : 2;
    }
    return chosen_();
  }

 private:
  CLI::App* command(const std::string& name, const std::string& help, std::function<int()> run) {
    CLI::App* c = app_.add_subcommand(name, help);
    c->callback([this, run = std::move(run)] { chosen_ = run; });
    return c;
  }
  void take_file(CLI::App* c) {
    c->add_option("file", options_.file, "The configuration")->capture_default_str();
  }
  void take_json(CLI::App* c) { c->add_flag("--json", options_.json, "Answer as JSON"); }
  void take_gateway(CLI::App* c) {
    c->add_option("--config", options_.gateway.config, "Configuration that says where the gateway is")
        ->capture_default_str();
    c->add_option("--admin", options_.gateway.admin, "HOST:PORT of the admin API");
    c->add_option("--token", options_.gateway.token,
                  "Token of the admin API, instead of the one in the state folder")
        ->envname("GATEHOUSE_TOKEN");
  }

  void add_running() {
    auto* run_command = command("run", "Run the gateway", [this] {
      return control::run_process({.config = options_.file,
                                   .filters = filters_,
                                   .tls_key_log = options_.tls_key_log,
                                   .json = options_.json,
                                   .strict = options_.strict});
    });
    take_file(run_command);
    run_command->add_flag("--strict", options_.strict,
                          "Do not start with the last good configuration where this one has errors");
    run_command->add_option(
        "--tls-key-log", options_.tls_key_log,
        "File for the keys of TLS sessions, for Wireshark; whoever reads it reads all traffic");
    run_command->add_flag("--json", options_.json, "Diagnostics on stderr as JSON, one object a line");
    command("demo", "Run the gateway on 127.0.0.1:8080 with two sample services inside",
            [this] { return demo(filters_); });
  }

  void add_files() {
    auto* check_command = command("check", "Check a configuration and say what it opens",
                                  [this] { return check(options_.file, options_.json, filters_); });
    take_file(check_command);
    take_json(check_command);
    take_file(command("print", "Print a configuration with every default and where each value comes from",
                      [this] { return print(options_.file); }));
    command("schema", "Print the JSON Schema of the configuration, for editors", [] { return schema(); });
    command("reference", "Print docs/reference.md: fields of configuration and log, metrics",
            [this] { return reference(filters_); });
    auto* cert_command = command("cert", "Make a self-signed certificate for development",
                                 [this] { return cert(options_.cert); });
    cert_command->add_option("hosts", options_.cert.hosts, "Names and addresses that it is for")
        ->capture_default_str();
    cert_command->add_option("--days", options_.cert.days, "How long it is good")
        ->capture_default_str()
        ->check(CLI::Range(1, 3650));
    cert_command->add_option("--cert", options_.cert.cert, "File of the certificate")->capture_default_str();
    cert_command->add_option("--key", options_.cert.key, "File of the private key")->capture_default_str();
    cert_command->add_flag("--force", options_.cert.force, "Replace the files if they are there");
    add_api_keys();
    auto* explain_command =
        command("explain", "Say which route serves a request, and why not the others", [this] {
          options_.explain.json = options_.json;
          return explain(options_.explain, filters_);
        });
    explain_command->add_option("file", options_.explain.file, "The configuration")->required();
    explain_command->add_option("method", options_.explain.method, "GET, POST, ...")->required();
    explain_command->add_option("url", options_.explain.url, "A path, or http://host/path")->required();
    explain_command
        ->add_option("-H,--header", options_.explain.headers, "A header of the request, `Name: value`")
        ->take_all();
    explain_command->add_option("--listener", options_.explain.listener,
                                "Listener that gets it; the first by default");
    explain_command->add_option("--client", options_.explain.client, "Address of the client")
        ->capture_default_str();
    take_json(explain_command);
  }

  void add_api_keys() {
    CLI::App* key = app_.add_subcommand("key", "API keys");
    key->require_subcommand(1);
    CLI::App* create = key->add_subcommand("create", "Make an API key, which is shown once");
    create->callback([this] {
      chosen_ = [this] {
        options_.key.json = options_.json;
        return create_key(options_.key);
      };
    });
    create->add_option("name", options_.key.name, "Who will call with it: the user")->required();
    create->add_option("--claim", options_.key.claims, "What conditions may ask of it: NAME=VALUE")
        ->take_all();
    create->add_option("--expires", options_.key.expires, "When it ends, for example 2027-12-31");
    create->add_option("--file", options_.key.file, "The file of `auth.api_keys` that gets its hash");
    take_json(create);
  }

  void add_gateway() {
    auto* reload_command = command("reload", "Load the configuration's files if they have changed", [this] {
      return reload(options_.gateway, options_.force, options_.json);
    });
    reload_command->add_flag("--force", options_.force, "Load them even if they have not changed");
    auto* rollback_command = command("rollback", "Return to the configuration before this one",
                                     [this] { return rollback(options_.gateway, options_.json); });
    for (auto* c : {reload_command, rollback_command}) {
      take_gateway(c);
      take_json(c);
    }
    add_token();
    take_json(command("version", "Print the version", [this] { return version(options_.json); }));
  }

  void add_token() {
    CLI::App* admin = app_.add_subcommand("token", "Print the token of the admin API");
    admin->require_subcommand(0, 1);
    CLI::App* inspect = admin->add_subcommand(
        "inspect", "Say what a token (JWT) holds, and what the running gateway makes of it");
    inspect->add_option("token", options_.token, "The token; `-` reads it from standard input")->required();
    for (CLI::App* c : {admin, inspect}) {
      take_gateway(c);
      take_json(c);
    }
    admin->callback([this, admin] {
      if (admin->get_subcommands().empty())
        chosen_ = [this] { return token(options_.gateway, options_.json); };
    });
    inspect->callback([this] {
      chosen_ = [this] { return inspect_token(options_.gateway, options_.token, options_.json); };
    });
  }

  void add_keys() {
    auto* keys = app_.add_subcommand("keys", "Show the keys of issuers, revoke one");
    keys->require_subcommand(0, 1);
    auto show = [this] { return show_keys(options_.gateway, options_.json); };
    auto add = [&](const std::string& name, const std::string& help, std::function<int()> run) {
      CLI::App* c = keys->add_subcommand(name, help);
      c->callback([this, run = std::move(run)] { chosen_ = run; });
      take_gateway(c);
      take_json(c);
      return c;
    };
    take_gateway(keys);
    take_json(keys);
    keys->callback([this, keys, show] {
      if (keys->get_subcommands().empty()) chosen_ = show;
    });
    add("show", "Which are in force, how old they are, what is revoked", show);
    for (const std::string verb : {"revoke", "unrevoke"}) {
      auto* c = add(verb,
                    verb == "revoke" ? "Never accept what this key has signed, whatever its issuer publishes"
                                     : "Take a revocation back",
                    [this, verb] {
                      return change_key(options_.gateway, verb, options_.issuer, options_.kid, options_.json);
                    });
      c->add_option("issuer", options_.issuer, "Its name in the configuration")->required();
      c->add_option("kid", options_.kid, "The key's `kid` or thumbprint")->required();
    }
  }

  void add_limits() {
    auto* limits = app_.add_subcommand("limits", "Show limits and what is left of them, reset one");
    limits->require_subcommand(0, 1);
    auto show = [this] {
      return show_limits(options_.gateway, options_.limit_key, options_.limit, options_.json);
    };
    auto add = [&](const std::string& name, const std::string& help, std::function<int()> run) {
      CLI::App* c = limits->add_subcommand(name, help);
      c->callback([this, run = std::move(run)] { chosen_ = run; });
      c->add_option("key", options_.limit_key,
                    "A user, an address, the value of a claim or header, the name of a route");
      c->add_option("--limit", options_.limit, "Only this one, by its name");
      take_gateway(c);
      take_json(c);
    };
    take_gateway(limits);
    take_json(limits);
    limits->callback([this, limits, show] {
      if (limits->get_subcommands().empty()) chosen_ = show;
    });
    add("show", "All limits and who was refused most; or what a key has left", show);
    add("reset", "Forget what a key, or a limit without `per`, has used up",
        [this] { return reset_limit(options_.gateway, options_.limit_key, options_.limit, options_.json); });
  }

  gateway::Snapshot::FilterKinds filters_;
  CLI::App app_{"Gatehouse, an API gateway", "gatehouse"};
  Options options_;
  std::function<int()> chosen_;
};

}  // namespace

int run_command(int argc, char** argv, gateway::Snapshot::FilterKinds filters) {
  return CommandLine(filters).run(argc, argv);
}

}  // namespace gatehouse::app
