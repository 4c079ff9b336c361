#include "control/metrics.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace gatehouse::control {
namespace {

using gateway::RequestRecord;
using testing::HasSubstr;
using testing::Not;

RequestRecord record(std::uint32_t series, std::uint16_t status, Duration own = 20us,
                     Duration upstream = 3ms) {
  RequestRecord r;
  r.series = series;
  r.status = status;
  r.own = own;
  r.upstream = upstream;
  r.tries = 1;
  r.bytes_in = 10;
  r.bytes_out = 100;
  return r;
}

// ---- buckets -------------------------------------------------------------------------------------------

TEST(LatencyScale, ABoundBelongsToTheBucketBelowIt) {
  for (std::size_t i = 0; i < LatencyScale::kBounds.size(); ++i) {
    EXPECT_EQ(LatencyScale::index(LatencyScale::kBounds[i]), i);
    EXPECT_EQ(LatencyScale::index(LatencyScale::kBounds[i] + 1ns), i + 1);
    EXPECT_EQ(LatencyScale::index(LatencyScale::kBounds[i] - 1ns), i);
  }
  EXPECT_EQ(LatencyScale::index(0ns), 0u);
  EXPECT_EQ(LatencyScale::index(-1ns), 0u);
  EXPECT_EQ(LatencyScale::index(Duration::max()), LatencyScale::kBuckets - 1);
}

TEST(LatencyScale, AgreesWithASearch) {
  for (std::int64_t ns = 1; ns < std::int64_t{1} << 40; ns += ns / 7 + 1) {
    const Duration d(ns);
    const auto bound = std::ranges::lower_bound(LatencyScale::kBounds, d);
    EXPECT_EQ(LatencyScale::index(d), static_cast<std::size_t>(bound - LatencyScale::kBounds.begin())) << ns;
  }
}

// ---- cells ---------------------------------------------------------------------------------------------

TEST(MetricCells, CountsBySeriesAndClass) {
  auto cells = std::make_unique<MetricCells>();
  cells->reserve(300);
  for (int status : {0, 100, 200, 204, 301, 404, 503, 599, 999})
    cells->count(record(299, static_cast<std::uint16_t>(status)));
  EXPECT_THAT(cells->series(299).requests, testing::ElementsAre(1, 1, 2, 1, 1, 3));
  EXPECT_EQ(cells->series(298).count(), 0u);
  EXPECT_EQ(cells->series(299).own.count(), 9u);
  EXPECT_EQ(cells->series(299).upstream.sum, 9 * 3ms);
  EXPECT_EQ(cells->bytes_in(), 90u);
  EXPECT_EQ(cells->bytes_out(), 900u);
}

TEST(MetricCells, RequestsWithoutSeriesOrCells) {
  auto cells = std::make_unique<MetricCells>();
  cells->count(record(RequestRecord::kNoSeries, 404));
  cells->count(record(5, 200));  // nothing is reserved
  cells->reserve(5);
  cells->count(record(5, 200));  // the chunk has room for it
  cells->count(record(1 << 20, 200));
  EXPECT_EQ(cells->unrouted().requests[4], 1u);
  EXPECT_EQ(cells->other().count(), 2u);
  EXPECT_EQ(cells->series(5).count(), 1u);
  EXPECT_EQ(cells->series(1 << 20).count(), 0u);
  cells->reserve(SIZE_MAX);
  cells->count(record(MetricCells::kMaxSeries - 1, 200));
  EXPECT_EQ(cells->series(MetricCells::kMaxSeries - 1).count(), 1u);
}

TEST(MetricCells, ARequestThatAskedNoServiceHasNoUpstreamTime) {
  auto cells = std::make_unique<MetricCells>();
  RequestRecord r = record(RequestRecord::kNoSeries, 404);
  r.tries = 0;
  cells->count(r);
  EXPECT_EQ(cells->unrouted().own.count(), 1u);
  EXPECT_EQ(cells->unrouted().upstream.count(), 0u);
}

TEST(MetricCells, OneSecondIsToldFromAnother) {
  auto cells = std::make_unique<MetricCells>();
  cells->reserve(1);
  for (int i = 0; i < 10; ++i) cells->count(record(0, 200, 20us, 3ms));
  const SeriesTotals before = cells->series(0);
  for (int i = 0; i < 4; ++i) cells->count(record(0, 503, 20us, 40ms));
  SeriesTotals second = cells->series(0);
  second -= before;
  EXPECT_THAT(second.requests, testing::ElementsAre(0, 0, 0, 0, 0, 4));
  EXPECT_EQ(second.upstream.count(), 4u);
  EXPECT_EQ(second.upstream.sum, 160ms);
  EXPECT_EQ(second.upstream.counts[LatencyScale::index(40ms)], 4u);
  second += before;
  EXPECT_EQ(second.count(), 14u);
}

TEST(MetricCellsThread, ControlGrowsAndReadsWhileTheWorkerCounts) {
  auto cells = std::make_unique<MetricCells>();
  constexpr std::uint32_t kSeries = 2000;
  constexpr std::uint64_t kRequests = 400'000;
  std::atomic<bool> over = false;
  std::thread worker([&] {
    for (std::uint64_t i = 0; i < kRequests; ++i)
      cells->count(record(static_cast<std::uint32_t>(i % kSeries), 200));
    over = true;
  });
  auto all = [&] {
    std::uint64_t n = cells->other().count();
    for (std::uint32_t i = 0; i < kSeries; ++i) n += cells->series(i).count();
    return n;
  };
  std::uint64_t last = 0;
  for (std::size_t n = 0; !over; n = std::min<std::size_t>(n + 100, kSeries)) {
    cells->reserve(n);
    const std::uint64_t now = all();
    EXPECT_GE(now, last);
    last = now;
  }
  worker.join();
  EXPECT_EQ(all(), kRequests);
}

// ---- the page ------------------------------------------------------------------------------------------

class PageTest : public testing::Test {
 protected:
  static constexpr std::size_t kWorkers = 2;

