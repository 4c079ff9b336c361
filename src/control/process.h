// The gateway as a process: threads, signals, files. Everything else stands in Control, which the simulation
// runs too.
#pragma once

#include <functional>
#include <string>

#include "gateway/snapshot.h"

namespace gatehouse::control {

struct Started {
  std::string admin;  // address of the admin API; empty: it is off
};

struct ProcessOptions {
  std::string config;  // path of the main file
  gateway::Snapshot::FilterKinds filters;
  // Once, on control's loop: the first configuration is in force.
  std::function<void(const Started&)> on_started{};
  bool quiet = false;         // warnings and errors alone on stderr
  std::string tls_key_log{};  // file for the keys of TLS sessions; empty: they are not logged
  bool json = false;          // what stderr gets is JSON, one object a line
  // A configuration with errors ends it, even if the state folder has the last good one of the same file.
  bool strict = false;
};

// Runs until it is told to stop. The process's exit status: 0, or 1 with one clear line on stderr where it
// cannot start.
int run_process(const ProcessOptions& options);

}  // namespace gatehouse::control
