// Gatehouse: the program and the list of its parts.
#include <memory>
#include <vector>

#include "app/commands.h"
#include "filters/access/access_filter.h"
#include "filters/auth/auth_filter.h"
#include "filters/cors/cors_filter.h"
#include "filters/headers/headers_filter.h"
#include "filters/limits/limits_filter.h"

int main(int argc, char** argv) {
  using namespace gatehouse;
  // Their order here is their order in every chain.
  //   access   who may not come in is refused before anything else is done. Before cors: a preflight comes
  //            from the address and through the listener that the request will come from and through, so
  //            both are judged alike, and an answered preflight would tell of a service that `only` hides.
  //   cors     before all that asks who the user is, or what a request may cost or hold: a preflight brings
  //            none of it. Of the steps that see answers it is the last, whichever step gave them, and has
  //            the last word.
  //   auth     before all that depends on who is calling.
  //   limits   behind auth: they count by user; before whatever costs more than asking them.
  //   headers  last: what the configuration adds or takes away is what the service gets.
  //   limit_costs  sees an answer before `headers` does: it reads what the service tells.
  std::vector<std::unique_ptr<gateway::FilterKind>> kinds;
  kinds.push_back(filters::access_filter());
  kinds.push_back(filters::cors_filter());
  kinds.push_back(filters::auth_filter());
  kinds.push_back(filters::limits_filter());
  kinds.push_back(filters::headers_filter());
  kinds.push_back(filters::limit_costs_filter());
  return app::run_command(argc, argv, kinds);
}
