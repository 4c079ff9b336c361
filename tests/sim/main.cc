// sim --seeds N [--first S]   plays N seeds; the last line is `N passed, N failed`
// sim --seed S                plays one and says what happens
// sim --bug NAME ...          with a bug planted: the seeds shall fail
// sim --twice ...             each seed twice: it has to be the same run
// sim --bugs [--seeds N]      plants each in turn; a bug that no seed finds is a failure
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>

#include "sim/run.h"

namespace {

using namespace gatehouse;

struct Options {
  std::uint64_t first = 1;
  std::uint64_t seeds = 100;
  std::uint64_t seed = 0;
  std::string bug = "none";
  bool bugs = false;
  bool verbose = false;
  bool twice = false;
};

constexpr std::size_t kShown = 5;  // violations of one seed

void report(std::uint64_t seed, const sim::Outcome& outcome, sim::Bug bug) {
  fmt::print("seed {} failed:\n", seed);
  for (std::size_t i = 0; i < std::min(kShown, outcome.violations.size()); ++i)
    fmt::print("  {}\n", outcome.violations[i]);
  if (outcome.violations.size() > kShown) fmt::print("  and {} more\n", outcome.violations.size() - kShown);
  fmt::print("  replay: sim --seed {}{}\n", seed,
             bug == sim::Bug::none ? "" : fmt::format(" --bug {}", sim::name_of(bug)));
}

int play_one(const Options& o, sim::Bug bug) {
  if (o.twice) (void)sim::run(o.seed, bug);
  auto outcome = sim::run(o.seed, bug, true);
  fmt::print("{} requests, {} answers, {} steps, {:.3f} s simulated, trace {:016x}\n", outcome.requests,
             outcome.answers, outcome.steps, std::chrono::duration<double>(outcome.simulated).count(),
             outcome.trace);
  if (!outcome.violations.empty()) report(o.seed, outcome, bug);
  bool failed = !outcome.violations.empty();
  fmt::print("{} passed, {} failed\n", failed ? 0 : 1, failed ? 1 : 0);
  return failed ? 1 : 0;
}

int play_many(const Options& o, sim::Bug bug) {
  auto began = std::chrono::steady_clock::now();
  std::uint64_t failed = 0;
  sim::Outcome sum;
  for (std::uint64_t seed = o.first; seed < o.first + o.seeds; ++seed) {
    if (o.verbose) std::fprintf(stderr, "seed %llu\n", static_cast<unsigned long long>(seed));
    auto outcome = sim::run(seed, bug);
    sum.requests += outcome.requests;
    sum.answers += outcome.answers;
    sum.steps += outcome.steps;
    sum.simulated += outcome.simulated;
    sum.shares.add(outcome.shares);
    sum.met.add(outcome.met);
    sum.trace = sum.trace * 31 + outcome.trace;
    if (o.twice && sim::run(seed, bug).trace != outcome.trace)
      outcome.violations.emplace_back("another run of it went otherwise");
    if (outcome.violations.empty()) continue;
    ++failed;
    report(seed, outcome, bug);
    std::fflush(stdout);
  }
  std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - began;
  auto n = static_cast<double>(std::max<std::uint64_t>(1, o.seeds));
  fmt::print("{} requests, {} answers, {:.0f} steps and {:.2f} ms a seed, {:.0f} s simulated\n", sum.requests,
             sum.answers, static_cast<double>(sum.steps) / n, took.count() / n,
             std::chrono::duration<double>(sum.simulated).count());
  fmt::print("{}\n{}\ntrace {:016x}\n", sum.met.text(), sum.shares.text(), sum.trace);
  bool fair = sum.shares.fair();
  if (!fair) fmt::print("a split does not give the shares that are configured\n");
  fmt::print("{} passed, {} failed\n", o.seeds - failed, failed + (fair ? 0 : 1));
  return failed || !fair ? 1 : 0;
}

int play_bugs(const Options& o) {
  unsigned found = 0;
  unsigned missed = 0;
  for (auto i = static_cast<unsigned>(sim::Bug::none) + 1; i < static_cast<unsigned>(sim::Bug::last_); ++i) {
    auto bug = static_cast<sim::Bug>(i);
    std::uint64_t seed = o.first;
    sim::Outcome outcome;
    sim::Shares shares;
    for (; seed < o.first + o.seeds && outcome.violations.empty(); ++seed) {
      outcome = sim::run(seed, bug);
      shares.add(outcome.shares);
      if (!shares.fair()) outcome.violations.push_back(shares.text());
    }
    if (outcome.violations.empty()) {
      ++missed;
      fmt::print("{:16} not found by {} seeds\n", sim::name_of(bug), o.seeds);
    } else {
      ++found;
      fmt::print("{:16} seed {}: {}\n", sim::name_of(bug), seed - 1, outcome.violations.front());
    }
  }
  fmt::print("{} passed, {} failed\n", found, missed);
  return missed ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options o;
  CLI::App app{"The whole gateway on a fake clock and an in-memory network, from one seed"};
  app.add_option("--seeds", o.seeds, "How many seeds")->capture_default_str();
  app.add_option("--first", o.first, "The first seed")->capture_default_str();
  auto* one = app.add_option("--seed", o.seed, "One seed, with a trace of what happens");
  app.add_option("--bug", o.bug, "Plants a bug")->capture_default_str();
  app.add_flag("--bugs", o.bugs, "Plants each bug in turn; the seeds have to find it");
  app.add_flag("--twice", o.twice, "Plays each seed twice: it has to be the same run");
  app.add_flag("--verbose", o.verbose, "Says each seed before it is played");
  CLI11_PARSE(app, argc, argv);
  auto bug = sim::bug_named(o.bug);
  if (!bug) {
    fmt::print(stderr, "there is no bug `{}`\n", o.bug);
    return 2;
  }
  if (o.bugs) return play_bugs(o);
  return one->count() ? play_one(o, *bug) : play_many(o, *bug);
}
