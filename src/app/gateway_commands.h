// Commands that a running gateway carries out. Each returns the exit status: 0, or 1 for "no".
#pragma once

#include "app/gateway_client.h"

namespace gatehouse::app {

int reload(const GatewayOptions& options, bool force, bool json);
int rollback(const GatewayOptions& options, bool json);
int token(const GatewayOptions& options, bool json);  // of the admin API, for other programs
int version(bool json);                               // of this program

}  // namespace gatehouse::app
