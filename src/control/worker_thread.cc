#include "control/worker_thread.h"

#include <fmt/format.h>
#include <pthread.h>

#include "net/epoll.h"
#include "net/tcp.h"

namespace gatehouse::control {

WorkerThread::WorkerThread(gateway::RecordSink& sink, gateway::Worker::Options options, std::uint64_t seed) {
  std::latch made(1);
  thread_ = std::thread([this, &sink, &made, options = std::move(options), seed] {
    ::pthread_setname_np(::pthread_self(), fmt::format("worker {}", options.index).c_str());
    net::SystemClock clock;
    net::EpollPoller poller;
    net::Loop loop(clock, poller, seed);
    net::SocketNetwork network(loop, poller);
    gateway::Worker worker(loop, network, sink, options);
    worker_ = &worker;
    made.count_down();
    loop.run();
    told_to_stop_.wait();
  });
  made.wait();
}

WorkerThread::~WorkerThread() {
  worker_->loop().stop();
  told_to_stop_.count_down();
  thread_.join();
}

}  // namespace gatehouse::control
