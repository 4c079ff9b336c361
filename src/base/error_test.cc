#include "base/error.h"

#include <gtest/gtest.h>

#include <set>

#include "base/time.h"

namespace gatehouse {
namespace {

TEST(Error, EveryCodeHasItsRowAndAReasonOfItsOwn) {
  std::set<std::string_view> reasons;
  for (const ErrcInfo& row : errc_table()) {
    EXPECT_TRUE(reasons.insert(row.reason).second) << row.reason;
    EXPECT_FALSE(row.title.empty());
    EXPECT_EQ(&errc_info(row.code), &row);
    EXPECT_TRUE(row.status == 0 || (row.status >= 400 && row.status < 600)) << row.reason;
  }
  EXPECT_EQ(errc_info(Errc::last_).code, Errc::internal);
}

TEST(Error, FailsWithWhatWasSaid) {
  Result<int> r = fail(Errc::connect_refused, "no one there", Origin::upstream, Retry::safe);
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().detail, "no one there");
  EXPECT_EQ(r.error().origin, Origin::upstream);
  EXPECT_EQ(r.error().retry, Retry::safe);
}

TEST(Time, AdditionStopsAtNever) {
  Time now(5s);
  EXPECT_EQ(after(now, 1s), Time(6s));
  EXPECT_EQ(after(now, Duration::max()), kNever);
  EXPECT_EQ(after(kNever, 1s), kNever);
}

}  // namespace
}  // namespace gatehouse
