// Commands over a configuration file, without a running gateway. Each returns the exit status: 0, or 1 for
// "no".
#pragma once

#include <string>
#include <vector>

#include "gateway/snapshot.h"

namespace gatehouse::app {

int check(const std::string& file, bool json, gateway::Snapshot::FilterKinds filters);
int print(const std::string& file);
int schema();
int reference(gateway::Snapshot::FilterKinds filters);

struct ExplainOptions {
  std::string file;
  std::string method;
  std::string url;
  std::vector<std::string> headers;  // `Name: value`
  std::string listener;
  std::string client = "127.0.0.1";
  bool json = false;
};
int explain(const ExplainOptions& options, gateway::Snapshot::FilterKinds filters);

}  // namespace gatehouse::app
