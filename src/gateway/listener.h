// Accepts connections for one listener on one worker.
#pragma once

#include <memory>
#include <string>

#include "gateway/shared_listener.h"
#include "gateway/worker.h"
#include "net/network.h"
#include "net/task.h"

namespace gatehouse::gateway {

// Thread: its worker. What the configuration says about it is read from the worker's current snapshot, by
// name.
class Listener {
 public:
  Listener(Worker& worker, std::string name, std::unique_ptr<net::Acceptor> acceptor);
  Listener(const Listener&) = delete;

  const std::string& name() const noexcept { return name_; }

 private:
  net::Task<void> accept_all();
  void take(net::StreamPtr stream);

  Worker& worker_;
  std::string name_;
  std::unique_ptr<net::Acceptor> acceptor_;
  net::Task<void> accepting_;  // last: it uses the others
};

}  // namespace gatehouse::gateway
