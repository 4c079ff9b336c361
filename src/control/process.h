// The gateway as a process: threads, signals, files. Everything else stands in Control, which the simulation
// runs too.
#pragma once

#include <functional>
#include <string>

#include "gateway/snapshot.h"

namespace gatehouse::control {

struct ProcessOptions {
  std::string config;  // path of the main file
  gateway::Snapshot::FilterKinds filters;
  // Called once on control's loop when the first configuration is in force; `stop` may be called on any
  // thread and does what SIGTERM does.
  std::function<void(std::function<void()> stop)> on_started;
};

// Runs until it is told to stop. The process's exit status: 0, or 1 with one clear line on stderr where it
// cannot start.
int run_process(const ProcessOptions& options);

}  // namespace gatehouse::control