  PageTest() {
    for (std::size_t i = 0; i < kWorkers; ++i) {
      cells_.push_back(std::make_unique<MetricCells>());
      cells_.back()->reserve(series_.size());
      workers_.push_back({*cells_.back(), stats_[i], clients_[i], 1500us});
    }
    source_.series = series_;
    source_.workers = workers_;
    source_.version = "1.2.3";
    cells_[0]->count(record(0, 200));
    cells_[1]->count(record(0, 200));
    cells_[1]->count(record(1, 502));
    cells_[1]->count(record(2, 200));
    RequestRecord lost = record(RequestRecord::kNoSeries, 404);
    lost.failed = true;
    lost.reason = Errc::no_route;
    cells_[0]->count(lost);
    stats_[0].connections.set(3);
    stats_[1].connections.set(4);
    clients_[1].reuses.add(7);
  }

  std::vector<gateway::SeriesLabels> series_ = {{"/a/* to \"a\"\\\n", "a", "v1"},
                                                {"/a/* to \"a\"\\\n", "a", "v2"},
                                                {"/b", "b", ""},
                                                {"/never", "c", ""}};
  std::vector<std::unique_ptr<MetricCells>> cells_;
  std::array<gateway::WorkerStats, kWorkers> stats_;
  std::array<upstream::ClientCounters, kWorkers> clients_;
  std::vector<MetricsSource::Worker> workers_;
  MetricsSource source_;
};

TEST_F(PageTest, CountsOfAllWorkersTogether) {
  const std::string page = render(source_, MetricsFormat::text);
  EXPECT_THAT(
      page,
      HasSubstr(
          R"(gatehouse_requests_total{route="/a/* to \"a\"\\\n",service="a",version="v1",class="2xx"} 2)"
          "\n"));
  EXPECT_THAT(
      page,
      HasSubstr(
          R"(gatehouse_requests_total{route="/a/* to \"a\"\\\n",service="a",version="v2",class="5xx"} 1)"
          "\n"));
  EXPECT_THAT(page, HasSubstr(R"(gatehouse_requests_total{route="",service="",version="",class="4xx"} 1)"
                              "\n"));
  EXPECT_THAT(page,
              HasSubstr(R"(gatehouse_own_duration_seconds_count{route="/a/* to \"a\"\\\n",service="a"} 3)"
                        "\n"));
  EXPECT_THAT(page, HasSubstr(R"(gatehouse_failures_total{reason="no_route"} 1)"
                              "\n"));
  EXPECT_THAT(page, HasSubstr(R"(gatehouse_failures_total{reason="upstream_timeout"} 0)"
                              "\n"));
  EXPECT_THAT(page, HasSubstr("gatehouse_connections 7\n"));
  EXPECT_THAT(page, HasSubstr("gatehouse_upstream_reuses_total 7\n"));
  EXPECT_THAT(page, HasSubstr("gatehouse_loop_lag_seconds{worker=\"1\"} 0.0015\n"));
  EXPECT_THAT(page, HasSubstr("gatehouse_build_info{version=\"1.2.3\"} 1\n"));
  EXPECT_THAT(page, Not(HasSubstr("/never"))) << "what never counted is left out";
  EXPECT_THAT(page, Not(HasSubstr("# EOF")));
}

TEST_F(PageTest, OpenMetricsNamesFamiliesWithoutTotal) {
  const std::string page = render(source_, MetricsFormat::open_metrics);
  EXPECT_THAT(page, HasSubstr("# TYPE gatehouse_requests counter\ngatehouse_requests_total{"));
  EXPECT_TRUE(page.ends_with("\n# EOF\n"));
}

// The grammar of both formats, as far as this page uses it: every line is a comment of a family or a sample
// of the family before it; no sample twice; buckets are cumulative and end with +Inf, which is the count.
TEST_F(PageTest, EveryLineIsWellFormed) {
  const std::regex comment(R"(# (HELP|TYPE) (gatehouse_[a-z_]+) (.+))");
  const std::regex sample(
      R"re((gatehouse_[a-z_]+)(\{[a-z_]+="(?:[^"\\\n]|\\["\\n])*"(?:,[a-z_]+="(?:[^"\\\n]|\\["\\n])*")*\})? ([0-9.e+-]+))re");
  for (auto format : {MetricsFormat::text, MetricsFormat::open_metrics}) {
    std::istringstream page(render(source_, format));
    std::string family;
    std::string type;
    std::set<std::string> families;
    std::set<std::string> samples;
    double last_bucket = 0;
    for (std::string line; std::getline(page, line);) {
      std::smatch m;
      if (line == "# EOF") continue;
      if (std::regex_match(line, m, comment)) {
        if (m[1] == "HELP") {
          EXPECT_TRUE(families.insert(m[2]).second) << line;
          family = m[2];
        } else {
          EXPECT_EQ(m[2], family);
          type = m[3];
        }
        continue;
      }
      ASSERT_TRUE(std::regex_match(line, m, sample)) << line;
      EXPECT_TRUE(samples.insert(m[1].str() + m[2].str()).second) << "twice: " << line;
      const std::string name = m[1];
      EXPECT_TRUE(name.starts_with(family)) << line;
      const std::string suffix = name.substr(family.size());
      if (type == "histogram") {
        const double value = std::stod(m[3]);
        if (suffix == "_bucket") {
          if (m[2].str().find("le=\"1e-05\"") != std::string::npos) last_bucket = 0;
          EXPECT_GE(value, last_bucket) << line;
          last_bucket = value;
        } else if (suffix == "_count") {
          EXPECT_EQ(value, last_bucket) << line;
        } else {
          EXPECT_EQ(suffix, "_sum") << line;
        }
      } else if (type == "counter") {
        EXPECT_EQ(suffix, format == MetricsFormat::text ? "" : "_total") << line;
        EXPECT_TRUE(name.ends_with("_total")) << line;
      } else {
        EXPECT_EQ(type, "gauge");
        EXPECT_EQ(suffix, "") << line;
        EXPECT_FALSE(name.ends_with("_total")) << line;
      }
    }
    EXPECT_EQ(families.size(), 34u);
  }
}

TEST_F(PageTest, TheReferenceNamesEveryFamily) {
  std::istringstream page(render(source_, MetricsFormat::text));
  const std::string reference = metrics_reference_markdown({});
  for (std::string line; std::getline(page, line);) {
    if (!line.starts_with("# TYPE ")) continue;
    std::istringstream words(line.substr(7));
    std::string name, type;
    words >> name >> type;
    EXPECT_THAT(reference, HasSubstr(fmt::format("| `{}` | {} |", name, type)));
  }
  EXPECT_THAT(log_reference_markdown(), HasSubstr("| `query` | text | no | with its `?` |\n"));
}

TEST(MetricsFormat, ByAccept) {
  EXPECT_EQ(metrics_format(""), MetricsFormat::text);
  EXPECT_EQ(metrics_format("*/*"), MetricsFormat::text);
  EXPECT_EQ(metrics_format("text/plain;version=0.0.4;q=0.5,*/*;q=0.1"), MetricsFormat::text);
  EXPECT_EQ(metrics_format("application/openmetrics-text"), MetricsFormat::open_metrics);
  EXPECT_EQ(metrics_format("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4"),
            MetricsFormat::open_metrics);
  EXPECT_EQ(metrics_format("application/openmetrics-text;q=0"), MetricsFormat::text);
  EXPECT_EQ(metrics_format("application/openmetrics-text;q=0.3, text/plain"), MetricsFormat::text);
}

TEST(Process, SaysWhatItHolds) {
  EXPECT_GT(resident_bytes(), 1u << 20);
  EXPECT_GE(open_descriptors(), 3u);
}

}  // namespace
}  // namespace gatehouse::control
