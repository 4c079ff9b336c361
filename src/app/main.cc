// Gatehouse: the program and the list of its parts.
#include <memory>
#include <vector>

#include "app/commands.h"
#include "filters/access/access_filter.h"
#include "filters/headers/headers_filter.h"

int main(int argc, char** argv) {
  using namespace gatehouse;
  // Their order here is their order in every chain: who may not come in is refused before anything is
  // changed.
  std::vector<std::unique_ptr<gateway::FilterKind>> kinds;
  kinds.push_back(filters::access_filter());
  kinds.push_back(filters::headers_filter());
  return app::run_command(argc, argv, kinds);
}
