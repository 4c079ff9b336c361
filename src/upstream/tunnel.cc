#include "upstream/tunnel.h"

#include "upstream/body.h"

namespace gatehouse::upstream {

std::unique_ptr<Tunnel> BodySource::take_tunnel() { return nullptr; }

}  // namespace gatehouse::upstream
