// `gatehouse key create`: an API key, which is shown once, and its hash, which goes into the configuration.
#pragma once

#include <string>
#include <vector>

namespace gatehouse::app {

struct KeyOptions {
  std::string name;                 // of who will call with it
  std::vector<std::string> claims;  // `tier=gold`; a name may come again
  std::string expires;              // a date or a moment; empty = never
  std::string file;                 // `auth.api_keys.file` to which it is added; empty = none
  bool json = false;
};
// The key has 256 random bits, so that its plain SHA-256 tells nobody what it is. Exit status: 0; 1 if the
// file cannot be written or has the name already; 2 if an option is no good.
int create_key(const KeyOptions& options);

}  // namespace gatehouse::app
