// The command line: what can be asked, and of whom.
#pragma once

#include "gateway/snapshot.h"

namespace gatehouse::app {

// The exit status: 0, 1 (it says no), 2 (usage).
int run_command(int argc, char** argv, gateway::Snapshot::FilterKinds filters);

}  // namespace gatehouse::app
