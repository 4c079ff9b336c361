// `gatehouse demo`: the gateway and two small services in one process, to look at.
#pragma once

#include "gateway/snapshot.h"

namespace gatehouse::app {

// On a terminal it stays up until Ctrl-C; without one it makes the requests itself, shows what came back, and
// ends. The exit status: 0, or 1 where something did not answer as it should.
int demo(gateway::Snapshot::FilterKinds filters);

}  // namespace gatehouse::app
