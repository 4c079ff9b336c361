#include "control/key_log_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace gatehouse::control {
namespace {

class KeyLogFile : public ::testing::Test {
 protected:
  KeyLogFile() {
    std::string pattern = (std::filesystem::temp_directory_path() / "key-log-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
    path = folder / "keys";
  }
  ~KeyLogFile() override { std::filesystem::remove_all(folder); }
  std::string why() const {
    auto opened = open_key_log(path);
    return opened ? std::string() : opened.error();
  }
  bool refused_for(std::string_view reason) const { return why().find(reason) != std::string::npos; }

  std::filesystem::path folder;
  std::filesystem::path path;
};

TEST_F(KeyLogFile, IsForItsOwnerAloneAndAppendedTo) {
  for (const char* line : {"CLIENT_RANDOM 01 02", "CLIENT_RANDOM 03 04"}) {
    auto log = open_key_log(path);
    ASSERT_TRUE(log) << log.error();
    (*log)(line);
  }
  struct stat status{};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  EXPECT_EQ(text.str(), "CLIENT_RANDOM 01 02\nCLIENT_RANDOM 03 04\n");
}

TEST_F(KeyLogFile, IsNotWhatOthersCanRead) {
  std::ofstream(path) << "";
  for (::mode_t mode : {0640U, 0604U, 0620U, 0777U}) {
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    EXPECT_TRUE(refused_for("others may read or write it")) << why();
  }
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  EXPECT_EQ(why(), "");
}

TEST_F(KeyLogFile, IsNoLinkAndNoPipe) {
  std::filesystem::create_symlink(folder / "elsewhere", path);
  EXPECT_TRUE(refused_for("symbolic link")) << why();
  EXPECT_FALSE(std::filesystem::exists(folder / "elsewhere"));
  std::filesystem::remove(path);
  std::ofstream(folder / "elsewhere") << "";
  ASSERT_EQ(::chmod((folder / "elsewhere").c_str(), 0600), 0);
  std::filesystem::create_hard_link(folder / "elsewhere", path);
  EXPECT_TRUE(refused_for("another name")) << why();
  std::filesystem::remove(folder / "elsewhere");
  std::filesystem::remove(path);
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_NE(why(), "");
  std::filesystem::remove(path);
  std::filesystem::create_directory(path);
  EXPECT_NE(why(), "");
  path = folder / "nowhere" / "keys";
  EXPECT_TRUE(refused_for("No such file")) << why();
}

}  // namespace
}  // namespace gatehouse::control
