#include "control/service_notices.h"

#include <gtest/gtest.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "net/tcp.h"

namespace gatehouse::control {
namespace {

namespace fs = std::filesystem;

// The other end: what systemd has. `name` as $NOTIFY_SOCKET says it.
class Listener {
 public:
  explicit Listener(const std::string& name) : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    if (fd_ < 0) std::abort();
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    std::size_t size = offsetof(sockaddr_un, sun_path) + name.size();
    if (name[0] == '@') {
      address.sun_path[0] = '\0';
    } else {
      ++size;
    }
    EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(size)), 0);
    const timeval patience{.tv_sec = 5, .tv_usec = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  Listener(const Listener&) = delete;
  ~Listener() { ::close(fd_); }

  std::string next() {
    std::array<char, 4096> bytes{};
    const ssize_t n = ::recv(fd_, bytes.data(), bytes.size(), 0);
    return n < 0 ? "nothing" : std::string(bytes.data(), static_cast<std::size_t>(n));
  }

 private:
  int fd_;
};

class ServiceNoticesTest : public ::testing::Test {
 protected:
  ServiceNoticesTest() {
    std::string pattern = (fs::temp_directory_path() / "notices-test-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
    name = (folder / "notify").string();
  }
  ~ServiceNoticesTest() override { fs::remove_all(folder); }
  fs::path folder;
  std::string name;
};

TEST_F(ServiceNoticesTest, SaysWhatThereIsToSay) {
  Listener systemd(name);
  auto notices = ServiceNotices::open(name);
  ASSERT_TRUE(notices) << notices.error();
  notices->ready("configuration 1 is in force");
  EXPECT_EQ(systemd.next(), "READY=1\nSTATUS=configuration 1 is in force");
  notices->reloading(Time(12'345'678'901ns));
  EXPECT_EQ(systemd.next(), "RELOADING=1\nMONOTONIC_USEC=12345678");
  notices->alive();
  EXPECT_EQ(systemd.next(), "WATCHDOG=1");
  notices->stopping(40s);
  EXPECT_EQ(
      systemd.next(),
      "STOPPING=1\nSTATUS=shutting down: requests in flight are finished\nEXTEND_TIMEOUT_USEC=40000000");
}

TEST_F(ServiceNoticesTest, AStatusIsOneBoundedLine) {
  Listener systemd(name);
  auto notices = ServiceNotices::open(name);
  ASSERT_TRUE(notices);
  notices->ready("one\nMAINPID=1");
  EXPECT_EQ(systemd.next(), "READY=1\nSTATUS=one MAINPID=1");
  notices->ready(std::string(100'000, 'x'));
  const std::string said = systemd.next();
  EXPECT_LT(said.size(), 600U);
  EXPECT_TRUE(said.ends_with("xxx..."));
}

TEST_F(ServiceNoticesTest, AbstractNamesToo) {
  const std::string abstract = "@" + name;
  Listener systemd(abstract);
  auto notices = ServiceNotices::open(abstract);
  ASSERT_TRUE(notices);
  notices->alive();
  EXPECT_EQ(systemd.next(), "WATCHDOG=1");
}

TEST_F(ServiceNoticesTest, ASystemdThatIsReplacedIsFoundAgain) {
  auto notices = ServiceNotices::open(name);
  ASSERT_TRUE(notices);
  int troubles = 0;
  std::string said;
  notices->on_trouble = [&](std::string_view what) {
    ++troubles;
    said = what;
  };
  notices->alive();
  notices->alive();
  EXPECT_EQ(troubles, 1) << "once, as long as it lasts";
  EXPECT_NE(said.find("`WATCHDOG=1`: No such file"), std::string::npos) << said;
  for (int i = 0; i < 2; ++i) {
    Listener systemd(name);
    notices->ready("here");
    EXPECT_EQ(systemd.next(), "READY=1\nSTATUS=here");
    fs::remove(name);
  }
  notices->alive();
  EXPECT_EQ(troubles, 2);
}

TEST_F(ServiceNoticesTest, WaitsForNobodyWhoDoesNotListenForLong) {
  Listener systemd(name);
  auto notices = ServiceNotices::open(name);
  ASSERT_TRUE(notices);
  int troubles = 0;
  notices->on_trouble = [&](std::string_view) { ++troubles; };
  net::SystemClock clock;
  Time begun{};
  for (int i = 0; i < 10'000 && troubles == 0; ++i) {
    begun = clock.now();
    notices->alive();
  }
  EXPECT_EQ(troubles, 1) << "its queue is full";
  EXPECT_LT(clock.now() - begun, 2 * ServiceNotices::kPatience);
}

TEST_F(ServiceNoticesTest, NamesThatAreNoneAreRefused) {
  for (const std::string& wrong : {std::string("relative"), std::string("/"), std::string("@"), std::string(),
                                   std::string("vsock:2:1234"), "/" + std::string(200, 'x')})
    EXPECT_FALSE(ServiceNotices::open(wrong)) << wrong;
}

TEST(ServiceNotices, NobodyIsToldWhereNobodyAsked) {
  ServiceNotices notices;
  EXPECT_FALSE(notices);
  notices.on_trouble = [](std::string_view what) { FAIL() << what; };
  notices.ready("here");
  notices.alive();
}

}  // namespace
}  // namespace gatehouse::control
